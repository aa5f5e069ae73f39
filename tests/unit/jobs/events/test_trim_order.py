"""A trim is of what was there when it was asked for, whatever the same turn appends."""

import pytest

from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from tests.unit.jobs.events.desk import FIELDS, Desk, S


def test_an_event_that_is_trimmed_in_the_turn_that_appends_it_is_not_read() -> None:
    desk = Desk()

    def append_and_trim(turn: Turn) -> None:
        for ms in (1, 2, 3):
            turn.append(S, FIELDS, id=(ms, 0))
        turn.trim(S, TrimWish(length_max=1), lambda count: None)

    desk.do(append_and_trim)

    assert desk.range() == [(3, 0)]
    assert desk.length() == 1


def test_an_event_appended_after_a_trim_stays_though_its_id_is_smaller() -> None:
    desk = Desk()
    told: list[int] = []
    desk.append((1, 0))

    def trim_and_append(turn: Turn) -> None:
        turn.trim(S, TrimWish(before=(9, 0)), told.append)
        turn.append(S, FIELDS, id=(2, 0))

    desk.do(trim_and_append)

    assert told == [1]
    assert desk.range() == [(2, 0)]


def test_a_trim_is_told_what_it_removed_though_the_stream_is_dropped_next() -> None:
    desk = Desk()
    told: list[int] = []
    desk.append((1, 0), (2, 0))

    def trim(turn: Turn) -> None:
        turn.trim(S, TrimWish(length_max=0), told.append)
        with pytest.raises(Unsettled):
            turn.drop(S)

    desk.do(trim)

    assert told == [2]
    assert desk.do(lambda turn: turn.drop(S))
