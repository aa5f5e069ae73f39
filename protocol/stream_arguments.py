"""The arguments of the commands about streams, but for reading them: Redis' own words and texts.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
What needs the settings (the size of an event) is not checked here.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.protocol.event_ids import (
    ID_MIN,
    EventId,
    read_first,
    read_id,
    read_last,
    read_new_id,
    read_position,
)
from penstock.protocol.grammar import Option
from penstock.protocol.stream_options import STREAM_BOUNDS
from penstock.protocol.values import (
    read_event_name,
    read_integer,
    read_key,
    read_number,
    refused,
    shown,
)

SYNTAX_ERROR: Final = "syntax error"

_MAXLEN: Final = b"MAXLEN"
_MINID: Final = b"MINID"
_NO_BOUND: Final = b"none"
_BOUNDS: Final = {option.keyword.encode(): field for field, option in STREAM_BOUNDS.items()}
_KNOWN: Final = ", ".join(option.keyword for option in STREAM_BOUNDS.values())


class TrimArguments(Struct, frozen=True):
    """What is trimmed: MAXLEN's length, or what is before MINID; one of the two is there.

    `limit` is LIMIT's, which only an approximate one has; 0 is no limit.
    """

    length_max: int | None = None
    before: EventId | None = None
    is_approximate: bool = False
    limit: int | None = None


class XaddArguments(Struct, frozen=True):
    """XADD's. The id is None for `*`, and a number, its milliseconds, for `ms-*`."""

    stream: str
    fields: tuple[bytes, ...]
    id: EventId | int | None = None
    trim: TrimArguments | None = None
    makes_stream: bool = True


class PublishArguments(Struct, frozen=True):
    """EVENT.PUBLISH's."""

    stream: str
    key: str
    fields: tuple[bytes, ...]


class XrangeArguments(Struct, frozen=True):
    """XRANGE's and XREVRANGE's, from the smaller id to the larger, both included.

    `events_max` is None without COUNT. With one of 0 Redis answers null, if the stream is there.
    """

    stream: str
    first: EventId
    last: EventId
    events_max: int | None = None


class XdelArguments(Struct, frozen=True):
    """XDEL's."""

    stream: str
    ids: tuple[EventId, ...]


class XtrimArguments(Struct, frozen=True):
    """XTRIM's."""

    stream: str
    trim: TrimArguments


class XsetidArguments(Struct, frozen=True):
    """XSETID's. Without MAXDELETEDID what was deleted stays as it is known."""

    stream: str
    last_id: EventId
    added_count: int | None = None
    max_deleted_id: EventId | None = None


class StreamSetArguments(Struct, frozen=True):
    """STREAM.SET's: what changes, by name; None takes a bound away."""

    stream: str
    changes: dict[str, int | None]


def parse_stream(arguments: Sequence[bytes]) -> str:
    """Read `XLEN key`."""
    return read_event_name(arguments[1], "stream")


def parse_xadd(arguments: Sequence[bytes]) -> XaddArguments:
    """Read `XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] n [LIMIT n]] *|id field value [...]`."""
    stream = read_event_name(arguments[1], "stream")
    if arguments[2] == b"*":
        return XaddArguments(stream, _fields(arguments, 3, "xadd"))
    options = _AddOptions(arguments)
    while options.reads_one():
        pass
    event_id = read_new_id(arguments[options.position]) if options.has_more else None
    trim = options.trim()
    fields = _fields(arguments, options.position + 1, "xadd")
    if event_id == ID_MIN:
        raise refused("The ID specified in XADD must be greater than 0-0")
    return XaddArguments(stream, fields, event_id, trim, options.makes_stream)


def parse_publish(arguments: Sequence[bytes]) -> PublishArguments:
    """Read `EVENT.PUBLISH stream key field value [field value ...]`."""
    return PublishArguments(
        read_event_name(arguments[1], "stream"),
        read_key(arguments[2], "key"),
        _fields(arguments, 3, "event.publish"),
    )


def parse_xrange(arguments: Sequence[bytes]) -> XrangeArguments:
    """Read `XRANGE key start end [COUNT n]`."""
    return _range(arguments, arguments[2], arguments[3])


def parse_xrevrange(arguments: Sequence[bytes]) -> XrangeArguments:
    """Read `XREVRANGE key end start [COUNT n]`."""
    return _range(arguments, arguments[3], arguments[2])


def parse_xdel(arguments: Sequence[bytes]) -> XdelArguments:
    """Read `XDEL key id [id ...]`."""
    stream = read_event_name(arguments[1], "stream")
    return XdelArguments(stream, tuple([read_id(raw) for raw in arguments[2:]]))


def parse_xtrim(arguments: Sequence[bytes]) -> XtrimArguments:
    """Read `XTRIM key MAXLEN|MINID [=|~] n [LIMIT n]`."""
    stream = read_event_name(arguments[1], "stream")
    options = _TrimOptions(arguments)
    while options.has_more:
        if not options.reads_one():
            raise refused(SYNTAX_ERROR)
    trim = options.trim()
    assert trim is not None
    return XtrimArguments(stream, trim)


def parse_xsetid(arguments: Sequence[bytes]) -> XsetidArguments:
    """Read `XSETID key last-id [ENTRIESADDED n] [MAXDELETEDID id]`."""
    stream = read_event_name(arguments[1], "stream")
    last_id = read_id(arguments[2])
    added_count = max_deleted_id = None
    for position in range(3, len(arguments), 2):
        keyword = arguments[position].upper()
        if position + 1 == len(arguments):
            raise refused(SYNTAX_ERROR)
        value = arguments[position + 1]
        if keyword == b"ENTRIESADDED":
            added_count = read_integer(value)
            if added_count < 0:
                raise refused("entries_added must be positive")
        elif keyword == b"MAXDELETEDID":
            max_deleted_id = read_id(value)
            if max_deleted_id > last_id:
                raise refused(
                    "The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
                )
        else:
            raise refused(SYNTAX_ERROR)
    return XsetidArguments(stream, last_id, added_count, max_deleted_id)


def parse_stream_set(arguments: Sequence[bytes]) -> StreamSetArguments:
    """Read `STREAM.SET stream [MAXLEN n|none] [MAXAGE ms|none]`."""
    stream = read_event_name(arguments[1], "stream")
    changes: dict[str, int | None] = {}
    for position in range(2, len(arguments), 2):
        keyword = arguments[position].upper()
        field = _BOUNDS.get(keyword)
        if field is None:
            raise refused(f"unknown option {shown(arguments[position])}; STREAM.SET takes {_KNOWN}")
        option = STREAM_BOUNDS[field]
        if field in changes:
            raise refused(f"option {option.keyword} is given twice")
        if position + 1 == len(arguments):
            raise refused(
                f"option {option.keyword} has no value; write {option.keyword} {option.value}"
            )
        changes[field] = _bound(option, arguments[position + 1])
    return StreamSetArguments(stream, changes)


# --- XADD's and XTRIM's options ------------------------------------------------------------------


class _TrimOptions:
    """Reads what to trim, option by option: what comes first wrong is what Redis complains of."""

    needs_threshold = True

    def __init__(self, arguments: Sequence[bytes]) -> None:
        self.position = 2
        self._arguments = arguments
        self._length_max: int | None = None
        self._before: EventId | None = None
        self._is_approximate = False
        self._limit: int | None = None

    @property
    def has_more(self) -> bool:
        return self.position < len(self._arguments)

    def reads_one(self) -> bool:
        """Read one option; False if there is none of ours."""
        left = len(self._arguments) - self.position - 1
        if left < 1:
            return False
        keyword = self._arguments[self.position].upper()
        if keyword in (_MAXLEN, _MINID):
            self._read_threshold(keyword, left)
        elif keyword == b"LIMIT":
            self._limit = read_integer(self._arguments[self.position + 1])
            if self._limit < 0:
                raise refused("The LIMIT argument must be >= 0.")
        else:
            return False
        self.position += 2
        return True

    def trim(self) -> TrimArguments | None:
        """Put together what was read."""
        has_threshold = self._length_max is not None or self._before is not None
        if self._limit and not has_threshold:
            raise refused(
                "syntax error, LIMIT cannot be used without specifying a trimming strategy"
            )
        if self.needs_threshold and not has_threshold:
            raise refused("syntax error, XTRIM must be called with a trimming strategy")
        if self._limit is not None and not self._is_approximate:
            raise refused("syntax error, LIMIT cannot be used without the special ~ option")
        if not has_threshold:
            return None
        return TrimArguments(self._length_max, self._before, self._is_approximate, self._limit)

    def _read_threshold(self, keyword: bytes, left: int) -> None:
        if self._length_max is not None or self._before is not None:
            raise refused(
                "syntax error, MAXLEN and MINID options at the same time are not compatible"
            )
        operator = self._arguments[self.position + 1]
        self._is_approximate = operator == b"~" and left > 1
        if operator in (b"~", b"=") and left > 1:
            self.position += 1
        value = self._arguments[self.position + 1]
        if keyword == _MINID:
            self._before = read_position(value)
            return
        self._length_max = read_integer(value)
        if self._length_max < 0:
            raise refused("The MAXLEN argument must be >= 0.")


class _AddOptions(_TrimOptions):
    """Likewise for XADD, where NOMKSTREAM may stand among them, and an id ends them."""

    needs_threshold = False
    makes_stream = True

    def reads_one(self) -> bool:
        if self.has_more and self._arguments[self.position].upper() == b"NOMKSTREAM":
            self.makes_stream = False
            self.position += 1
            return True
        return super().reads_one()


# --- parts ---------------------------------------------------------------------------------------


def _fields(arguments: Sequence[bytes], start: int, command: str) -> tuple[bytes, ...]:
    fields = tuple(arguments[start:])
    if not fields or len(fields) % 2:
        raise refused(f"wrong number of arguments for '{command}' command")
    return fields


def _range(arguments: Sequence[bytes], start: bytes, end: bytes) -> XrangeArguments:
    stream = read_event_name(arguments[1], "stream")
    first, last = read_first(start), read_last(end)
    events_max = None
    for position in range(4, len(arguments), 2):
        if arguments[position].upper() != b"COUNT" or position + 1 == len(arguments):
            raise refused(SYNTAX_ERROR)
        events_max = max(0, read_integer(arguments[position + 1]))
    return XrangeArguments(stream, first, last, events_max)


def _bound(option: Option, raw: bytes) -> int | None:
    if raw.lower() == _NO_BOUND:
        return None
    return read_number(raw, option.keyword, option.minimum, option.maximum, "none")
