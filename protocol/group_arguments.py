"""The arguments of the commands about consumer groups: XGROUP, and what is done about a group.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request:
Redis' own where the command is Redis'.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.errors import ArgumentError
from penstock.protocol.event_ids import EventId, read_end, read_id, read_position
from penstock.protocol.option_reader import OptionReader
from penstock.protocol.stream_options import CONFIRM_OPTIONS
from penstock.protocol.values import read_event_name, read_integer, read_key, read_word, refused

GROUP_TRIM_WORDS: Final = ("allow", "keep")

_CONFIRM: Final = OptionReader("EVENT.CONFIRM", CONFIRM_OPTIONS)
_LAST: Final = b"$"
_READ_COUNT_UNKNOWN: Final = -1


class GroupArguments(Struct, frozen=True):
    """XGROUP DESTROY's, and of what else names a group alone."""

    stream: str
    group: str


class GroupPositionArguments(Struct, frozen=True):
    """XGROUP CREATE's and XGROUP SETID's. `start` None is `$`, after the stream's last event.

    `read_count` None is not known, as without ENTRIESREAD.
    """

    stream: str
    group: str
    start: EventId | None
    read_count: int | None = None
    makes_stream: bool = False


class ConsumerArguments(Struct, frozen=True):
    """XGROUP CREATECONSUMER's and XGROUP DELCONSUMER's."""

    stream: str
    group: str
    consumer: str


class GroupTrimArguments(Struct, frozen=True):
    """XGROUP TRIM's: whether trimming may pass what the group has not been given."""

    stream: str
    group: str
    is_lossy: bool


class XackArguments(Struct, frozen=True):
    """XACK's."""

    stream: str
    group: str
    ids: tuple[EventId, ...]


class HandledArguments(Struct, frozen=True):
    """EVENT.HANDLED's."""

    stream: str
    group: str
    key: str


class ConfirmArguments(Struct, frozen=True):
    """EVENT.CONFIRM's. `acknowledged_id` is the event that is acknowledged with it."""

    stream: str
    group: str
    key: str
    keep_ms: int = limits.HANDLED_KEEP_MS_DEFAULT
    acknowledged_id: EventId | None = None


def parse_group(arguments: Sequence[bytes]) -> GroupArguments:
    """Read `XGROUP DESTROY key group`."""
    return GroupArguments(*_stream_and_group(arguments, 2))


def parse_group_create(arguments: Sequence[bytes]) -> GroupPositionArguments:
    """Read `XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD n]`."""
    if len(arguments) > 8:
        raise _wrong_form(arguments)
    return _position(arguments, may_make_stream=True)


def parse_group_set_id(arguments: Sequence[bytes]) -> GroupPositionArguments:
    """Read `XGROUP SETID key group id|$ [ENTRIESREAD n]`."""
    if len(arguments) not in (5, 7):
        raise _wrong_form(arguments)
    return _position(arguments, may_make_stream=False)


def parse_consumer(arguments: Sequence[bytes]) -> ConsumerArguments:
    """Read `XGROUP CREATECONSUMER key group consumer`, and DELCONSUMER."""
    return ConsumerArguments(
        *_stream_and_group(arguments, 2), read_event_name(arguments[4], "consumer")
    )


def parse_group_trim(arguments: Sequence[bytes]) -> GroupTrimArguments:
    """Read `XGROUP TRIM key group ALLOW|KEEP`."""
    word = read_word(arguments[4], "TRIM", GROUP_TRIM_WORDS)
    return GroupTrimArguments(*_stream_and_group(arguments, 2), word == "allow")


def parse_xack(arguments: Sequence[bytes]) -> XackArguments:
    """Read `XACK key group id [id ...]`."""
    stream, group = _stream_and_group(arguments, 1)
    return XackArguments(stream, group, tuple([read_id(raw) for raw in arguments[3:]]))


def parse_handled(arguments: Sequence[bytes]) -> HandledArguments:
    """Read `EVENT.HANDLED stream group key`."""
    return HandledArguments(*_stream_and_group(arguments, 1), read_key(arguments[3], "key"))


def parse_confirm(arguments: Sequence[bytes]) -> ConfirmArguments:
    """Read `EVENT.CONFIRM stream group key [KEEP ms] [ACK id]`."""
    stream, group = _stream_and_group(arguments, 1)
    key = read_key(arguments[3], "key")
    numbers, texts, _ = _CONFIRM.read(arguments, 4)
    raw_id = texts.get("ACK")
    return ConfirmArguments(
        stream,
        group,
        key,
        numbers.get("KEEP", limits.HANDLED_KEEP_MS_DEFAULT),
        None if raw_id is None else read_id(raw_id.encode()),
    )


# --- parts ---------------------------------------------------------------------------------------


def _stream_and_group(arguments: Sequence[bytes], start: int) -> tuple[str, str]:
    return (
        read_event_name(arguments[start], "stream"),
        read_event_name(arguments[start + 1], "group"),
    )


def _position(arguments: Sequence[bytes], *, may_make_stream: bool) -> GroupPositionArguments:
    stream, group = _stream_and_group(arguments, 2)
    makes_stream = False
    read_count = None
    position = 5
    while position < len(arguments):
        keyword = arguments[position].upper()
        if keyword == b"MKSTREAM" and may_make_stream:
            makes_stream = True
            position += 1
        elif keyword == b"ENTRIESREAD" and position + 1 < len(arguments):
            read_count = _read_count(arguments[position + 1])
            position += 2
        else:
            raise _wrong_form(arguments)
    start = None
    if arguments[4] != _LAST:
        # Redis takes `-` and `+` for SETID only.
        start = read_position(arguments[4]) if may_make_stream else read_end(arguments[4])
    return GroupPositionArguments(stream, group, start, read_count, makes_stream)


def _read_count(raw: bytes) -> int | None:
    count = read_integer(raw)
    if count < _READ_COUNT_UNKNOWN:
        raise refused("value for ENTRIESREAD must be positive or -1")
    return None if count == _READ_COUNT_UNKNOWN else count


def _wrong_form(arguments: Sequence[bytes]) -> ArgumentError:
    """Make the error for options of a subcommand that are none, in Redis' words."""
    subcommand = arguments[1].decode(errors="replace")
    return refused(
        f"unknown subcommand or wrong number of arguments for '{subcommand}'. Try XGROUP HELP."
    )
