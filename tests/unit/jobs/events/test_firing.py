"""Showing events to triggers within a turn: in order, once, bounded, and undone with it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.config.limits import (
    TRIGGER_DEPTH_MAX,
    TRIGGER_EVENTS_MAX,
    TRIGGER_JOBS_MAX,
    TRIGGER_RETRY_MS,
    TRIGGER_RETRY_MS_MAX,
    TRIGGER_SHOWN_BYTES_MAX,
    TRIGGER_SHOWS_MAX,
)
from penstock.jobs.counters import TriggerCounters
from penstock.jobs.errors import Draining, Invalid, Overloaded, QueueFull, Refused, TooLarge
from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.firing import Cursor, Fired, Unfired, delete_trigger
from penstock.jobs.events.ids import LAST
from penstock.jobs.events.model import ID_MIN, EventId, GroupName, StreamName
from penstock.jobs.events.patterns import Pattern
from penstock.jobs.events.templates import compile_payload
from penstock.jobs.events.triggers import Match, group_template
from penstock.jobs.events.watches import Tally
from penstock.jobs.model import QueueName
from penstock.jobs.store.event_port import EventWrites
from tests.unit.jobs.events.stage import NOW, ORDERS, Stage, a_trigger

OTHERS = StreamName("others")
LIFE = StreamName("jobs:default")
SHIP = GroupName("trigger:ship")
FULL = QueueFull(QueueName("default"), "it is full", 100)


def ready() -> Stage:
    """Return a stage where a trigger follows a stream that has no events yet."""
    stage = Stage()
    stage.set(a_trigger())
    stage.fire()
    return stage


def test_each_event_fires_a_job_in_its_order() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.append(ORDERS, b"n", b"2")

    fired = stage.fire()

    assert stage.keys == ["ship:orders:1-0", "ship:orders:2-0"]
    assert (fired.jobs_count, fired.unfired) == (2, [])
    assert stage.cursors[ORDERS, SHIP] == (2, 0)
    assert stage.tally() == Tally(fired=2)
    assert not stage.triggers.wants_turn


def test_an_event_is_shown_once() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.fire()

    assert stage.fire().jobs_count == 0
    assert len(stage.requests) == 1


def test_where_no_event_came_nobody_looks() -> None:
    stage = ready()
    looks_count = stage.looks_count
    stage.append(OTHERS, b"n", b"1")

    stage.fire()

    assert stage.looks_count == looks_count


def test_all_triggers_of_a_stream_are_shown_its_events() -> None:
    stage = ready()
    stage.set(a_trigger("bill"))
    stage.append(ORDERS, b"n", b"1")

    stage.fire()

    assert sorted(stage.keys) == ["bill:orders:1-0", "ship:orders:1-0"]


def test_an_event_that_does_not_match_is_skipped() -> None:
    stage = Stage()
    stage.set(replace(a_trigger(), matches=(Match(b"n", Pattern(b"2")),)))
    stage.append(ORDERS, b"n", b"1")
    stage.append(ORDERS, b"n", b"2")

    stage.fire()

    assert stage.keys == ["ship:orders:2-0"]
    assert (stage.tally().fired, stage.tally().skipped) == (1, 1)


def test_without_triggers_nothing_is_looked_at() -> None:
    stage = Stage()
    stage.append(ORDERS, b"n", b"1")

    assert stage.fire() == Fired()


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [FULL, Draining(), Overloaded("queues", 1)])
def test_an_event_whose_job_is_refused_for_now_is_kept(refusal: Refused) -> None:
    stage = ready()
    for _ in range(3):
        stage.append(ORDERS, b"n", b"1")
    stage.refusals[1] = refusal

    stage.fire()

    tally = stage.tally()
    assert stage.cursors[ORDERS, SHIP] == (1, 0)
    assert (tally.waiting_since, tally.waiting_for) == (NOW, str(refusal))
    assert (tally.fired, tally.refused) == (1, 0)
    assert stage.triggers.next_at() == NOW + TRIGGER_RETRY_MS
    assert not stage.triggers.wants_turn


def test_a_trigger_that_waited_goes_on_where_it_stood() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.refusals[0] = FULL
    stage.fire()
    stage.append(ORDERS, b"n", b"2")
    stage.fire(NOW + 1)
    assert stage.keys == []

    stage.fire(NOW + TRIGGER_RETRY_MS)

    assert stage.keys == ["ship:orders:1-0", "ship:orders:2-0"]
    assert stage.tally() == Tally(fired=2)
    assert stage.triggers.next_at() is None


def test_a_trigger_that_has_waited_long_tries_again_later() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    now, pauses = int(NOW), list[int]()
    for _ in range(20):
        stage.refusals[0] = FULL
        stage.fire(now)
        retry_at = stage.triggers.next_at()
        assert retry_at is not None
        pauses.append(retry_at - now)
        now = retry_at

    assert pauses[0] == TRIGGER_RETRY_MS
    assert pauses[-1] == TRIGGER_RETRY_MS_MAX
    assert pauses == sorted(pauses)


def test_a_trigger_that_waits_looks_at_one_event_until_that_has_its_job() -> None:
    stage = ready()
    for _ in range(3):
        stage.append(ORDERS, b"n", b"1")
    stage.refusals[0] = FULL
    stage.fire()
    looks_count = stage.looks_count

    stage.refusals[0] = FULL
    stage.fire(NOW + TRIGGER_RETRY_MS)

    assert stage.asked_counts[looks_count:] == [1]
    stage.fire(NOW + 2 * TRIGGER_RETRY_MS)
    assert len(stage.keys) == 3


def test_waiting_again_is_waiting_since_the_first_time() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    for now in (NOW, NOW + TRIGGER_RETRY_MS):
        stage.refusals[0] = FULL
        stage.fire(now)

    assert stage.tally().waiting_since == NOW
    assert stage.triggers.next_at() == NOW + 2 * TRIGGER_RETRY_MS


def test_who_waits_holds_up_nobody_else() -> None:
    stage = ready()
    stage.set(a_trigger("bill"))
    stage.append(ORDERS, b"n", b"1")
    stage.refusals[0] = FULL

    stage.fire()

    assert len(stage.keys) == 1
    assert stage.triggers.next_at() is not None


@pytest.mark.parametrize("refusal", [Invalid("it cannot be"), TooLarge("payload", 2, 1)])
def test_an_event_whose_job_is_refused_for_ever_is_passed_over(refusal: Refused) -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.append(ORDERS, b"n", b"2")
    stage.refusals[0] = refusal

    fired = stage.fire()

    assert stage.keys == ["ship:orders:2-0"]
    assert (stage.tally().refused, stage.tally().last_error) == (1, str(refusal))
    assert fired.unfired == [Unfired("ship", ORDERS, (1, 0), str(refusal), is_loop=False)]


def test_an_event_of_which_no_job_can_be_made_is_passed_over() -> None:
    stage = Stage()
    stage.set(replace(a_trigger(), group=group_template("${n}")))
    stage.append(ORDERS, b"n", b"\n")
    stage.append(ORDERS, b"n", b"2")

    fired = stage.fire()

    assert stage.keys == ["ship:orders:2-0"]
    assert stage.tally().refused == 1
    assert [unfired.event_id for unfired in fired.unfired] == [(1, 0)]


def test_what_came_of_events_is_counted() -> None:
    stage = ready()
    stage.set(replace(a_trigger("picky"), matches=(Match(b"n", Pattern(b"2")),)))
    stage.append(ORDERS, b"n", b"1")
    stage.append(ORDERS, b"n", b"2")
    stage.refusals[0] = Invalid("it cannot be")
    counters = TriggerCounters()

    fired = stage.fire()
    fired.count(counters)
    fired.count(counters)

    assert counters == TriggerCounters(fired=4, skipped=2, refused=2)


# --- bounds --------------------------------------------------------------------------------------


def test_one_trigger_handles_so_many_events_in_a_turn() -> None:
    stage = ready()
    for _ in range(TRIGGER_EVENTS_MAX + 1):
        stage.append(ORDERS, b"n", b"1")

    assert stage.fire().jobs_count == TRIGGER_EVENTS_MAX
    assert stage.triggers.wants_turn
    assert stage.fire().jobs_count == 1
    assert not stage.triggers.wants_turn


def test_all_triggers_submit_so_many_jobs_in_a_turn() -> None:
    names = [f"t{number}" for number in range(TRIGGER_JOBS_MAX // TRIGGER_EVENTS_MAX + 1)]
    stage = Stage(triggers_max=len(names))
    for name in names:
        stage.set(a_trigger(name))
    for _ in range(TRIGGER_EVENTS_MAX):
        stage.append(ORDERS, b"n", b"1")

    assert stage.fire().jobs_count == TRIGGER_JOBS_MAX
    assert stage.fire().jobs_count == TRIGGER_EVENTS_MAX
    assert len(set(stage.keys)) == len(stage.keys)


def test_so_many_bytes_are_submitted_in_a_turn() -> None:
    stage = Stage()
    stage.set(replace(a_trigger(), payload=compile_payload(b"x" * 1_000_000)))
    for _ in range(20):
        stage.append(ORDERS, b"n", b"1")

    assert stage.fire().jobs_count == 17
    assert stage.fire().jobs_count == 3


def uninterested(names: Sequence[str]) -> Stage:
    """Return a stage with triggers that nothing matches."""
    stage = Stage(triggers_max=len(names))
    for name in names:
        stage.set(replace(a_trigger(name), matches=(Match(b"n", Pattern(b"none")),)))
    return stage


def test_so_many_events_are_shown_in_a_turn_though_none_matches() -> None:
    names = [f"t{number}" for number in range(TRIGGER_SHOWS_MAX // TRIGGER_EVENTS_MAX + 1)]
    stage = uninterested(names)
    for _ in range(TRIGGER_EVENTS_MAX):
        stage.append(ORDERS, b"n", b"1")

    assert stage.fire().skipped_count == TRIGGER_SHOWS_MAX
    assert stage.triggers.wants_turn
    assert stage.fire().skipped_count == TRIGGER_EVENTS_MAX


def test_so_many_bytes_are_shown_in_a_turn() -> None:
    stage = uninterested([f"t{number}" for number in range(9)])
    stage.append(ORDERS, b"n", bytes(TRIGGER_SHOWN_BYTES_MAX // 8))

    assert stage.fire().skipped_count == 8
    assert stage.fire().skipped_count == 1


def test_events_that_are_being_read_are_shown_in_the_next_turn() -> None:
    stage = ready()
    stage.set(a_trigger("bill", OTHERS))
    stage.append(ORDERS, b"n", b"1")
    stage.append(OTHERS, b"n", b"1")
    stage.unsettled = {ORDERS}

    stage.fire()
    assert stage.keys == ["bill:others:1-0"]
    assert stage.triggers.wants_turn

    stage.unsettled = set()
    stage.fire()
    assert stage.keys == ["bill:others:1-0", "ship:orders:1-0"]


# --- loops ---------------------------------------------------------------------------------------


def test_a_job_that_a_trigger_submits_may_fire_another_at_once() -> None:
    stage = ready()
    stage.set(replace(a_trigger("audit", LIFE), options=replace(a_trigger().options, queue="b")))
    stage.tells_life = True
    stage.append(ORDERS, b"n", b"1")

    stage.fire()

    assert stage.keys == ["ship:orders:1-0", "audit:jobs:default:1-0"]
    assert [request.wishes and request.wishes.producer for request in stage.requests] == [
        "trigger:ship#1",
        "trigger:audit#2",
    ]


def test_a_loop_ends_in_the_turn_and_is_reported() -> None:
    stage = Stage()
    stage.set(a_trigger("loop", LIFE))
    stage.tells_life = True
    stage.append(LIFE, b"producer", b"somebody")

    fired = stage.fire()

    assert fired.jobs_count == TRIGGER_DEPTH_MAX
    assert stage.tally("loop").loops == 1
    assert [(unfired.trigger, unfired.is_loop) for unfired in fired.unfired] == [("loop", True)]
    counters = TriggerCounters()
    fired.count(counters)
    assert counters == TriggerCounters(fired=TRIGGER_DEPTH_MAX, loops=1)
    assert not stage.triggers.wants_turn


# --- undoing -------------------------------------------------------------------------------------


def test_a_turn_that_is_undone_is_done_again() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.append(ORDERS, b"n", b"2")
    stage.refusals[1] = FULL
    stage.fire()

    stage.undo_log.undo()
    stage.cursors[ORDERS, SHIP] = ID_MIN
    assert (stage.tally(), stage.triggers.next_at()) == (Tally(), None)

    stage.requests.clear()
    stage.fire()
    assert stage.keys == ["ship:orders:1-0", "ship:orders:2-0"]
    assert stage.tally() == Tally(fired=2)


def test_who_waits_when_a_turn_begins_waits_when_it_is_undone() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.refusals[0] = FULL
    stage.fire()
    before = stage.tally()

    stage.fire(NOW + TRIGGER_RETRY_MS)
    stage.undo_log.undo()

    assert stage.tally() == before
    assert stage.triggers.wants_turn


# --- setting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "fired"),
    [
        (ID_MIN, ["ship:orders:1-0", "ship:orders:2-0"]),
        ((1, 0), ["ship:orders:2-0"]),
        (LAST, []),
        (Cursor(), []),
    ],
)
def test_a_trigger_begins_where_it_is_told(start: EventId, fired: list[str]) -> None:
    stage = Stage()
    stage.append(ORDERS, b"n", b"1")
    stage.append(ORDERS, b"n", b"2")

    stage.set(a_trigger(), start)
    stage.fire()

    assert stage.keys == fired


def test_a_trigger_is_written() -> None:
    stage = Stage()

    stage.set(a_trigger())

    assert stage.writes.triggers == [stage.triggers.watch("ship").record]


def test_a_trigger_that_is_set_again_goes_on_at_its_cursor() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")

    stage.set(replace(a_trigger(), matches=(Match(b"n", Pattern(b"1")),)))
    stage.fire()

    assert stage.keys == ["ship:orders:1-0"]


def test_a_trigger_that_is_set_again_begins_where_it_is_told() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.fire()

    stage.set(a_trigger(), ID_MIN)
    stage.fire()

    assert stage.keys == ["ship:orders:1-0"] * 2


def test_a_trigger_leaves_its_stream_for_another() -> None:
    stage = ready()
    stage.append(OTHERS, b"n", b"1")

    stage.set(a_trigger(stream=OTHERS))

    assert stage.cursors == {(OTHERS, SHIP): (1, 0)}


def test_a_trigger_whose_group_is_refused_is_not_set() -> None:
    class Crowded(Stage):
        def create_group(self, *_: object, **__: object) -> None:
            raise Unsettled if self.streams else Overloaded("streams", 1)

    stage = Crowded()

    with pytest.raises(Overloaded):
        stage.set(a_trigger())
    stage.append(ORDERS, b"n", b"1")
    with pytest.raises(Unsettled):
        stage.set(a_trigger())
    assert (len(stage.triggers), stage.writes) == (0, EventWrites())


def test_a_trigger_is_deleted_with_its_cursor() -> None:
    stage = ready()

    assert delete_trigger(stage, stage.triggers, "ship", keep=False)

    assert stage.cursors == {}
    assert (stage.writes.triggers, stage.writes.dropped_triggers) == ([], ["ship"])
    stage.undo_log.undo()
    assert stage.triggers.find("ship") is not None


def test_a_cursor_that_is_kept_is_gone_on_from() -> None:
    stage = ready()
    delete_trigger(stage, stage.triggers, "ship", keep=True)
    stage.append(ORDERS, b"n", b"1")

    stage.set(a_trigger())
    stage.fire()

    assert stage.keys == ["ship:orders:1-0"]


def test_what_is_not_there_is_not_deleted() -> None:
    stage = Stage()

    assert not delete_trigger(stage, stage.triggers, "ship", keep=False)
    assert stage.writes == EventWrites()


def test_a_trigger_whose_stream_is_gone_is_deleted_all_the_same() -> None:
    stage = ready()
    stage.cursors.clear()
    stage.streams.clear()

    assert delete_trigger(stage, stage.triggers, "ship", keep=False)


def test_a_stream_that_begins_anew_is_shown_from_its_beginning() -> None:
    stage = ready()
    stage.append(ORDERS, b"n", b"1")
    stage.fire()
    stage.cursors.clear()
    stage.streams.clear()
    stage.append(ORDERS, b"n", b"2")
    stage.requests.clear()

    stage.fire()

    assert stage.keys == ["ship:orders:1-0"]


def test_a_stream_that_cannot_begin_anew_is_waited_for() -> None:
    class Crowded(Stage):
        def create_group(self, *_: object, **__: object) -> None:
            raise Overloaded("streams", 1)

    stage = Crowded()
    stage.triggers.set(a_trigger())

    stage.fire()

    assert stage.tally().waiting_for == str(Overloaded("streams", 1))
    assert stage.triggers.next_at() == NOW + TRIGGER_RETRY_MS


# --- whatever happens ----------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 30)), st.booleans())))
def test_every_event_fires_one_job_in_order(turns: list[tuple[int, set[int], bool]]) -> None:
    stage, now, appended = ready(), int(NOW), 0
    for count, refused, is_undone in turns:
        cursor, jobs = stage.cursors[ORDERS, SHIP], list(stage.requests)
        for _ in range(count):
            appended += 1
            stage.append(ORDERS, b"n", b"1")
        stage.refusals = dict.fromkeys(refused, FULL)
        stage.fire(now)
        if is_undone:
            stage.undo_log.undo()
            stage.cursors[ORDERS, SHIP], stage.requests = cursor, jobs
        now += TRIGGER_RETRY_MS // 2

    stage.refusals = {}
    while stage.triggers.wants_turn or stage.triggers.next_at() is not None:
        now += TRIGGER_RETRY_MS_MAX
        stage.fire(now)

    assert stage.keys == [f"ship:orders:{number}-0" for number in range(1, appended + 1)]
    assert stage.tally().fired == appended
