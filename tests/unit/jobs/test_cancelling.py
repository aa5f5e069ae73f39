"""Cancelling: a job that waits will not run, the worker of one that runs is told."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.config.limits import CANCEL_GRACE_MS
from penstock.jobs.effects import Overdue, Stop
from penstock.jobs.errors import AskedToStop, Finished, NoJob
from penstock.jobs.leases import Progress
from penstock.jobs.model import JobId, State
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import StoreFull
from penstock.jobs.waits import ConsumerId
from tests.unit.jobs.desk import Desk, Listener, request, wishing
from tests.unit.jobs.shop import Shop, shop
from tests.unit.jobs.truth import check_memory

GROUPED = wishing(group="g")
Prepare = Callable[[Shop], Coroutine[Any, Any, JobId]]


async def ready(made: Shop) -> JobId:
    return await made.stored()


async def scheduled(made: Shop) -> JobId:
    return await made.stored(request(delay_ms=50))


async def blocked(made: Shop) -> JobId:
    await made.stored(GROUPED)
    return await made.stored(GROUPED)


async def falling_due(made: Shop) -> JobId:
    job_id = await scheduled(made)
    made.tick(50)
    return job_id


@pytest.mark.parametrize("prepare", [ready, scheduled, blocked, falling_due])
async def test_a_job_that_waits_is_cancelled_for_its_reason(prepare: Prepare) -> None:
    async with shop() as made:
        job_id = await prepare(made)

        answers = made.cancel(job_id, "too late")
        await made.settled()

        job = await made.known(job_id)
        assert (job.state, job.reason, answers.told) == (State.CANCELLED, "too late", [None])
        assert made.queue.cancelled_count == 1
        await check_memory(made)


@pytest.mark.parametrize("prepare", [ready, scheduled, blocked, falling_due])
async def test_a_cancel_without_room_leaves_the_job_where_it_was(prepare: Prepare) -> None:
    async with shop() as made:
        job_id = await prepare(made)
        made.store.is_full = True

        answers = made.cancel(job_id)
        await made.turns()
        made.store.is_full = False
        await made.pass_time(100)

        assert [type(told) for told in answers.told] == [StoreFull]
        assert (await made.known(job_id)).state is not State.CANCELLED
        await check_memory(made)


def test_a_job_that_fell_due_before_its_cancel_was_given_up_can_be_claimed() -> None:
    desk = Desk()
    job = desk.submit(request(delay_ms=50))
    desk.pass_time(50)
    [fall] = desk.broker.take_changes()
    desk.broker.revisions.cancel(job, "", now=desk.now, settled=Listener())
    [cancel] = desk.broker.take_changes()

    desk.broker.apply(fall)
    desk.broker.undo(cancel, desk.now)

    assert [claimed.id for claimed in desk.claim()] == [job.id]


def test_a_job_whose_fall_and_cancel_were_given_up_falls_due_once() -> None:
    desk = Desk()
    job = desk.submit(request(delay_ms=50))
    desk.pass_time(50)
    desk.broker.revisions.cancel(job, "", now=desk.now, settled=Listener())

    desk.refuse()
    desk.pass_time(0)

    assert [change.job.id for change in desk.commit()] == [job.id]


async def test_a_job_that_is_cancelled_already_is_so_again() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.cancel(job_id)

        again = made.cancel(job_id)
        await made.settled()

        assert again.told == [None]
        assert made.queue.counters.cancelled == 1


async def test_a_job_that_ended_otherwise_is_not_cancelled() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.complete(made.claim()[0])

        answers = made.cancel(job_id)
        await made.settled()

        assert isinstance(answers.refused, Finished)


async def test_a_job_whose_queue_is_being_purged_is_not_there_to_be_cancelled() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.purge()

        answers = made.cancel(job_id)
        await made.settled()

        assert isinstance(answers.refused, NoJob)


# --- jobs that run -------------------------------------------------------------------------------


async def test_the_worker_of_a_cancelled_job_is_told_once_it_is_on_record() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.claim()

        answers = made.cancel(job_id, "not wanted")
        await made.settled()

        assert answers.told == [None]
        assert made.effects == [Stop(ConsumerId(1), "w", job_id, 1)]
        written = await made.known(job_id)
        assert (written.state, written.reason) == (State.CLAIMED, "not wanted")
        assert written.cancel_asked_at == made.now


async def test_an_attempt_that_was_told_to_stop_reports_nothing_any_more() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.claim()
        made.cancel(job_id)
        await made.settled()

        with pytest.raises(AskedToStop):
            made.broker.extend(job_id, 1, None, now=made.now)
        with pytest.raises(AskedToStop):
            made.broker.progress(job_id, 1, Progress(50, "", made.now))
        with pytest.raises(AskedToStop):
            made.broker.output(job_id, 1, "text")


@pytest.mark.parametrize("end", ["fail", "release", "lose"])
async def test_an_attempt_that_was_told_to_stop_is_the_last(end: str) -> None:
    async with shop() as made:
        job_id = await ready(made)
        [job] = made.claim()
        made.cancel(job_id, "not wanted")
        await made.settled()

        if end == "fail":
            made.fail(job)
        elif end == "release":
            made.release(job)
        else:
            lost = made.broker.lose
            lost(ConsumerId(1), "lost", unstarted=(), now=made.now, jitter=lambda: 0.5)
        await made.settled()

        ended = await made.known(job_id)
        assert (ended.state, ended.reason) == (State.CANCELLED, "not wanted")
        await check_memory(made)


async def test_a_job_that_completes_although_it_is_to_stop_is_completed() -> None:
    async with shop() as made:
        job_id = await ready(made)
        [job] = made.claim()
        made.cancel(job_id)
        await made.settled()

        listener = made.complete(job)
        await made.settled()

        assert listener.told == [None]
        assert (await made.known(job_id)).state is State.COMPLETED


async def test_a_worker_that_does_not_stop_loses_the_job_after_a_moment() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.claim()
        made.cancel(job_id)
        await made.settled()
        made.effects.clear()

        await made.pass_time(CANCEL_GRACE_MS)
        made.broker.expire(job_id, 1, now=made.now, jitter=0.5)
        await made.settled()

        assert made.effects == [Overdue(ConsumerId(1), "w", job_id, 1)]
        assert (await made.known(job_id)).state is State.CANCELLED


async def test_who_cancels_while_an_attempt_ends_hears_of_that_end() -> None:
    async with shop() as made:
        job_id = await ready(made)
        [job] = made.claim()
        made.complete(job)

        answers = made.cancel(job_id)
        await made.settled()

        assert isinstance(answers.refused, Finished)


async def test_a_retry_that_was_on_its_way_is_cancelled() -> None:
    async with shop() as made:
        job_id = await ready(made)
        [job] = made.claim()
        made.fail(job)

        made.cancel(job_id)
        await made.settled()

        assert (await made.known(job_id)).state is State.CANCELLED
        await check_memory(made)


async def test_a_worker_may_cancel_its_own_job() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.fail(made.claim()[0], Failure("Cancel: no such user\ntrace", cancels=True))
        await made.settled()

        job = await made.known(job_id)
        assert (job.state, job.reason) == (State.CANCELLED, "Cancel: no such user")


async def test_a_stop_that_could_not_be_written_is_told_once_and_tried_again() -> None:
    async with shop() as made:
        job_id = await ready(made)
        made.claim()
        made.store.is_full = True
        answers = made.cancel(job_id)
        await made.turns()
        made.store.is_full = False
        await made.settled()

        assert [type(told) for told in answers.told] == [StoreFull]
        assert (await made.known(job_id)).cancel_asked_at is not None
