"""The arguments of the commands about pending events: XPENDING, XCLAIM and XAUTOCLAIM.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with Redis' text.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.event_ids import (
    ID_MIN,
    EventId,
    parse_id,
    read_first,
    read_last,
    read_position,
)
from penstock.protocol.stream_arguments import SYNTAX_ERROR
from penstock.protocol.values import INTEGER_MAX, read_event_name, read_integer, refused

AUTO_CLAIM_EVENTS_DEFAULT: Final = 100

# Redis' bound for COUNT of XAUTOCLAIM, which looks at more events than it claims.
_AUTO_CLAIM_EVENTS_MAX: Final = INTEGER_MAX // 16


class PendingRangeArguments(Struct, frozen=True):
    """Which pending events XPENDING lists; from one id to another, both included."""

    first: EventId
    last: EventId
    events_max: int
    consumer: str | None = None
    idle_ms: int = 0


class XpendingArguments(Struct, frozen=True):
    """XPENDING's. Without a range the summary is meant."""

    stream: str
    group: str
    range: PendingRangeArguments | None = None


class XclaimArguments(Struct, frozen=True):
    """XCLAIM's. Of `deliver_idle_ms` and `deliver_at`, at most one is there; none is now.

    `deliveries` None counts one more, unless `just_id`.
    """

    stream: str
    group: str
    consumer: str
    idle_ms: int
    ids: tuple[EventId, ...]
    deliver_idle_ms: int | None = None
    deliver_at: int | None = None
    deliveries: int | None = None
    force: bool = False
    just_id: bool = False
    last_id: EventId | None = None


class XautoclaimArguments(Struct, frozen=True):
    """XAUTOCLAIM's."""

    stream: str
    group: str
    consumer: str
    idle_ms: int
    start: EventId
    events_max: int = AUTO_CLAIM_EVENTS_DEFAULT
    just_id: bool = False


def parse_xpending(arguments: Sequence[bytes]) -> XpendingArguments:
    """Read `XPENDING key group [[IDLE ms] start end count [consumer]]`."""
    stream, group = read_event_name(arguments[1], "stream"), read_event_name(arguments[2], "group")
    if len(arguments) == 3:
        return XpendingArguments(stream, group)
    idle_ms = 0
    position = 3
    if arguments[3].upper() == b"IDLE" and len(arguments) > 4:
        idle_ms = max(0, read_integer(arguments[4]))
        position = 5
    if len(arguments) - position not in (3, 4):
        raise refused(SYNTAX_ERROR)
    events_max = max(0, read_integer(arguments[position + 2]))
    first, last = read_first(arguments[position]), read_last(arguments[position + 1])
    consumer = None
    if len(arguments) - position == 4:
        consumer = read_event_name(arguments[position + 3], "consumer")
    wanted = PendingRangeArguments(first, last, events_max, consumer, idle_ms)
    return XpendingArguments(stream, group, wanted)


def parse_xclaim(arguments: Sequence[bytes]) -> XclaimArguments:
    """Read `XCLAIM key group consumer min-idle-ms id [id ...] [options]`."""
    stream, group, consumer = _names(arguments)
    idle_ms = max(0, read_integer(arguments[4], "Invalid min-idle-time argument for XCLAIM"))
    end = 5
    ids: list[EventId] = []
    while end < len(arguments) and (event_id := parse_id(arguments[end])) is not None:
        # No event has a larger id than any can have.
        if max(event_id) <= INTEGER_MAX:
            ids.append(event_id)
        end += 1
    options = _ClaimOptions(arguments, end)
    return XclaimArguments(
        stream,
        group,
        consumer,
        idle_ms,
        tuple(ids),
        options.deliver_idle_ms,
        options.deliver_at,
        options.deliveries,
        options.force,
        options.just_id,
        options.last_id,
    )


def parse_xautoclaim(arguments: Sequence[bytes]) -> XautoclaimArguments:
    """Read `XAUTOCLAIM key group consumer min-idle-ms start [COUNT n] [JUSTID]`."""
    stream, group, consumer = _names(arguments)
    idle_ms = max(0, read_integer(arguments[4], "Invalid min-idle-time argument for XAUTOCLAIM"))
    start = read_first(arguments[5])
    events_max = AUTO_CLAIM_EVENTS_DEFAULT
    just_id = False
    position = 6
    while position < len(arguments):
        keyword = arguments[position].upper()
        if keyword == b"COUNT" and position + 1 < len(arguments):
            events_max = _events_max(arguments[position + 1])
            position += 2
        elif keyword == b"JUSTID":
            just_id = True
            position += 1
        else:
            raise refused(SYNTAX_ERROR)
    return XautoclaimArguments(stream, group, consumer, idle_ms, start, events_max, just_id)


class _ClaimOptions:
    """Reads XCLAIM's options, in any order, the last of a kind counting."""

    deliver_idle_ms: int | None = None
    deliver_at: int | None = None
    deliveries: int | None = None
    force = False
    just_id = False
    last_id: EventId | None = None

    def __init__(self, arguments: Sequence[bytes], start: int) -> None:
        position = start
        while position < len(arguments):
            keyword = arguments[position].upper()
            if keyword in (b"FORCE", b"JUSTID"):
                self.force |= keyword == b"FORCE"
                self.just_id |= keyword == b"JUSTID"
                position += 1
                continue
            if position + 1 == len(arguments) or not self._read(keyword, arguments[position + 1]):
                name = arguments[position][: limits.ERROR_ARGUMENTS_BYTES_MAX].decode(
                    errors="replace"
                )
                raise refused(f"Unrecognized XCLAIM option '{name}'")
            position += 2

    def _read(self, keyword: bytes, value: bytes) -> bool:
        if keyword in (b"IDLE", b"TIME", b"RETRYCOUNT"):
            name = keyword.decode()
            number = read_integer(value, f"Invalid {name} option argument for XCLAIM")
            self._put_number(keyword, number)
            return True
        if keyword == b"LASTID":
            last_id = read_position(value)
            self.last_id = None if last_id == ID_MIN else last_id
            return True
        return False

    def _put_number(self, keyword: bytes, number: int) -> None:
        """Take a number as Redis does, which never refuses one that makes no sense."""
        if keyword == b"RETRYCOUNT":
            self.deliveries = number if number >= 0 else None
        elif keyword == b"IDLE":
            self.deliver_idle_ms, self.deliver_at = max(0, number), None
        else:
            self.deliver_idle_ms, self.deliver_at = None, number if number >= 0 else None


def _names(arguments: Sequence[bytes]) -> tuple[str, str, str]:
    return (
        read_event_name(arguments[1], "stream"),
        read_event_name(arguments[2], "group"),
        read_event_name(arguments[3], "consumer"),
    )


def _events_max(raw: bytes) -> int:
    events_max = read_integer(raw, "COUNT must be > 0")
    if not 1 <= events_max <= _AUTO_CLAIM_EVENTS_MAX:
        raise refused("COUNT must be > 0")
    return events_max
