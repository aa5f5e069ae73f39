"""The events' part of a batch, where a disk is full or a request is not foreseen."""

import anyio

from penstock.jobs.cron.expression import Expression
from penstock.jobs.cron.schedule import Overlap, Schedule
from penstock.jobs.cron.schedules import set_schedule
from penstock.jobs.cron.zones import zone_named
from penstock.jobs.events.errors import Mistake
from penstock.jobs.events.model import EventId, GroupName, StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import TaskName
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


async def test_a_run_is_skipped_beside_the_last_one_though_its_schedule_was_set_anew() -> None:
    """What the store said of the last run before that is of no use any more."""
    store = MoodyStore()
    async with shop(store=store) as made:
        set_every_second(made)
        await made.settled()
        await pass_time(made, 1_000)
        store.gate = anyio.Event()
        tick(made, 1_000)
        await made.turns()
        set_every_second(made)
        store.gate.set()
        await made.settled()

        await pass_time(made, 1_000)

        assert [job.id for job in await store.all_jobs()] == [1]


def set_every_second(made: Shop) -> None:
    schedule = Schedule(
        "s", Expression("* * * * * *"), zone_named("UTC"), TaskName("t"), b"", overlap=Overlap.SKIP
    )
    made.ask(lambda turn: set_schedule(turn, made.journal.events.schedules, schedule, turn.now))


def tick(made: Shop, ms: int) -> None:
    made.tick(ms)
    made.journal.events.tick(made.now)


async def pass_time(made: Shop, ms: int) -> None:
    tick(made, ms)
    await made.settled()
