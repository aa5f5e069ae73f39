"""When the next waiting job may expire: the store is asked for those that do, no sooner."""

from collections.abc import Sequence
from typing import Final

from penstock.jobs.model import Instant, Job
from penstock.jobs.revisions import Revisions

_AT_ONCE: Final = Instant(0)  # Also if the clock is set back meanwhile.


class Expiry:
    """The next deadline of a waiting job, as far as it is known."""

    __slots__ = ("_next_at", "_revisions")

    def __init__(self, revisions: Revisions) -> None:
        self._revisions = revisions
        self._next_at: Instant | None = _AT_ONCE  # None: nothing expires.

    def is_due(self, now: Instant) -> bool:
        """Say whether jobs may have expired that nobody claims."""
        return self._next_at is not None and self._next_at <= now

    def look_at(self, at: Instant) -> None:
        """Take note that a job may expire then."""
        if self._next_at is None or at < self._next_at:
            self._next_at = at

    def expire(self, jobs: Sequence[Job], *, all_told: bool, now: Instant) -> None:
        """End those that expired of the jobs that do so next, in the order of their deadlines."""
        self._next_at = None if all_told or not jobs else _AT_ONCE
        for job in jobs:
            assert job.expires_at is not None
            if job.expires_at > now:
                self.look_at(job.expires_at)
                break
            if self._revisions.is_idle(job):
                self._revisions.expire(job, now)
            else:
                # It may wait again, as it is, once its change is written or undone.
                self.look_at(_AT_ONCE)
