"""What a worker process runs just now, in memory that its supervisor reads after its death.

A page shared by two processes costs the worker one store per job and survives any crash; a message
would cost a system call, and the crash would lose it.
"""

import mmap
import os
from typing import Final

_JOBS_STARTED: Final = 0
_SYNC_JOB: Final = 1
_SYNC_DEADLINE: Final = 2
_ASYNC_DEADLINE: Final = 3
_STOPPED_JOB: Final = 4
_STOPPED_DEADLINE: Final = 5
_NUMBERS: Final = 6
_BYTES: Final = 8 * _NUMBERS


class Note:
    """Six numbers, each written by one side only and read by the other.

    Deadlines are nanoseconds of the monotonic clock, which all processes share; 0 is none. After a
    deadline the supervisor kills the process.
    """

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, _BYTES)
        self._numbers = memoryview(self._map).cast("Q")

    @property
    def jobs_started(self) -> int:
        return self._numbers[_JOBS_STARTED]

    @property
    def started(self) -> frozenset[int] | None:
        """The ids of the jobs that run; None when it is not known which of them, for async jobs."""
        if self._numbers[_ASYNC_DEADLINE]:
            return None
        job_id = self._numbers[_SYNC_JOB]
        return frozenset([job_id] if job_id else [])

    @property
    def deadline_ns(self) -> int:
        """The earliest deadline of a job that runs; 0 when none runs."""
        numbers = self._numbers
        deadlines = [numbers[_SYNC_DEADLINE], numbers[_ASYNC_DEADLINE]]
        stopped_deadline = numbers[_STOPPED_DEADLINE]
        if numbers[_STOPPED_JOB] == numbers[_SYNC_JOB]:
            deadlines.append(stopped_deadline)
        return min(filter(None, deadlines), default=0)

    def sync_job_started(self, job_id: int, deadline_ns: int) -> None:
        numbers = self._numbers
        numbers[_SYNC_JOB] = job_id
        numbers[_SYNC_DEADLINE] = deadline_ns
        numbers[_JOBS_STARTED] += 1

    def sync_job_ended(self) -> None:
        self._numbers[_SYNC_JOB] = 0
        self._numbers[_SYNC_DEADLINE] = 0

    def sync_job_stopped(self, job_id: int, deadline_ns: int) -> None:
        """Note that a job was told to stop, until when; it counts as long as that job runs."""
        self._numbers[_STOPPED_JOB] = 0
        self._numbers[_STOPPED_DEADLINE] = deadline_ns
        self._numbers[_STOPPED_JOB] = job_id

    def no_sync_job_stopped(self) -> None:
        self._numbers[_STOPPED_JOB] = 0
        self._numbers[_STOPPED_DEADLINE] = 0

    def async_job_started(self) -> None:
        self._numbers[_JOBS_STARTED] += 1

    def async_deadline(self, deadline_ns: int) -> None:
        self._numbers[_ASYNC_DEADLINE] = deadline_ns

    def close(self) -> None:
        self._numbers.release()
        self._map.close()


def new_note_fd() -> int:
    """Make the memory of a note; the caller owns the descriptor and hands it to the child."""
    fd = os.memfd_create("penstock-worker-note", os.MFD_CLOEXEC)
    os.ftruncate(fd, _BYTES)
    return fd
