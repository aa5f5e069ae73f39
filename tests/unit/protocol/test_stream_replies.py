"""Replies about events: what redis-server 7 sent for the same, in RESP2 and in RESP3."""

import pytest
from msgspec import Struct

from penstock.protocol import stream_replies as replies
from penstock.protocol.event_ids import EventId


class Entry(Struct, frozen=True):
    id: EventId
    fields: tuple[bytes, ...]


FIRST = b"*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
SECOND = b"*2\r\n$3\r\n2-1\r\n*4\r\n$1\r\nf\r\n$0\r\n\r\n$1\r\ng\r\n$2\r\n\r\n\r\n"


def test_an_event_is_its_id_and_its_fields_flat() -> None:
    assert replies.event((1, 1), (b"f", b"v")) == FIRST
    assert replies.event((2, 1), (b"f", b"", b"g", b"\r\n")) == SECOND


def test_events_are_an_array_of_them() -> None:
    entries = [Entry((1, 1), (b"f", b"v")), Entry((2, 1), (b"f", b"", b"g", b"\r\n"))]

    assert replies.events(entries) == b"*2\r\n" + FIRST + SECOND
    assert replies.events([]) == b"*0\r\n"


def test_ids_alone_are_bulk_strings() -> None:
    assert replies.event_id((5, 0)) == b"$3\r\n5-0\r\n"
    assert replies.event_ids([(1, 1), (20, 3)]) == b"*2\r\n$3\r\n1-1\r\n$4\r\n20-3\r\n"


@pytest.mark.parametrize(
    ("resp3", "reply"),
    [(False, b"*2\r\n$3\r\n1-1\r\n*-1\r\n"), (True, b"*2\r\n$3\r\n1-1\r\n_\r\n")],
)
def test_an_event_that_is_gone_has_null_for_its_fields(resp3: bool, reply: bytes) -> None:
    assert replies.deleted_event((1, 1), resp3) == reply


@pytest.mark.parametrize(
    ("resp3", "reply"),
    [
        (False, b"*2\r\n*2\r\n$1\r\ns\r\n*1\r\n%b*2\r\n$2\r\n\xc3\xa9\r\n*0\r\n" % FIRST),
        (True, b"%%2\r\n$1\r\ns\r\n*1\r\n%b$2\r\n\xc3\xa9\r\n*0\r\n" % FIRST),
    ],
)
def test_readings_are_a_map_in_resp3_only(resp3: bool, reply: bytes) -> None:
    read = {"s": replies.events([Entry((1, 1), (b"f", b"v"))]), "é": replies.events([])}

    assert replies.readings(read, resp3) == reply


@pytest.mark.parametrize(("resp3", "reply"), [(False, b"*-1\r\n"), (True, b"_\r\n")])
def test_nothing_read_is_null(resp3: bool, reply: bytes) -> None:
    assert replies.readings({}, resp3) == replies.null_array(resp3) == reply


@pytest.mark.parametrize(
    ("resp3", "reply"),
    [
        (False, b"*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n"),
        (True, b"*4\r\n:0\r\n_\r\n_\r\n_\r\n"),
    ],
)
def test_a_summary_of_nothing_pending_has_nulls(resp3: bool, reply: bytes) -> None:
    assert replies.pending_summary(0, None, {}, resp3) == reply


@pytest.mark.parametrize("resp3", [False, True])
def test_a_summary_of_pending_events_counts_in_text(resp3: bool) -> None:
    summary = replies.pending_summary(3, ((1, 1), (3, 1)), {"c": 2, "d": 1}, resp3)

    assert summary == (
        b"*4\r\n:3\r\n$3\r\n1-1\r\n$3\r\n3-1\r\n"
        b"*2\r\n*2\r\n$1\r\nc\r\n$1\r\n2\r\n*2\r\n$1\r\nd\r\n$1\r\n1\r\n"
    )


def test_a_pending_event_has_four_parts() -> None:
    assert replies.pending_event((1, 1), "c", 12, 2) == (
        b"*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:12\r\n:2\r\n"
    )


def test_an_automatic_claim_says_where_to_go_on() -> None:
    claimed = replies.events([Entry((1, 1), (b"f", b"v"))])

    assert replies.auto_claimed((2, 1), claimed, [(0, 5)]) == (
        b"*3\r\n$3\r\n2-1\r\n*1\r\n" + FIRST + b"*1\r\n$3\r\n0-5\r\n"
    )
    assert replies.auto_claimed((0, 0), replies.event_ids([]), []) == (
        b"*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n"
    )


def test_keys_are_names() -> None:
    assert replies.keys(["a", "é"]) == b"*2\r\n$1\r\na\r\n$2\r\n\xc3\xa9\r\n"
    assert replies.keys([]) == b"*0\r\n"
    assert replies.scanned(0, ["s"]) == b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\ns\r\n"
    assert replies.scanned(17, []) == b"*2\r\n$2\r\n17\r\n*0\r\n"


def test_a_stream_is_the_only_type_there_is() -> None:
    assert replies.key_type(True) == b"+stream\r\n"
    assert replies.key_type(False) == b"+none\r\n"
