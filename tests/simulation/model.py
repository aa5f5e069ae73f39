"""What should be true: every job that was acknowledged, as the simplest program would keep it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.config.limits import LEASE_GRACE_MS
from penstock.jobs.changes import Change
from penstock.jobs.model import FINISHED, Instant, Job, JobId, QueueName, State
from penstock.jobs.policy import Policy
from penstock.jobs.store.port import (
    Batch,
    JobRecord,
    KeyHolder,
    Removal,
    Snapshot,
    StoreError,
    Submission,
)
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import ConsumerId


@dataclass(slots=True)
class Truth:
    """One job that somebody was told to exist."""

    job: Job  # As it was submitted.
    payload: bytes
    fingerprint: bytes
    state: State
    due_at: Instant
    attempt: int = 0
    failures: int = 0
    claimed_at: int = 0
    consumer: ConsumerId | None = None
    lease_ends_at: int | None = None  # None: it ran out, and the worker is being ended.
    on_its_way: Cause | None = None  # Decided and not durable.
    ended: dict[int, Cause] = field(default_factory=dict)  # How each attempt ended.
    result: bytes | None = None
    error: str = ""
    remove_at: int = 0

    @property
    def position(self) -> tuple[int, int]:
        return self.job.rank, self.job.id


@dataclass(slots=True)
class Ask:
    """What should be decided about a held job."""

    kind: Cause  # COMPLETE, RELEASE, or RETRY for a failure.
    final: bool = False
    lost: bool = False


class Model:
    """Follows what was acknowledged, and objects to what contradicts it."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.jobs: dict[JobId, Truth] = {}
        self.keys: dict[str, JobId] = {}
        self.removed: set[JobId] = set()
        self.asks: dict[JobId, Ask] = {}
        # Since the last start:
        self.first_id = 1
        self.queues: set[QueueName] = set()
        self.admitted: Counter[QueueName] = Counter()  # Submissions on their way.
        self.counters: Counter[tuple[QueueName, str]] = Counter()

    # --- questions -----------------------------------------------------------------------------

    def in_state(self, state: State, queue: QueueName | None = None) -> list[Truth]:
        return [
            truth
            for truth in self.jobs.values()
            if truth.state is state and (queue is None or truth.job.queue == queue)
        ]

    def ready(self, queue: QueueName) -> list[Truth]:
        """Return the ready jobs of a queue, the most urgent first."""
        return sorted(self.in_state(State.READY, queue), key=lambda truth: truth.position)

    def counts(self) -> Counter[tuple[QueueName, State]]:
        return Counter((truth.job.queue, truth.state) for truth in self.jobs.values())

    def known_queues(self) -> set[QueueName]:
        """Return the queues that something durable is in, or was since the start."""
        used = {truth.job.queue for truth in self.jobs.values()}
        return used | {queue for queue in self.queues if self.counters[queue, "submitted"]}

    def held_by(self, consumer: ConsumerId) -> Iterator[Truth]:
        return (truth for truth in self.in_state(State.CLAIMED) if truth.consumer == consumer)

    def holds(self, job_id: JobId, attempt: int) -> Truth | None:
        """Return the job if this attempt holds it."""
        truth = self.jobs.get(job_id)
        held = truth is not None and truth.state is State.CLAIMED and truth.attempt == attempt
        return truth if held else None

    # --- what happens --------------------------------------------------------------------------

    def admits(self, queue: QueueName, queues_max: int) -> bool:
        """Somebody submits a job: say whether there is room for its queue."""
        on_their_way = set(+self.admitted)
        if queue not in self.queues | on_their_way:
            if len(self.queues | on_their_way) >= queues_max:
                self._forget_empty_queues(on_their_way)
            if len(self.queues | on_their_way) >= queues_max:
                return False
        self.queues.add(queue)
        self.admitted[queue] += 1
        return True

    def _forget_empty_queues(self, on_their_way: set[QueueName]) -> None:
        used = {truth.job.queue for truth in self.jobs.values()} | on_their_way
        for queue, name in list(self.counters):
            if queue not in used:
                del self.counters[queue, name]
        self.queues &= used

    def withdrawn(self, submission: Submission) -> None:
        self.admitted[submission.job.queue] -= 1

    def stored(self, submission: Submission) -> None:
        job = submission.job
        assert job.id not in self.jobs, f"job {job.id} is stored twice"
        assert job.id not in self.removed, f"the id {job.id} was given out twice"
        if job.key is not None:
            assert job.key not in self.keys, f"key {job.key} makes a second job"
            self.keys[job.key] = job.id
        self.jobs[job.id] = Truth(
            job, submission.payload, submission.fingerprint, job.state, job.due_at
        )
        self.queues.add(job.queue)
        self.counters[job.queue, "submitted"] += 1

    def duplicate(self, submission: Submission, holder: KeyHolder) -> None:
        assert submission.job.key is not None
        assert self.keys.get(submission.job.key) == holder.job_id, "another holds the key"
        same = self.jobs[holder.job_id].fingerprint == submission.fingerprint
        assert holder.same is same
        if submission.job.queue in self.queues:  # It makes no queue either.
            self.counters[submission.job.queue, "duplicates"] += 1

    def claimed(self, job: Job, consumer: ConsumerId, now: Instant) -> None:
        """A consumer is given a job: it must be the most urgent of its queue, and free."""
        truth = self.jobs[job.id]
        assert truth.state is State.READY, f"job {job.id} is given out while it is {truth.state}"
        first = self.ready(job.queue)[0]
        assert first is truth, f"job {job.id} is given out before job {first.job.id}"
        # A number may have been given out before a crash, and not written.
        skipped = 1 if job.id < self.first_id else 0
        assert job.attempt == truth.attempt + 1 + skipped
        assert job.failures == truth.failures
        assert job.failures < truth.job.attempts_max, "there is no attempt left"
        truth.state = State.CLAIMED
        truth.attempt = job.attempt
        truth.consumer = consumer
        truth.claimed_at = now
        truth.lease_ends_at = now + truth.job.timeout_ms + LEASE_GRACE_MS
        self.counters[job.queue, "claimed"] += 1

    def decided(self, change: Change, now: Instant) -> None:
        """A change sets out; it must be what was asked for, and the only one of its job."""
        truth = self.jobs[change.job.id]
        if change.cause is Cause.CLAIM:
            assert truth.state is State.CLAIMED
            assert truth.attempt == change.job.attempt
            return
        assert truth.on_its_way is None, f"job {change.job.id} has two changes on their way"
        truth.on_its_way = change.cause
        if change.cause is Cause.FALL_DUE:
            assert truth.state is State.SCHEDULED
            assert truth.due_at <= now
            return
        assert truth.state is State.CLAIMED
        assert truth.attempt == change.job.attempt
        ask = self.asks.pop(change.job.id)
        if ask.kind is not Cause.RETRY:
            assert change.cause is ask.kind
            return
        assert change.job.failures == truth.failures + 1
        if ask.final or change.job.failures >= truth.job.attempts_max:
            assert change.cause is Cause.GIVE_UP
            return
        assert change.cause is Cause.RETRY
        wait_ms = change.job.due_at - now
        at_once = ask.lost and change.job.failures == 1
        assert wait_ms == 0 if at_once else 0 <= wait_ms <= self.policy.retry.cap_ms

    def settled(self, change: Change, problem: StoreError | None, now: Instant) -> None:
        """A change is durable, or will never be."""
        truth = self.jobs[change.job.id]
        if change.cause is Cause.CLAIM:
            return
        assert truth.on_its_way is change.cause
        truth.on_its_way = None
        if problem is None:
            self._apply(truth, change)
        elif change.cause is not Cause.FALL_DUE:
            truth.lease_ends_at = now + LEASE_GRACE_MS

    def _apply(self, truth: Truth, change: Change) -> None:
        job, queue = change.job, truth.job.queue
        truth.state = job.state
        truth.due_at = job.due_at
        truth.failures = job.failures
        if change.cause is Cause.FALL_DUE:
            return
        truth.consumer = None
        truth.lease_ends_at = None
        assert job.attempt not in truth.ended, f"attempt {job.attempt} of job {job.id} ended twice"
        truth.ended[job.attempt] = change.cause
        names = {
            Cause.COMPLETE: ("completed",),
            Cause.RETRY: ("failed", "retried"),
            Cause.GIVE_UP: ("failed", "dead"),
            Cause.RELEASE: ("released",),
        }
        for name in names[change.cause]:
            self.counters[queue, name] += 1
        if change.failed_attempt is not None:
            truth.error = change.failed_attempt.error.partition("\n")[0]
        if job.state in FINISHED:
            assert job.remove_at is not None
            truth.remove_at = job.remove_at
            truth.result = change.result

    def remove(self, removal: Removal) -> None:
        """Finished jobs go, the oldest first."""
        finished = [
            truth
            for state in (State.COMPLETED, State.DEAD)
            for truth in self.in_state(state)
            if truth.remove_at <= removal.until
        ]
        finished.sort(key=lambda truth: (truth.remove_at, truth.job.id))
        for truth in finished[: removal.jobs_max]:
            self.removed.add(truth.job.id)
            del self.jobs[truth.job.id]
            if truth.job.key is not None:
                del self.keys[truth.job.key]

    # --- starting again ------------------------------------------------------------------------

    def restarted(
        self, written: Batch | None, snapshot: Snapshot, found: Mapping[JobId, JobRecord]
    ) -> None:
        """A server starts after a crash; *written* is the batch that nobody was told about."""
        self.asks.clear()
        updates: dict[JobId, Job] = {}
        if written is not None:
            if written.removal is not None:
                self.remove(written.removal)
            updates = {job.id: job for job in written.updates}
            self._adopt(written.submissions)
        assert set(found) == set(self.jobs), "what was acknowledged is what is there"
        assert snapshot.next_id > max([*found, *self.removed], default=0)
        for job_id, truth in self.jobs.items():
            _start_again(truth, updates.get(job_id), found[job_id])
        assert snapshot.counts == self.counts()
        self.queues = {truth.job.queue for truth in self.jobs.values()}
        self.first_id = snapshot.next_id
        self.admitted.clear()
        self.counters.clear()

    def _adopt(self, submissions: Sequence[Submission]) -> None:
        for submission in submissions:
            key = submission.job.key
            if key is None or key not in self.keys:
                self.stored(submission)


def _start_again(truth: Truth, update: Job | None, record: JobRecord) -> None:
    job = record.job
    state, failures = truth.state, truth.failures
    if update is not None:
        state, failures = update.state, update.failures
        if state is not truth.state and truth.state is State.CLAIMED:
            truth.ended[update.attempt] = Cause.COMPLETE  # Or another; it is not asked again.
    was_claimed = state is State.CLAIMED
    expected = State.READY if was_claimed else state
    assert job.state is expected, f"job {job.id} was {state} and is {job.state}"
    assert job.failures == failures
    assert record.payload == truth.payload
    assert job.attempt <= truth.attempt
    assert was_claimed or job.attempt == truth.attempt
    assert len(record.failed_attempts) == failures
    if state is State.COMPLETED:
        assert record.result is not None
        assert update is not None or record.result == truth.result
    truth.state, truth.failures, truth.attempt = job.state, job.failures, job.attempt
    truth.due_at = job.due_at
    truth.on_its_way, truth.consumer, truth.lease_ends_at = None, None, None
    truth.ended = {n: cause for n, cause in truth.ended.items() if n <= job.attempt}
    if job.state is State.READY and was_claimed:
        truth.ended[job.attempt] = Cause.RELEASE  # Its lease was ended by the crash.
    if job.state in FINISHED:
        assert job.remove_at is not None
        truth.remove_at, truth.result = job.remove_at, record.result
        if record.failed_attempts:
            truth.error = record.failed_attempts[-1].error.partition("\n")[0]
