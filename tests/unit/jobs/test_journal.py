"""The journal: what is asked of it becomes durable in batches, and everybody is told once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain

import anyio
import anyio.lowlevel
import pytest

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.model import Instant, Job, JobId, QueueName, State
from penstock.jobs.policy import Policy, SubmitRequest
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import (
    Batch,
    Commit,
    JobRecord,
    KeyHolder,
    Removal,
    Snapshot,
    StoreError,
    StoreFailed,
    StoreFull,
)
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claimant, ConsumerId, Delivery
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
            self.broker,
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


async def test_a_submission_is_told_that_it_is_stored() -> None:
    async with bench() as made:
        job_id = made.submit()

        await made.journal.settled()

        assert made.told == [None]
        assert await made.state(job_id) is State.READY


async def test_a_submission_that_meets_its_key_again_is_told_of_the_first() -> None:
    async with bench() as made:
        first = made.submit(request(key="k"))
        made.submit(request(key="k"))
        made.submit(request(b"other", key="k"))

        await made.journal.settled()

        assert made.told == [None, KeyHolder(first, same=True), KeyHolder(first, same=False)]
        assert made.broker.queue(DEFAULT).counters.duplicates == 2


async def test_what_comes_during_a_commit_is_written_with_the_next() -> None:
    async with bench() as made:
        made.store.gate = anyio.Event()
        made.submit()
        await made.store.entered.wait()
        made.submit()
        made.submit()
        made.store.gate.set()

        await made.journal.settled()

        assert [len(batch.submissions) for batch in made.store.batches] == [1, 2]


async def test_nobody_is_told_before_the_commit_ends() -> None:
    async with bench() as made:
        made.store.gate = anyio.Event()
        made.submit()
        await made.store.entered.wait()

        before = list(made.told)
        made.store.gate.set()
        await made.journal.settled()

        assert before == []
        assert made.told == [None]


async def test_of_a_long_backlog_the_older_half_is_written_first() -> None:
    async with bench(run_changes=2) as made:
        ids = [made.submit() for _ in range(10)]

        await made.journal.settled()

        written = [[s.job.id for s in batch.submissions] for batch in made.store.batches]
        assert [len(batch) for batch in written] == [6, 2, 2]
        assert list(chain(*written)) == ids


async def test_submissions_together_are_never_divided() -> None:
    async with bench(run_changes=2) as made:
        submissions = [made.broker.submit(request(), NOW) for _ in range(7)]
        made.submit()

        made.journal.submit_together([(each, made.told.append) for each in submissions])
        await made.journal.settled()

        assert [len(batch.submissions) for batch in made.store.batches] == [8]
        assert made.told == [None] * 8


async def test_of_several_changes_of_a_job_only_the_last_is_written() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        job = made.claim()
        made.now = Instant(NOW + 1000)
        made.broker.tick(made.now)
        made.complete(job)

        await made.journal.settled()

        [update] = made.store.batches[-1].updates
        assert update.state is State.COMPLETED


async def test_a_record_is_read_as_of_its_commit() -> None:
    async with bench() as made:
        job_id = made.submit()
        await made.journal.settled()
        read: list[JobRecord | StoreError | None] = []
        made.complete(made.claim())

        made.journal.read_record(job_id, read.append)
        made.journal.read_record(JobId(99), read.append)
        await made.journal.settled()

        [record, unknown] = read
        assert isinstance(record, JobRecord)
        assert (record.job.state, record.result) == (State.COMPLETED, b"5")
        assert unknown is None


async def test_a_failed_attempt_is_kept_with_its_job() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        job = made.claim()
        read: list[JobRecord | StoreError | None] = []

        made.broker.fail(
            job.id,
            job.attempt,
            "ValueError: boom",
            final=True,
            now=NOW,
            jitter=0.0,
            settled=partial(made.ended, job),
        )
        made.record()
        made.journal.read_record(job.id, read.append)
        await made.journal.settled()

        [record] = read
        assert isinstance(record, JobRecord)
        assert [failed.error for failed in record.failed_attempts] == ["ValueError: boom"]


async def test_payloads_are_read_for_those_who_asked_for_them() -> None:
    async with bench() as made:
        first, second = made.submit(request(b"1")), made.submit(request(b"2"))
        read: list[dict[JobId, bytes] | StoreError] = []

        made.journal.read_payloads([first], read.append)
        made.journal.read_payloads([second, JobId(99)], read.append)
        await made.journal.settled()

        assert read == [{first: b"1"}, {second: b"2"}]


async def test_finished_jobs_are_removed() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        made.complete(made.claim())
        await made.journal.settled()

        made.journal.remove_finished(Removal(Instant(NOW + 10**12), 10))
        await made.journal.settled()

        assert made.broker.queue(DEFAULT).completed_count == 0


async def test_of_two_removals_the_later_is_done() -> None:
    async with bench(run_changes=1) as made:
        made.submit()
        await made.journal.settled()
        made.complete(made.claim())
        made.journal.remove_finished(Removal(Instant(0), 1))
        made.submit()
        made.submit()
        made.journal.remove_finished(Removal(Instant(NOW + 10**12), 10))

        await made.journal.settled()

        assert made.broker.queue(DEFAULT).completed_count == 0


async def test_a_window_that_runs_low_is_refilled_by_a_commit_of_its_own() -> None:
    async with bench(bounds=Bounds(window_jobs_max=4, window_jobs_min=4)) as made:
        for _ in range(6):
            made.submit()
        await made.journal.settled()
        for _ in range(4):
            made.claim()

        made.journal.wake()
        await made.journal.settled()

        assert made.store.batches[-1].submissions == []
        assert made.claim().id == 5


async def test_a_claim_that_waits_is_answered_after_the_commit() -> None:
    async with bench() as made:
        claimant = Claimant(
            consumer=ConsumerId(1), worker="w", queues=(DEFAULT,), jobs_max=1, token=None
        )
        assert made.broker.claim(claimant, wait_ms=1000, now=NOW) is None
        job_id = made.submit()

        await made.journal.settled()

        [delivery] = made.broker.take_effects()
        assert isinstance(delivery, Delivery)
        assert [claim.job.id for claim in delivery.claims] == [job_id]


async def test_waking_for_nothing_writes_nothing() -> None:
    async with bench() as made:
        made.journal.wake()

        await made.journal.settled()

        assert made.store.batches == []
        assert made.commits == 0


async def test_settled_returns_at_once_when_nothing_is_pending() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()

        await made.journal.settled()

        assert len(made.store.batches) == 1


async def test_settled_waits_for_what_comes_meanwhile() -> None:
    async with bench() as made:
        submission = made.broker.submit(request(), NOW)

        def submit_more(outcome: KeyHolder | StoreError | None) -> None:
            made.submit()

        made.journal.submit(submission, submit_more)

        await made.journal.settled()

        assert len(made.store.batches) == 2


async def test_two_may_wait_until_all_is_settled() -> None:
    async with bench() as made, anyio.create_task_group() as tasks:
        made.submit()

        tasks.start_soon(made.journal.settled)
        tasks.start_soon(made.journal.settled)


async def test_an_idle_store_rests() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()

        made.journal.rest_after(2.0)
        await made.journal.settled()
        rests_at_once = made.store.rests
        made.now = Instant(NOW + 2000)
        made.journal.rest_after(2.0)
        await made.journal.settled()

        assert (rests_at_once, made.store.rests) == (0, 1)


async def test_commits_are_counted_by_their_size() -> None:
    async with bench() as made:
        for _ in range(3):
            made.submit()

        await made.journal.settled()

        assert made.journal.counters.batch_changes.total == 3
        assert sum(made.journal.counters.commit_seconds.counts) == 1


# --- being behind --------------------------------------------------------------------------------


async def test_many_changes_are_a_congestion_until_they_are_written() -> None:
    async with bench(run_changes=1024) as made:
        before = made.journal.is_congested
        for _ in range(8 * 1024 + 1):
            made.submit()
        behind = made.journal.is_congested
        await made.journal.settled()

        assert (before, behind, made.journal.is_congested) == (False, True, False)


async def test_many_bytes_are_a_congestion() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        job = made.claim()
        payload = bytes(1024 * 1024)
        for _ in range(128):
            made.submit(request(payload))
        before = made.journal.is_congested

        made.complete(job)

        assert (before, made.journal.is_congested) == (False, True)


# --- no room -------------------------------------------------------------------------------------


async def test_without_room_submissions_are_refused_for_certain() -> None:
    async with bench(submissions_only) as made:
        job_id = made.submit()

        await made.journal.settled()

        assert made.told == [FULL]
        commit = await MemoryStore.commit(made.store, Batch(records=[job_id]))
        assert commit.records == {}
        assert made.journal.counters.full == 1


async def test_without_room_for_submissions_completions_are_still_written() -> None:
    async with bench() as made:
        job_id = made.submit()
        await made.journal.settled()
        job = made.claim()
        made.told.clear()
        made.store.verdict = submissions_only

        made.complete(job)
        made.submit()
        await made.journal.settled()

        assert made.told == [FULL, (job_id, None)]
        assert made.pauses == 0
        assert await made.state(job_id) is State.COMPLETED


async def test_a_submission_is_accepted_when_there_is_room_again() -> None:
    async with bench(submissions_only) as made:
        made.submit()
        await made.journal.settled()
        made.store.verdict = never

        job_id = made.submit()
        await made.journal.settled()

        assert made.told == [FULL, None]
        assert made.claim().id == job_id


async def test_a_refused_submission_does_not_take_its_key() -> None:
    async with bench(submissions_only) as made:
        made.submit(request(key="k"))
        await made.journal.settled()
        made.store.verdict = never

        made.submit(request(b"another", key="k"))
        await made.journal.settled()

        assert made.told == [FULL, None]


async def test_a_completion_without_room_is_refused_after_which_it_may_be_repeated() -> None:
    async with bench() as made:
        job_id = made.submit()
        await made.journal.settled()
        job = made.claim()
        made.told.clear()
        made.store.verdict = everything
        made.complete(job)
        await _paused(made)
        made.store.verdict = never

        made.complete(job)
        await made.journal.settled()

        assert made.told == [(job_id, FULL), (job_id, None)]
        assert await made.state(job_id) is State.COMPLETED


async def _paused(made: Bench) -> None:
    """Wait until the journal has met a full store and tries no more for a moment."""
    reached, going_on = anyio.Event(), anyio.Event()

    async def pause() -> None:
        reached.set()
        await going_on.wait()

    made.pause = pause
    await reached.wait()
    made.pause = anyio.lowlevel.checkpoint
    going_on.set()


async def test_readers_are_told_that_there_was_no_room() -> None:
    async with bench(everything) as made:
        read: list[object] = []
        made.journal.read_record(JobId(1), read.append)
        made.journal.read_payloads([JobId(1)], read.append)

        await made.journal.settled()

        assert read == [FULL, FULL]
        assert made.pauses == 1


async def test_questions_of_a_window_survive_a_full_store() -> None:
    async with bench(bounds=Bounds(window_jobs_max=4, window_jobs_min=4)) as made:
        for _ in range(6):
            made.submit()
        await made.journal.settled()
        for _ in range(4):
            made.claim()
        made.store.verdict = everything
        made.journal.wake()
        await _paused(made)

        asked_again = made.broker.has_questions
        made.store.verdict = never
        made.journal.wake()
        await made.journal.settled()

        assert asked_again
        assert made.claim().id == 5


# --- the outcome is unknown ----------------------------------------------------------------------


@asynccontextmanager
async def stopping(verdict: Verdict) -> AsyncIterator[tuple[Bench, anyio.Event]]:
    """A journal that is to stop by itself; the event tells that it did."""
    store = FaultyStore(never)
    made = Bench(store, await store.load(), bounds=Bounds(), run_changes=64)
    stopped = anyio.Event()

    async def run() -> None:
        with pytest.raises(StoreFailed):
            await made.journal.run()
        stopped.set()

    async with anyio.create_task_group() as tasks:
        made.submit()
        tasks.start_soon(run)
        await made.journal.settled()
        made.told.clear()
        store.verdict = verdict
        yield made, stopped


async def test_a_failed_commit_stops_the_journal_after_telling_all() -> None:
    async with stopping(broken) as (made, stopped):
        job = made.claim()
        made.complete(job)
        made.journal.read_record(job.id, made.told.append)
        made.journal.read_payloads([job.id], made.told.append)
        made.submit()

        await stopped.wait()

        assert sorted(map(str, made.told)) == sorted(
            map(str, [FAILED, FAILED, FAILED, (job.id, FAILED)])
        )


async def test_a_failed_commit_is_told_to_those_who_came_during_it() -> None:
    async with stopping(broken) as (made, stopped):
        made.store.gate = anyio.Event()
        made.store.entered = anyio.Event()
        made.submit()
        await made.store.entered.wait()
        made.submit()
        made.store.gate.set()

        await stopped.wait()

        assert made.told == [FAILED, FAILED]


async def test_a_failure_after_a_refusal_is_told_to_those_who_were_not_refused() -> None:
    async with stopping(full_then_broken) as (made, stopped):
        job = made.claim()
        submission = made.broker.submit(request(), made.now)
        made.broker.complete(
            job.id, job.attempt, b"", now=made.now, settled=lambda p: made.told.append(("end", p))
        )
        made.journal.submit(submission, made.told.append)
        made.record()

        await stopped.wait()

        assert made.told == [FULL, ("end", FAILED)]


async def test_nothing_is_applied_of_a_commit_that_failed() -> None:
    async with stopping(broken) as (made, stopped):
        job = made.claim()
        made.complete(job)

        await stopped.wait()

        assert made.broker.held_by(ConsumerId(1)) == [job.id]


async def test_a_rest_that_fails_stops_the_journal_after_telling_all() -> None:
    store = TiredStore()
    broker = Broker(await store.load(), Policy())
    now = Instant(NOW + 5000)
    journal = Journal(store, broker, now=lambda: now, seconds=lambda: 0.0, committed=lambda: None)
    told: list[object] = []
    store.resting = lambda: journal.submit(broker.submit(request(), now), told.append)
    journal.rest_after(0.0)

    with pytest.raises(StoreFailed):
        await journal.run()

    assert told == [FAILED]


class TiredStore(MemoryStore):
    """Fails when it should rest; something comes meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.resting: Callable[[], None] = lambda: None

    async def rest(self) -> None:
        self.resting()
        raise FAILED


# --- restarts ------------------------------------------------------------------------------------


async def test_a_cancelled_journal_loses_only_what_nobody_was_told() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        made.store.gate = anyio.Event()
        made.submit()
    told = list(made.told)

    snapshot = await made.store.load()

    assert told == [None]
    assert snapshot.counts == {(QueueName("default"), State.READY): 1}


async def test_a_broker_that_starts_again_reads_its_jobs_by_and_by() -> None:
    store = FaultyStore(never)
    made = Bench(store, await store.load(), bounds=Bounds(), run_changes=64)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.journal.run)
        first = made.submit()
        made.submit(request(delay_ms=500))
        await made.journal.settled()
        tasks.cancel_scope.cancel()
    again = Bench(store, await store.load(), bounds=Bounds(), run_changes=64)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(again.journal.run)
        again.journal.wake()
        await again.journal.settled()
        tasks.cancel_scope.cancel()

    assert again.claim().id == first
    assert again.broker.next_at() == NOW + 100  # When that claim is written.
    again.broker.tick(Instant(NOW + 500))
    assert [change.cause for change in again.broker.take_changes()] == [
        Cause.FALL_DUE,
        Cause.CLAIM,
    ]
