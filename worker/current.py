"""What a running task may know about its own job."""

import time
from contextvars import ContextVar
from typing import Final

from msgspec import Struct

from penstock.worker.reports import Reports


class CurrentJob(Struct, frozen=True, gc=False):
    """The job that the calling task runs for.

    `deadline` is on the scale of `time.monotonic()`: then SoftTimeout is raised. `failures` is how
    many attempts failed before this one, `releases` how often the job was given back, be it by
    Snooze.
    """

    id: int
    attempt: int
    queue: str
    task: str
    deadline: float
    reports: Reports | None = None
    failures: int = 0
    releases: int = 0

    def progress(self, percent: float, note: str = "") -> None:
        """Tell how far the job is, for those who look at it while it runs.

        As often as you like: the last of each second is sent. It never waits and never fails for
        what happens to the connection; what is below 0 counts as 0 and above 100 as 100.
        """
        if not isinstance(percent, int | float):
            raise TypeError(f"progress() takes a number from 0 to 100, not {percent!r:.100}")
        if self.reports is not None:
            # NaN, of 0 steps in 0, fails both comparisons.
            whole = int(percent) if 0 < percent < 100 else 100 if percent >= 100 else 0
            self.reports.progress((self.id, self.attempt), whole, str(note))

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
