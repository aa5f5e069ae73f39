"""The arguments of the commands that read streams and may wait: XREAD and XREADGROUP.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with Redis' text.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.protocol.event_ids import EventId, read_position
from penstock.protocol.stream_arguments import SYNTAX_ERROR
from penstock.protocol.values import read_event_name, read_integer, refused

_LAST: Final = b"$"
_NEW: Final = b">"

_UNBALANCED: Final = (
    "Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."
)
_NO_GROUP: Final = (
    "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> "
    "option."
)
_NO_LAST: Final = (
    "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this "
    "consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just "
    "return an empty result set."
)


class XreadArguments(Struct, frozen=True):
    """XREAD's. Events after an id are meant; None is `$`, after the stream's last one.

    `block_ms` None does not wait; 0 waits for ever. `events_max` is of each stream.
    """

    streams: tuple[tuple[str, EventId | None], ...]
    events_max: int | None = None
    block_ms: int | None = None


class XreadgroupArguments(Struct, frozen=True):
    """XREADGROUP's. None is `>`, what no consumer was given; an id, what this one has after it.

    With NOACK new events are `acknowledged` as they are given.
    """

    group: str
    consumer: str
    streams: tuple[tuple[str, EventId | None], ...]
    events_max: int | None = None
    block_ms: int | None = None
    acknowledged: bool = False


def parse_xread(arguments: Sequence[bytes]) -> XreadArguments:
    """Read `XREAD [COUNT n] [BLOCK ms] STREAMS key [key ...] id [id ...]`."""
    options = _Options(arguments)
    return XreadArguments(
        tuple([(name, _after(raw)) for name, raw in options.streams]),
        options.events_max,
        options.block_ms,
    )


def parse_xreadgroup(arguments: Sequence[bytes]) -> XreadgroupArguments:
    """Read `XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] [NOACK] STREAMS ...`."""
    options = _Options(arguments, of_group=True)
    if options.group is None or options.consumer is None:
        raise refused("Missing GROUP option for XREADGROUP")
    return XreadgroupArguments(
        options.group,
        options.consumer,
        tuple([(name, _given(raw)) for name, raw in options.streams]),
        options.events_max,
        options.block_ms,
        options.acknowledged,
    )


class _Options:
    """Reads options in any order, the last of a kind counting, up to STREAMS and what follows."""

    events_max: int | None = None
    block_ms: int | None = None
    group: str | None = None
    consumer: str | None = None
    acknowledged = False

    def __init__(self, arguments: Sequence[bytes], *, of_group: bool = False) -> None:
        self._arguments = arguments
        self._of_group = of_group
        position = 1
        while arguments[position].upper() != b"STREAMS":
            position += self._read_option(position, len(arguments) - position - 1)
            if position >= len(arguments):
                raise refused(SYNTAX_ERROR)
        self.streams = _streams(arguments, position + 1)

    def _read_option(self, position: int, left: int) -> int:
        """Read one option; return how many arguments it has."""
        keyword = self._arguments[position].upper()
        if keyword == b"COUNT" and left:
            # Redis takes 0 and less for no bound.
            events_max = read_integer(self._arguments[position + 1])
            self.events_max = events_max if events_max > 0 else None
        elif keyword == b"BLOCK" and left:
            self.block_ms = _block_ms(self._arguments[position + 1])
        elif keyword == b"GROUP" and left > 1:
            self._check_of_group("GROUP")
            self.group = read_event_name(self._arguments[position + 1], "group")
            self.consumer = read_event_name(self._arguments[position + 2], "consumer")
            return 3
        elif keyword == b"NOACK":
            self._check_of_group("NOACK")
            self.acknowledged = True
            return 1
        else:
            raise refused(SYNTAX_ERROR)
        return 2

    def _check_of_group(self, keyword: str) -> None:
        if not self._of_group:
            raise refused(
                f"The {keyword} option is only supported by XREADGROUP. You called XREAD instead."
            )


def _streams(arguments: Sequence[bytes], start: int) -> list[tuple[str, bytes]]:
    count, is_unbalanced = divmod(len(arguments) - start, 2)
    if is_unbalanced:
        raise refused(_UNBALANCED)
    if not count:
        raise refused(SYNTAX_ERROR)
    names = arguments[start : start + count]
    raw_ids = arguments[start + count :]
    return [
        (read_event_name(name, "stream"), raw) for name, raw in zip(names, raw_ids, strict=True)
    ]


def _block_ms(raw: bytes) -> int:
    block_ms = read_integer(raw, "timeout is not an integer or out of range")
    if block_ms < 0:
        raise refused("timeout is negative")
    return block_ms


def _after(raw: bytes) -> EventId | None:
    if raw == _LAST:
        return None
    if raw == _NEW:
        raise refused(_NO_GROUP)
    return read_position(raw)


def _given(raw: bytes) -> EventId | None:
    if raw == _NEW:
        return None
    if raw == _LAST:
        raise refused(_NO_LAST)
    return read_position(raw)
