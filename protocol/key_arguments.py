"""The arguments of Redis' commands about keys of any kind; here all keys are streams.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with Redis' text.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.protocol.stream_arguments import SYNTAX_ERROR
from penstock.protocol.values import read_event_name, read_integer, refused

SCAN_KEYS_DEFAULT: Final = 10

_CURSOR_MAX: Final = 2**64 - 1
_CURSOR_DIGITS_MAX: Final = 20


class ScanArguments(Struct, frozen=True):
    """SCAN's. `type` is in lower case; None is any, as is no pattern."""

    cursor: int
    pattern: bytes | None = None
    keys_max: int = SCAN_KEYS_DEFAULT
    type: str | None = None


def parse_key(arguments: Sequence[bytes]) -> str:
    """Read `TYPE key`."""
    return read_event_name(arguments[1], "stream")


def parse_keys(arguments: Sequence[bytes]) -> tuple[str, ...]:
    """Read `DEL key [key ...]`, and what else takes keys; one may come more than once."""
    return tuple([read_event_name(raw, "stream") for raw in arguments[1:]])


def parse_pattern(arguments: Sequence[bytes]) -> bytes:
    """Read `KEYS pattern`."""
    return arguments[1]


def parse_scan(arguments: Sequence[bytes]) -> ScanArguments:
    """Read `SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]`."""
    cursor = _cursor(arguments[1])
    pattern = kind = None
    keys_max = SCAN_KEYS_DEFAULT
    for position in range(2, len(arguments), 2):
        keyword = arguments[position].upper()
        if position + 1 == len(arguments):
            raise refused(SYNTAX_ERROR)
        value = arguments[position + 1]
        if keyword == b"COUNT":
            keys_max = read_integer(value)
            if keys_max < 1:
                raise refused(SYNTAX_ERROR)
        elif keyword == b"MATCH":
            pattern = value
        elif keyword == b"TYPE":
            kind = value.decode(errors="replace").lower()
        else:
            raise refused(SYNTAX_ERROR)
    return ScanArguments(cursor, pattern, keys_max, kind)


def _cursor(raw: bytes) -> int:
    if not raw.isdigit() or len(raw) > _CURSOR_DIGITS_MAX or int(raw) > _CURSOR_MAX:
        raise refused("invalid cursor")
    return int(raw)
