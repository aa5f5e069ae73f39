"""The events' part of a batch, where a disk is full or a request is not foreseen."""

from penstock.jobs.events.errors import Mistake
from penstock.jobs.events.model import EventId, GroupName, StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.store.port import StoreFull
from tests.unit.jobs.shop import MoodyStore, Shop, shop

ORDERS = StreamName("orders")
GROUP = GroupName("g")


def add(turn: Turn) -> EventId | None:
    return turn.append(ORDERS, (b"a", b"1"))


def mistake(turn: Turn) -> None:
    """Change something, and fail."""
    turn.append(ORDERS, (b"b", b"2"))
    raise KeyError("nobody foresaw this")


async def length(made: Shop) -> int:
    answers = made.ask(lambda turn: turn.length(ORDERS))
    await made.settled()
    (told,) = answers.told
    assert isinstance(told, int)
    return told


async def test_requests_are_decided_in_their_order_with_one_commit() -> None:
    async with shop() as made:
        answers = [made.ask(add, appends=True) for _ in range(3)]
        await made.settled()

        first, second, third = (each.told[0] for each in answers)

        assert [first, second, third] == [(made.now, 0), (made.now, 1), (made.now, 2)]
        assert made.journal.counters.full == 0


async def test_a_request_that_nobody_foresaw_is_refused_and_leaves_no_trace() -> None:
    async with shop() as made:
        before = made.ask(add, appends=True)
        broken = made.ask(mistake, appends=True)
        after = made.ask(add, appends=True)
        await made.settled()

        assert isinstance(broken.refused, Mistake)
        assert (before.told, after.told) == ([(made.now, 0)], [(made.now, 1)])
        assert await length(made) == 2
        assert [type(each) for each in made.journal.events.mistakes] == [KeyError]


async def test_a_full_disk_refuses_events_and_lets_the_rest_go_on() -> None:
    store = MoodyStore()
    async with shop(store=store) as made:
        made.ask(add, appends=True)
        made.ask(lambda turn: turn.create_group(ORDERS, GROUP, (0, 0)))
        await made.settled()
        store.is_full = True
        refused = made.ask(add, appends=True)
        asked = made.ask(lambda turn: turn.length(ORDERS))
        await made.turns()

        assert isinstance(refused.told[0], StoreFull)
        assert asked.told == [1]
        store.is_full = False

        later = made.ask(add, appends=True)
        await made.settled()

        assert later.told == [(made.now, 1)]
        assert [event["a"] for event in await made.events("orders")] == ["1", "1"]


async def test_an_offset_is_not_lost_with_an_event_that_was_refused() -> None:
    store = MoodyStore()
    async with shop(store=store) as made:
        made.ask(add, appends=True)
        await made.settled()
        store.is_full = True
        made.ask(add, appends=True)
        await made.turns()
        store.is_full = False
        made.ask(add, appends=True)
        await made.settled()

        assert made.journal.events.log.streams[ORDERS].added_count == 2
