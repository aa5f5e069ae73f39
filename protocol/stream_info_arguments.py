"""The arguments of XINFO's subcommands.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with Redis' text.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.protocol.group_arguments import GroupArguments
from penstock.protocol.values import read_event_name, read_integer, refused

FULL_EVENTS_DEFAULT: Final = 10


class StreamInfoArguments(Struct, frozen=True):
    """XINFO STREAM's. With FULL, COUNT bounds the events and pending events that are shown.

    `events_max` None is no bound: COUNT 0.
    """

    stream: str
    is_full: bool = False
    events_max: int | None = FULL_EVENTS_DEFAULT


def parse_info_stream(arguments: Sequence[bytes]) -> StreamInfoArguments:
    """Read `XINFO STREAM key [FULL [COUNT n]]`."""
    stream = read_event_name(arguments[2], "stream")
    options = arguments[3:]
    if not options:
        return StreamInfoArguments(stream)
    if (
        len(options) not in (1, 3)
        or options[0].upper() != b"FULL"
        or (len(options) == 3 and options[1].upper() != b"COUNT")
    ):
        subcommand = arguments[1].decode(errors="replace")
        raise refused(
            f"unknown subcommand or wrong number of arguments for '{subcommand}'. Try XINFO HELP."
        )
    if len(options) == 1:
        return StreamInfoArguments(stream, is_full=True)
    count = read_integer(options[2])
    return StreamInfoArguments(
        stream, is_full=True, events_max=FULL_EVENTS_DEFAULT if count < 0 else count or None
    )


def parse_info_groups(arguments: Sequence[bytes]) -> str:
    """Read `XINFO GROUPS key`."""
    return read_event_name(arguments[2], "stream")


def parse_info_consumers(arguments: Sequence[bytes]) -> GroupArguments:
    """Read `XINFO CONSUMERS key group`."""
    return GroupArguments(
        read_event_name(arguments[2], "stream"), read_event_name(arguments[3], "group")
    )
