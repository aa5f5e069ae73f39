import pytest

from penstock.loadtest.ticks import (
    TICK_BYTES,
    Tick,
    encode_tick,
    read_one_tick,
    read_ticks,
)
from penstock.protocol.reader import INCOMPLETE, Reply, ReplyReader
from penstock.protocol.replies import Value, encode
from penstock.protocol.requests import RequestParser


def fields_of(tick: Tick) -> list[bytes]:
    """Return the fields of the XADD that sends a tick."""
    parser = RequestParser()
    parser.authenticated = True
    parser.feed(encode_tick("ticks", tick.number, tick.sent_ns))
    command = parser.next()
    assert command is not None
    assert command[:3] == [b"XADD", b"ticks", b"*"]
    return command[3:]


def answer(*ticks: Tick) -> bytes:
    entries: list[Value] = [
        [b"%d-%d" % tick.event_id, [*fields_of(tick)]]  # As a server stores and returns them.
        for tick in ticks
    ]
    return encode([[b"ticks", entries]], resp3=False)


def parsed(data: bytes) -> Reply:
    reader = ReplyReader()
    reader.feed(data)
    reply = reader.next()
    assert reply is not INCOMPLETE
    return reply


FIRST = Tick((1_700_000_000_000, 0), 0, 123_456_789)
LATER = Tick((1_700_000_000_000, 12), 1_234_567, 98_765_432_101_234_567)


@pytest.mark.parametrize("tick", [FIRST, LATER])
def test_a_tick_has_the_size_of_what_is_measured(tick: Tick) -> None:
    assert sum(map(len, fields_of(tick))) == TICK_BYTES


@pytest.mark.parametrize("tick", [FIRST, LATER])
def test_the_quick_way_reads_what_the_careful_one_reads(tick: Tick) -> None:
    data = answer(tick)

    assert read_one_tick(data) == tick
    assert read_ticks(parsed(data)) == [tick]


def test_several_ticks_are_left_to_the_careful_way() -> None:
    data = answer(FIRST, LATER)

    assert read_one_tick(data) is None
    assert read_ticks(parsed(data)) == [FIRST, LATER]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_part_of_an_answer_is_left_to_the_careful_way(cut: int) -> None:
    assert read_one_tick(answer(FIRST)[:-cut]) is None
    assert read_one_tick(answer(FIRST) + answer(LATER)[:cut]) is None


@pytest.mark.parametrize("reply", [[], [[b"ticks"]], [[b"ticks", [[b"1-0", [b"n", b"1"]]]]], 5])
def test_what_is_no_tick_is_told(reply: Reply) -> None:
    with pytest.raises(ValueError, match="it is no"):
        read_ticks(reply)
