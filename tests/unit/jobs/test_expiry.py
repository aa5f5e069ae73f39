"""Deadlines: a job that was not begun in time never is."""

from penstock.jobs.model import Instant, State
from penstock.jobs.retry import Failure
from tests.unit.jobs.desk import Desk, request, wishing
from tests.unit.jobs.shop import shop
from tests.unit.jobs.truth import check_memory

URGENT = wishing(deadline_ms=100)


async def test_a_claim_passes_over_a_job_whose_deadline_passed() -> None:
    async with shop() as made:
        late, other = await made.stored(URGENT), await made.stored()
        made.tick(100)

        claimed = made.claim(jobs_max=2)
        await made.settled()

        assert [job.id for job in claimed] == [other]
        assert (await made.known(late)).state is State.EXPIRED
        assert (made.queue.expired_count, made.queue.counters.outdated) == (1, 1)
        await check_memory(made)


async def test_a_claim_that_waits_is_not_given_a_job_whose_deadline_passed() -> None:
    async with shop() as made:
        made.pause(True)
        await made.settled()
        await made.stored(URGENT)
        made.park()
        made.tick(100)

        made.pause(False)
        await made.settled()

        assert made.delivered == []
        assert made.queue.expired_count == 1


async def test_a_job_that_was_begun_once_is_tried_again_after_its_deadline() -> None:
    async with shop() as made:
        await made.stored(URGENT)
        made.fail(made.claim()[0], Failure("no", after_ms=200))
        await made.settled()

        await made.pass_time(200)

        assert [job.attempt for job in made.claim()] == [2]


async def test_jobs_that_nobody_claims_expire_too() -> None:
    async with shop() as made:
        waiting = await made.stored(URGENT)
        scheduled = await made.stored(wishing(request(delay_ms=50), deadline_ms=100))
        first = await made.stored(wishing(group="g"))
        blocked = await made.stored(wishing(group="g", deadline_ms=100))
        made.now = Instant(made.now + 100)

        made.look_for_expired()
        await made.settled()

        states = [(await made.known(n)).state for n in (waiting, scheduled, first, blocked)]
        assert states == [State.EXPIRED, State.EXPIRED, State.READY, State.EXPIRED]
        await check_memory(made)


async def test_an_expired_job_lets_its_group_go_on() -> None:
    async with shop() as made:
        await made.stored(wishing(group="g", deadline_ms=100))
        after = await made.stored(wishing(group="g"))
        made.now = Instant(made.now + 100)

        made.look_for_expired()
        await made.settled()

        assert [job.id for job in made.claim()] == [after]


async def test_the_store_is_asked_when_the_next_deadline_passes_and_not_before() -> None:
    async with shop() as made:
        made.look_for_expired()
        await made.settled()
        nothing = made.broker.expires_before(made.now)
        await made.stored(URGENT)
        early = made.broker.expires_before(Instant(made.now + 99))

        assert (nothing, early) == (False, False)
        assert made.broker.expires_before(Instant(made.now + 100))


def test_a_new_deadline_does_not_hide_those_from_before_the_start() -> None:
    desk = Desk()

    desk.submit(wishing(deadline_ms=1_000_000))

    assert desk.broker.expires_before(desk.now)


async def test_an_end_that_could_not_be_written_is_looked_for_again() -> None:
    async with shop() as made:
        job_id = await made.stored(URGENT)
        made.now = Instant(made.now + 100)
        made.store.is_full = True
        made.look_for_expired()
        await made.turns()
        made.store.is_full = False
        await made.settled()

        again = made.broker.expires_before(made.now)
        made.look_for_expired()
        await made.settled()

        assert again
        assert (await made.known(job_id)).state is State.EXPIRED
