"""What is decided about events is as durable as its batch, and tried again where that was not."""

import anyio

from penstock.config.limits import CRON_RETRY_MS, TRIGGER_RETRY_MS
from penstock.jobs.cron.schedules import set_schedule
from penstock.jobs.events.errors import GroupExists
from penstock.jobs.events.firing import set_trigger
from penstock.jobs.events.model import EventId, GroupName, StreamName
from penstock.jobs.events.triggers import Trigger
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant, TaskName
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch, Commit, StoreFull
from tests.unit.jobs.cron.plans import MINUTE, a_schedule
from tests.unit.jobs.shop import MoodyStore, shop

ORDERS = StreamName("orders")
GROUP = GroupName("g")
SHIP = Trigger("ship", ORDERS, TaskName("work"))


def add(turn: Turn) -> EventId | None:
    return turn.append(ORDERS, (b"a", b"1"))


async def test_a_refusal_waits_for_the_commit_of_what_it_is_for() -> None:
    store = MoodyStore()
    async with shop(store=store) as made:
        made.ask(add, appends=True)
        await made.settled()
        store.gate = anyio.Event()

        first = made.ask(lambda turn: turn.create_group(ORDERS, GROUP, (0, 0)))
        second = made.ask(lambda turn: turn.create_group(ORDERS, GROUP, (0, 0)))
        await made.turns()
        assert (first.told, second.refused) == ([], None)

        store.gate.set()
        await made.settled()
        assert first.told == [None]
        assert isinstance(second.refused, GroupExists)


async def test_a_group_that_found_no_room_is_no_reason_to_refuse_another() -> None:
    store = MoodyStore()
    async with shop(store=store) as made:
        made.ask(add, appends=True)
        await made.settled()
        store.is_full = True
        both = [
            made.ask(lambda turn: turn.create_group(ORDERS, GROUP, (0, 0))),
            made.ask(lambda turn: turn.create_group(ORDERS, GROUP, (0, 0))),
        ]
        await made.turns()

        assert all(isinstance(each.told[0], StoreFull) for each in both)


class _NoRoomForJobs(MoodyStore):
    """Writes all but new jobs while it is full."""

    async def commit(self, batch: Batch) -> Commit:
        if self.is_full and batch.submissions:
            raise StoreFull("no room")
        return await MemoryStore.commit(self, batch)


async def test_triggers_on_a_full_disk_try_again_after_a_while() -> None:
    store = _NoRoomForJobs()
    async with shop(store=store) as made:
        events = made.journal.events
        made.ask(add, appends=True)
        await made.settled()
        store.is_full = True
        made.ask(lambda turn: set_trigger(turn, events.triggers, SHIP, (0, 0)))
        await made.settled()

        assert made.journal.counters.full == 2
        assert events.triggers.watch("ship").tally.waiting_for == "no room"

        store.is_full = False
        made.now = Instant(made.now + TRIGGER_RETRY_MS)
        events.tick(made.now)
        await made.settled()

        assert events.triggers.watch("ship").tally.fired == 1
        assert events.triggers.watch("ship").tally.waiting_since is None


async def test_schedules_on_a_full_disk_try_again_after_a_while() -> None:
    store = _NoRoomForJobs()
    async with shop(store=store) as made:
        events = made.journal.events
        made.ask(lambda turn: set_schedule(turn, events.schedules, a_schedule(), made.now))
        await made.settled()
        store.is_full = True
        made.now = Instant(made.now + MINUTE)
        events.tick(made.now)
        await made.settled()

        assert made.journal.counters.full == 1
        assert events.schedules.next_at() == made.now + CRON_RETRY_MS

        store.is_full = False
        made.now = Instant(made.now + CRON_RETRY_MS)
        events.tick(made.now)
        await made.settled()

        assert events.schedules.plan("tick").progress.runs_count == 1
