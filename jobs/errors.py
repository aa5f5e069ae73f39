"""Why the broker declines. Each is safe to show, names its job, and leaves the state unchanged."""

from typing import ClassVar, Final

from penstock.config.limits import MIB
from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.space import LowSpace


class Refused(Exception):
    """The request was understood and declined."""

    code: ClassVar[str]


class NoJob(Refused):
    code = "NOJOB"

    def __init__(self, job_id: JobId) -> None:
        super().__init__(f"job {job_id} is not known: it never was, or it was removed")


class NoQueue(Refused):
    code = "NOQUEUE"

    def __init__(self, queue: QueueName) -> None:
        super().__init__(f"queue {queue} is not known: nothing was submitted to it, or it is gone")


class LeaseLost(Refused):
    code = "LEASELOST"

    def __init__(self, job_id: JobId, attempt: int) -> None:
        super().__init__(
            f"attempt {attempt} does not hold job {job_id} (any more); drop this answer"
        )


class KeyReused(Refused):
    code = "KEYREUSED"

    def __init__(self, key: str, holder: JobId) -> None:
        super().__init__(
            f"key {key} was used for job {holder} with another task, queue or payload; "
            "take a new key for a new request"
        )


class TooLarge(Refused):
    code = "TOOLARGE"

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(
            f"the {what} has {size} bytes, {limit} are allowed; "
            f"store it elsewhere and send its name, or raise {what}_bytes_max"
        )


class Invalid(Refused):
    """A value that is well formed and cannot be served."""

    code = "ERR"


class Draining(Refused):
    code = "DRAINING"

    def __init__(self) -> None:
        super().__init__("the server is shutting down; send this again when it is back")


class DiskLow(Refused):
    code = "DISKLOW"

    def __init__(self, low: LowSpace) -> None:
        super().__init__(
            f"nothing was stored: the disk of {low.directory} has {_mib(low.free_bytes)} free and "
            f"disk_free_min is {_mib(low.min_bytes)}; once {_mib(low.enough_bytes)} are free jobs "
            "are taken again: make room, or lower disk_free_min"
        )


class Overloaded(Refused):
    code = "OVERLOADED"

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what}: the limit of {limit} is reached; try again later")


class QueueFull(Refused):
    code = "QUEUEFULL"

    def __init__(self, queue: QueueName, limit: str, retry_after_ms: int) -> None:
        super().__init__(f"queue {queue} is full: {limit}; try again in about {retry_after_ms} ms")


class QueueLeaves(Refused):
    code = "OVERLOADED"

    def __init__(self, queue: QueueName) -> None:
        super().__init__(f"queue {queue} is being deleted; try again when that is done")


class AskedToStop(Refused):
    code = "CANCELLED"

    def __init__(self, job_id: JobId, attempt: int) -> None:
        super().__init__(f"job {job_id} was cancelled: attempt {attempt} is to stop")


class Finished(Refused):
    code = "FINISHED"

    def __init__(self, job_id: JobId, state: State) -> None:
        super().__init__(f"job {job_id} is {state.value} already; nothing was changed")


class NotEmpty(Refused):
    code = "NOTEMPTY"

    def __init__(self, queue: QueueName, waiting_count: int, running_count: int) -> None:
        if running_count:
            text = f"{_jobs(running_count)} running; cancel what runs, or wait for its end"
        else:
            text = (
                f"{_jobs(waiting_count)} waiting; purge it first, or say FORCE to have what waits "
                "removed with it"
            )
        super().__init__(f"queue {queue} is not empty: {text}")


# Refusals that pass: the same submission may be taken later. Any other is for ever.
PASSING: Final = (DiskLow, Draining, Overloaded, QueueFull, QueueLeaves)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"
