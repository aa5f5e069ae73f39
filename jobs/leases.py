"""Who holds which job, until when."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from penstock.config.limits import JOB_OUTPUT_BYTES_MAX, LEASE_GRACE_MS
from penstock.jobs.changes import Change
from penstock.jobs.errors import LeaseLost
from penstock.jobs.model import Instant, Job, JobId
from penstock.jobs.timers import Timer, Timers
from penstock.jobs.waits import ConsumerId


class Progress(Struct, frozen=True, gc=False):
    """How far an attempt says it is."""

    percent: int
    note: str
    at: Instant


class Lease(Struct, eq=False):
    """A consumer's hold on a job; the attempt number of the job is its token.

    `settling` is set while a change that ends the lease is on its way to the store: until that
    is durable the job still belongs to this attempt, and no other change of it is accepted.
    """

    job: Job
    consumer: ConsumerId
    worker: str
    settling: Change | None = None
    is_written: bool = False  # For the store, the job waits until its claim is written.
    progress: Progress | None = None
    output: str = ""  # The last of what it printed.
    timer: "Timer[Lease] | None" = None

    def print(self, text: str) -> None:
        """Keep the last of what the attempt printed."""
        self.output = (self.output + text)[-JOB_OUTPUT_BYTES_MAX:]


class Leases:
    """All leases, by job and by consumer, and when each runs out."""

    __slots__ = ("_by_consumer", "by_job", "timers")

    def __init__(self) -> None:
        self.by_job: dict[JobId, Lease] = {}
        self._by_consumer: dict[ConsumerId, dict[JobId, Lease]] = {}
        self.timers: Timers[Lease] = Timers()

    def grant(self, job: Job, consumer: ConsumerId, worker: str, now: Instant) -> None:
        assert job.id not in self.by_job
        lease = Lease(job, consumer, worker)
        lease.timer = self.timers.add(Instant(now + job.timeout_ms + LEASE_GRACE_MS), lease)
        self.by_job[job.id] = lease
        held = self._by_consumer.get(consumer)
        if held is None:
            held = self._by_consumer[consumer] = {}
        held[job.id] = lease

    def find(self, job_id: JobId, attempt: int) -> Lease:
        """Return the lease of an attempt.

        Raises:
            LeaseLost: the job is not held, or is held by another attempt.
        """
        lease = self.by_job.get(job_id)
        if lease is None or lease.job.attempt != attempt:
            raise LeaseLost(job_id, attempt)
        return lease

    def held_by(self, consumer: ConsumerId) -> Sequence[Lease]:
        return list(self._by_consumer.get(consumer, {}).values())

    def extend(self, lease: Lease, until: Instant) -> None:
        assert lease.timer is not None
        self.timers.cancel(lease.timer)
        lease.timer = self.timers.add(until, lease)

    def end(self, lease: Lease) -> None:
        job_id = lease.job.id
        del self.by_job[job_id]
        held = self._by_consumer[lease.consumer]
        del held[job_id]
        if not held:
            del self._by_consumer[lease.consumer]
        assert lease.timer is not None
        self.timers.cancel(lease.timer)

    def pop_overdue(self, now: Instant) -> Iterator[Lease]:
        """Yield leases that ran out; each is yielded once, and stays held until it is ended."""
        return (lease for lease in self.timers.pop_due(now) if lease.settling is None)
