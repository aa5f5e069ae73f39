"""The connection to the server: commands out, each reply to whoever sent its command."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

from penstock.protocol.errors import ReplyViolation
from penstock.protocol.reader import INCOMPLETE, Push, Reply, ReplyReader

OnReply: TypeAlias = Callable[[Reply], None]


class Link(asyncio.Protocol):
    """Speaks the protocol over one transport, as a client whose jobs end with its connection.

    Unlike a client's session it never sends anything again: a lost connection has lost the leases.
    """

    def __init__(self, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._reader = ReplyReader()
        self._awaited: deque[OnReply] = deque()
        self._outgoing: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def send(self, command: bytes, on_reply: OnReply) -> None:
        """Add a command to the next write; *on_reply* gets its answer, if one comes."""
        self._outgoing.append(command)
        self._awaited.append(on_reply)

    def flush(self) -> None:
        """Write everything that was sent, at once."""
        if self._outgoing and self._transport is not None:
            self._transport.write(b"".join(self._outgoing))
            self._outgoing.clear()

    def close(self) -> None:
        """Close after what is written has left; replies that are still due are not read."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.next()) is not INCOMPLETE:
                if isinstance(reply, Push):
                    continue
                if not self._awaited:
                    self._break(f"the server sent a reply to nothing: {reply!r:.100}")
                    return
                self._awaited.popleft()(reply)
        except ReplyViolation as violation:
            self._break(f"the server's bytes are not replies: {violation}")
            return
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost(f"the connection broke: {exc}" if exc else "the server closed the connection")

    def _break(self, reason: str) -> None:
        # Nothing after this point can be told apart, so no further reply is waited for.
        on_lost, self._on_lost = self._on_lost, lambda _: None
        if self._transport is not None:
            self._transport.abort()
        on_lost(reason)
