"""Bytes to requests: the server's parser.

Requests are RESP arrays of bulk strings, or inline lines as people type them. The parser is
strict, never looks at a byte twice, and holds no more memory than was received: a header's claim
reserves nothing.

Two ways lead through it. Almost all traffic is small well-formed arrays, many in one chunk: such
a chunk is split at its line ends once, and each request is taken out of the pieces by slicing,
after the declared lengths were compared with the real ones; requests that are all of one shape,
as in a pipeline of submissions, are taken out together. Whatever does not fit (a request cut
by the end of the chunk, a line end within a payload, inline lines, mistakes) goes the other way,
byte-exact and resumable. `bytes.join` undoes `bytes.split`, so changing over costs no book-keeping.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from penstock.config import limits
from penstock.protocol.errors import CrossProtocol, ProtocolViolation
from penstock.protocol.inline import split_inline

_CRLF: Final = b"\r\n"
_STAR: Final = ord("*")
_DOLLAR: Final = ord("$")
_CARRIAGE_RETURN: Final = ord("\r")
_ZERO: Final = ord("0")

# A TLS hello: record type 22, major version 3.
_TLS_HANDSHAKE: Final = 0x16
_TLS_HELLO: Final = b"\x16\x03"
# What an HTTP request's lines start with; browsers send them as they are written here.
_HTTP: Final = re.compile(
    rb"(?:POST|GET|HEAD|PUT|OPTIONS|DELETE|PATCH|CONNECT|TRACE)(?=[ \t\r\n])|Host:"
)

# Redis' own maximum of a count (INT_MAX); what is beyond is not a number to it.
_COUNT_MAX: Final = 2_147_483_647
_COUNT_DIGITS_MAX: Final = 10

# A chunk up to this size is split whole: what uvloop reads at once, and some.
_SPLIT_BYTES_MAX: Final = 256 * limits.KIB

# The quick way's tables: array header -> pieces the array has; argument length -> its header.
# They stay below the limits before authentication, so that way need not look at limits.
_QUICK_ARGUMENTS_MAX: Final = 32
_QUICK_ARGUMENT_BYTES_MAX: Final = 8 * limits.KIB
_PIECES: Final = {b"*%d" % count: 2 * count + 1 for count in range(1, _QUICK_ARGUMENTS_MAX + 1)}
_PIECES_UNAUTHENTICATED: Final = {
    b"*%d" % count: 2 * count + 1 for count in range(1, limits.UNAUTHENTICATED_ARGUMENTS_MAX + 1)
}
_NO_PIECES: Final[dict[bytes, int]] = {}
_HEADERS: Final = {length: b"$%d" % length for length in range(_QUICK_ARGUMENT_BYTES_MAX + 1)}
_header: Final[Callable[[int], bytes | None]] = _HEADERS.get
# So many pieces are looked at as a run of requests of one shape; for fewer it does not pay.
_RUN_PIECES_MIN: Final = 64
# The other way's table: the digits of a header -> their value.
_NUMBERS: Final[Mapping[bytes, int]] = {b"%d" % number: number for number in range(1025)}

assert _QUICK_ARGUMENT_BYTES_MAX <= limits.UNAUTHENTICATED_ARGUMENT_BYTES_MAX
assert _QUICK_ARGUMENTS_MAX * _QUICK_ARGUMENT_BYTES_MAX <= limits.REQUEST_BYTES_MAX


class RequestParser:
    """Takes bytes in any pieces with `feed`, gives requests one by one with `next`.

    Before authentication the narrower limits hold; the session sets `authenticated` once it has
    answered AUTH or HELLO, and must not call `next` between taking that request and deciding it.
    """

    def __init__(
        self,
        *,
        arguments_max: int = limits.ARGUMENTS_MAX,
        argument_bytes_max: int = limits.ARGUMENT_BYTES_MAX,
        request_bytes_max: int = limits.REQUEST_BYTES_MAX,
        line_bytes_max: int = limits.LINE_BYTES_MAX,
        unauthenticated_arguments_max: int = limits.UNAUTHENTICATED_ARGUMENTS_MAX,
        unauthenticated_argument_bytes_max: int = limits.UNAUTHENTICATED_ARGUMENT_BYTES_MAX,
    ) -> None:
        self._arguments_max = arguments_max
        self._argument_bytes_max = argument_bytes_max
        self._request_bytes_max = request_bytes_max
        self._line_bytes_max = line_bytes_max
        self._unauthenticated_arguments_max = unauthenticated_arguments_max
        self._unauthenticated_argument_bytes_max = unauthenticated_argument_bytes_max
        # The quick way: pieces of a split chunk, and the first one that is not taken yet.
        self._pieces: list[bytes] = []
        self._piece = 0
        self._run: list[list[bytes]] = []  # Requests taken out of the pieces together, last first.
        # The other way: a buffer, how far it is taken, and what was fed since.
        self._buffer = b""
        self._position = 0
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._scanned = 0  # Bytes from `_position` on that are known to hold no line end.
        self._line_awaited = False  # No line end has come yet: nothing to do until it does.
        self._splittable = False  # The buffer's rest was not split before.
        # The request that is being read.
        self._arguments: list[bytes] = []
        self._arguments_missing = 0
        self._argument_bytes = -1  # Length of the argument whose bytes come next; -1: its header.
        self._request_bytes = 0
        self._idle = True
        self._failure: ProtocolViolation | CrossProtocol | None = None
        self.authenticated = False

    @property
    def authenticated(self) -> bool:
        """Whether the wider limits hold."""
        return self._authenticated

    @authenticated.setter
    def authenticated(self, value: bool) -> None:
        self._put_run_back()
        self._authenticated = value
        self._counts = self._quick_counts()

    @property
    def pending(self) -> bool:
        """Whether bytes are held that `next` has not given out: after None, a partial request."""
        return not self._idle

    def feed(self, data: bytes) -> None:
        """Take what the peer sent next. After a failure it is dropped."""
        if self._idle:
            if not data:
                return
            self._idle = False
            if len(data) <= _SPLIT_BYTES_MAX:
                self._split(data)
            else:
                self._buffer = data
                self._position = 0
                self._splittable = True
        elif self._failure is None:
            self._tail.append(data)
            self._tail_bytes += len(data)
            if self._line_awaited and b"\n" in data:
                self._line_awaited = False

    def next(self) -> list[bytes] | None:
        """Give the next request's arguments, the command's name first; None: more is needed.

        Raises:
            ProtocolViolation: the bytes are not requests; every further call raises it again.
            CrossProtocol: the peer speaks HTTP or TLS; likewise.
        """
        if self._run:
            return self._run.pop()
        pieces = self._pieces
        if pieces:
            first = self._piece
            count = self._counts.get(pieces[first])
            if count is not None:
                end = first + count
                if end < len(pieces):
                    arguments = pieces[first + 2 : end : 2]
                    if pieces[first + 1 : end : 2] == list(map(_header, map(len, arguments))):
                        self._piece = end
                        return arguments
        return self._next_exact()

    def _quick_counts(self) -> Mapping[bytes, int]:
        """Choose the quick way's table; an empty one closes it, where limits are narrower."""
        arguments_max, argument_bytes_max = self._argument_limits()
        table = _PIECES if self._authenticated else _PIECES_UNAUTHENTICATED
        fits = (
            2 * arguments_max + 1 >= max(table.values())
            and argument_bytes_max >= _QUICK_ARGUMENT_BYTES_MAX
            and self._request_bytes_max >= _QUICK_ARGUMENTS_MAX * _QUICK_ARGUMENT_BYTES_MAX
        )
        return table if fits else _NO_PIECES

    def _argument_limits(self) -> tuple[int, int]:
        if self._authenticated:
            return self._arguments_max, self._argument_bytes_max
        return self._unauthenticated_arguments_max, self._unauthenticated_argument_bytes_max

    def _split(self, data: bytes) -> None:
        self._pieces = data.split(_CRLF)
        self._piece = 0
        if len(self._pieces) >= _RUN_PIECES_MIN:
            self._take_run()

    def _take_run(self) -> None:
        """Take all whole requests out of the pieces of a new chunk, if they are of one shape."""
        pieces = self._pieces
        count = self._counts.get(pieces[0])
        if count is None:
            return
        end = (len(pieces) - 1) // count * count
        if pieces[0:end:count].count(pieces[0]) * count < end:
            return
        columns = []
        for place in range(2, count, 2):
            column = pieces[place:end:count]
            if pieces[place - 1 : end : count] != list(map(_header, map(len, column))):
                return
            columns.append(column)
        self._run = list(map(list, zip(*columns, strict=True)))
        self._run.reverse()
        self._piece = end

    def _put_run_back(self) -> None:
        """Read what is left of the run again: other limits hold from now on."""
        if self._run:
            self._piece -= len(self._run) * (2 * len(self._run[0]) + 1)
            self._run = []

    # --- the other way: byte-exact, resumable ----------------------------------------------------

    def _next_exact(self) -> list[bytes] | None:
        if self._failure is not None:
            raise self._failure
        if self._pieces:
            rest = self._pieces[self._piece :]
            self._pieces = []
            if len(rest) == 1 and not rest[0] and not self._tail:
                self._idle = True
                return None
            self._buffer = _CRLF.join(rest)
            self._position = 0
        try:
            return self._read_request()
        except (ProtocolViolation, CrossProtocol) as failure:
            self._failure = failure
            self._buffer = b""
            self._tail = []
            raise

    def _read_request(self) -> list[bytes] | None:
        while True:
            if self._arguments_missing:
                if not self._read_arguments():
                    return None
                arguments = self._arguments
                self._arguments = []
                return arguments
            if self._splittable and self._split_rest():
                return self.next()
            if not self._has_bytes(1):
                self._rest()
                return None
            if self._buffer[self._position] == _STAR:
                if not self._read_array_header():
                    return None
            else:
                words = self._read_inline()
                if words is None or words:
                    return words

    def _split_rest(self) -> bool:
        """Go back to the quick way with bytes that were never split, if they are not too many."""
        if not 0 < len(self._buffer) - self._position <= _SPLIT_BYTES_MAX:
            return False
        self._splittable = False
        self._split(self._buffer[self._position :])
        self._buffer = b""
        self._position = 0
        return True

    def _rest(self) -> None:
        """Be as new: everything is taken."""
        self._buffer = b""
        self._position = 0
        self._idle = True

    def _read_array_header(self) -> bool:
        line = self._read_line("too big mbulk count string")
        if line is None:
            return False
        count = _number(line)
        if count is None or count > _COUNT_MAX:
            # A negative count is an empty request to Redis, and so it is here.
            if line[1:2] == b"-" and _number(line[1:]):
                return True
            raise ProtocolViolation("invalid multibulk length")
        arguments_max, _ = self._argument_limits()
        if count > arguments_max:
            raise ProtocolViolation(
                "invalid multibulk length"
                if self._authenticated
                else "unauthenticated multibulk length"
            )
        self._arguments_missing = count
        self._request_bytes = 0
        return True

    def _read_arguments(self) -> bool:
        """Read on until the request is whole; False when more bytes are needed."""
        while self._arguments_missing:
            if self._argument_bytes < 0 and not self._read_argument_header():
                return False
            length = self._argument_bytes
            if not self._has_bytes(length + 2):
                return False
            start = self._position
            end = start + length
            if self._buffer[end : end + 2] != _CRLF:
                raise ProtocolViolation("expected CRLF after a bulk string")
            self._arguments.append(self._buffer[start:end])
            self._position = end + 2
            self._argument_bytes = -1
            self._arguments_missing -= 1
        return True

    def _read_argument_header(self) -> bool:
        if not self._has_bytes(1):
            return False
        first = self._buffer[self._position]
        if first != _DOLLAR:
            shown = chr(first) if 0x20 < first < 0x7F else f"\\x{first:02x}"
            raise ProtocolViolation(f"expected '$', got '{shown}'")
        line = self._read_line("too big bulk count string")
        if line is None:
            return False
        length = _number(line)
        _, argument_bytes_max = self._argument_limits()
        if length is None or length > self._argument_bytes_max:
            raise ProtocolViolation("invalid bulk length")
        if length > argument_bytes_max:
            raise ProtocolViolation("unauthenticated bulk length")
        self._request_bytes += length
        if self._request_bytes > self._request_bytes_max:
            raise ProtocolViolation("invalid bulk length")
        self._argument_bytes = length
        return True

    def _read_inline(self) -> list[bytes] | None:
        """Read a line of words; an empty list for an empty line, None when more is needed."""
        if self._buffer[self._position] == _TLS_HANDSHAKE:
            if not self._has_bytes(len(_TLS_HELLO)):
                return None
            if self._buffer.startswith(_TLS_HELLO, self._position):
                raise CrossProtocol("a TLS hello on a plain port")
        line = self._read_line("too big inline request")
        if line is None:
            return None
        words = split_inline(line)
        if words is None:
            raise ProtocolViolation("unbalanced quotes in request")
        arguments_max, _ = self._argument_limits()
        if len(words) > arguments_max:
            raise ProtocolViolation("too big inline request")
        return words

    # --- the buffer ------------------------------------------------------------------------------

    def _read_line(self, too_long: str) -> bytes | None:
        """Take bytes up to a line end, which is left out; None when it has not come yet.

        Raises:
            ProtocolViolation: the line is longer than it may be, the text is *too_long*.
        """
        if self._line_awaited and self._unread_bytes() <= self._line_bytes_max:
            return None
        end = self._buffer.find(b"\n", self._position + self._scanned)
        if end < 0 and self._tail:
            self._scanned = len(self._buffer) - self._position
            self._join_tail()
            end = self._buffer.find(b"\n", self._position + self._scanned)
        length = (end if end >= 0 else len(self._buffer)) - self._position
        if end < 0 and length <= self._line_bytes_max:
            self._scanned = length
            self._line_awaited = True
            return None
        first = self._buffer[self._position]
        if first not in (_STAR, _DOLLAR) and _HTTP.match(self._buffer, self._position):
            raise CrossProtocol("an HTTP request on this port")
        if length > self._line_bytes_max:
            raise ProtocolViolation(too_long)
        line = self._buffer[self._position : end]
        self._position = end + 1
        self._scanned = 0
        self._line_awaited = False
        return line

    def _has_bytes(self, count: int) -> bool:
        """Bring *count* bytes together in the buffer, if as many were received."""
        if len(self._buffer) - self._position >= count:
            return True
        if self._unread_bytes() < count:
            return False
        self._join_tail()
        return True

    def _unread_bytes(self) -> int:
        return len(self._buffer) - self._position + self._tail_bytes

    def _join_tail(self) -> None:
        self._buffer = b"".join([self._buffer[self._position :], *self._tail])
        self._position = 0
        self._tail = []
        self._tail_bytes = 0
        self._splittable = True


def _number(line: bytes) -> int | None:
    """Read the digits between a header's first byte and its CR; None when they are not that."""
    if line[-1] != _CARRIAGE_RETURN:
        return None
    digits = line[1:-1]
    number = _NUMBERS.get(digits)
    if number is not None:
        return number
    if not digits.isdigit() or len(digits) > _COUNT_DIGITS_MAX or digits[0] == _ZERO:
        return None
    return int(digits)
