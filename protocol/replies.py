"""Replies as bytes: what the server sends, in RESP2 or RESP3."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from msgspec import Struct

from penstock.protocol.errors import ErrorCode


class Simple(str):
    """A status such as OK: one line of text, told apart from data."""

    __slots__ = ()


class Verbatim(str):
    """Text for people (INFO, CLIENT LIST): RESP3 marks it as such, RESP2 sends it as a string."""

    __slots__ = ()


class ErrorReply(Struct, frozen=True):
    """An error reply. The code is text: a server newer than the client may have more of them."""

    code: str
    text: str


Value: TypeAlias = (
    bool | int | float | bytes | str | ErrorReply | Sequence["Value"] | Mapping[str, "Value"] | None
)

OK: Final = b"+OK\r\n"
PONG: Final = b"+PONG\r\n"
QUEUED: Final = b"+QUEUED\r\n"
RESET: Final = b"+RESET\r\n"
EMPTY_ARRAY: Final = b"*0\r\n"

# CR and LF end a line, so that text from a request could forge a second reply.
_LINE_BREAKS: Final = {ord("\r"): " ", ord("\n"): " "}


def integer(number: int) -> bytes:
    """Encode a whole number."""
    return b":%d\r\n" % number


def bulk(data: bytes) -> bytes:
    """Encode bytes of any content."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


def error(code: ErrorCode, text: str) -> bytes:
    """Encode an error; line breaks in the text become blanks."""
    return _error(code.value, text)


def array(items: Sequence[bytes]) -> bytes:
    """Put items that are encoded already into one array."""
    return b"*%d\r\n%b" % (len(items), b"".join(items))


def null(resp3: bool) -> bytes:
    """Encode the absent value."""
    return b"_\r\n" if resp3 else b"$-1\r\n"


def cancel_push(job_id: int, attempt: int) -> bytes:
    """Encode what the worker of a cancelled job is told, if its connection speaks RESP3."""
    return b">3\r\n$6\r\ncancel\r\n:%d\r\n:%d\r\n" % (job_id, attempt)


def claimed_job(
    job_id: int,
    attempt: int,
    queue: str,
    task: str,
    payload: bytes,
    timeout_ms: int,
    counts: tuple[int, int],
) -> bytes:
    """Encode one element of JOB.CLAIM's reply, which is the same in RESP2 and RESP3.

    *counts* are how often the job failed and how often it was given back. Queue and task are names,
    of which each character is a byte. (To format text and encode it takes half as long as to format
    bytes.)
    """
    failures, releases = counts
    head = (
        f"*8\r\n:{job_id}\r\n:{attempt}\r\n${len(queue)}\r\n{queue}\r\n"
        f"${len(task)}\r\n{task}\r\n${len(payload)}\r\n"
    )
    tail = f"\r\n:{timeout_ms}\r\n:{failures}\r\n:{releases}\r\n"
    return b"".join((head.encode("ascii"), payload, tail.encode("ascii")))


def encode(value: Value, resp3: bool) -> bytes:
    """Encode any value.

    Text and bytes are bulk strings. RESP2 has no maps, booleans, doubles or verbatim text: a map
    becomes a flat array of keys and values, True and False become 1 and 0, the others strings.
    """
    parts: list[bytes] = []
    _append(parts, value, resp3)
    return b"".join(parts)


def _append(parts: list[bytes], value: Value, resp3: bool) -> None:
    if type(value) is int:  # Lists of jobs are full of numbers and text.
        parts.append(b":%d\r\n" % value)
    elif type(value) is str:
        raw = value.encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    elif value is None or isinstance(value, str | bytes | int | float | ErrorReply):
        parts.append(_single(value, resp3))
    elif isinstance(value, Mapping):
        parts.append(b"%%%d\r\n" % len(value) if resp3 else b"*%d\r\n" % (2 * len(value)))
        for key, item in value.items():
            parts.append(_name(key))
            _append(parts, item, resp3)
    else:
        parts.append(b"*%d\r\n" % len(value))
        for item in value:
            _append(parts, item, resp3)


def _single(value: str | bytes | int | float | ErrorReply | None, resp3: bool) -> bytes:
    if value is None:
        return null(resp3)
    if isinstance(value, str):
        return _text(value, resp3)
    if isinstance(value, bytes):
        return bulk(value)
    if isinstance(value, bool):
        return _boolean(value, resp3)
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        return _double(value, resp3)
    return _error(value.code, value.text)


@lru_cache(maxsize=1_024)
def _name(name: str) -> bytes:
    """Encode a name of a map, of which the same come again and again."""
    return bulk(name.encode())


def _text(value: str, resp3: bool) -> bytes:
    if isinstance(value, Simple):
        return b"+%b\r\n" % value.translate(_LINE_BREAKS).encode()
    raw = value.encode()
    if resp3 and isinstance(value, Verbatim):
        return b"=%d\r\ntxt:%b\r\n" % (len(raw) + 4, raw)
    return bulk(raw)


def _boolean(value: bool, resp3: bool) -> bytes:
    if resp3:
        return b"#t\r\n" if value else b"#f\r\n"
    return integer(int(value))


def _double(value: float, resp3: bool) -> bytes:
    raw = repr(value).encode()
    return b",%b\r\n" % raw if resp3 else bulk(raw)


def _error(code: str, text: str) -> bytes:
    line = f"-{code} {text}".translate(_LINE_BREAKS)
    # Text that is not Unicode (a lone surrogate) is sent escaped: an error must always go out.
    return line.encode(errors="backslashreplace") + b"\r\n"
