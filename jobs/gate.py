"""Whether a queue may begin another job now: pause, concurrency, rate.

A gate is looked at when a claim is answered; what it holds back stays ready. The limit on the
jobs of one tenant is another matter, since the next job may be another tenant's: `jobs.lanes`.
"""

from enum import Enum

from penstock.jobs.model import Instant
from penstock.jobs.queue_settings import RateLimit, Terms


class Held(Enum):
    """What keeps a queue from beginning a job. The first that applies is named."""

    PAUSED = "paused"
    REORDERING = "reordering"  # Its order was changed, and not all ranks are of the new one.
    CONCURRENCY = "concurrency"
    RATE = "rate"


class TokenBucket:
    """At most `burst` jobs, and `count` more for each period, begin within any time.

    It begins empty: a server that is started again and again never exceeds the rate. The credit
    is in integers, `period_ms` of it being one token, so nothing is lost to rounding.
    """

    __slots__ = ("_credit", "_limit", "_seen_at")

    def __init__(self, count: int, period_ms: int, burst: int) -> None:
        self._limit = RateLimit(count, period_ms, burst)
        self._credit = 0
        self._seen_at: Instant | None = None

    def take(self, now: Instant) -> bool:
        """Take one token if there is one."""
        if not self.has_token(now):
            return False
        self._credit -= self._limit.period_ms
        return True

    def has_token(self, now: Instant) -> bool:
        self._advance(now)
        return self._credit >= self._limit.period_ms

    def next_at(self, now: Instant) -> Instant:
        """Return when there is a token, which may be now."""
        self._advance(now)
        missing = max(0, self._limit.period_ms - self._credit)
        return Instant(now + -(-missing // self._limit.count))

    def retermed(self, limit: RateLimit) -> None:
        """Change the rate; what was saved up stays, as far as the new burst goes."""
        self._credit = self._credit * limit.period_ms // self._limit.period_ms
        self._limit = limit
        self._credit = min(self._credit, limit.burst * limit.period_ms)

    def _advance(self, now: Instant) -> None:
        seen_at, self._seen_at = self._seen_at, now
        # A clock that was set back has given its credit already for the time that comes again.
        # It is followed all the same: to wait for it to catch up would hold the queue for hours.
        if seen_at is not None and now > seen_at:
            limit = self._limit
            credit = self._credit + (now - seen_at) * limit.count
            self._credit = min(credit, limit.burst * limit.period_ms)


class Gate:
    """The gate of one queue. `is_free` if nothing can hold its jobs back: then do not ask."""

    __slots__ = ("_bucket", "is_free", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._bucket: TokenBucket | None = None
        self.is_free = True
        self.retermed(terms)

    def retermed(self, terms: Terms) -> None:
        """Take new terms; tokens that were saved up under the old ones stay."""
        self.terms = terms
        if terms.rate is None:
            self._bucket = None
        elif self._bucket is None:
            rate = terms.rate
            self._bucket = TokenBucket(rate.count, rate.period_ms, rate.burst)
        else:
            self._bucket.retermed(terms.rate)
        self.is_free = (
            not terms.paused
            and terms.reordered
            and terms.concurrency_max is None
            and terms.rate is None
        )

    def is_open(self, running_count: int, now: Instant) -> bool:
        """Say whether one more job may begin beside those that run."""
        return self.is_free or self.why(running_count, now) is None

    def why(self, running_count: int, now: Instant) -> Held | None:
        """Return what holds the queue's jobs back, if anything does."""
        terms = self.terms
        if terms.paused:
            return Held.PAUSED
        if not terms.reordered:
            return Held.REORDERING
        if terms.concurrency_max is not None and running_count >= terms.concurrency_max:
            return Held.CONCURRENCY
        if self._bucket is not None and not self._bucket.has_token(now):
            return Held.RATE
        return None

    def took(self, now: Instant) -> None:
        """Take note that a job begins, which the gate was open for."""
        if self._bucket is not None:
            has_token = self._bucket.take(now)
            assert has_token

    def next_at(self, now: Instant) -> Instant | None:
        """Return when the rate lets the next job begin; None if there is no rate."""
        return None if self._bucket is None else self._bucket.next_at(now)
