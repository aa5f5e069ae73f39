"""Ids of events grow, whatever the clock does and whoever makes them."""

import pytest

from penstock.jobs.events.errors import IdMustBePositive, IdsExhausted, StreamIdTooSmall
from penstock.jobs.events.ids import (
    AUTO,
    AutoSequence,
    IdWish,
    next_id,
    predecessor,
    successor,
)
from penstock.jobs.events.model import ID_MAX, ID_MIN, ID_PART_MAX, EventId
from penstock.jobs.model import Instant

NOW = Instant(50)


@pytest.mark.parametrize(
    ("last", "wish", "expected"),
    [
        (ID_MIN, AUTO, (50, 0)),
        ((49, 7), AUTO, (50, 0)),
        ((50, 7), AUTO, (50, 8)),
        ((60, 7), AUTO, (60, 8)),  # The clock was moved back.
        ((60, ID_PART_MAX), AUTO, (61, 0)),
        (ID_MIN, (0, 1), (0, 1)),
        ((5, 1), (5, 2), (5, 2)),
        ((5, 1), AutoSequence(5), (5, 2)),
        ((5, 1), AutoSequence(6), (6, 0)),
        (ID_MIN, AutoSequence(0), (0, 1)),
    ],
)
def test_the_next_id_is_after_the_last_one(last: EventId, wish: IdWish, expected: EventId) -> None:
    assert next_id(last, wish, NOW) == expected


@pytest.mark.parametrize(
    ("last", "wish", "refusal"),
    [
        (ID_MIN, (0, 0), IdMustBePositive),
        ((5, 1), (5, 1), StreamIdTooSmall),
        ((5, 1), (4, 9), StreamIdTooSmall),
        ((5, 1), AutoSequence(4), StreamIdTooSmall),
        ((5, ID_PART_MAX), AutoSequence(5), StreamIdTooSmall),
        (ID_MAX, AUTO, IdsExhausted),
        (ID_MAX, (5, 1), IdsExhausted),
        (ID_MAX, AutoSequence(5), IdsExhausted),
    ],
)
def test_an_id_that_is_not_after_the_last_one_is_refused(
    last: EventId, wish: IdWish, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        next_id(last, wish, NOW)


@pytest.mark.parametrize(
    ("event_id", "after"),
    [((5, 1), (5, 2)), ((5, ID_PART_MAX), (6, 0)), (ID_MIN, (0, 1))],
)
def test_predecessor_goes_back_what_successor_goes_on(event_id: EventId, after: EventId) -> None:
    assert successor(event_id) == after
    assert predecessor(after) == event_id


def test_the_ends_have_no_neighbours() -> None:
    assert successor(ID_MAX) == ID_MAX
    assert predecessor(ID_MIN) == ID_MIN
