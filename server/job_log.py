"""The log of jobs that ended without success: a line each, and in a storm a bounded number."""

from collections.abc import Callable

import structlog

from penstock.config.limits import JOB_LOG_LINES_MAX
from penstock.jobs.changes import Change
from penstock.jobs.rooms import DROPPED
from penstock.jobs.transitions import Cause
from penstock.server.log_lines import LogLines

_log = structlog.get_logger("penstock.jobs")


class JobLog:
    """Logs a few jobs a second, and of the others how many they were."""

    __slots__ = ("_lines",)

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Take a clock that never goes back."""
        self._lines = LogLines(_log, "jobs", JOB_LOG_LINES_MAX, seconds)

    def note(self, change: Change) -> None:
        """Log a job that died, expired or was dropped; one that was cancelled is no news."""
        event = _event(change)
        if event is None or not self._lines.have_room(event):
            return
        job = change.job
        about = {"job": job.id, "queue": job.queue, "task": job.task}
        if change.failed_attempt is None:
            _log.info(event, **about, reason=job.reason)
        else:
            first_line = change.failed_attempt.error.partition("\n")[0]
            _log.warning(event, **about, failures=job.failures, error=first_line)

    def sum_up(self) -> None:
        """Log how many jobs had no line of their own, if their second is over."""
        self._lines.sum_up()


def _event(change: Change) -> str | None:
    if change.cause is Cause.GIVE_UP:
        return "job died"
    if change.cause is Cause.EXPIRE:
        return "job expired"
    return "job dropped" if change.job.reason == DROPPED else None
