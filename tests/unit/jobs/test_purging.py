"""Purging: what waits is removed, and none of it is begun from the decision on."""

import pytest

from penstock.jobs.effects import Finish
from penstock.jobs.errors import NoQueue
from penstock.jobs.model import QueueName, State
from penstock.jobs.outcomes import Cancelled
from penstock.jobs.store.port import StoreFull
from penstock.jobs.waits import Waiter
from tests.unit.jobs.desk import Desk, Listener, request, wishing
from tests.unit.jobs.shop import shop
from tests.unit.jobs.truth import check_memory


def test_a_queue_that_is_not_there_is_not_purged() -> None:
    with pytest.raises(NoQueue):
        Desk().broker.purge(QueueName("nowhere"), Listener())


async def test_nothing_that_is_purged_can_be_claimed() -> None:
    async with shop() as made:
        await made.stored()

        made.purge()

        assert made.claim() == []
        await made.settled()
        assert made.claim() == []


async def test_a_purge_removes_all_that_waits_and_tells_who_waits_for_it() -> None:
    async with shop() as made:
        ready = await made.stored()
        await made.stored(request(delay_ms=500))
        await made.stored(wishing(group="g"))
        await made.stored(wishing(group="g"))
        waiter = Waiter(job_id=ready, wait_ms=1_000, token=None)
        made.broker.wait(waiter, made.now)

        count = made.broker.purge(request().queue, Listener())
        await made.settled()
        made.purge_slice()
        await made.settled()

        assert (count, made.queue.waiting_count) == (4, 0)
        assert made.effects == [Finish(waiter, Cancelled("its queue was purged"))]
        assert await made.store.all_jobs() == []
        await check_memory(made)


async def test_what_runs_is_spared_and_may_be_given_back() -> None:
    async with shop() as made:
        job_id = await made.stored()
        [job] = made.claim()
        made.purge()
        made.release(job)
        await made.settled()

        made.purge_slice()
        await made.settled()

        assert [again.id for again in made.claim()] == [job_id]
        await check_memory(made)


async def test_a_purge_goes_slice_by_slice() -> None:
    async with shop() as made:
        for _ in range(5):
            await made.stored()
        made.purge()
        await made.settled()

        made.purge_slice(2)
        await made.settled()
        between = (made.queue.ready_count, made.claim())
        for _ in range(2):
            made.purge_slice(2)
            await made.settled()

        assert between == (3, [])
        assert (made.queue.ready_count, made.queue.settings.purged_until) == (0, 0)
        await check_memory(made)


async def test_a_job_that_comes_after_is_not_purged() -> None:
    async with shop() as made:
        await made.stored()
        made.purge()
        after = await made.stored()

        made.purge_slice()
        await made.settled()

        assert [job.id for job in made.claim(jobs_max=9)] == [after]


async def test_a_job_that_falls_due_while_it_is_purged_is_not_let_in() -> None:
    async with shop() as made:
        await made.stored(request(delay_ms=50))
        made.purge()

        await made.pass_time(50)
        before = made.claim()
        made.purge_slice()
        await made.settled()

        assert before == []
        assert made.queue.waiting_count == 0
        await check_memory(made)


async def test_a_purge_that_could_not_be_written_left_everything_there() -> None:
    async with shop() as made:
        await made.stored()
        await made.stored(request(delay_ms=50))
        made.store.is_full = True
        listener = made.purge()
        made.tick(50)
        await made.turns()
        made.store.is_full = False
        await made.settled()
        await made.pass_time(0)

        assert [type(told) for told in listener.told] == [StoreFull]
        assert len(made.claim(jobs_max=9)) == 2
        await check_memory(made)


async def test_a_purge_that_was_refused_does_not_come_true_with_the_next_setting() -> None:
    async with shop() as made:
        await made.stored()
        made.store.is_full = True
        made.purge()
        await made.turns()
        made.store.is_full = False
        made.set(concurrency_max=3)
        await made.settled()

        assert made.queue.settings.purged_until == 0
        assert len(made.claim()) == 1


async def test_a_slice_waits_until_the_purge_is_on_record() -> None:
    """Jobs that it takes may be on their way to the store."""
    async with shop() as made:
        await made.stored()
        made.submit()

        made.purge()
        early = made.broker.administration.purge_slice(made.queue, 10)
        await made.settled()

        assert early is None
        assert made.broker.administration.purge_slice(made.queue, 10) is not None
        assert made.queue.count(State.READY) == 2
