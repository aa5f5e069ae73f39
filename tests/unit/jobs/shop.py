"""A broker and its journal over a store that may be full, asked as the server asks them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.lowlevel

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.effects import Delivery, Effect, RoomAgain
from penstock.jobs.errors import Refused
from penstock.jobs.events.log import Request, Settle
from penstock.jobs.events.model import ID_MAX, ID_MIN, Fields, GroupName, StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant, Job, JobId, QueueName
from penstock.jobs.policy import Policy, SubmitRequest
from penstock.jobs.queue import Queue
from penstock.jobs.retry import Failure
from penstock.jobs.revisions import Cancelling
from penstock.jobs.store.event_batches import EventBatches
from penstock.jobs.store.event_port import EventWrites, RangeQuestion
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import (
    Batch,
    Commit,
    ExpiringQuestion,
    JobEnd,
    JobFilter,
    KeyHolder,
    ListQuestion,
    Purged,
    Removal,
    Snapshot,
    StoreError,
    StoreFull,
    Submission,
)
from penstock.jobs.waits import Claimant, ConsumerId
from tests.unit.jobs.desk import DEFAULT, NOW, Listener, request

EVERYTHING: Final = ListQuestion(JobFilter(), JobId(0), 10_000, 10_000)
_ASKS: Final = frozenset({"life", "ranges", "picks", "were_handled", "were_published"})
SMALL: Final = Bounds(
    window_jobs_max=4, window_jobs_min=2, windows_jobs_max=16, schedule_jobs_max=4
)


class MoodyStore(MemoryStore):
    """Writes nothing while it is full; lets no commit through while its gate is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.gate = anyio.Event()
        self.gate.set()

    async def commit(self, batch: Batch) -> Commit:
        await self.gate.wait()
        if self.is_full and _writes(batch):
            raise StoreFull("no room")
        return await super().commit(batch)

    async def all_jobs(self) -> list[Job]:
        commit = await super().commit(Batch(listings=[EVERYTHING]))
        return list(commit.listings[0].jobs)


def _writes(batch: Batch) -> bool:
    return bool(
        batch.submissions
        or batch.updates
        or batch.rewrites
        or batch.settings
        or batch.purges
        or batch.forgets
        or batch.removal
        or (batch.events is not None and _writes_events(batch.events))
    )


def _writes_events(writes: EventWrites) -> bool:
    return any(getattr(writes, name) for name in writes.__struct_fields__ if name not in _ASKS)


class Answers:
    """What a request was told, in the end; `refused` why it was declined."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.refused: Refused | None = None

    def __call__(self, told: object) -> None:
        assert not self.told, "it is told once"
        assert self.refused is None
        self.told.append(told)

    def refuse(self, why: Refused) -> None:
        assert not self.told
        self.refused = why


class Shop:
    """Asks for things, and lets time pass."""

    def __init__(self, store: MoodyStore, snapshot: Snapshot, bounds: Bounds) -> None:
        self.store = store
        self.now = NOW
        self.bounds = bounds
        self.broker = Broker(snapshot, Policy(), bounds)
        self.effects: list[Effect] = []
        self.delivered: list[Job] = []  # To those who waited.
        self.journal = Journal(
            store,
            EventBatches(self.broker, snapshot.events),
            now=lambda: self.now,
            seconds=lambda: self.now / 1000,
            committed=self.pump,
            pause=lambda seconds: anyio.lowlevel.checkpoint(),
        )

    # --- the engine ----------------------------------------------------------------------------

    def pump(self) -> None:
        while effects := self.broker.take_effects():
            for effect in effects:
                if isinstance(effect, RoomAgain):
                    assert callable(effect.token)
                    effect.token()
                elif isinstance(effect, Delivery):
                    self.delivered += [claim.job for claim in effect.claims]
                else:
                    self.effects.append(effect)
        if changes := self.broker.take_changes():
            self.journal.record(changes)
        if settings := self.broker.administration.take_changes():
            self.journal.configure(settings)
        self.broker.administration.take_unfinished()
        if self.broker.has_questions:
            self.journal.wake()

    async def settled(self) -> None:
        self.pump()
        await self.journal.settled()
        self.pump()
        await self.journal.settled()

    async def turns(self) -> None:
        """Let the journal try for a while; while the disk is full it never settles."""
        self.pump()
        for _ in range(50):
            await anyio.lowlevel.checkpoint()

    def tick(self, ms: int = 0) -> None:
        self.now = Instant(self.now + ms)
        self.broker.tick(self.now)
        self.pump()

    async def pass_time(self, ms: int) -> None:
        self.tick(ms)
        await self.settled()

    @property
    def queue(self) -> Queue:
        return self.broker.administration.queue(DEFAULT)

    # --- submitters ----------------------------------------------------------------------------

    def submit(self, asked: SubmitRequest | None = None) -> tuple[JobId, Answers]:
        submission = self.broker.submit(asked or request(), self.now)
        answers = Answers()
        self.journal.submit(submission, answers)
        return submission.job.id, answers

    async def stored(self, asked: SubmitRequest | None = None) -> JobId:
        job_id, answers = self.submit(asked)
        await self.settled()
        assert answers.told == [None]
        return job_id

    def replace(self, asked: SubmitRequest) -> Answers:
        """Submit a job that takes its key from whoever has it."""
        answers = Answers()
        self._submit_to_replace(asked, answers)
        return answers

    def _submit_to_replace(self, asked: SubmitRequest, answers: Answers) -> None:
        try:
            submission = self.broker.submit(asked, self.now, waited=True)
        except Refused as why:
            answers.refuse(why)
            return
        self.journal.submit(
            submission, lambda told: self._submitted(asked, submission, told, answers)
        )

    def _submitted(
        self,
        asked: SubmitRequest,
        submission: Submission,
        told: KeyHolder | StoreError | None,
        answers: Answers,
    ) -> None:
        if isinstance(told, KeyHolder):
            self._replace(asked, told.job, answers)
        else:
            answers(told or submission.job.id)

    def _replace(self, asked: SubmitRequest, holder: Job, answers: Answers) -> None:
        try:
            submission = self.broker.submit(asked, self.now, waited=True)
        except Refused as why:
            answers.refuse(why)
            return
        freeing = self.broker.revisions.replace(holder, now=self.now)
        if freeing is None:
            self.broker.withdraw(submission)
            self.journal.read_end(holder.id, lambda end: self._holder_read(asked, end, answers))
            return
        self.journal.submit_in_place(
            submission, freeing, lambda told: self._submitted(asked, submission, told, answers)
        )

    def _holder_read(
        self, asked: SubmitRequest, end: JobEnd | StoreError | None, answers: Answers
    ) -> None:
        if isinstance(end, StoreError):
            answers(end)
        elif end is not None and end.job.key == asked.key:
            self._replace(asked, end.job, answers)
        else:
            self._submit_to_replace(asked, answers)

    # --- events --------------------------------------------------------------------------------

    def ask(self, decide: Callable[[Turn], object], *, appends: bool = False) -> Answers:
        """Have something decided about events; the answer is told once it is durable."""
        answers = Answers()

        def decided(turn: Turn) -> Settle:
            value = decide(turn)
            return lambda _: answers(value)

        def fail(why: Refused | StoreError) -> None:
            if isinstance(why, Refused):
                answers.refuse(why)
            else:
                answers(why)

        self.journal.events.ask(Request((), decided, fail), appends=appends)
        return answers

    async def follow(self, stream: str, group: str = "g") -> None:
        """Register a group that sees all events of a stream."""
        answers = self.ask(
            lambda turn: turn.create_group(
                StreamName(stream), GroupName(group), ID_MIN, makes_stream=True
            )
        )
        await self.settled()
        assert answers.told == [None]

    async def events(self, stream: str) -> list[dict[str, str]]:
        """Return the fields of all events of a stream, as the store has them."""
        found = self.journal.events.log.streams[StreamName(stream)]
        question = RangeQuestion(found.number, ID_MIN, ID_MAX, 10_000, 2**40)
        writes = EventWrites(ranges=[question])
        commit = await MemoryStore.commit(self.store, Batch(events=writes))
        return [_named(event.fields) for event in commit.events.ranges[0]]

    # --- people --------------------------------------------------------------------------------

    def about(self, job_id: JobId, decide: Callable[[Job, Answers], bool]) -> Answers:
        """Decide about a job as the store has it; again if another change is on its way."""
        answers = Answers()

        def read(end: JobEnd | StoreError | None) -> None:
            if isinstance(end, StoreError) or end is None:
                answers(end)
                return
            try:
                if not decide(end.job, answers):
                    self.journal.read_end(job_id, read)
            except Refused as why:
                answers.refuse(why)

        self.journal.read_end(job_id, read)
        return answers

    def cancel(self, job_id: JobId, reason: str = "not wanted") -> Answers:
        def decide(job: Job, answers: Answers) -> bool:
            cancelling = self.broker.revisions.cancel(job, reason, now=self.now, settled=answers)
            return cancelling is not Cancelling.BUSY

        return self.about(job_id, decide)

    def redrive(self, job_id: JobId) -> Answers:
        def decide(job: Job, answers: Answers) -> bool:
            return self.broker.revisions.redrive(job, now=self.now, settled=answers)

        return self.about(job_id, decide)

    def discard(self, job_id: JobId) -> Answers:
        def decide(job: Job, answers: Answers) -> bool:
            if not self.broker.revisions.discard(job):
                return False
            self.journal.forget([job.id], answers)
            return True

        return self.about(job_id, decide)

    def set(self, **changes: object) -> Listener:
        listener = Listener()
        self.broker.administration.set(DEFAULT, changes, {}, listener)
        self.pump()
        return listener

    def pause(self, paused: bool = True) -> Listener:
        listener = Listener()
        self.broker.administration.pause(DEFAULT, paused=paused, settled=listener)
        self.pump()
        return listener

    def purge(self) -> Listener:
        listener = Listener()
        self.broker.purge(DEFAULT, listener)
        self.pump()
        return listener

    def purge_slice(self, jobs_max: int = 1_000) -> list[Purged | StoreError]:
        """Carry on with the purge that is on record."""
        told: list[Purged | StoreError] = []
        asked = self.broker.administration.purge_slice(self.queue, jobs_max)
        if asked is not None:
            self.journal.purge(asked, told.append)
        return told

    def reorder(self) -> None:
        """Give all ready jobs ranks of the order in force."""

        def listed(listing: object) -> None:
            jobs = getattr(listing, "jobs", ())
            self.broker.administration.reorder(self.queue, jobs)
            self.broker.administration.end_reordering(self.queue)

        self.journal.list_jobs(EVERYTHING, listed)

    def look_for_expired(self) -> None:
        if self.broker.expires_before(self.now):
            self.journal.look_for_expired(ExpiringQuestion(Instant(2**62), 500))

    def remove_finished(self) -> None:
        self.journal.remove_finished(Removal(self.now, 500))

    # --- workers -------------------------------------------------------------------------------

    def claim(self, *, jobs_max: int = 1, consumer: int = 1) -> list[Job]:
        claimant = _claimant(jobs_max, consumer)
        claims = self.broker.claim(claimant, wait_ms=0, now=self.now)
        assert claims is not None
        self.pump()
        return [claim.job for claim in claims]

    def park(self, *, wait_ms: int = 60_000) -> None:
        """Have a claim wait, unless there is a job for it."""
        claims = self.broker.claim(_claimant(1, 1), wait_ms=wait_ms, now=self.now)
        self.delivered += [claim.job for claim in claims or ()]
        self.pump()

    def complete(self, job: Job) -> Listener:
        listener = Listener()
        self.broker.complete(job.id, job.attempt, b"5", now=self.now, settled=listener)
        self.pump()
        return listener

    def fail(self, job: Job, failure: Failure | None = None) -> Listener:
        listener = Listener()
        self.broker.fail(
            job.id,
            job.attempt,
            failure or Failure("ValueError: boom"),
            now=self.now,
            jitter=0.5,
            settled=listener,
        )
        self.pump()
        return listener

    def release(self, job: Job, delay_ms: int = 0) -> Listener:
        listener = Listener()
        self.broker.release(job.id, job.attempt, delay_ms=delay_ms, now=self.now, settled=listener)
        self.pump()
        return listener

    async def job(self, job_id: JobId) -> Job | None:
        """Return a job as the store has it."""
        commit = await MemoryStore.commit(self.store, Batch(records=[job_id]))
        record = commit.records.get(job_id)
        return None if record is None else record.job

    async def known(self, job_id: JobId) -> Job:
        job = await self.job(job_id)
        assert job is not None
        return job


def _named(fields: Fields) -> dict[str, str]:
    texts = [field.decode() for field in fields]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _claimant(jobs_max: int, consumer: int) -> Claimant:
    return Claimant(
        consumer=ConsumerId(consumer),
        worker="w",
        queues=(QueueName(DEFAULT),),
        jobs_max=jobs_max,
        token=None,
    )


@asynccontextmanager
async def shop(bounds: Bounds = SMALL, *, store: MoodyStore | None = None) -> AsyncIterator[Shop]:
    store = store or MoodyStore()
    made = Shop(store, await store.load(NOW, 1_000), bounds)
    async with anyio.create_task_group() as tasks:
        await tasks.start(made.journal.run)
        await made.settled()
        yield made
        tasks.cancel_scope.cancel()
