"""How many jobs a second leave a queue: an estimate for people, and for when to try again."""

from math import exp
from typing import Final

from penstock.config.limits import PACE_MS
from penstock.jobs.model import Instant

# Shorter times are not looked at one by one: jobs come and go in bursts.
_STEP_MS: Final = 1_000


class Pace:
    """An exponentially weighted mean of rates, each over a second or until the next job left.

    What is older than PACE_MS counts for little. In a queue where jobs leave less often, the last
    gap between two of them is the estimate.
    """

    __slots__ = ("_count", "_per_ms", "_since")

    def __init__(self) -> None:
        self._per_ms: float | None = None  # The mean up to `_since`.
        self._since: Instant | None = None
        self._count = 0  # Jobs that left since then.

    def note(self, now: Instant) -> None:
        """Take note that a job left."""
        if self._since is None or now < self._since:
            # The first one, or a clock that was set back: a gap begins.
            self._since = now
            self._count = 0
            return
        self._count += 1
        if now - self._since >= _STEP_MS:
            self._per_ms = self._mean(self._count, now - self._since)
            self._since = now
            self._count = 0

    @property
    def last_at(self) -> Instant | None:
        """Return when the last job left, or up to a second before; None if none ever did."""
        return self._since

    def per_second(self, now: Instant) -> float:
        """Return the estimate, which falls as nothing leaves; 0 if nothing ever did."""
        if self._since is None:
            return 0.0
        elapsed = now - self._since
        if elapsed < _STEP_MS and self._per_ms is not None:
            return 1_000 * self._per_ms
        # As though one left now: that nothing did so far says no more than that.
        return 1_000 * self._mean(max(1, self._count), max(elapsed, _STEP_MS))

    def _mean(self, count: int, elapsed: int) -> float:
        rate = count / elapsed
        if self._per_ms is None:
            return rate
        return rate + (self._per_ms - rate) * exp(-elapsed / PACE_MS)
