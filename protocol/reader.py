"""Bytes to replies: the client's parser, for RESP2 and RESP3.

Two ways lead through it, and both give the same. A short plain reply that is in the buffer as a
whole, as most are, is read at one go. The other way is incremental: an array that has arrived in
part is kept as far as it goes, on a stack, so that a long reply in small pieces costs no more than
in one. It is taken for all other kinds, for limits, for mistakes, and for a reply that was begun.
"""

import re
from enum import Enum
from typing import Final, TypeAlias

from penstock.config import limits
from penstock.protocol.errors import ReplyViolation
from penstock.protocol.replies import ErrorReply, Simple


class Push(list["Reply"]):
    """Data the server sends on its own account, between replies (RESP3)."""

    __slots__ = ()


Reply: TypeAlias = (
    bool
    | int
    | float
    | bytes
    | Simple
    | ErrorReply
    | Push
    | list["Reply"]
    | dict["Reply", "Reply"]
    | None
)


class Incomplete(Enum):
    """The type of `INCOMPLETE`, which no reply can be mistaken for."""

    INCOMPLETE = "incomplete"


INCOMPLETE: Final = Incomplete.INCOMPLETE

_CRLF: Final = b"\r\n"
_AGGREGATES: Final = b"*%~>"
_STAR: Final = ord("*")
_DOLLAR: Final = ord("$")
_COLON: Final = ord(":")
_PLUS: Final = ord("+")
_NUMBER_DIGITS_MAX: Final = 20  # A sign and 19 digits.
_DOUBLE: Final = re.compile(rb"[+-]?(?:\d{1,400}(?:\.\d{0,400})?(?:[eE][+-]?\d{1,4})?|inf)|nan")

# The quick way's tables and bounds; what is not in them goes the other way.
_NUMBERS: Final = {b"%d" % number: number for number in range(8193)}
_STATUSES: Final = {raw: Simple(raw.decode()) for raw in (b"OK", b"QUEUED", b"PONG")}
_QUICK_DEPTH_MAX: Final = 4
_QUICK_DIGITS_MAX: Final = 19


class _Frame:
    """An aggregate that is being filled."""

    __slots__ = ("items", "kind", "missing")

    def __init__(self, kind: int, missing: int) -> None:
        self.kind = kind
        self.missing = missing
        self.items: list[Reply] = []


class ReplyReader:
    """Takes bytes in any pieces with `feed`, gives replies one by one with `next`.

    Bulk strings are `bytes`, statuses `Simple`, errors `ErrorReply` values, maps `dict`, sets and
    arrays `list`, nulls None. Attributes and streamed types are refused: no server of ours sends
    them.
    """

    def __init__(
        self,
        *,
        bulk_bytes_max: int = limits.ARGUMENT_BYTES_MAX,
        reply_bytes_max: int = limits.REPLY_BYTES_MAX,
        line_bytes_max: int = limits.LINE_BYTES_MAX,
        depth_max: int = limits.REPLY_DEPTH_MAX,
    ) -> None:
        self._bulk_bytes_max = bulk_bytes_max
        self._reply_bytes_max = reply_bytes_max
        self._line_bytes_max = line_bytes_max
        self._depth_max = depth_max
        self._buffer = b""
        self._position = 0
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._scanned = 0  # Bytes from `_position` on that hold no line end.
        self._line_awaited = False
        self._bulk_kind = 0  # The type byte of a bulk string whose header was read; 0: none.
        self._bulk_bytes = 0
        self._reply_bytes = 0
        self._frames: list[_Frame] = []
        self._failure: ReplyViolation | None = None
        # Narrower limits than the quick way's own are left to the other way.
        self._quick_depth_max = (
            _QUICK_DEPTH_MAX
            if depth_max >= _QUICK_DEPTH_MAX
            and bulk_bytes_max >= len(_NUMBERS)
            and line_bytes_max > 2 * _QUICK_DIGITS_MAX
            else 0
        )

    @property
    def pending(self) -> bool:
        """Whether bytes are held that `next` has not given out: after INCOMPLETE, part of one."""
        unread = len(self._buffer) - self._position + self._tail_bytes
        return bool(unread or self._frames or self._bulk_kind)

    def feed(self, data: bytes) -> None:
        """Take what the server sent next. After a failure it is dropped."""
        if self._failure is not None:
            return
        if self._position == len(self._buffer) and not self._tail:
            self._buffer = data
            self._position = 0
        else:
            self._tail.append(data)
            self._tail_bytes += len(data)
        if self._line_awaited and b"\n" in data:
            self._line_awaited = False

    def next(self) -> Reply | Incomplete:
        """Give the next reply or push; INCOMPLETE when more bytes are needed.

        Raises:
            ReplyViolation: the bytes are not replies or exceed a limit; every further call raises
                it again.
        """
        if self._failure is not None:
            raise self._failure
        if not self._frames and not self._bulk_kind and not self._line_awaited:
            quick = self._read_quick(self._position, self._quick_depth_max)
            if quick is not None and quick[1] - self._position <= self._reply_bytes_max:
                reply, self._position = quick
                return reply
        try:
            return self._read_reply()
        except ReplyViolation as failure:
            self._failure = failure
            self._buffer = b""
            self._position = 0
            self._tail = []
            self._tail_bytes = 0
            raise

    # --- the quick way ---------------------------------------------------------------------------

    def _read_quick(self, position: int, depth: int) -> tuple[Reply, int] | None:
        """Read a reply that is here as a whole, and say where it ends; None: the other way."""
        buffer = self._buffer
        end = buffer.find(_CRLF, position)
        if end < 0 or not depth:
            return None
        kind = buffer[position]
        rest = buffer[position + 1 : end]
        end += 2
        if kind == _DOLLAR:
            stop = end + _NUMBERS.get(rest, len(buffer))
            return (buffer[end:stop], stop + 2) if buffer[stop : stop + 2] == _CRLF else None
        if kind == _COLON:
            return (int(rest), end) if rest.isdigit() and len(rest) <= _QUICK_DIGITS_MAX else None
        if kind == _PLUS:
            status = _STATUSES.get(rest)
            return None if status is None else (status, end)
        if kind != _STAR:
            return None
        return self._read_quick_array(_NUMBERS.get(rest), end, depth)

    def _read_quick_array(
        self, count: int | None, position: int, depth: int
    ) -> tuple[Reply, int] | None:
        if count is None:
            return None
        items: list[Reply] = []
        for _ in range(count):
            found = self._read_quick(position, depth - 1)
            if found is None:
                return None
            item, position = found
            items.append(item)
        return items, position

    # --- the other way: incremental --------------------------------------------------------------

    def _read_reply(self) -> Reply | Incomplete:
        frames = self._frames
        while True:
            item = self._read_item()
            if item is INCOMPLETE:
                return INCOMPLETE
            if isinstance(item, _Frame):
                if item.missing:
                    frames.append(item)
                    continue
                item = _finished(item)
            while frames:
                frame = frames[-1]
                frame.items.append(item)
                frame.missing -= 1
                if frame.missing:
                    break
                frames.pop()
                item = _finished(frame)
            else:
                self._reply_bytes = 0
                return item

    def _read_item(self) -> Reply | Incomplete | _Frame:
        if self._bulk_kind:
            return self._read_bulk()
        line = self._read_line()
        if line is None:
            return INCOMPLETE
        if not line:
            raise ReplyViolation("an empty line where a reply should start")
        kind = line[0]
        rest = line[1:]
        if kind in b"$=!":
            if rest == b"-1" and kind == ord("$"):
                return None
            self._bulk_bytes = _count(rest, self._bulk_bytes_max)
            self._bulk_kind = kind
            self._spend(self._bulk_bytes + len(_CRLF))
            return self._read_bulk()
        if kind in _AGGREGATES:
            return self._open_aggregate(kind, rest)
        return _scalar(kind, rest)

    def _open_aggregate(self, kind: int, rest: bytes) -> Reply | _Frame:
        if rest == b"-1" and kind == ord("*"):
            return None
        if len(self._frames) >= self._depth_max:
            raise ReplyViolation(f"a reply nested deeper than {self._depth_max}")
        if kind == ord(">") and self._frames:
            raise ReplyViolation("a push within a reply")
        # Each element takes bytes, so the reply's own maximum bounds what a count may claim.
        count = _count(rest, self._reply_bytes_max)
        return _Frame(kind, 2 * count if kind == ord("%") else count)

    def _read_bulk(self) -> Reply | Incomplete:
        needed = self._bulk_bytes + len(_CRLF)
        if len(self._buffer) - self._position < needed:
            if len(self._buffer) - self._position + self._tail_bytes < needed:
                return INCOMPLETE
            self._join_tail()
        start = self._position
        end = start + self._bulk_bytes
        if not self._buffer.startswith(_CRLF, end):
            raise ReplyViolation("a bulk string without CRLF at its end")
        data = self._buffer[start:end]
        self._position = end + len(_CRLF)
        kind = self._bulk_kind
        self._bulk_kind = 0
        if kind == ord("$"):
            return data
        if kind == ord("!"):
            return _error(data)
        if data[3:4] != b":":
            raise ReplyViolation("verbatim text without a format")
        return data[4:]

    def _read_line(self) -> bytes | None:
        unread = len(self._buffer) - self._position + self._tail_bytes
        if self._line_awaited and unread <= self._line_bytes_max:
            return None
        end = self._buffer.find(b"\n", self._position + self._scanned)
        if end < 0 and self._tail:
            self._scanned = len(self._buffer) - self._position
            self._join_tail()
            end = self._buffer.find(b"\n", self._scanned)
        length = (end if end >= 0 else len(self._buffer)) - self._position
        if length > self._line_bytes_max:
            raise ReplyViolation(f"a line of more than {self._line_bytes_max} bytes")
        if end < 0:
            self._scanned = length
            self._line_awaited = True
            return None
        line = self._buffer[self._position : end]
        self._position = end + 1
        self._scanned = 0
        self._line_awaited = False
        if line[-1:] != b"\r":
            raise ReplyViolation("a line that does not end with CRLF")
        self._spend(length + 1)
        return line[:-1]

    def _spend(self, count: int) -> None:
        self._reply_bytes += count
        if self._reply_bytes > self._reply_bytes_max:
            raise ReplyViolation(f"a reply of more than {self._reply_bytes_max} bytes")

    def _join_tail(self) -> None:
        self._buffer = b"".join([self._buffer[self._position :], *self._tail])
        self._position = 0
        self._tail = []
        self._tail_bytes = 0


def _finished(frame: _Frame) -> Reply:
    items = frame.items
    if frame.kind == ord(">"):
        return Push(items)
    if frame.kind != ord("%"):
        return items
    try:
        return dict(zip(items[::2], items[1::2], strict=True))
    except TypeError as unhashable:
        raise ReplyViolation("a map whose key is an aggregate") from unhashable


def _scalar(kind: int, rest: bytes) -> Reply:
    match kind:
        case 0x3A:  # :
            return _integer(rest)
        case 0x2B:  # +
            return Simple(_text(rest))
        case 0x2D:  # -
            return _error(rest)
        case 0x5F if not rest:  # _
            return None
        case 0x23 if rest in (b"t", b"f"):  # #
            return rest == b"t"
        case 0x2C:  # ,
            return _double(rest)
        case 0x28:  # (
            return _integer(rest)
    raise ReplyViolation(f"not a reply: {_shown(bytes([kind]) + rest)}")


def _count(digits: bytes, maximum: int) -> int:
    number = _integer(digits) if digits.isdigit() else -1
    if not 0 <= number <= maximum:
        raise ReplyViolation(f"a length or count that cannot be accepted: {_shown(digits)}")
    return number


def _integer(digits: bytes) -> int:
    unsigned = digits[1:] if digits[:1] in (b"-", b"+") else digits
    if not unsigned.isdigit() or len(digits) > _NUMBER_DIGITS_MAX:
        raise ReplyViolation(f"not a whole number: {_shown(digits)}")
    return int(digits)


def _double(digits: bytes) -> float:
    if _DOUBLE.fullmatch(digits) is None:
        raise ReplyViolation(f"not a number: {_shown(digits)}")
    return float(digits)


def _error(line: bytes) -> ErrorReply:
    code, _, text = _text(line).partition(" ")
    return ErrorReply(code, text)


def _text(raw: bytes) -> str:
    # What people read: broken text is shown as far as it goes.
    return raw.decode(errors="replace")


def _shown(raw: bytes) -> str:
    return repr(raw[:32])
