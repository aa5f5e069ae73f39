"""Ids of events: read and written as Redis does, as far as a store can hold them."""

import pytest

from penstock.protocol.errors import ArgumentError
from penstock.protocol.event_ids import (
    ID_MAX,
    ID_MIN,
    EventId,
    format_id,
    parse_id,
    read_first,
    read_id,
    read_last,
    read_new_id,
    read_position,
)
from penstock.protocol.values import INTEGER_MAX

TOP = b"9223372036854775807"
BEYOND = b"9223372036854775808"
REDIS_TOP = b"18446744073709551615"


@pytest.mark.parametrize(
    ("raw", "event_id"),
    [
        (b"0", (0, 0)),
        (b"5", (5, 0)),
        (b"5-7", (5, 7)),
        (b"007-01", (7, 1)),
        (b"1795949984131-0", (1795949984131, 0)),
        (TOP + b"-" + TOP, ID_MAX),
    ],
)
def test_an_id_is_read(raw: bytes, event_id: EventId) -> None:
    assert parse_id(raw) == read_id(raw) == read_position(raw) == read_new_id(raw) == event_id


@pytest.mark.parametrize("event_id", [ID_MIN, (5, 7), ID_MAX])
def test_an_id_is_written_as_it_is_read(event_id: EventId) -> None:
    assert parse_id(format_id(event_id)) == event_id


@pytest.mark.parametrize(
    "raw",
    [
        *b" - + a 5- -5 5-a 5-6-7 +5 5.0 5-** --*".split(b" "),
        b" 5",
        b"18446744073709551616",
        b"5-18446744073709551616",
        b"0" * 128,
        "\u0665".encode(),
    ],
)
def test_what_is_no_id_is_refused_in_redis_words(raw: bytes) -> None:
    assert parse_id(raw) is None
    for read in (read_id, read_position, read_new_id):
        with pytest.raises(ArgumentError, match=r"^ERR Invalid stream ID specified as stream"):
            read(raw)


def test_a_missing_sequence_is_what_is_asked_for() -> None:
    assert parse_id(b"5", 9) == (5, 9)
    assert parse_id(b"5-1", 9) == (5, 1)


@pytest.mark.parametrize("raw", [BEYOND, BEYOND + b"-1", b"5-" + BEYOND, REDIS_TOP])
def test_an_id_that_no_event_can_have_is_refused(raw: bytes) -> None:
    for read in (read_id, read_new_id):
        with pytest.raises(ArgumentError, match="Invalid stream ID"):
            read(raw)


@pytest.mark.parametrize(
    ("raw", "position"),
    [
        (BEYOND, ID_MAX),
        (BEYOND + b"-3", ID_MAX),
        (b"5-" + BEYOND, (5, INTEGER_MAX)),
        (REDIS_TOP + b"-" + REDIS_TOP, ID_MAX),
    ],
)
def test_a_position_beyond_all_events_is_after_the_last_one_there_can_be(
    raw: bytes, position: EventId
) -> None:
    assert read_position(raw) == position


def test_a_new_id_may_leave_the_rest_to_the_server() -> None:
    assert read_new_id(b"*") is None
    assert read_new_id(b"5-*") == 5
    assert read_new_id(b"0-*") == 0


@pytest.mark.parametrize(
    ("raw", "first", "last"),
    [
        (b"-", ID_MIN, ID_MIN),
        (b"+", ID_MAX, ID_MAX),
        (b"5", (5, 0), (5, INTEGER_MAX)),
        (b"5-3", (5, 3), (5, 3)),
        (b"(5-3", (5, 4), (5, 2)),
        (b"(5", (5, 1), (5, INTEGER_MAX - 1)),
        (b"(5-0", (5, 1), (4, INTEGER_MAX)),
        (b"(5-" + TOP, (6, 0), (5, INTEGER_MAX - 1)),
    ],
)
def test_a_range_has_its_ends(raw: bytes, first: EventId, last: EventId) -> None:
    assert read_first(raw) == first
    assert read_last(raw) == last


@pytest.mark.parametrize("raw", [b"(", b"(-", b"(+", b"((5", b"x", b"(x", b"5-*"])
def test_an_end_that_is_none_is_refused(raw: bytes) -> None:
    for read in (read_first, read_last):
        with pytest.raises(ArgumentError, match="Invalid stream ID"):
            read(raw)


def test_nothing_comes_after_the_last_id() -> None:
    with pytest.raises(ArgumentError, match=r"^ERR invalid start ID for the interval$"):
        read_first(b"(" + REDIS_TOP + b"-" + REDIS_TOP)


def test_nothing_goes_before_the_first_id() -> None:
    with pytest.raises(ArgumentError, match=r"^ERR invalid end ID for the interval$"):
        read_last(b"(0-0")
