"""Whether a job may be handed out: held against the durable record, the order and the limits."""

from collections.abc import Callable

from penstock.jobs.model import FINISHED, Instant, Job, JobId, QueueName, State
from penstock.jobs.queue_settings import Order, RateLimit, Terms
from tests.simulation.durable import Durable
from tests.simulation.ledger import Ledger, is_outdated, place


class Bucket:
    """The most that a limit of rate lets out: it begins full, and no restart fills it again."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.credit = limit.burst * limit.period_ms
        self.seen_at = 0

    def take(self, now: Instant) -> bool:
        since = max(0, now - self.seen_at)
        self.seen_at = now
        full = self.limit.burst * self.limit.period_ms
        self.credit = min(full, self.credit + since * self.limit.count) - self.limit.period_ms
        return self.credit >= 0


class Claims:
    """Checks every claim. Outlives restarts, as the promises do."""

    def __init__(self, durable: Durable, ledger: Ledger) -> None:
        self._durable = durable
        self._ledger = ledger
        self._buckets: dict[QueueName, Bucket] = {}
        # When a blocked job's turn came, and when a finished one came back: numbers of commits.
        self.let_go: dict[JobId, int] = {}
        self.came_back: dict[JobId, int] = {}
        # With which commit a job came: those that a commit itself submits overtake others.
        self.stored_in: dict[JobId, int] = {}
        # Jobs that took their turn in a fair order otherwise than by coming.
        self.out_of_turn: set[JobId] = set()
        # Queues of which it is about to be written that not all ranks are of the order in force.
        self.is_mixed: Callable[[QueueName], bool] = lambda queue: False

    def clock_stepped(self) -> None:
        """Be lenient: a clock that is set forward brings a queue its burst."""
        self._buckets.clear()

    def check(self, job: Job, now: Instant) -> None:
        """Object to a claim that should not have been; *job* is as it was handed out."""
        ledger = self._ledger
        before = self._durable.job(job.id)
        assert before is not None, f"job {job.id} is given out, and there is none"
        name = f"job {job.id} is given out"
        assert before.state is State.READY, f"{name} while it is {before.state}"
        assert job.id not in ledger.holds, f"{name} twice"
        assert job.id not in ledger.on_way, f"{name} while {ledger.on_way[job.id]} is on its way"
        assert before.cancel_asked_at is None, f"{name} that was told to stop"
        assert not is_outdated(before, now), f"{name} after its deadline"
        assert not ledger.is_purged(before), f"{name} that is purged"
        assert job.failures == before.failures < before.attempts_max, f"{name} once too often"
        # A number may have been given out before a crash, and not written.
        skipped = 1 if job.id < ledger.first_id else 0
        assert job.attempt == before.attempt + 1 + skipped
        terms = self._durable.terms(job.queue)
        self._check_group(before)
        self._check_limits(before, terms, now)
        self._check_order(before, terms, now)

    def _check_group(self, job: Job) -> None:
        for other in self._durable.of_group(job):
            who = f"job {job.id} and job {other.id} of group {job.group}"
            assert other.id not in self._ledger.holds, f"{who} run both"
            assert other.state is State.BLOCKED, f"{who} may run both: {other.state}"
            came_first = other.id < job.id and self.stored_in[other.id] <= self.stored_in[job.id]
            came_later = self.came_back.get(other.id, -1) >= self.let_go.get(job.id, 0)
            assert not came_first or came_later, f"{who}: the later one runs first"

    def _check_limits(self, job: Job, terms: Terms, now: Instant) -> None:
        name = f"job {job.id} of queue {job.queue} begins"
        assert not terms.paused, f"{name} while it is paused"
        assert terms.reordered, f"{name} while it is being reordered"
        held = self._ledger.held(job.queue)
        assert len(held) < (terms.concurrency_max or len(held) + 1), f"{name} beside {len(held)}"
        assert not self.is_saturated(job, terms), f"{name} beside others of {job.tenant}"
        if terms.rate is None:
            self._buckets.pop(job.queue, None)
            return
        bucket = self._buckets.get(job.queue)
        if bucket is None or bucket.limit != terms.rate:
            bucket = self._buckets[job.queue] = Bucket(terms.rate)
        assert bucket.take(now), f"{name} above its rate"

    def is_saturated(self, job: Job, terms: Terms) -> bool:
        """Say whether the tenant of a job runs as many as it may."""
        most = terms.tenant_concurrency_max
        if most is None or job.tenant is None:
            return False
        held = self._ledger.held(job.queue)
        return sum(hold.job.tenant == job.tenant for hold in held) >= most

    def may_run(self, queue: QueueName, now: Instant) -> list[Job]:
        """Return the jobs of a queue that may run as far as order and tenants go, the first one
        first."""
        terms = self._durable.terms(queue)
        jobs = [
            job
            for job in self._ledger.eligible(queue)
            if not is_outdated(job, now) and not self.is_saturated(job, terms)
        ]
        return sorted(jobs, key=lambda job: place(terms, job))

    def _check_order(self, job: Job, terms: Terms, now: Instant) -> None:
        if self.is_mixed(job.queue):
            return
        if self._ledger.is_stray(job):
            return
        jobs = [o for o in self.may_run(job.queue, now) if not self._ledger.is_stray(o)]
        assert jobs[0] is job, f"job {job.id} is given out before job {jobs[0].id}"
        # After a restart, jobs without a tenant begin anew: they may pass by their own.
        if terms.order is not Order.FAIR or job.id in self.out_of_turn or job.tenant is None:
            return
        earlier = [
            other.id
            for other in jobs
            if other.tenant == job.tenant and other.id < job.id and other.id not in self.out_of_turn
        ]
        assert not earlier, f"job {job.id} passes by jobs {earlier} of tenant {job.tenant}"

    def moved(self, before: Job | None, after: Job | None, number: int) -> None:
        """Take note of what a commit did, for the turns that come of it."""
        if before is None and after is not None:
            self.stored_in[after.id] = number
        if after is None or after.state in FINISHED:
            return
        if before is None or (before.state is State.BLOCKED and after.state is not before.state):
            self.let_go[after.id] = number
            if before is not None:
                self.out_of_turn.add(after.id)
        elif before.state in FINISHED:
            self.let_go[after.id] = number
            self.came_back[after.id] = number
            self.out_of_turn.add(after.id)
        if (
            after.state is not State.READY
            or after.attempt
            or (before and before.rank != after.rank)
        ):
            self.out_of_turn.add(after.id)
