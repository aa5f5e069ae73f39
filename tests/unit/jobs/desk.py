"""A broker with a clock that stands still, and a store that is only pretended."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change
from penstock.jobs.effects import Effect
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, TaskName
from penstock.jobs.policy import Policy, SubmitRequest, Wishes
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import Batch, Commit, JobEnd, Snapshot, StoreError, StoreFull
from penstock.jobs.waits import Claim, Claimant, ConsumerId, Waiter

NOW: Final = Instant(1_700_000_000_000)
DEFAULT: Final = QueueName("default")
FULL: Final = StoreFull("no room")
POLICY: Final = Policy()
BOUNDS: Final = Bounds()


def request(
    payload: bytes = b"[]",
    *,
    task: str = "echo",
    queue: str = DEFAULT,
    priority: int | None = None,
    delay_ms: int | None = None,
    at: int | None = None,
    attempts_max: int | None = None,
    key: str | None = None,
) -> SubmitRequest:
    return SubmitRequest(
        TaskName(task),
        payload,
        QueueName(queue),
        priority=priority,
        delay_ms=delay_ms,
        at=at,
        attempts_max=attempts_max,
        key=key,
    )


def wishing(
    asked: SubmitRequest | None = None, *, is_call: bool = False, **wishes: Any
) -> SubmitRequest:
    """Ask for a job with what most submissions do not ask for."""
    return replace(asked or request(), wishes=Wishes(**wishes), is_call=is_call)


class Listener:
    """Remembers what it was told: None if the change is durable, else why not."""

    def __init__(self) -> None:
        self.told: list[StoreError | None] = []

    def __call__(self, problem: StoreError | None) -> None:
        self.told.append(problem)


class Desk:
    """Asks the broker, and plays the journal."""

    def __init__(
        self, *, policy: Policy = POLICY, bounds: Bounds = BOUNDS, snapshot: Snapshot | None = None
    ) -> None:
        self.now = NOW
        self.broker = Broker(snapshot or Snapshot(JobId(1), {}, 0), policy, bounds)

    def submit(self, asked: SubmitRequest | None = None) -> Job:
        """Have a job stored."""
        submission = self.broker.submit(asked or request(), self.now)
        self.broker.stored(submission)
        return submission.job

    def claimant(
        self, *queues: str, consumer: int = 1, jobs_max: int = 1, worker: str = "worker-1"
    ) -> Claimant:
        names = tuple(QueueName(name) for name in queues) or (DEFAULT,)
        return Claimant(
            consumer=ConsumerId(consumer),
            worker=worker,
            queues=names,
            jobs_max=jobs_max,
            token=None,
        )

    def claim(self, *queues: str, consumer: int = 1, jobs_max: int = 1) -> list[Job]:
        """Claim what is ready, without waiting."""
        claims = self.ask_claim(*queues, consumer=consumer, jobs_max=jobs_max)
        return [claim.job for claim in claims]

    def ask_claim(self, *queues: str, consumer: int = 1, jobs_max: int = 1) -> list[Claim]:
        claimant = self.claimant(*queues, consumer=consumer, jobs_max=jobs_max)
        claims = self.broker.claim(claimant, wait_ms=0, now=self.now)
        assert claims is not None
        return claims

    def claimed(self, asked: SubmitRequest | None = None, *, consumer: int = 1) -> Job:
        """Have a job submitted and claimed."""
        submitted = self.submit(asked)
        [job] = self.claim(submitted.queue, consumer=consumer)
        assert job.id == submitted.id
        return job

    def park(self, *queues: str, wait_ms: int = 1000, jobs_max: int = 1) -> Claimant:
        """Have a claim wait for a job."""
        claimant = self.claimant(*queues, jobs_max=jobs_max)
        assert self.broker.claim(claimant, wait_ms=wait_ms, now=self.now) is None
        return claimant

    def wait(self, job_id: int, wait_ms: int = 1000) -> Waiter:
        waiter = Waiter(job_id=JobId(job_id), wait_ms=wait_ms, token=None)
        self.broker.wait(waiter, self.now)
        return waiter

    def complete(self, job: Job, result: bytes = b"5") -> Listener:
        listener = Listener()
        self.broker.complete(job.id, job.attempt, result, now=self.now, settled=listener)
        return listener

    def fail(
        self,
        job: Job,
        error: str = "ValueError: boom\n  line 1",
        *,
        final: bool = False,
        jitter: float = 0.5,
    ) -> Listener:
        listener = Listener()
        self.broker.fail(
            job.id,
            job.attempt,
            Failure(error, final=final),
            now=self.now,
            jitter=jitter,
            settled=listener,
        )
        return listener

    def release(self, job: Job) -> Listener:
        listener = Listener()
        self.broker.release(job.id, job.attempt, now=self.now, settled=listener)
        return listener

    def lose(self, consumer: int = 1, *, unstarted: Sequence[JobId] = ()) -> None:
        self.broker.lose(
            ConsumerId(consumer),
            "WorkerLost: gone",
            unstarted=unstarted,
            now=self.now,
            jitter=lambda: 0.5,
        )

    def pass_time(self, ms: int) -> None:
        self.now = Instant(self.now + ms)
        self.broker.tick(self.now)

    def commit(self) -> list[Change]:
        """Write all that was decided."""
        changes = self.broker.take_changes()
        for change in changes:
            self.broker.apply(change)
            for listener in change.listeners:
                listener(None)
        self.broker.match(self.now)
        return changes

    def refuse(self) -> list[Change]:
        """Find no room for what was decided."""
        changes = self.broker.take_changes()
        for change in changes:
            self.broker.undo(change, self.now)
        for change in changes:
            for listener in change.listeners:
                listener(FULL)
        return changes

    def effects(self) -> list[Effect]:
        return self.broker.take_effects()

    def ask(self) -> Batch:
        """Collect the questions that the broker has."""
        batch = Batch()
        self.broker.ask(batch)
        return batch

    def answer(self, batch: Batch, *heads: Sequence[Job], due: Sequence[Job] = ()) -> None:
        self.broker.answer(batch, Commit(heads=heads, due=due))
        self.broker.match(self.now)


def end(
    job: Job, *, result: bytes | None = None, last_failed: FailedAttempt | None = None
) -> JobEnd:
    return JobEnd(job, result, last_failed)
