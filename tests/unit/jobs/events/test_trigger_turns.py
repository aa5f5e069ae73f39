"""Triggers and the event log together: in one turn, behind, undone, and after a restart."""

from penstock.config.limits import TRIGGER_EVENTS_MAX
from penstock.jobs.errors import Invalid, QueueFull
from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.firing import Cursor, delete_trigger, fire_all, set_trigger
from penstock.jobs.events.ids import AUTO, Last
from penstock.jobs.events.model import ID_MIN, EventId, StreamName
from penstock.jobs.events.triggers import Trigger, group_of
from penstock.jobs.events.turn import Turn
from penstock.jobs.events.watches import Triggers
from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import SubmitRequest
from tests.unit.jobs.events.desk import NOW, Desk

ORDERS = StreamName("orders")
SMALL = EventBounds(recent_events_max=2, ahead_events_max=3)
SHIP = Trigger("ship", ORDERS, TaskName("work"))


class Shop:
    """An event log, triggers, and a broker that takes jobs or does not."""

    def __init__(self) -> None:
        self.desk = Desk(SMALL)
        self.triggers = Triggers()
        self.taken: list[str] = []  # Keys of jobs that are durable.
        self._batch: list[str] = []
        self.is_full = False
        self.is_invalid = False

    def turn(self, *, appended: int = 0, is_written: bool = True) -> None:
        """Have one turn: events, then what they fire."""
        turn = self.desk.begin()
        for _ in range(appended):
            turn.append(ORDERS, (b"n", b"1"), id=AUTO)
        self.end(turn, is_written=is_written)

    def end(self, turn: Turn, *, is_written: bool = True) -> None:
        self._batch = []
        fire_all(turn, self.triggers, self._submit, now=self.desk.now)
        if is_written:
            self.desk.commit(turn)
            self.taken += self._batch
        else:
            self.desk.undo(turn)

    def set(self, start: EventId | Last | Cursor) -> None:
        turn = self.desk.begin()
        set_trigger(turn, self.triggers, SHIP, start)
        self.end(turn)

    def settle(self) -> None:
        """Have turns until nobody wants one."""
        for _ in range(100):
            if not self.triggers.wants_turn:
                return
            self.turn()
        raise AssertionError("triggers want turns for ever")

    def _submit(self, request: SubmitRequest) -> None:
        if self.is_full:
            raise QueueFull(QueueName("default"), "it is full", 100)
        if self.is_invalid:
            raise Invalid("it is no job")
        assert request.key is not None
        self._batch.append(request.key)


def keys(*sequences: int) -> list[str]:
    return [f"trigger:ship:orders:{NOW}-{sequence}" for sequence in sequences]


def test_an_event_fires_in_the_turn_that_appends_it() -> None:
    shop = Shop()
    shop.set(Cursor())

    shop.turn(appended=2)

    assert shop.taken == keys(0, 1)
    assert not shop.triggers.wants_turn


def test_a_trigger_may_begin_far_in_the_past() -> None:
    shop = Shop()
    shop.turn(appended=20)

    shop.set(ID_MIN)
    shop.settle()

    assert shop.taken == keys(*range(20))


def test_a_turn_that_is_not_written_is_fired_again() -> None:
    shop = Shop()
    shop.set(Cursor())

    shop.turn(appended=1, is_written=False)
    shop.turn(appended=1)

    assert shop.taken == keys(0)


def test_what_waited_for_room_goes_on_where_it_stood() -> None:
    shop = Shop()
    shop.set(Cursor())
    shop.is_full = True
    for _ in range(5):
        shop.turn(appended=1)

    shop.is_full = False
    next_at = shop.triggers.next_at()
    assert next_at is not None
    shop.desk.now = next_at
    shop.turn()
    shop.settle()

    assert shop.taken == keys(*range(5))


def test_what_waited_goes_on_after_an_event_that_is_refused_for_ever() -> None:
    shop = Shop()
    shop.set(Cursor())
    shop.is_full = True
    shop.turn(appended=1)
    shop.turn(appended=TRIGGER_EVENTS_MAX + 1)

    shop.is_full, shop.is_invalid = False, True
    shop.desk.now = shop.triggers.next_at() or NOW
    shop.turn()
    shop.settle()

    tally = shop.triggers.watch("ship").tally
    assert tally.refused == TRIGGER_EVENTS_MAX + 2
    assert tally.waiting_since is None


def test_a_cursor_outlives_the_server() -> None:
    shop = Shop()
    shop.set(Cursor())
    shop.turn(appended=3)
    shop.turn(appended=1, is_written=False)

    shop.desk = shop.desk.restart()
    shop.triggers = Triggers([watch.record for watch in shop.triggers.all()])
    shop.turn(appended=1)
    shop.settle()

    assert shop.taken == keys(0, 1, 2, 3)


def test_a_group_that_is_kept_is_gone_on_from() -> None:
    shop = Shop()
    shop.set(Cursor())
    turn = shop.desk.begin()
    assert delete_trigger(turn, shop.triggers, "ship", keep=True)
    shop.end(turn)
    shop.turn(appended=2)
    assert shop.taken == []

    shop.set(Cursor())
    shop.settle()

    assert shop.taken == keys(0, 1)


def test_a_trigger_that_is_deleted_leaves_no_group() -> None:
    shop = Shop()
    shop.set(Cursor())

    turn = shop.desk.begin()
    assert delete_trigger(turn, shop.triggers, "ship", keep=False)
    shop.end(turn)

    assert shop.desk.log.group(ORDERS, group_of("ship")) is None


def test_of_a_definition_the_last_word_is_written() -> None:
    shop = Shop()
    turn = shop.desk.begin()
    set_trigger(turn, shop.triggers, SHIP, Cursor())
    set_trigger(turn, shop.triggers, SHIP, Cursor())
    assert len(turn.writes.triggers) == 1

    delete_trigger(turn, shop.triggers, "ship", keep=False)

    assert (turn.writes.triggers, turn.writes.dropped_triggers) == ([], ["ship"])
    shop.desk.undo(turn)
    assert len(shop.triggers) == 0
