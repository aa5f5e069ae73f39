"""A journal that runs over a store that fails as told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.model import Job, JobId, State
from penstock.jobs.policy import Policy, SubmitRequest
from penstock.jobs.store.event_batches import EventBatches
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import (
    Batch,
    Commit,
    Snapshot,
    StoreError,
    StoreFailed,
    StoreFull,
)
from penstock.jobs.waits import Claimant, ConsumerId
from tests.unit.jobs.desk import DEFAULT, NOW, request

FULL = StoreFull("no room")
FAILED = StoreFailed("input/output error")

Verdict = Callable[[Batch], StoreError | None]


class FaultyStore(MemoryStore):
    """Fails as told; remembers the batches; waits before each commit while `gate` is closed."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__()
        self.verdict = verdict
        self.gate = anyio.Event()
        self.gate.set()
        self.entered = anyio.Event()
        self.batches: list[Batch] = []
        self.rests = 0

    async def commit(self, batch: Batch) -> Commit:
        self.entered.set()
        await self.gate.wait()
        self.batches.append(
            Batch(
                submissions=list(batch.submissions),
                updates=list(batch.updates),
                heads=list(batch.heads),
                listings=list(batch.listings),
            )
        )
        problem = self.verdict(batch)
        if problem is not None:
            raise problem
        return await super().commit(batch)

    async def rest(self) -> None:
        self.rests += 1


def never(batch: Batch) -> None:
    """Let all be written."""


def submissions_only(batch: Batch) -> StoreError | None:
    return FULL if batch.submissions else None


def writes_only(batch: Batch) -> StoreError | None:
    return FULL if batch.submissions or batch.updates else None


def full_then_unreadable(batch: Batch) -> StoreError | None:
    return writes_only(batch) or FAILED


def everything(batch: Batch) -> StoreError | None:
    return FULL


def broken(batch: Batch) -> StoreError | None:
    return FAILED


def full_then_broken(batch: Batch) -> StoreError | None:
    return FULL if batch.submissions else FAILED


class Bench:
    """A journal that runs, and a list of all that was told."""

    def __init__(
        self,
        store: FaultyStore,
        snapshot: Snapshot,
        *,
        bounds: Bounds,
        run_changes: int,
    ) -> None:
        self.store = store
        self.broker = Broker(snapshot, Policy(), bounds)
        self.now = NOW
        self.told: list[object] = []
        self.commits = 0
        self.pauses = 0
        self.pause: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
        self.journal = Journal(
            store,
            EventBatches(self.broker),
            now=lambda: self.now,
            seconds=lambda: self.now / 1000,
            committed=self._committed,
            pause=self._pause,
            run_changes=run_changes,
        )

    def _committed(self) -> None:
        self.commits += 1
        self.record()

    async def _pause(self, seconds: float) -> None:
        self.pauses += 1
        await self.pause()

    def submit(self, asked: SubmitRequest | None = None) -> JobId:
        submission = self.broker.submit(asked or request(), self.now)
        self.journal.submit(submission, self.told.append)
        return submission.job.id

    def claim(self) -> Job:
        claimant = Claimant(
            consumer=ConsumerId(1), worker="w", queues=(DEFAULT,), jobs_max=1, token=None
        )
        claims = self.broker.claim(claimant, wait_ms=0, now=self.now)
        assert claims
        return claims[0].job

    def complete(self, job: Job) -> None:
        self.broker.complete(
            job.id, job.attempt, b"5", now=self.now, settled=partial(self.ended, job)
        )
        self.record()

    def ended(self, job: Job, problem: StoreError | None) -> None:
        self.told.append((job.id, problem))

    def record(self) -> None:
        if changes := self.broker.take_changes():
            self.journal.record(changes)

    async def state(self, job_id: JobId) -> State:
        commit = await MemoryStore.commit(self.store, Batch(records=[job_id]))
        return commit.records[job_id].job.state


@asynccontextmanager
async def bench(
    verdict: Verdict = never, *, bounds: Bounds | None = None, run_changes: int = 64
) -> AsyncIterator[Bench]:
    store = FaultyStore(verdict)
    made = Bench(store, await store.load(), bounds=bounds or Bounds(), run_changes=run_changes)
    async with anyio.create_task_group() as tasks:
        await tasks.start(made.journal.run)
        yield made
        tasks.cancel_scope.cancel()
