"""Single arguments, read strictly: whole numbers, names, keys, text."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ArgumentError, ErrorCode

# Whole numbers go up to here where nothing narrower holds: SQLite's and every client's integer.
INTEGER_MAX: Final = 2**63 - 1
# Milliseconds since 1970 that any language can hold exactly as a number.
INSTANT_MAX: Final = 2**53 - 1

_DIGITS_MAX: Final = 19  # Of the largest 64-bit integer.
_ZERO: Final = ord("0")
_SHOWN_CHARACTERS_MAX: Final = 64

_NAME: Final = re.compile(rb"[A-Za-z0-9_.:/@+-]{1,%d}" % limits.NAME_BYTES_MAX)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_INTEGER: Final = re.compile(rb"0|-?[1-9][0-9]{0,18}")
# Names that were read lately, so that a stream of submissions to a few tasks does not match and
# decode each again: about a megabyte. Likewise those of streams and their groups.
_NAMES_CACHED_MAX: Final = 4096


def refused(text: str) -> ArgumentError:
    """Make the error for an argument that cannot be accepted."""
    return ArgumentError(ErrorCode.ERR, text)


def shown(raw: bytes) -> str:
    """Quote an argument for an error text: cut when it is long, control characters escaped."""
    text = raw[: 4 * _SHOWN_CHARACTERS_MAX].decode(errors="replace")
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    if len(raw) > 4 * _SHOWN_CHARACTERS_MAX or len(text) > _SHOWN_CHARACTERS_MAX:
        text = text[:_SHOWN_CHARACTERS_MAX] + "…"
    return f"'{text}'"


def read_number(raw: bytes, what: str, minimum: int, maximum: int, or_else: str = "") -> int:
    """Read a whole number: decimal digits, no sign, no leading zero, within the range.

    *or_else* names a word that the caller has looked for; it is for the text of the error.
    """
    if raw.isdigit() and len(raw) <= _DIGITS_MAX and (raw[0] != _ZERO or len(raw) == 1):
        number = int(raw)
        if minimum <= number <= maximum:
            return number
    other = f" or {or_else}" if or_else else ""
    raise refused(
        f"{what} must be a whole number from {minimum} to {maximum}{other}, not {shown(raw)}"
    )


def read_integer(raw: bytes, otherwise: str = "value is not an integer or out of range") -> int:
    """Read a whole number of 64 bits as Redis does; it may be negative."""
    if _INTEGER.fullmatch(raw):
        number = int(raw)
        if -INTEGER_MAX - 1 <= number <= INTEGER_MAX:
            return number
    raise refused(otherwise)


def read_job_id(raw: bytes) -> int:
    """Read the id of a job."""
    return read_number(raw, "id", 1, INTEGER_MAX)


def read_attempt(raw: bytes) -> int:
    """Read the number of an attempt."""
    return read_number(raw, "attempt", 1, INTEGER_MAX)


def refuse_more_than(arguments: Sequence[bytes], count: int, name: str) -> None:
    """Refuse arguments that an open-ended arity lets through, as Redis does."""
    if len(arguments) > count:
        raise refused(f"wrong number of arguments for '{name}' command")


def read_name(raw: bytes, what: str) -> str:
    """Read the name of a task, a queue or a tenant."""
    # Longer arguments must not stay in the cache.
    name = _cached_name(raw) if len(raw) <= limits.NAME_BYTES_MAX else None
    if name is None:
        raise refused(
            f"{what} must be 1 to {limits.NAME_BYTES_MAX} characters out of "
            f"A-Z a-z 0-9 _ . : / @ + -, not {shown(raw)}"
        )
    return name


@lru_cache(maxsize=_NAMES_CACHED_MAX)
def _cached_name(raw: bytes) -> str | None:
    return raw.decode() if _NAME.fullmatch(raw) else None


def read_key(raw: bytes, what: str = "KEY") -> str:
    """Read an idempotency key or an ordering group."""
    if 1 <= len(raw) <= limits.KEY_BYTES_MAX:
        try:
            key = raw.decode()
        except UnicodeDecodeError:
            key = "\0"
        if _CONTROL.search(key) is None:
            return key
    raise refused(
        f"{what} must be 1 to {limits.KEY_BYTES_MAX} bytes of UTF-8 without control characters, "
        f"not {shown(raw)}"
    )


def read_event_name(raw: bytes, what: str) -> str:
    """Read the name of a stream, a group or a consumer: what a key may be, for they come again."""
    # Longer arguments must not stay in the cache.
    name = _cached_event_name(raw) if len(raw) <= limits.KEY_BYTES_MAX else None
    return read_key(raw, what) if name is None else name


@lru_cache(maxsize=_NAMES_CACHED_MAX)
def _cached_event_name(raw: bytes) -> str | None:
    try:
        return read_key(raw)
    except ArgumentError:
        return None


def read_text(raw: bytes) -> str:
    """Read text for people. Broken characters and NULs are replaced: a report must not be lost."""
    return raw.decode(errors="replace").replace("\0", "\ufffd")


def read_bounded_text(raw: bytes, what: str, bytes_max: int) -> str:
    """Read text for people that is not empty and not longer than a limit."""
    if not 1 <= len(raw) <= bytes_max:
        raise refused(f"{what} must be 1 to {bytes_max} bytes of text, not {len(raw)}")
    return read_text(raw)


def read_numbers(
    raw: bytes, what: str, minimum: int, maximum: int, count_max: int
) -> tuple[int, ...]:
    """Read whole numbers with commas between."""
    parts = raw.split(b",", count_max)
    if len(parts) > count_max:
        raise refused(f"{what} takes at most {count_max} numbers")
    return tuple([read_number(part, f"each number of {what}", minimum, maximum) for part in parts])


def read_word(raw: bytes, what: str, words: Sequence[str]) -> str:
    """Read one of a few words, in any case."""
    word = raw.decode(errors="replace").lower()
    if word not in words:
        raise refused(f"{what} must be {either(words)}, not {shown(raw)}")
    return word


def read_connection_name(raw: bytes, what: str) -> str:
    """Read the name of a connection."""
    if not 1 <= len(raw) <= limits.NAME_BYTES_MAX or not is_connection_name(raw):
        raise refused(
            f"{what} must be 1 to {limits.NAME_BYTES_MAX} visible characters of ASCII, "
            f"not {shown(raw)}"
        )
    return raw.decode()


def is_connection_name(raw: bytes) -> bool:
    """Say whether a connection may give itself a name of these bytes, as in Redis."""
    return all(0x21 <= byte <= 0x7E for byte in raw)


def either(words: Sequence[str]) -> str:
    """Write words as a choice."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
