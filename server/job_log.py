"""The log of jobs that ended without success: a line each, and in a storm a bounded number."""

from collections.abc import Callable
from typing import Final

import structlog

from penstock.config.limits import JOB_LOG_LINES_MAX
from penstock.jobs.changes import Change
from penstock.jobs.rooms import DROPPED
from penstock.jobs.transitions import Cause

_log = structlog.get_logger("penstock.jobs")

_SPAN_SECONDS: Final = 1.0


class JobLog:
    """Logs a few jobs a second, and of the others how many they were."""

    __slots__ = ("_lines", "_seconds", "_since", "_suppressed")

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Take a clock that never goes back."""
        self._seconds = seconds
        self._since = seconds()
        self._lines = 0
        self._suppressed: dict[str, int] = {}

    def note(self, change: Change) -> None:
        """Log a job that died, expired or was dropped; one that was cancelled is no news."""
        event = _event(change)
        if event is None:
            return
        self.sum_up()
        if self._lines >= JOB_LOG_LINES_MAX:
            self._suppressed[event] = self._suppressed.get(event, 0) + 1
            return
        self._lines += 1
        job = change.job
        about = {"job": job.id, "queue": job.queue, "task": job.task}
        if change.failed_attempt is None:
            _log.info(event, **about, reason=job.reason)
        else:
            first_line = change.failed_attempt.error.partition("\n")[0]
            _log.warning(event, **about, failures=job.failures, error=first_line)

    def sum_up(self) -> None:
        """Log how many jobs had no line of their own, if their second is over."""
        now = self._seconds()
        if now - self._since < _SPAN_SECONDS:
            return
        self._since = now
        self._lines = 0
        suppressed, self._suppressed = self._suppressed, {}
        for event, count in suppressed.items():
            _log.warning(f"{event}: more than are logged one by one", jobs=count)


def _event(change: Change) -> str | None:
    if change.cause is Cause.GIVE_UP:
        return "job died"
    if change.cause is Cause.EXPIRE:
        return "job expired"
    return "job dropped" if change.job.reason == DROPPED else None
