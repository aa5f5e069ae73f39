"""A tick: an event that says which one it is and when it was sent."""

import re
from typing import Final, NamedTuple, TypeAlias

from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply

EventId: TypeAlias = tuple[int, int]

TICK_BYTES: Final = 64  # Names and values of all its fields.
_NUMBER: Final = b"n"
_SENT: Final = b"sent_ns"
_FILLING: Final = b"x"
# What XREAD of one stream answers when one tick has come: nearly always.
_ONE_TICK: Final = re.compile(
    rb"\*1\r\n\*2\r\n\$\d+\r\n[\w-]+\r\n\*1\r\n\*2\r\n"
    rb"\$\d+\r\n(\d+)-(\d+)\r\n\*6\r\n\$1\r\nn\r\n\$\d+\r\n(\d+)\r\n"
    rb"\$7\r\nsent_ns\r\n\$\d+\r\n(\d+)\r\n\$1\r\nx\r\n\$\d+\r\n\.*\r\n"
)


class Tick(NamedTuple):
    """One tick as a consumer got it. Times are those of the machine's monotonic clock."""

    event_id: EventId
    number: int
    sent_ns: int


def encode_tick(stream: str, number: int, sent_ns: int) -> bytes:
    """Encode the XADD of one tick."""
    values = b"%d" % number, b"%d" % sent_ns
    used = len(_NUMBER) + len(_SENT) + len(_FILLING) + sum(map(len, values))
    filling = b"." * (TICK_BYTES - used)
    return encode_command(
        ("XADD", stream, "*", _NUMBER, values[0], _SENT, values[1], _FILLING, filling)
    )


def read_one_tick(data: bytes) -> Tick | None:
    """Read the bytes of an answer that holds one tick; None: they are something else."""
    found = _ONE_TICK.fullmatch(data)
    if found is None:
        return None
    milliseconds, sequence, number, sent_ns = map(int, found.groups())
    return Tick((milliseconds, sequence), number, sent_ns)


def read_ticks(reply: Reply) -> list[Tick]:
    """Read what XREAD of one stream answered over RESP2.

    Raises:
        ValueError: that are no ticks.
    """
    match reply:
        case [[bytes(), list(entries)]]:
            return [read_tick(entry) for entry in entries]
    raise ValueError(f"it is no answer to XREAD: {reply!r}")


def read_tick(entry: Reply) -> Tick:
    """Read one event; raises as `read_ticks` does."""
    match entry:
        case [bytes(event_id), [b"n", bytes(number), b"sent_ns", bytes(sent), b"x", bytes()]]:
            return Tick(parse_event_id(event_id), int(number), int(sent))
    raise ValueError(f"it is no tick: {entry!r}")


def parse_event_id(text: bytes) -> EventId:
    """Read `milliseconds-sequence`; ValueError says that it is none."""
    milliseconds, _, sequence = text.partition(b"-")
    return int(milliseconds), int(sequence)
