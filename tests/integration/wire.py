"""A connection that sends what it is told, right or wrong, and reads replies one by one."""

import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import INCOMPLETE, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply, Simple

ANSWER_SECONDS_MAX: Final = 30.0
OK: Final = Simple("OK")
_READ_BYTES: Final = 1 << 16

Word: TypeAlias = bytes | str | int


class Closed(Exception):
    """The server closed the connection before the reply that was waited for."""


class Wire:
    """One blocking connection. Use it with `with`."""

    def __init__(
        self, server: ServerProcess, *, unix: Path | None = None, buffer_bytes: int | None = None
    ) -> None:
        """Connect. With *buffer_bytes* the kernel keeps little of what is not read."""
        self.socket = socket.socket(socket.AF_INET if unix is None else socket.AF_UNIX)
        self.socket.settimeout(ANSWER_SECONDS_MAX)
        if buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        try:
            if unix is None:
                host, _, port = server.announced("resp").rpartition(":")
                self.socket.connect((host, int(port)))
            else:
                self.socket.connect(str(unix))
        except OSError:
            self.socket.close()
            raise
        self._reader = ReplyReader()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, *commands: Sequence[Word]) -> None:
        """Send commands with one write."""
        self.socket.sendall(b"".join(map(encode_command, commands)))

    def send_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> Reply:
        """Read the next reply. Raises Closed."""
        while (reply := self._reader.next()) is INCOMPLETE:
            data = self._receive()
            if not data:
                raise Closed
            self._reader.feed(data)
        return reply

    def replies(self, count: int) -> list[Reply]:
        return [self.reply() for _ in range(count)]

    def ask(self, *words: Word) -> Reply:
        """Send one command and read one reply."""
        self.send(words)
        return self.reply()

    def number(self, *words: Word) -> int:
        """Ask what is answered with a whole number."""
        reply = self.ask(*words)
        assert isinstance(reply, int), reply
        return reply

    def error(self, *words: Word) -> ErrorReply:
        """Ask what is refused."""
        return as_error(self.ask(*words))

    def has_reply(self) -> bool:
        """Say whether anything has arrived that was not read."""
        self.socket.setblocking(False)
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(ANSWER_SECONDS_MAX)

    def rest(self) -> bytes:
        """Read all there is until the server closes the connection."""
        parts = []
        while data := self._receive():
            parts.append(data)
        return b"".join(parts)

    def finish_sending(self) -> None:
        """Close our half, as `nc` does at the end of its input."""
        self.socket.shutdown(socket.SHUT_WR)

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(_READ_BYTES)
        except ConnectionResetError:
            return b""


def as_error(reply: Reply) -> ErrorReply:
    assert isinstance(reply, ErrorReply), reply
    return reply


def fields(reply: Reply) -> dict[str, Reply]:
    """Return a map by names that are text, whether it came as RESP3's map or RESP2's array."""
    if isinstance(reply, list):
        reply = dict(zip(reply[::2], reply[1::2], strict=True))
    assert isinstance(reply, dict), reply
    return {name.decode(): value for name, value in reply.items() if isinstance(name, bytes)}


def show(wire: Wire, job_id: int) -> dict[str, Reply]:
    """Return all about a job."""
    return fields(wire.ask("JOB.SHOW", job_id))


def info(wire: Wire) -> dict[str, str]:
    """Return what INFO says, by name."""
    text = wire.ask("INFO")
    assert isinstance(text, bytes), text
    lines = text.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def clients(wire: Wire) -> str:
    """Return what CLIENT LIST says."""
    text = wire.ask("CLIENT", "LIST")
    assert isinstance(text, bytes), text
    return text.decode()


class Claimed:
    """One job as a claim gave it."""

    def __init__(self, reply: Reply) -> None:
        assert isinstance(reply, list), reply
        job_id, attempt, queue, task, payload, timeout_ms, failures, releases = reply
        assert isinstance(job_id, int)
        assert isinstance(attempt, int)
        assert isinstance(payload, bytes)
        self.id, self.attempt, self.payload = job_id, attempt, payload
        self.queue, self.task, self.timeout_ms = queue, task, timeout_ms
        self.failures, self.releases = failures, releases

    @property
    def token(self) -> tuple[int, int]:
        return self.id, self.attempt


def as_claims(reply: Reply) -> list[Claimed]:
    assert isinstance(reply, list), reply
    return [Claimed(claimed) for claimed in reply]


def claim(wire: Wire, queue: str, *, count: int = 1, wait_ms: int = 10_000) -> list[Claimed]:
    """Claim as a worker does."""
    return as_claims(wire.ask("JOB.CLAIM", queue, "COUNT", count, "WAIT", wait_ms))
