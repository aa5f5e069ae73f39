"""What is done to jobs that nobody runs: redriven, discarded, lifted, replaced."""

import pytest

from penstock.jobs.effects import Stop
from penstock.jobs.errors import NoJob
from penstock.jobs.model import JobId, State
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import StoreFull
from tests.unit.jobs.desk import Desk, Listener, request, wishing
from tests.unit.jobs.shop import Shop, shop
from tests.unit.jobs.truth import check_memory


async def dead(made: Shop, group: str | None = None) -> JobId:
    job_id = await made.stored(wishing(group=group))
    made.fail(made.claim()[0], Failure("ValueError: boom", final=True))
    await made.settled()
    return job_id


# --- redrive -------------------------------------------------------------------------------------


async def test_a_redriven_job_runs_again_with_all_its_attempts() -> None:
    async with shop() as made:
        job_id = await dead(made)

        answers = made.redrive(job_id)
        await made.settled()

        [job] = made.claim()
        assert (job.id, job.attempt, job.failures) == (job_id, 2, 0)
        assert answers.told == [None]
        assert (made.queue.dead_count, made.queue.counters.redriven) == (0, 1)
        await check_memory(made)


async def test_a_cancelled_job_is_redriven() -> None:
    async with shop() as made:
        job_id = await made.stored()
        made.cancel(job_id)
        await made.settled()

        made.redrive(job_id)
        await made.settled()

        job = await made.known(job_id)
        assert (job.state, job.reason, job.remove_at) == (State.READY, None, None)


async def test_a_redriven_job_of_a_group_waits_for_its_turn() -> None:
    async with shop() as made:
        job_id = await dead(made, "g")
        await made.stored(wishing(group="g"))
        [running] = made.claim()

        made.redrive(job_id)
        await made.settled()
        before = (await made.known(job_id)).state
        made.complete(running)
        await made.settled()

        assert before is State.BLOCKED
        assert [job.id for job in made.claim()] == [job_id]
        await check_memory(made)


async def test_a_redriven_job_whose_group_is_idle_is_ready_at_once() -> None:
    async with shop() as made:
        job_id = await dead(made, "g")

        made.redrive(job_id)
        await made.settled()

        assert [job.id for job in made.claim()] == [job_id]
        await check_memory(made)


async def test_a_redrive_without_room_leaves_the_dead_letter() -> None:
    async with shop() as made:
        job_id = await dead(made)
        made.store.is_full = True

        answers = made.redrive(job_id)
        await made.turns()
        made.store.is_full = False
        await made.settled()

        assert [type(told) for told in answers.told] == [StoreFull]
        assert (await made.known(job_id)).state is State.DEAD
        await check_memory(made)


async def test_a_purge_that_is_under_way_does_not_take_what_is_redriven() -> None:
    async with shop() as made:
        job_id = await dead(made)
        made.purge()

        made.redrive(job_id)
        await made.turns()
        before = (await made.known(job_id)).state
        made.purge_slice()
        await made.settled()

        assert before is State.DEAD
        assert (await made.known(job_id)).state is State.READY
        await check_memory(made)


async def test_a_job_that_is_being_removed_is_not_redriven() -> None:
    async with shop() as made:
        job_id = await dead(made)
        made.now = (await made.known(job_id)).remove_at or made.now
        made.broker.revisions.removed_until = made.now

        answers = made.redrive(job_id)
        await made.settled()

        assert isinstance(answers.refused, NoJob)


# --- discard -------------------------------------------------------------------------------------


async def test_a_discarded_job_is_gone() -> None:
    async with shop() as made:
        job_id = await dead(made)

        answers = made.discard(job_id)
        await made.settled()

        assert answers.told == [1]
        assert await made.job(job_id) is None
        assert made.queue.dead_count == 0


def test_a_job_that_is_being_discarded_is_not_redriven() -> None:
    desk = Desk()
    desk.fail(desk.claimed(), final=True)
    [change] = desk.commit()
    revisions = desk.broker.revisions
    assert revisions.discard(change.job)

    with pytest.raises(NoJob):
        revisions.redrive(change.job, now=desk.now, settled=Listener())
    revisions.forgotten([change.job.id])

    assert revisions.redrive(change.job, now=desk.now, settled=Listener())
    assert not revisions.discard(change.job)


# --- lift ----------------------------------------------------------------------------------------


def test_a_job_that_somebody_more_urgent_waits_for_goes_first() -> None:
    desk = Desk()
    first, second = desk.submit(request(priority=5)), desk.submit(request(priority=9))

    desk.broker.revisions.lift(second, 1)
    [change] = desk.commit()

    assert (change.job.priority, change.rewrites) == (1, True)
    assert [job.id for job in desk.claim(jobs_max=2)] == [second.id, first.id]


def test_a_job_is_not_put_behind_by_whoever_joins() -> None:
    desk = Desk()
    job = desk.submit(request(priority=5))

    desk.broker.revisions.lift(job, 5)
    desk.broker.revisions.lift(job, 9)

    assert desk.commit() == []


def test_a_job_that_is_lifted_is_claimed_when_that_is_durable_and_not_before() -> None:
    desk = Desk()
    job = desk.submit(request(priority=5))
    desk.broker.revisions.lift(job, 1)

    before = desk.claim()
    desk.refuse()

    assert before == []
    assert [(again.id, again.priority) for again in desk.claim()] == [(job.id, 5)]


# --- replace -------------------------------------------------------------------------------------

KEYED = wishing(request(b"new", key="k"), replaces=True)


async def test_a_job_that_waits_is_cancelled_by_the_one_that_replaces_it() -> None:
    async with shop() as made:
        holder = await made.stored(request(key="k"))

        answers = made.replace(KEYED)
        await made.settled()

        [stored] = answers.told
        assert (await made.known(holder)).state is State.CANCELLED
        assert [job.id for job in made.claim(jobs_max=9)] == [stored]
        await check_memory(made)


async def test_a_job_that_runs_goes_on_without_its_key() -> None:
    async with shop() as made:
        holder = await made.stored(request(key="k"))
        [running] = made.claim()

        answers = made.replace(KEYED)
        await made.settled()
        listener = made.complete(running)
        await made.settled()

        assert len(answers.told) == 1
        assert listener.told == [None]
        assert not any(isinstance(effect, Stop) for effect in made.effects)
        written = await made.known(holder)
        assert (written.state, written.key) == (State.COMPLETED, None)


async def test_two_that_replace_a_job_that_runs_come_one_after_the_other() -> None:
    async with shop() as made:
        await made.stored(request(key="k"))
        made.claim()

        first, second = made.replace(KEYED), made.replace(KEYED)
        await made.settled()

        [older], [newer] = first.told, second.told
        assert isinstance(older, int)
        assert isinstance(newer, int)
        assert (await made.known(JobId(older))).state is State.CANCELLED
        assert (await made.known(JobId(newer))).key == "k"


async def test_a_finished_job_keeps_its_result_and_loses_its_key() -> None:
    async with shop() as made:
        holder = await made.stored(request(key="k"))
        made.complete(made.claim()[0])
        await made.settled()

        made.replace(KEYED)
        await made.settled()

        written = await made.known(holder)
        assert (written.state, written.key) == (State.COMPLETED, None)
        assert made.queue.ready_count == 1
        await check_memory(made)


@pytest.mark.parametrize("state", ["ready", "claimed", "finished"])
async def test_without_room_for_the_new_job_the_old_one_keeps_its_key(state: str) -> None:
    async with shop() as made:
        holder = await made.stored(request(key="k"))
        if state != "ready":
            [running] = made.claim()
        if state == "finished":
            made.complete(running)
            await made.settled()
        answers = made.replace(KEYED)
        made.store.is_full = True
        await made.turns()
        made.store.is_full = False
        await made.settled()

        assert [type(told) for told in answers.told] == [StoreFull]
        written = await made.known(holder)
        assert (written.key, written.state is State.CANCELLED) == ("k", False)
        await check_memory(made)


def test_a_job_that_keeps_its_key_while_it_falls_due_falls_due_once() -> None:
    """What was to be written with a refused submission is given up before all else."""
    desk = Desk()
    job = desk.submit(request(delay_ms=50, key="k"))
    desk.pass_time(50)
    [fall] = desk.broker.take_changes()
    freeing = desk.broker.revisions.replace(job, now=desk.now)
    assert freeing is not None

    desk.broker.undo(freeing, desk.now)
    desk.broker.undo(fall, desk.now)
    desk.pass_time(0)

    assert [change.job.id for change in desk.commit()] == [job.id]
    assert [claimed.id for claimed in desk.claim(jobs_max=9)] == [job.id]
