"""Queues that hold no more than so much: submissions are refused, wait, or have others go."""

import pytest

from penstock.jobs.bounds import Bounds
from penstock.jobs.errors import Draining, Overloaded, QueueFull, Refused
from penstock.jobs.model import JobId, State
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.queue_settings import WhenFull
from tests.unit.jobs.desk import request, wishing
from tests.unit.jobs.shop import Shop, shop
from tests.unit.jobs.truth import check_memory


class Parking:
    """A submission that waits for room, as the server has them."""

    def __init__(self, made: Shop, asked: SubmitRequest) -> None:
        self.made = made
        self.asked = asked
        self.stored: list[JobId] = []
        self.refused: list[Refused] = []

    def begin(self) -> bool:
        """Say whether it waits."""
        try:
            self.made.broker.submit(self.asked, self.made.now)
        except QueueFull:
            return self.made.broker.rooms.park(self.asked, self)
        raise AssertionError("there was room")

    def __call__(self) -> None:
        if self.made.broker.rooms.parked.unpark(self):
            try:
                submission = self.made.broker.submit(self.asked, self.made.now, waited=True)
            except Refused as why:
                self.refused.append(why)
                return
            self.stored.append(submission.job.id)
            self.made.journal.submit(submission, lambda told: None)


async def full(made: Shop, when: WhenFull, length: int = 2, **more: object) -> None:
    made.set(length_max=length, when_full=when, reserve_percent=0, **more)
    await made.settled()
    for _ in range(length):
        await made.stored()


# --- refuse --------------------------------------------------------------------------------------


async def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    async with shop() as made:
        await full(made, WhenFull.REFUSE)

        with pytest.raises(QueueFull, match="2 jobs wait and length_max is 2; try again in about"):
            made.submit()

        assert made.queue.counters.refused == 1


async def test_submissions_on_their_way_take_room() -> None:
    async with shop() as made:
        made.set(length_max=2, reserve_percent=0)
        await made.settled()
        made.submit()
        made.submit()

        with pytest.raises(QueueFull):
            made.submit()


async def test_a_claim_makes_room() -> None:
    async with shop() as made:
        await full(made, WhenFull.REFUSE)

        made.claim()

        made.submit()


async def test_bytes_are_limited_too() -> None:
    async with shop() as made:
        made.set(bytes_max=10, reserve_percent=0)
        await made.settled()
        await made.stored(request(b"x" * 8))

        with pytest.raises(QueueFull, match="bytes_max, 10"):
            made.submit(request(b"x" * 3))
        made.submit(request(b"x" * 2))


async def test_the_bytes_of_what_waits_are_counted_when_a_limit_asks_for_them() -> None:
    async with shop() as made:
        await made.stored(request(b"x" * 8))
        await made.stored(request(b"x" * 5))
        [job] = made.claim()
        made.set(bytes_max=10, reserve_percent=0)
        made.complete(job)
        await made.settled()

        assert made.queue.waiting_bytes == 5
        await check_memory(made)


async def test_head_room_is_for_calls_and_for_what_is_urgent() -> None:
    async with shop() as made:
        made.set(length_max=2, reserve_percent=50)
        await made.settled()
        await made.stored()

        with pytest.raises(QueueFull, match="50% of which is for urgent jobs"):
            made.submit()
        made.submit(wishing(is_call=True))


# --- wait ----------------------------------------------------------------------------------------


async def test_who_waits_for_room_is_let_in_in_the_order_they_came() -> None:
    async with shop() as made:
        await full(made, WhenFull.WAIT)
        first, second = Parking(made, request()), Parking(made, request())
        waits = (first.begin(), second.begin())

        made.claim()
        await made.settled()

        assert waits == (True, True)
        assert (len(first.stored), len(second.stored)) == (1, 0)


async def test_nobody_passes_by_those_who_wait() -> None:
    async with shop() as made:
        await full(made, WhenFull.WAIT)
        large = Parking(made, request(b"x" * 100))
        large.begin()
        made.set(bytes_max=50, length_max=9)
        await made.settled()

        with pytest.raises(QueueFull):
            made.submit()

        assert large.stored == []
        assert made.queue.counters.refused == 0


async def test_an_urgent_submission_waits_before_the_others() -> None:
    async with shop() as made:
        await full(made, WhenFull.WAIT)
        bulk, call = Parking(made, request()), Parking(made, wishing(is_call=True))
        bulk.begin()
        call.begin()

        made.claim()
        await made.settled()

        assert (len(bulk.stored), len(call.stored)) == (0, 1)


async def test_more_than_may_wait_are_refused() -> None:
    async with shop(Bounds(parked_submissions_max=1)) as made:
        await full(made, WhenFull.WAIT)
        Parking(made, request()).begin()

        with pytest.raises(Overloaded, match="submissions that wait for room"):
            Parking(made, request()).begin()


async def test_a_limit_that_is_taken_back_lets_everybody_in() -> None:
    async with shop() as made:
        await full(made, WhenFull.WAIT)
        waiting = [Parking(made, request()) for _ in range(5)]
        assert all(each.begin() for each in waiting)

        made.set(length_max=None, when_full=None, reserve_percent=None)
        await made.settled()

        assert [len(each.stored) for each in waiting] == [1] * 5
        await check_memory(made)


async def test_who_waits_for_room_is_told_when_the_server_drains() -> None:
    async with shop() as made:
        await full(made, WhenFull.WAIT)
        waiting = Parking(made, request())
        waiting.begin()

        made.broker.drain()
        made.pump()

        assert [type(why) for why in waiting.refused] == [Draining]


# --- drop ----------------------------------------------------------------------------------------


async def test_the_least_urgent_job_goes_from_a_full_queue() -> None:
    async with shop() as made:
        await full(made, WhenFull.DROP)
        urgent = await made.stored(request(priority=1))
        await made.settled()

        jobs = {job.id: job.state for job in await made.store.all_jobs()}
        assert jobs == {1: State.READY, 2: State.CANCELLED, urgent: State.READY}
        assert made.queue.counters.dropped == 1
        await check_memory(made)


async def test_no_more_are_dropped_than_are_too_many() -> None:
    async with shop() as made:
        await full(made, WhenFull.DROP, 3)

        for _ in range(20):
            made.submit()
        await made.settled()

        assert (made.queue.waiting_count, made.queue.counters.dropped) == (3, 20)
        await check_memory(made)


@pytest.mark.parametrize("later", [request(delay_ms=9_000), wishing(group="g")])
async def test_what_cannot_be_dropped_is_refused_where_nothing_else_can(
    later: SubmitRequest,
) -> None:
    async with shop() as made:
        made.set(length_max=2, when_full=WhenFull.DROP)
        await made.settled()
        for _ in range(2):
            await made.stored(request(delay_ms=60_000))

        with pytest.raises(QueueFull, match="2 jobs wait and length_max is 2"):
            made.submit(later)

        assert made.queue.counters.refused == 1
        assert (await made.stored(request())) is not None


async def test_jobs_are_dropped_until_their_bytes_fit() -> None:
    async with shop() as made:
        made.set(bytes_max=10, when_full=WhenFull.DROP, reserve_percent=0)
        await made.settled()
        for _ in range(4):
            await made.stored(request(b"x" * 4))
        await made.settled()

        assert (made.queue.waiting_count, made.queue.waiting_bytes) == (2, 8)
        await check_memory(made)
