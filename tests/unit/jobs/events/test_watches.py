"""The triggers of a server: which there are, and whose turn it is."""

import pytest
from msgspec.structs import replace

from penstock.jobs.errors import Invalid, Overloaded
from penstock.jobs.events.model import StreamName
from penstock.jobs.events.patterns import Pattern
from penstock.jobs.events.triggers import Match
from penstock.jobs.events.watches import NoTrigger, Tally, Triggers
from penstock.jobs.model import Instant
from tests.unit.jobs.events.stage import ORDERS, a_trigger

OTHERS = StreamName("others")


def awake(triggers: Triggers) -> list[str]:
    names = []
    while (watch := triggers.take_awake()) is not None:
        names.append(watch.trigger.name)
    return names


def waiting(at: int) -> Tally:
    return Tally(waiting_since=Instant(0), waiting_for="room", retry_at=Instant(at))


def test_a_trigger_is_found_by_name_or_stream() -> None:
    triggers = Triggers()
    triggers.set(a_trigger("b"))
    triggers.set(a_trigger("a"))
    triggers.set(a_trigger("c", OTHERS))

    assert [watch.trigger.name for watch in triggers.all()] == ["a", "b", "c"]
    assert [watch.trigger.name for watch in triggers.of_stream(ORDERS)] == ["b", "a"]
    assert triggers.watch("c").trigger == a_trigger("c", OTHERS)
    assert triggers.find("d") is None
    assert len(triggers) == 3
    with pytest.raises(NoTrigger, match="trigger d is not known"):
        triggers.watch("d")


def test_triggers_are_read_again() -> None:
    triggers = Triggers()
    triggers.set(a_trigger("a"))
    triggers.set(a_trigger("b", OTHERS))

    again = Triggers([watch.record for watch in triggers.all()])

    assert [watch.trigger for watch in again.all()] == [a_trigger("a"), a_trigger("b", OTHERS)]
    assert awake(again) == ["a", "b"]


def test_a_trigger_is_replaced() -> None:
    triggers = Triggers(triggers_max=1)
    triggers.set(a_trigger())

    undo = triggers.set(a_trigger(stream=OTHERS))

    assert (triggers.of_stream(ORDERS), len(triggers.of_stream(OTHERS))) == ([], 1)
    undo()
    assert (len(triggers.of_stream(ORDERS)), triggers.of_stream(OTHERS)) == (1, [])


def test_a_trigger_that_is_set_as_it_was_keeps_its_tally() -> None:
    triggers = Triggers()
    triggers.set(a_trigger("a"))
    triggers.watch("a").tally = Tally(fired=3, last_error="why")

    triggers.set(a_trigger("a"))
    assert triggers.watch("a").tally == Tally(fired=3, last_error="why")

    triggers.set(a_trigger("a", OTHERS))
    assert triggers.watch("a").tally == Tally()


def test_setting_is_undone() -> None:
    triggers = Triggers()

    triggers.set(a_trigger())()

    assert (triggers.all(), triggers.of_stream(ORDERS), awake(triggers)) == ([], [], [])


def test_deleting_is_undone() -> None:
    triggers = Triggers()
    triggers.set(a_trigger())
    watch = triggers.watch("ship")

    undo = triggers.delete("ship")

    assert triggers.all() == []
    assert awake(triggers) == []
    undo()
    assert triggers.watch("ship") is watch
    assert awake(triggers) == ["ship"]


def test_one_more_than_there_may_be_is_refused() -> None:
    triggers = Triggers(triggers_max=1)
    triggers.set(a_trigger("a"))

    with pytest.raises(Overloaded, match="triggers: the limit of 1"):
        triggers.set(a_trigger("b"))


def test_what_cannot_be_is_refused() -> None:
    triggers = Triggers()
    trigger = replace(a_trigger(), matches=(Match(b"a", Pattern(b"*")),) * 17)

    with pytest.raises(Invalid):
        triggers.set(trigger)
    assert len(triggers) == 0


def test_an_event_wakes_the_triggers_of_its_stream() -> None:
    triggers = Triggers()
    triggers.set(a_trigger("a"))
    triggers.set(a_trigger("b", OTHERS))
    assert awake(triggers) == ["a", "b"]

    triggers.wake(OTHERS)

    assert awake(triggers) == ["b"]


def test_a_turn_is_wanted_while_somebody_is_awake() -> None:
    triggers = Triggers()
    assert not triggers.wants_turn

    triggers.wake(ORDERS)
    wants_turn_without_triggers = triggers.wants_turn
    triggers.set(a_trigger())

    assert (wants_turn_without_triggers, triggers.wants_turn) == (False, True)


def test_who_waits_is_not_woken_by_events() -> None:
    triggers = Triggers()
    triggers.set(a_trigger())
    watch = triggers.watch("ship")
    watch.tally = waiting(at=500)
    triggers.wait(watch)

    triggers.wake(ORDERS)
    triggers.wake_due(Instant(499))
    assert (awake(triggers), triggers.next_at()) == ([], 500)

    triggers.wake_due(Instant(500))
    assert (awake(triggers), triggers.next_at()) == (["ship"], None)


def test_those_who_wait_are_counted() -> None:
    triggers = Triggers()
    triggers.set(a_trigger("a"))
    triggers.set(a_trigger("b"))
    watch = triggers.watch("a")
    watch.tally = waiting(at=500)

    triggers.wait(watch)
    assert triggers.waiting_count == 1

    triggers.wake_due(Instant(500))
    assert triggers.waiting_count == 0


def test_a_clock_that_is_set_ends_waits() -> None:
    triggers = Triggers()
    triggers.set(a_trigger())
    watch = triggers.watch("ship")
    watch.tally = waiting(at=500)
    triggers.wait(watch)

    triggers.clock_stepped()

    assert awake(triggers) == ["ship"]


def test_a_trigger_that_was_deleted_is_not_woken() -> None:
    triggers = Triggers()
    triggers.set(a_trigger())
    watch = triggers.watch("ship")
    watch.tally = waiting(at=500)
    triggers.wait(watch)
    triggers.delete("ship")

    triggers.wake_up(watch)

    assert (awake(triggers), triggers.next_at()) == ([], None)
