"""The arguments of the commands about triggers.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
Patterns and templates are not looked into here.
"""

from collections.abc import Sequence
from enum import Enum, unique
from typing import Final

from msgspec import Struct

from penstock.protocol.event_ids import EventId, parse_id, read_position
from penstock.protocol.option_reader import OptionReader
from penstock.protocol.submit_arguments import SubmitArguments, put_together
from penstock.protocol.trigger_options import TRIGGER_DELETE_OPTIONS, TRIGGER_OPTIONS
from penstock.protocol.values import read_event_name, read_name, refused, shown

_SET: Final = OptionReader("TRIGGER.SET", TRIGGER_OPTIONS)
_DELETE: Final = OptionReader("TRIGGER.DEL", TRIGGER_DELETE_OPTIONS)


@unique
class Start(Enum):
    """Where a trigger begins, but for an id."""

    LAST = "$"  # After the last event of the stream.
    CURSOR = "cursor"  # Where the trigger of this name stands, if it has been there; else LAST.


class TriggerSetArguments(Struct, frozen=True):
    """TRIGGER.SET's. Events after the id `start` are meant; each of `matches` is field, pattern.

    `template` is the payload's, None if there is none; the payload, the group and the tenant of
    `submit` are no more than what was written.
    """

    name: str
    stream: str
    submit: SubmitArguments
    start: EventId | Start = Start.CURSOR
    matches: tuple[tuple[bytes, bytes], ...] = ()
    template: bytes | None = None


class TriggerDeleteArguments(Struct, frozen=True):
    """TRIGGER.DEL's."""

    name: str
    keeps_cursor: bool = False


def parse_trigger_name(arguments: Sequence[bytes]) -> str:
    """Read `TRIGGER.SHOW name`."""
    return read_name(arguments[1], "trigger")


def parse_trigger_delete(arguments: Sequence[bytes]) -> TriggerDeleteArguments:
    """Read `TRIGGER.DEL name [KEEP]`."""
    numbers, _, _ = _DELETE.read(arguments, 2)
    return TriggerDeleteArguments(parse_trigger_name(arguments), "KEEP" in numbers)


def parse_trigger_set(arguments: Sequence[bytes]) -> TriggerSetArguments:
    """Read `TRIGGER.SET name ON stream [FROM id] [MATCH field pattern ...] SUBMIT task [...]`."""
    name = parse_trigger_name(arguments)
    if arguments[2].upper() != b"ON":
        raise refused(f"TRIGGER.SET name is followed by ON stream, not by {shown(arguments[2])}")
    stream = read_event_name(arguments[3], "stream")
    position = 4
    start: EventId | Start = Start.CURSOR
    if _keyword(arguments, position) == b"FROM":
        start = _start(arguments[position + 1])
        position += 2
    matches = _matches(arguments, position)
    if matches:
        position += 1 + 2 * len(matches)
    if len(arguments) < position + 2 or _keyword(arguments, position) != b"SUBMIT":
        raise refused("TRIGGER.SET needs SUBMIT task behind the stream, FROM and MATCH")
    task = read_name(arguments[position + 1], "task")
    position += 2
    template = None
    if position < len(arguments) and not _SET.is_keyword(arguments[position]):
        template = arguments[position]
        position += 1
    submit = put_together(task, template or b"", _SET.read(arguments, position))
    return TriggerSetArguments(name, stream, submit, start, matches, template)


def _keyword(arguments: Sequence[bytes], position: int) -> bytes:
    return arguments[position].upper() if position < len(arguments) else b""


def _start(raw: bytes) -> EventId | Start:
    if raw == b"$":
        return Start.LAST
    if raw.upper() == b"CURSOR":
        return Start.CURSOR
    if parse_id(raw) is None:
        raise refused(f"FROM must be the id of an event, 0, $ or CURSOR, not {shown(raw)}")
    return read_position(raw)


def _matches(arguments: Sequence[bytes], position: int) -> tuple[tuple[bytes, bytes], ...]:
    """Read pairs up to SUBMIT. The first field is one whatever it is called."""
    if _keyword(arguments, position) != b"MATCH":
        return ()
    matches: list[tuple[bytes, bytes]] = []
    position += 1
    while position + 1 < len(arguments):
        if matches and arguments[position].upper() == b"SUBMIT":
            break
        matches.append((arguments[position], arguments[position + 1]))
        position += 2
    return tuple(matches)
