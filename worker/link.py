"""The connection to the server: commands out, each reply to whoever sent its command."""

import asyncio
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias, cast

from penstock.config import limits
from penstock.protocol.errors import ReplyViolation
from penstock.protocol.reader import INCOMPLETE, Incomplete, Push, Reply, ReplyReader

OnReply: TypeAlias = Callable[[Reply], None]

_READ_BYTES: Final = 64 * limits.KIB
_CONGESTED_BYTES: Final = 256 * limits.KIB


class Link(asyncio.Protocol):
    """Speaks the protocol over one transport, as a client whose jobs end with its connection.

    Unlike a client's session it never sends anything again: a lost connection has lost the leases.

    It belongs to the loop's thread, which may lend it. A lent link the main thread can `borrow` and
    give back, again and again, to read and write by itself; while it has not, the loop's thread can
    take the link back.
    """

    def __init__(self, on_lost: Callable[[str], None], sock: socket.socket) -> None:
        self._on_lost = on_lost
        self._sock = sock
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._reader = ReplyReader()
        self._left: Reply | Incomplete = INCOMPLETE  # To the loop's thread, by the main one.
        self._awaited: deque[OnReply] = deque()
        self._outgoing: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.on_push: Callable[[Push], None] = _ignore
        self._in_use = threading.Lock()  # Held by the loop's thread unless it has lent the link.
        self._in_use.acquire()
        self.lent = False

    def send(self, command: bytes, on_reply: OnReply) -> None:
        """Add a command to the next write; *on_reply* gets its answer, if one comes."""
        self._outgoing.append(command)
        self._awaited.append(on_reply)

    def flush(self) -> None:
        """Write everything that was sent, at once."""
        if self._outgoing and self._transport is not None:
            self._transport.write(b"".join(self._outgoing))
            self._outgoing.clear()

    @property
    def is_congested(self) -> bool:
        """Whether so much is unwritten that what can wait should."""
        transport = self._transport
        return transport is not None and transport.get_write_buffer_size() > _CONGESTED_BYTES

    def close(self) -> None:
        """Close after what is written has left; replies that are still due are not read."""
        if self._transport is not None:
            self._transport.close()

    # --- lending --------------------------------------------------------------------------------

    def lend(self) -> None:
        """Leave the link to the main thread, unless the transport is not done with it."""
        transport = self._transport
        if self.lent or transport is None or transport.is_closing():
            return
        if self._outgoing or transport.get_write_buffer_size():
            return
        transport.pause_reading()
        self.lent = True
        self._in_use.release()

    def take_back(self) -> bool:
        """Have the link on the loop's thread, unless the main thread uses it this moment."""
        if not self.lent:
            return True
        if not self._in_use.acquire(blocking=False):
            return False
        self.lent = False
        self._dispatch()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return True

    # --- what the main thread calls -------------------------------------------------------------

    def borrow(self) -> bool:
        """Use the link until `give_back`, if it is lent."""
        return self._in_use.acquire(blocking=False)

    def give_back(self) -> None:
        self._in_use.release()

    def flush_borrowed(self) -> bool:
        """Write as much as there is room for; tell whether that was all."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        try:
            sent = self._sock.send(data, socket.MSG_NOSIGNAL) if data else 0
        except OSError:  # No room, or broken: the transport will find out.
            sent = 0
        if sent == len(data):
            return True
        self._outgoing.append(data[sent:])
        return False

    def receive_borrowed(self, wait_ms: int) -> Reply | Incomplete:
        """Wait for the next reply; INCOMPLETE if none comes, or the transport must find out why."""
        try:
            while (reply := self._reader.next()) is INCOMPLETE and self._readable.poll(wait_ms):
                data = self._sock.recv(_READ_BYTES)
                if not data:
                    break
                self._reader.feed(data)
        except (OSError, ReplyViolation):
            return INCOMPLETE
        if reply is not INCOMPLETE and not self._awaited:
            self.leave_borrowed(reply)
            return INCOMPLETE
        return reply

    def leave_borrowed(self, reply: Reply) -> None:
        """Leave a reply to the loop's thread."""
        self._left = reply

    def next_awaited(self) -> OnReply:
        """Tell who waits for the reply that was received."""
        return self._awaited.popleft()

    # --- what the loop calls --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._dispatch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost(f"the connection broke: {exc}" if exc else "the server closed the connection")

    def _dispatch(self) -> None:
        try:
            while (reply := self._next()) is not INCOMPLETE:
                if isinstance(reply, Push):
                    self.on_push(reply)
                    continue
                if not self._awaited:
                    self._break(f"the server sent a reply to nothing: {reply!r:.100}")
                    return
                self._awaited.popleft()(reply)
        except ReplyViolation as violation:
            self._break(f"the server's bytes are not replies: {violation}")
            return
        self.flush()

    def _next(self) -> Reply | Incomplete:
        if self._left is INCOMPLETE:
            return self._reader.next()
        left, self._left = self._left, INCOMPLETE
        return left

    def _break(self, reason: str) -> None:
        # Nothing after this point can be told apart, so no further reply is waited for.
        on_lost, self._on_lost = self._on_lost, lambda _: None
        if self._transport is not None:
            self._transport.abort()
        on_lost(reason)


def _ignore(push: Push) -> None:
    """Pushes that nobody knows are no concern of ours."""
