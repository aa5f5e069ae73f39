"""Why a job waits, for the people who ask: in words, and as numbers.

What memory does not know (how many go before it, who holds its group) is asked of the store by the
caller, and given to these functions.
"""

from enum import Enum
from typing import Final

from msgspec import Struct

from penstock.config.limits import NO_WORKER_MS
from penstock.jobs.gate import Held
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, State
from penstock.jobs.queue import Queue


class WaitCause(Enum):
    """What a waiting job waits for."""

    DUE = "due"
    GROUP = "group"
    PAUSED = "paused"
    REORDERING = "reordering"
    CONCURRENCY = "concurrency"
    TENANT_CONCURRENCY = "tenant_concurrency"
    RATE = "rate"
    NO_WORKER = "no_worker"
    BEHIND = "behind"


class Place(Struct, frozen=True):
    """How many ready jobs of its queue go before a job; or that there are at least so many."""

    count: int
    is_least: bool = False


class Reason(Struct, frozen=True):
    """Why a job waits, and what is known of how long.

    `behind` and `behind_at_least` are a `Place`. `estimate_ms` is when it may begin, at the pace of
    the last while; where only the least of the jobs before it is known, it is the least.
    """

    cause: WaitCause
    why: str
    since: Instant | None
    behind: int | None = None
    behind_at_least: bool = False
    estimate_ms: int | None = None
    holder: JobId | None = None


_HELD: Final = {
    Held.PAUSED: WaitCause.PAUSED,
    Held.REORDERING: WaitCause.REORDERING,
    Held.CONCURRENCY: WaitCause.CONCURRENCY,
    Held.RATE: WaitCause.RATE,
}
# While these last nobody knows how long that will be.
_OPEN_ENDED: Final = frozenset(
    {
        WaitCause.PAUSED,
        WaitCause.REORDERING,
        WaitCause.TENANT_CONCURRENCY,
        WaitCause.NO_WORKER,
    }
)
# Of the units of time the largest of which there are at least two.
_UNITS: Final = ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


# --- not ready -----------------------------------------------------------------------------------


def why_not_due(job: Job, last_failed: FailedAttempt | None, now: Instant) -> Reason:
    """Say why a scheduled job is not ready."""
    wait_ms = job.due_at - now
    when = "just now" if wait_ms <= 0 else f"in {_span(wait_ms)}"
    since: Instant | None = None
    if job.attempt == 0:
        why = f"it falls due {when}"
        since = job.submitted_at
    elif last_failed is not None and last_failed.attempt == job.attempt:
        why = f"it failed {job.failures} of {job.attempts_max} attempts and is tried again {when}"
        since = last_failed.failed_at
    else:
        why = f"it was given back and is to go on {when}"
    return Reason(WaitCause.DUE, why, since, estimate_ms=max(0, wait_ms))


def why_blocked(job: Job, holder: Job | None, now: Instant) -> Reason:
    """Say why a job of a group is not ready: *holder* is the one of its group whose turn it is."""
    since = job.submitted_at if job.attempt == 0 else job.due_at
    if holder is None:
        why = f"the jobs of its group {job.group} run one at a time; the one before it just ended"
        return Reason(WaitCause.GROUP, why, since)
    why = f"its group {job.group} is held by job {holder.id}, {_what_it_does(holder, now)}"
    return Reason(WaitCause.GROUP, why, since, holder=holder.id)


def _what_it_does(holder: Job, now: Instant) -> str:
    if holder.state is State.CLAIMED:
        assert holder.claimed_at is not None
        return f"which has been running for {_span(max(0, now - holder.claimed_at))}"
    if holder.state is State.SCHEDULED and holder.due_at > now:
        return f"which is due in {_span(holder.due_at - now)}"
    return "which is the next of the group and waits, too"


# --- ready ---------------------------------------------------------------------------------------


def why_ready(job: Job, queue: Queue, place: Place, *, parked_claims: int, now: Instant) -> Reason:
    """Say why a ready job is not claimed; *parked_claims* wait for jobs of its queue."""
    cause = _cause(job, queue, parked_claims, now)
    before = _before(queue, place)
    what = _what(job, queue, cause)
    if what is None:
        why = before
    elif place.count:
        why = f"{what}; {before}"
    else:
        why = what
    estimate_ms = None if cause in _OPEN_ENDED else _estimate(queue, place, now)
    return Reason(cause, why, job.due_at, place.count, place.is_least, estimate_ms)


def _cause(job: Job, queue: Queue, parked_claims: int, now: Instant) -> WaitCause:
    held = queue.gate.why(queue.claimed_count, now)
    if held is not None and held is not Held.RATE:
        return _HELD[held]
    if queue.ready.holds_back(job.tenant):
        return WaitCause.TENANT_CONCURRENCY
    if held is not None:
        return _HELD[held]
    last_at = queue.pace.last_at
    is_quiet = last_at is None or now - last_at >= NO_WORKER_MS
    if not parked_claims and not queue.claimed_count and is_quiet:
        return WaitCause.NO_WORKER
    return WaitCause.BEHIND


def _what(job: Job, queue: Queue, cause: WaitCause) -> str | None:
    name, terms = queue.name, queue.terms
    match cause:
        case WaitCause.PAUSED:
            return f"queue {name} is paused"
        case WaitCause.REORDERING:
            return f"the jobs of queue {name} are being put into another order"
        case WaitCause.CONCURRENCY:
            return f"queue {name} may run {_jobs(terms.concurrency_max)} at a time, and does"
        case WaitCause.TENANT_CONCURRENCY:
            limit = _jobs(terms.tenant_concurrency_max)
            return f"queue {name} may run {limit} of tenant {job.tenant} at a time, and does"
        case WaitCause.RATE:
            assert terms.rate is not None
            rate = f"{_jobs(terms.rate.count)} in {_span(terms.rate.period_ms)}"
            return f"queue {name} may begin {rate}, and did"
        case WaitCause.NO_WORKER:
            return f"no worker asks for jobs of queue {name}"
        case _:
            return None


def _before(queue: Queue, place: Place) -> str:
    if not place.count:
        return f"it is the next of queue {queue.name}"
    least = "at least " if place.is_least else ""
    goes = "goes" if place.count == 1 else "go"
    return f"{least}{_jobs(place.count)} of queue {queue.name} {goes} before it"


def _estimate(queue: Queue, place: Place, now: Instant) -> int | None:
    """Return how long it takes until a job is begun, if nothing changes; None: nobody knows."""
    per_second = queue.pace.per_second(now)
    count = place.count + 1
    rate = queue.terms.rate
    by_rate = 0 if rate is None else count * rate.period_ms // rate.count
    if per_second <= 0:
        return by_rate or None
    return max(by_rate, int(1_000 * count / per_second))


# --- words ---------------------------------------------------------------------------------------


def _jobs(count: int | None) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _span(ms: int) -> str:
    for unit_ms, unit in _UNITS:
        if ms >= 2 * unit_ms:
            return f"{ms // unit_ms} {unit}"
    return f"{ms} ms"
