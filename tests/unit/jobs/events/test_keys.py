"""Business keys: an event is published once, and a group knows what it has dealt with."""

import pytest

from penstock.config.limits import PUBLISH_ANSWER_TURNS, SWEEP_EVERY_MS
from penstock.jobs.events.errors import NoGroupToAsk, ServersStream, Unsettled
from penstock.jobs.events.model import StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant
from tests.unit.jobs.events.desk import FIELDS, NOW, Desk, G, S

KEY = "order-17"


def is_handled(desk: Desk, key: str = KEY) -> bool:
    return desk.answer(lambda turn: turn.handled(S, G, key))


def confirm(desk: Desk, keep_ms: int = 500) -> None:
    desk.do(lambda turn: turn.confirm(S, G, KEY, keep_ms))


def test_a_key_is_handled_once_it_is_confirmed() -> None:
    desk = Desk()
    desk.group()
    assert not is_handled(desk)

    confirm(desk)

    assert is_handled(desk)
    assert not is_handled(desk, "another")


def test_a_confirmed_key_is_forgotten_after_its_time() -> None:
    desk = Desk()
    desk.group()
    confirm(desk, keep_ms=500)

    desk.now = Instant(NOW + 500)
    assert not is_handled(desk)

    desk.log.housekeep(desk.now)
    desk.idle()
    assert not desk.shelf.snapshot().has_sweepings


def test_keys_are_looked_for_now_and_then() -> None:
    desk = Desk()
    desk.group()

    sweeps: list[bool] = []
    for after_ms in (0, SWEEP_EVERY_MS - 1, SWEEP_EVERY_MS):
        desk.log.housekeep(Instant(desk.now + after_ms))
        sweeps.append(desk.log.wants_turn)
        desk.idle()

    assert sweeps == [True, False, True]


def test_without_streams_there_are_no_keys() -> None:
    desk = Desk()

    desk.log.housekeep(desk.now)

    assert not desk.log.wants_turn


def test_a_turn_knows_what_it_confirmed() -> None:
    desk = Desk()
    desk.group()
    turn = desk.begin()

    turn.confirm(S, G, KEY, 500)
    later = turn.handled(S, G, KEY)

    assert later(desk.commit(turn))


def test_a_question_is_answered_as_of_its_place_in_the_turn() -> None:
    desk = Desk()
    desk.group()
    turn = desk.begin()
    later = turn.handled(S, G, KEY)

    with pytest.raises(Unsettled):
        turn.confirm(S, G, KEY, 500)

    assert not later(desk.commit(turn))


def test_keys_belong_to_a_group() -> None:
    desk = Desk()

    with pytest.raises(NoGroupToAsk):
        is_handled(desk)
    with pytest.raises(NoGroupToAsk):
        confirm(desk)


def test_an_undone_confirmation_never_was() -> None:
    desk = Desk()
    desk.group()
    turn = desk.begin()
    turn.confirm(S, G, KEY, 500)

    desk.undo(turn)

    assert not is_handled(desk)


# --- publishing ----------------------------------------------------------------------------------


def publish(desk: Desk, key: str = KEY) -> tuple[int, int]:
    return desk.do(lambda turn: turn.publish(S, key, FIELDS, 500))


def test_an_event_is_published_once_under_a_key() -> None:
    desk = Desk()
    desk.append((1, 0))

    first = publish(desk)
    second = publish(desk)
    third = publish(desk, "another")

    assert first == second == (NOW, 0)
    assert third == (NOW, 1)
    assert desk.shelf.ids(S) == [(1, 0), (NOW, 0), (NOW, 1)]


def test_an_event_is_published_once_across_a_restart() -> None:
    desk = Desk()
    first = publish(desk)

    assert publish(desk.restart()) == first


def test_a_key_may_be_published_under_again_after_its_time() -> None:
    desk = Desk()
    publish(desk)

    desk.now = Instant(NOW + 500)

    assert publish(desk) == (NOW + 500, 0)


def test_a_key_met_twice_in_one_turn_is_one_event() -> None:
    desk = Desk()
    turn = desk.begin()

    ids = {turn.publish(S, KEY, FIELDS), turn.publish(S, KEY, FIELDS)}

    desk.commit(turn)
    assert ids == {(NOW, 0)}
    assert desk.shelf.ids(S) == [(NOW, 0)]


def test_many_keys_that_were_announced_are_asked_about_at_once() -> None:
    desk = Desk()
    desk.append((1, 0))
    keys = [f"key-{n}" for n in range(5)]
    for key in keys:
        desk.log.announce(S, key)
    turn = desk.begin()
    with pytest.raises(Unsettled):
        turn.publish(S, keys[0], FIELDS)
    desk.commit(turn)

    def publish_all(turn: Turn) -> int:
        return len({turn.publish(S, key, FIELDS) for key in keys})

    turn = desk.begin()
    assert publish_all(turn) == 5
    desk.commit(turn)
    assert desk.length() == 6


def test_what_is_not_there_need_not_be_announced() -> None:
    desk = Desk()
    desk.log.announce(S, KEY)
    turn = desk.begin()

    desk.commit(turn)

    assert turn.writes.were_published == []


def test_an_answer_is_good_for_as_many_turns_as_a_backlog_may_take() -> None:
    desk = Desk()
    desk.append((1, 0))
    desk.log.announce(S, KEY)
    for _ in range(PUBLISH_ANSWER_TURNS):
        desk.commit(desk.begin())
    turn = desk.begin()
    assert turn.publish(S, KEY, FIELDS) == (NOW, 0)
    desk.undo(turn)
    desk.commit(desk.begin())

    turn = desk.begin()
    with pytest.raises(Unsettled):
        turn.publish(S, KEY, FIELDS)
    desk.commit(turn)


def test_what_is_known_is_not_asked_about_again_until_it_is_soon_forgotten() -> None:
    desk = Desk()
    desk.append((1, 0))

    asked: list[bool] = []
    for _ in range(PUBLISH_ANSWER_TURNS + 1):
        desk.log.announce(S, KEY)
        turn = desk.begin()
        desk.commit(turn)
        asked.append(bool(turn.writes.were_published))

    assert asked == [True, *[False] * (PUBLISH_ANSWER_TURNS - 1), True]


def test_what_is_published_before_it_is_asked_about_is_not_asked_about() -> None:
    desk = Desk()
    turn = desk.begin()
    turn.publish(S, KEY, FIELDS)
    desk.log.announce(S, KEY)

    desk.commit(turn)

    assert turn.writes.were_published == []


def test_an_undone_publication_is_published_when_it_is_sent_again() -> None:
    desk = Desk()
    turn = desk.begin()
    turn.publish(S, KEY, FIELDS)

    desk.undo(turn)

    assert publish(desk) == (NOW, 0)
    assert desk.length() == 1


def test_nobody_publishes_of_the_life_of_jobs() -> None:
    desk = Desk()

    with pytest.raises(ServersStream):
        desk.do(lambda turn: turn.publish(StreamName("jobs:q"), KEY, FIELDS))
