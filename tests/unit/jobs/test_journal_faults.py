"""The journal over a store without room, or one whose outcome is unknown."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.model import Instant, JobId, State
from penstock.jobs.policy import Policy
from penstock.jobs.store.event_batches import EventBatches
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import (
    Batch,
    JobRecord,
    StoreError,
    StoreFailed,
)
from penstock.jobs.waits import ConsumerId
from tests.unit.jobs.bench import (
    FAILED,
    FULL,
    Bench,
    FaultyStore,
    Verdict,
    bench,
    broken,
    everything,
    full_then_broken,
    full_then_unreadable,
    never,
    submissions_only,
    writes_only,
)
from tests.unit.jobs.desk import NOW, request

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
        await paused(made)
        made.store.verdict = never

        made.complete(job)
        await made.journal.settled()

        assert made.told == [(job_id, FULL), (job_id, None)]
        assert await made.state(job_id) is State.COMPLETED


async def paused(made: Bench) -> None:
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


async def test_reading_goes_on_when_there_is_no_room_for_changes() -> None:
    async with bench() as made:
        job_id = made.submit()
        await made.journal.settled()
        job = made.claim()
        made.told.clear()
        made.store.verdict = writes_only
        read: list[JobRecord | StoreError | None] = []

        made.complete(job)
        made.journal.read_record(job_id, read.append)
        await paused(made)

        [record] = read
        assert isinstance(record, JobRecord)
        assert record.job.state is State.READY
        assert made.told == [(job_id, FULL)]


async def test_questions_of_a_window_survive_a_full_store() -> None:
    async with bench(bounds=Bounds(window_jobs_max=4, window_jobs_min=4)) as made:
        for _ in range(6):
            made.submit()
        await made.journal.settled()
        for _ in range(4):
            made.claim()
        made.store.verdict = everything
        made.journal.wake()
        await paused(made)

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


async def test_a_failure_to_read_after_changes_were_given_up_is_told_to_the_readers() -> None:
    async with stopping(full_then_unreadable) as (made, stopped):
        job = made.claim()
        made.complete(job)
        made.journal.read_record(job.id, made.told.append)

        await stopped.wait()

        assert made.told == [(job.id, FULL), FAILED]


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
    journal = Journal(
        store, EventBatches(broker), now=lambda: now, seconds=lambda: 0.0, committed=lambda: None
    )
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
