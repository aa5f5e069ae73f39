"""What is asked of the store through the journal, beside changes: it is answered once."""

from collections.abc import Callable

import anyio
import pytest

from penstock.jobs.model import JobId
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.port import (
    Batch,
    Commit,
    HeadQuestion,
    JobEnd,
    Listing,
    PositionQuestion,
    PurgeSlice,
    StoreError,
    StoreFailed,
    StoreFull,
)
from tests.unit.jobs.desk import DEFAULT, request
from tests.unit.jobs.shop import EVERYTHING, SMALL, MoodyStore, Shop, shop

Ask = Callable[[Journal, Callable[[object], None]], None]

HEAD = HeadQuestion(DEFAULT, None, 10)
ASKS: dict[str, Ask] = {
    "record": lambda journal, told: journal.read_record(JobId(1), told),
    "end": lambda journal, told: journal.read_end(JobId(1), told),
    "payloads": lambda journal, told: journal.read_payloads([JobId(1)], told),
    "list": lambda journal, told: journal.list_jobs(EVERYTHING, told),
    "peek": lambda journal, told: journal.peek(HEAD, told),
    "count": lambda journal, told: journal.count_before(
        PositionQuestion(DEFAULT, (2_000, 0), 10), told
    ),
}
WRITES: dict[str, Ask] = {
    "forget": lambda journal, told: journal.forget([JobId(1)], told),
    "purge": lambda journal, told: journal.purge(PurgeSlice(DEFAULT, JobId(9), 10), told),
}
every_ask = pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


class BrokenStore(MoodyStore):
    """Fails once it is broken, so that nobody knows what was written."""

    is_broken = False

    async def commit(self, batch: Batch) -> Commit:
        if self.is_broken:
            raise StoreFailed("input/output error")
        return await super().commit(batch)


@every_ask
async def test_what_is_asked_is_answered_as_of_all_that_was_asked_before(ask: Ask) -> None:
    async with shop() as made:
        told: list[object] = []
        made.submit(request(b"1"))

        ask(made.journal, told.append)
        await made.settled()

        [answer] = told
        assert answer is not None
        assert not isinstance(answer, StoreError)
        if isinstance(answer, Listing):
            assert [job.id for job in answer.jobs] == [1]
        if isinstance(answer, JobEnd):
            assert answer.job.id == 1


@every_ask
async def test_what_is_asked_is_answered_although_nothing_can_be_written(ask: Ask) -> None:
    async with shop() as made:
        await made.stored()
        told: list[object] = []
        made.store.is_full = True
        _, refused = made.submit()

        ask(made.journal, told.append)
        await made.turns()

        assert [type(why) for why in refused.told] == [StoreFull]
        assert len(told) == 1
        assert not isinstance(told[0], StoreError)


@every_write
async def test_what_cannot_be_written_is_told_once(write: Ask) -> None:
    async with shop() as made:
        await made.stored()
        told: list[object] = []
        made.store.is_full = True

        write(made.journal, told.append)
        await made.turns()
        made.store.is_full = False
        await made.settled()

        assert [type(why) for why in told] == [StoreFull]


@pytest.mark.parametrize("ask", [*ASKS.values(), *WRITES.values()], ids=[*ASKS, *WRITES])
async def test_everybody_is_told_when_nobody_knows_what_was_written(ask: Ask) -> None:
    store = BrokenStore()
    made = Shop(store, await store.load(), SMALL)
    told: list[object] = []
    store.is_broken = True

    ask(made.journal, told.append)
    setting = made.set(concurrency_max=1)
    with pytest.raises(StoreFailed):
        await made.journal.run()

    assert [type(why) for why in (*told, *setting.told)] == [StoreFailed, StoreFailed]


async def test_only_finished_jobs_are_forgotten() -> None:
    async with shop() as made:
        waiting, done = await made.stored(), await made.stored()
        made.cancel(done)
        await made.settled()
        told: list[object] = []

        made.journal.forget([waiting, done, JobId(99)], told.append)
        await made.settled()

        assert told == [3]
        assert [job.id for job in await made.store.all_jobs()] == [waiting]
        assert (made.queue.ready_count, made.queue.cancelled_count) == (1, 0)


async def test_a_job_and_the_change_that_frees_its_key_are_never_divided() -> None:
    """However full the run is that they come into."""
    async with shop() as made:
        holder = await made.stored(request(key="k"))
        made.store.gate = anyio.Event()
        submission = made.broker.submit(request(b"2", key="k"), made.now)
        freeing = made.broker.revisions.replace(await made.known(holder), now=made.now)
        assert freeing is not None
        for _ in range(made.journal._run_changes):
            made.journal.submit(made.broker.submit(request(), made.now), lambda told: None)
            if made.journal._runs[-1].changes_count == made.journal._run_changes - 1:
                break
        told: list[object] = []

        made.journal.submit_in_place(submission, freeing, told.append)
        made.store.gate.set()
        await made.settled()

        assert told == [None]


async def test_a_removal_waits_for_those_that_are_being_changed() -> None:
    async with shop() as made:
        job_id = await made.stored()
        made.cancel(job_id)
        await made.settled()
        made.redrive(job_id)
        await made.settled()

        made.remove_finished()
        await made.settled()

        assert len(made.claim()) == 1
