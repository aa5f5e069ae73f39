"""What a running task may know about its own job."""

import time
from contextvars import ContextVar
from typing import Final

from msgspec import Struct


class CurrentJob(Struct, frozen=True, gc=False):
    """The job that the calling task runs for.

    `deadline` is on the scale of `time.monotonic()`: then SoftTimeout is raised.
    """

    id: int
    attempt: int
    queue: str
    task: str
    deadline: float

    @property
    def seconds_left(self) -> float:
        """Seconds until SoftTimeout, never below 0."""
        return max(0.0, self.deadline - time.monotonic())


RUNNING: Final[ContextVar[CurrentJob]] = ContextVar("penstock_current_job")


def current_job() -> CurrentJob:
    """Tell which job the calling task runs for.

    Threads that a task starts have no job of their own: hand it to them.

    Raises:
        LookupError: the caller is not a task that a worker runs.
    """
    try:
        return RUNNING.get()
    except LookupError:
        raise LookupError(
            "current_job() is for code that a worker runs as a task; "
            "called as a plain function a task has no job"
        ) from None
