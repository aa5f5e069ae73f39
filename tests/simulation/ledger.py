"""What was promised and is not in the store: who holds what, what is on its way, what was asked."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from penstock.jobs.admission import is_urgent
from penstock.jobs.changes import Change
from penstock.jobs.model import Instant, Job, JobId, QueueName, State
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.queue_settings import Order, Terms, WhenFull
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import ConsumerId
from tests.simulation.asked import Ask
from tests.simulation.durable import Durable

ENDS = frozenset(
    {Cause.COMPLETE, Cause.RETRY, Cause.GIVE_UP, Cause.RELEASE, Cause.SNOOZE, Cause.CANCEL}
)


@dataclass(slots=True)
class Hold:
    """An attempt that runs."""

    job: Job  # As it was handed out.
    consumer: ConsumerId
    since: int
    ends_at: int | None  # None: its lease ran out, and the worker is being ended.
    is_to_stop: bool = False
    was_overdue: bool = False


@dataclass(slots=True)
class Purge:
    """A purge that somebody asked for."""

    until: JobId
    spared: frozenset[JobId]
    is_on_record: bool = False


class Ledger:
    """Of this run, but for what outlives it: which ids went, which attempts ended and how."""

    def __init__(self, durable: Durable) -> None:
        self._durable = durable
        self.gone: set[JobId] = set()
        self.ended: dict[tuple[JobId, int], Cause] = {}
        self.purges: dict[QueueName, list[Purge]] = {}
        # Who takes a key, and whose it was; ends with the commit of both.
        self.keys: dict[str, JobId] = {}
        self.marks: dict[JobId, str] = {}  # Of which order a job's rank is.
        self.restarted(1)

    def restarted(self, first_id: int) -> None:
        """Forget what a crash forgets."""
        self.first_id = first_id
        self.holds: dict[JobId, Hold] = {}
        self.on_way: dict[JobId, list[Change]] = {}
        self.deciding: frozenset[JobId] = frozenset()  # Decided with the claims being looked at.
        self.asks: dict[JobId, Ask] = {}
        self.cancels: dict[JobId, int] = {}  # Wishes to cancel, to redrive, to discard.
        self.redrives: set[JobId] = set()
        self.discards: set[JobId] = set()
        self.admitted: dict[JobId, SubmitRequest] = {}
        self.replacing: dict[JobId, Change] = {}  # By the submission that takes the key.
        self.line: Counter[tuple[QueueName, bool]] = Counter()  # Submissions that wait for room.

    # --- questions -----------------------------------------------------------------------------

    def state(self, job: Job) -> State:
        """Return the state a durable job is in, its unwritten claim included."""
        return State.CLAIMED if job.id in self.holds else job.state

    def held(self, queue: QueueName) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.job.queue == queue]

    def held_by(self, consumer: ConsumerId) -> Iterator[Hold]:
        return (hold for hold in self.holds.values() if hold.consumer == consumer)

    def hold(self, job_id: JobId, attempt: int) -> Hold | None:
        """Return the hold of an attempt, if it holds its job."""
        hold = self.holds.get(job_id)
        return hold if hold is not None and hold.job.attempt == attempt else None

    def ending(self, job_id: JobId) -> Change | None:
        """Return the change that ends the attempt of a held job, if one is on its way."""
        changes = self.on_way.get(job_id, ())
        return next((change for change in changes if change.cause in ENDS), None)

    def is_purged(self, job: Job) -> bool:
        """Say whether a purge was asked for that takes a waiting job."""
        purges = self.purges.get(job.queue)
        if not purges:
            return False
        last = purges[-1]
        is_over = last.is_on_record and not self._durable.settings(job.queue).purged_until
        return not is_over and job.id <= last.until and job.id not in last.spared

    def is_free(self, job: Job) -> bool:
        """Say whether nobody holds a waiting job, and no change of it is on its way."""
        is_changing = job.id in self.on_way or job.id in self.deciding
        return job.id not in self.holds and not is_changing

    def eligible(self, queue: QueueName) -> list[Job]:
        """Return the jobs of a queue that may be claimed as far as they themselves go."""
        return [
            job
            for job in self._durable.in_state(State.READY, queue)
            if self.is_free(job) and not self.is_purged(job)
        ]

    def waiting(self, queue: QueueName) -> list[Job]:
        return [job for job in self._durable.waiting(queue) if job.id not in self.holds]

    def _can_drop(self, request: SubmitRequest) -> bool:
        """Say whether there will be a job to drop, should a queue hold too much with this one."""
        ready = self._durable.in_state(State.READY, request.queue)
        return _is_ready(request) or any(job.id not in self.holds for job in ready)

    def is_stray(self, job: Job) -> bool:
        """Say whether the rank of a waiting job is of an order that is not in force any more.

        A crash may leave it so: between the commit that lets a job go on that was blocked, or that
        stores one submitted before the order changed, and the commit that gives it another rank.
        """
        return self.marks.get(job.id) != self._durable.terms(job.queue).rank_mark

    def has_room(self, request: SubmitRequest, priority: int, *, waited: bool) -> bool:
        """Say whether a submission is to be let into its queue."""
        terms = self._durable.terms(request.queue)
        if not terms.is_bounded:
            return True
        drops = terms.when_full is WhenFull.DROP
        if drops and self._can_drop(request):
            return True
        urgent = drops or is_urgent(priority, is_call=request.is_call)
        others = self.line[request.queue, False] and not urgent
        if not waited and (self.line[request.queue, True] or others):
            return False
        on_way = [other for other in self.admitted.values() if other.queue == request.queue]
        waiting = self.waiting(request.queue)
        count = len(waiting) + len(on_way)
        size = sum(job.payload_bytes for job in waiting)
        size += sum(len(other.payload) for other in on_way)
        return count == 0 or _fits(terms, count, size + len(request.payload), urgent=urgent)


def _is_ready(request: SubmitRequest) -> bool:
    """Say whether a job is ready as soon as it is there, and so may be dropped itself."""
    is_grouped = request.wishes is not None and request.wishes.group is not None
    return request.delay_ms is None and not is_grouped


def _fits(terms: Terms, count: int, size: int, *, urgent: bool) -> bool:
    percent = 100 if urgent else 100 - terms.reserve_percent
    if terms.length_max is not None and count >= terms.length_max * percent // 100:
        return False
    return terms.bytes_max is None or size <= terms.bytes_max * percent // 100


def place(terms: Terms, job: Job) -> tuple[int, int]:
    """Return where a job belongs in the order of its queue, the smaller first."""
    if terms.order is Order.STRICT:
        return job.priority, job.id
    if terms.order is Order.AGEING:
        return min(job.submitted_at + job.priority * terms.ageing_ms, 2**63 - 1), job.id
    return job.rank, job.id


def is_outdated(job: Job, now: Instant) -> bool:
    """Say whether a waiting job is not to begin any more."""
    return job.expires_at is not None and job.expires_at <= now and job.attempt == 0
