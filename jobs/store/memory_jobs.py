"""The jobs that the store in memory keeps, and the orders in which they are asked for."""

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from penstock.jobs.model import FINISHED, WAITING, FailedAttempt, Job, JobId, QueueName, State
from penstock.jobs.store.ordered import OrderedIds
from penstock.jobs.store.port import KeyHolder, Submission

Group = tuple[QueueName, str]


class KeptJob(Struct):
    """What is kept of one job."""

    job: Job
    payload: bytes
    fingerprint: bytes
    result: bytes | None = None
    failed_attempts: list[FailedAttempt] = field(default_factory=list)


class KeptJobs:
    """Keep jobs by id, and in order where somebody asks for them so."""

    def __init__(self) -> None:
        self.by_id: dict[JobId, KeptJob] = {}
        self.all = OrderedIds()
        self.scheduled = OrderedIds()  # By due time.
        self.expiring = OrderedIds()
        self.finished = OrderedIds()  # By the time they are removed.
        self.next_id = 1
        self._waiting: dict[tuple[QueueName, State], OrderedIds] = {}  # Ready ones by rank.
        self._groups: dict[Group, OrderedIds] = {}  # Of unfinished jobs; blocked ones last.
        self._keys: dict[str, JobId] = {}

    def add(self, submission: Submission, job: Job) -> None:
        self.by_id[job.id] = KeptJob(job, submission.payload, submission.fingerprint)
        self.all.add(job.id, job.id)
        self.next_id = max(self.next_id, job.id + 1)
        if job.key is not None:
            self._keys[job.key] = job.id
        for order, place in self._orders_of(job):
            order.add(place, job.id)

    def change(self, job: Job) -> None:
        kept = self.by_id[job.id]
        for order, place in self._orders_of(kept.job):
            order.discard(place, job.id)
        if kept.job.key is not None and job.key is None:
            del self._keys[kept.job.key]
            kept.fingerprint = b""
        kept.job = job
        for order, place in self._orders_of(job):
            order.add(place, job.id)

    def remove(self, job_id: JobId) -> Job:
        job = self.by_id.pop(job_id).job
        self.all.discard(job_id, job_id)
        if job.key is not None:
            del self._keys[job.key]
        for order, place in self._orders_of(job):
            order.discard(place, job_id)
        return job

    def holder_of(self, submission: Submission) -> KeyHolder | None:
        """Return who holds the key of a submission."""
        key = submission.job.key
        if key is None or key not in self._keys:
            return None
        kept = self.by_id[self._keys[key]]
        return KeyHolder(kept.job, kept.fingerprint == submission.fingerprint)

    def jobs(self, job_ids: Iterable[int]) -> Iterator[Job]:
        for job_id in job_ids:
            yield self.by_id[JobId(job_id)].job

    def ready(self, queue: QueueName) -> OrderedIds:
        return self._waiting_in(queue, State.READY)

    def waiting(self, queue: QueueName) -> Iterator[Job]:
        """Iterate over the waiting jobs of a queue in the order in which they are purged."""
        for state in (State.BLOCKED, State.SCHEDULED, State.READY):
            yield from self.jobs(self._waiting_in(queue, state).after(None))

    def first_of(self, group: Group) -> Job | None:
        """Return whose turn it is in a group: who is not blocked, or else the first blocked."""
        return next(self.jobs(self._unfinished_of(group).after(None)), None)

    def _orders_of(self, job: Job) -> Iterator[tuple[OrderedIds, int]]:
        """Iterate over the orders in which a job of this state is, and its place there."""
        if job.state in FINISHED:
            assert job.remove_at is not None, "a finished job is removed some day"
            yield self.finished, job.remove_at
            return
        if job.group is not None:
            unfinished = self._unfinished_of((job.queue, job.group))
            yield unfinished, 1 if job.state is State.BLOCKED else 0
        if job.state not in WAITING:
            return
        place = job.rank if job.state is State.READY else 0
        yield self._waiting_in(job.queue, job.state), place
        if job.state is State.SCHEDULED:
            yield self.scheduled, job.due_at
        if job.expires_at is not None and job.attempt == 0:
            yield self.expiring, job.expires_at

    def _waiting_in(self, queue: QueueName, state: State) -> OrderedIds:
        return self._waiting.setdefault((queue, state), OrderedIds())

    def _unfinished_of(self, group: Group) -> OrderedIds:
        return self._groups.setdefault(group, OrderedIds())
