"""A connection that shows replies as they are on the wire, with a reader that is not Penstock's.

What our own reader takes for the same is told apart here, as other clients tell it apart: the two
nulls of RESP2, arrays and maps, statuses and strings.
"""

import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NewType, TypeAlias

ANSWER_SECONDS_MAX: Final = 20.0

Status = NewType("Status", str)
Word: TypeAlias = bytes | str | int


class Failure(str):
    """An error reply: its code and its text."""

    __slots__ = ()


class NullList:
    """RESP2's null array, which is not its null string."""

    def __repr__(self) -> str:
        return "()"


NULL_LIST: Final = NullList()

Reply: TypeAlias = (
    str | bytes | int | float | bool | list["Reply"] | dict[bytes, "Reply"] | NullList | None
)


class Connection:
    """One blocking connection that speaks RESP2 or RESP3. Use it with `with`."""

    def __init__(self, port: int, protocol: int) -> None:
        self.protocol = protocol
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX)
        self._file = self._socket.makefile("rb")
        if protocol == 3:
            assert isinstance(self.ask("HELLO", 3), dict)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, *commands: Sequence[Word]) -> None:
        """Send commands with one write."""
        self._socket.sendall(b"".join(map(_encode, commands)))

    def reply(self) -> Reply:
        """Read the next reply.

        Raises:
            EOFError: the server closed the connection first.
        """
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        return self._value(line[:1], line[1:-2])

    def replies(self, count: int) -> list[Reply]:
        return [self.reply() for _ in range(count)]

    def ask(self, *words: Word) -> Reply:
        """Send one command and read one reply."""
        self.send(words)
        return self.reply()

    def has_reply(self) -> bool:
        """Say whether anything has arrived that was not read."""
        self._socket.setblocking(False)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        finally:
            self._socket.settimeout(ANSWER_SECONDS_MAX)

    def _value(self, kind: bytes, rest: bytes) -> Reply:
        if kind == b"+":
            return Status(rest.decode())
        if kind == b"-":
            return Failure(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b",":
            return float(rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"_":
            return None
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        if kind == b"=":
            return self._file.read(int(rest) + 2)[4:-2]
        if kind in b"*~>":
            return NULL_LIST if rest == b"-1" else self.replies(int(rest))
        assert kind == b"%", kind
        return dict(self._pair() for _ in range(int(rest)))

    def _pair(self) -> tuple[bytes, Reply]:
        name, value = self.replies(2)
        assert isinstance(name, bytes), name
        return name, value


def _encode(words: Sequence[Word]) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)
