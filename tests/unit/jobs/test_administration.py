"""What is set for a queue: decided, made durable, in force; and what of it was on record before."""

import anyio
import pytest

from penstock.jobs.bounds import Bounds
from penstock.jobs.errors import Invalid, Overloaded
from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.queue_settings import Order
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import StoreFull
from tests.unit.jobs.desk import DEFAULT, Listener, request, wishing
from tests.unit.jobs.shop import Shop, shop
from tests.unit.jobs.truth import check_memory


async def test_a_setting_is_in_force_once_it_is_durable() -> None:
    async with shop() as made:
        await made.stored()

        listener = made.set(concurrency_max=3)
        before = (made.queue.terms.concurrency_max, list(listener.told))
        await made.settled()

        assert before == (None, [])
        assert (made.queue.terms.concurrency_max, listener.told) == (3, [None])


async def test_a_setting_that_contradicts_another_is_refused() -> None:
    async with shop() as made:
        with pytest.raises(Invalid):
            made.set(burst=3)


async def test_queues_that_are_being_set_count_among_those_that_there_may_be() -> None:
    async with shop(Bounds(queues_max=2)) as made:
        for name in ("a", "b"):
            made.broker.administration.set(QueueName(name), {"rate_count": 1}, {}, Listener())

        with pytest.raises(Overloaded):
            made.broker.administration.set(QueueName("c"), {"rate_count": 1}, {}, Listener())


async def test_two_settings_that_are_decided_together_both_hold() -> None:
    async with shop() as made:
        made.set(concurrency_max=3)
        made.set(attempts_max=7)
        made.pause()
        await made.settled()

        terms = made.queue.terms
        assert (terms.concurrency_max, terms.attempts_max, terms.paused) == (3, 7, True)


async def test_a_setting_that_could_not_be_written_is_not_in_the_next() -> None:
    async with shop() as made:
        await made.stored()
        made.store.is_full = True
        refused = made.set(concurrency_max=3)
        await made.turns()
        made.store.is_full = False
        accepted = made.set(attempts_max=7)
        await made.settled()

        assert [type(told) for told in refused.told] == [StoreFull]
        assert accepted.told == [None]
        assert (made.queue.terms.concurrency_max, made.queue.terms.attempts_max) == (None, 7)


async def test_a_queue_whose_settings_are_taken_back_is_forgotten_when_it_is_deleted() -> None:
    async with shop() as made:
        made.set(concurrency_max=3)
        await made.settled()
        queue = made.queue

        made.broker.administration.delete(queue, Listener())
        await made.settled()

        assert made.broker.queues() == []


async def restarted(made: Shop) -> Shop:
    """Start again with what the store has."""
    return Shop(made.store, await made.store.load(made.now, 1_000), made.bounds)


async def test_a_start_puts_in_force_what_was_set_before() -> None:
    async with shop() as made:
        await made.stored()
        made.set(concurrency_max=3)
        made.pause()
        await made.settled()

        queue = (await restarted(made)).queue

        assert (queue.terms.concurrency_max, queue.terms.paused) == (3, True)
        assert queue.ready_count == 1


async def test_a_start_carries_on_with_a_purge_that_was_on_record() -> None:
    async with shop() as made:
        await made.stored()
        made.purge()
        await made.settled()

        again = await restarted(made)

        assert again.broker.administration.take_unfinished() == [DEFAULT]
        assert again.queue.is_purged(await made.known(JobId(1)))


# --- orders --------------------------------------------------------------------------------------


async def test_a_queue_gives_out_nothing_while_it_is_put_into_another_order() -> None:
    async with shop() as made:
        await made.stored(request(priority=9))
        await made.stored(request(priority=1))
        made.set(ageing_ms=1)
        await made.settled()
        before = made.claim()

        made.reorder()
        await made.settled()

        assert before == []
        ranks = [job.rank for job in made.claim(jobs_max=2)]
        assert ranks == [made.now + 1, made.now + 9]
        await check_memory(made)


async def test_a_new_order_of_a_queue_in_which_nothing_waits_is_in_force_at_once() -> None:
    async with shop() as made:
        made.set(order=Order.FAIR)
        await made.settled()

        await made.stored()

        assert len(made.claim()) == 1


async def test_a_job_that_runs_while_its_queue_is_reordered_comes_back_with_a_new_rank() -> None:
    async with shop() as made:
        await made.stored(request(priority=9))
        [job] = made.claim()
        made.set(ageing_ms=1)
        await made.settled()
        made.release(job)
        made.reorder()
        await made.settled()

        [again] = made.claim()
        assert again.rank == made.now + 9
        await check_memory(made)


async def test_fair_shares_go_on_after_a_start() -> None:
    """A tenant with a backlog does not begin anew, at the front, with every start."""
    async with shop() as made:
        made.set(order=Order.FAIR)
        await made.settled()
        for _ in range(3):
            await made.stored(wishing(tenant="busy"))
        again = await restarted(made)
        batch_ranks = [job.rank for job in await made.store.all_jobs()]

        async with anyio.create_task_group() as tasks:
            await tasks.start(again.journal.run)
            await again.settled()
            late = await again.stored(wishing(tenant="busy"))
            other = await again.stored(wishing(tenant="other"))
            tasks.cancel_scope.cancel()

        assert (await again.known(late)).rank > max(batch_ranks)
        assert (await again.known(other)).rank <= max(batch_ranks)


# --- retries -------------------------------------------------------------------------------------


async def test_a_queue_says_how_its_jobs_are_retried() -> None:
    async with shop() as made:
        made.set(retry_delays_ms=(70,))
        await made.settled()
        job_id = await made.stored()

        made.fail(made.claim()[0])
        await made.settled()

        assert (await made.known(job_id)).due_at == made.now + 70


async def test_a_worker_may_say_when_to_try_again_where_the_submitter_did_not() -> None:
    async with shop() as made:
        job_id = await made.stored()

        made.fail(made.claim()[0], Failure("busy", after_ms=33))
        await made.settled()

        job = await made.known(job_id)
        assert (job.state, job.due_at) == (State.SCHEDULED, made.now + 33)


async def test_a_job_that_is_snoozed_has_not_failed() -> None:
    async with shop() as made:
        job_id = await made.stored()
        made.release(made.claim()[0], delay_ms=20)
        await made.settled()

        job = await made.known(job_id)
        assert (job.state, job.failures, job.releases) == (State.SCHEDULED, 0, 1)
        await made.pass_time(20)
        assert [again.attempt for again in made.claim()] == [2]
        await check_memory(made)
