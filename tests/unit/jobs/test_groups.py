"""Ordering groups: one job at a time, in the order of submission."""

from penstock.jobs.model import JobId, State
from penstock.jobs.queue_settings import Order
from tests.unit.jobs.desk import request, wishing
from tests.unit.jobs.shop import Shop, shop
from tests.unit.jobs.truth import check_memory

GROUPED = wishing(group="g")


async def two(made: Shop) -> tuple[JobId, JobId]:
    return await made.stored(GROUPED), await made.stored(GROUPED)


async def test_the_second_job_of_a_group_is_blocked() -> None:
    async with shop() as made:
        first, _ = await two(made)

        assert [job.id for job in made.claim(jobs_max=9)] == [first]
        assert (made.queue.blocked_count, made.queue.waiting_count) == (1, 1)


async def test_jobs_of_other_groups_go_on() -> None:
    async with shop() as made:
        await two(made)
        other = await made.stored(wishing(group="h"))

        assert other in [job.id for job in made.claim(jobs_max=9)]


async def test_a_job_is_promoted_when_the_one_before_it_ends() -> None:
    async with shop() as made:
        _, second = await two(made)
        made.complete(made.claim()[0])

        await made.settled()

        assert [job.id for job in made.claim()] == [second]
        await check_memory(made)


async def test_a_retry_keeps_its_place_in_the_group() -> None:
    async with shop() as made:
        await two(made)
        made.fail(made.claim()[0])

        await made.settled()

        assert made.claim() == []
        assert (made.queue.blocked_count, made.queue.scheduled_count) == (1, 1)


async def test_a_promoted_job_that_is_not_due_waits_on() -> None:
    async with shop() as made:
        await made.stored(GROUPED)
        second = await made.stored(wishing(request(delay_ms=500), group="g"))
        made.complete(made.claim()[0])

        await made.settled()
        before = made.claim()
        await made.pass_time(500)

        assert before == []
        assert [job.id for job in made.claim()] == [second]


async def test_a_promoted_job_wakes_a_claim_that_waits() -> None:
    async with shop() as made:
        _, second = await two(made)
        [first] = made.claim()
        made.park()

        made.complete(first)
        await made.settled()

        assert [job.id for job in made.delivered] == [second]


async def test_a_job_that_is_promoted_while_it_is_cancelled_does_not_run() -> None:
    async with shop() as made:
        _, second = await two(made)
        [first] = made.claim()

        made.cancel(second)
        made.complete(first)
        await made.settled()

        assert made.claim() == []
        assert (await made.known(second)).state is State.CANCELLED
        await check_memory(made)


async def test_a_cancelled_first_job_lets_the_second_go_on() -> None:
    async with shop() as made:
        first, second = await two(made)

        made.cancel(first)
        await made.settled()

        assert [job.id for job in made.claim()] == [second]
        await check_memory(made)


async def test_a_promoted_job_takes_a_rank_of_the_order_in_force() -> None:
    async with shop() as made:
        await two(made)
        [first] = made.claim()
        made.set(order=Order.FAIR)
        await made.settled()
        made.reorder()
        await made.settled()

        made.complete(first)
        await made.settled()

        [second] = made.claim()
        assert second.rank < second.priority
        await check_memory(made)
