"""A connection whose replies are stamped with the time at which they arrived."""

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import TypeAlias, cast

from penstock.loadtest.errors import Unreachable
from penstock.loadtest.target import Target
from penstock.protocol.encoding import encode_command
from penstock.protocol.errors import ReplyViolation
from penstock.protocol.reader import INCOMPLETE, Push, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply

Take: TypeAlias = Callable[[Reply, int], None]
Lose: TypeAlias = Callable[[str], None]
TakeWhole: TypeAlias = Callable[[bytes, int], bool]


class StampedConnection(asyncio.Protocol):
    """One RESP2 connection. *take* gets each reply, *lose* why the connection ended, if it did.

    *take_whole* may read bytes by itself, if they are one reply as it expects it: where many
    connections are answered at once, reading each reply with care would be most of what is
    measured.
    """

    def __init__(self, take: Take, lose: Lose, take_whole: TakeWhole | None = None) -> None:
        self._take = take
        self._lose = lose
        self._take_whole = take_whole
        self._reader = ReplyReader()
        self._transport: asyncio.Transport | None = None
        self._closing = False

    def write(self, data: bytes) -> None:
        """Send bytes; what is sent after the end goes nowhere."""
        assert self._transport is not None
        if not self._closing:
            self._transport.write(data)

    def close(self) -> None:
        """Cut the connection, as a process that dies does."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    async def authenticate(self, password: str) -> None:
        """Send AUTH, and wait for the answer before anything else.

        Raises:
            Unreachable: the password is refused, or the connection is lost.
        """
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        take, lose = self._take, self._lose
        self._take = lambda reply, _: answered.set_result(reply)
        self._lose = lambda reason: answered.set_exception(Unreachable(reason))
        self.write(encode_command(("AUTH", password)))
        reply = await answered
        self._take, self._lose = take, lose
        if isinstance(reply, ErrorReply):
            self.close()
            raise Unreachable(f"the server refused the password: {reply.code} {reply.text}")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour, not by inheritance.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        now = monotonic_ns()
        take_whole = self._take_whole
        if take_whole is not None and not self._reader.pending and take_whole(data, now):
            return
        self._reader.feed(data)
        try:
            while not self._closing and (reply := self._reader.next()) is not INCOMPLETE:
                if not isinstance(reply, Push):
                    self._take(reply, now)
        except ReplyViolation as violation:
            self._end(f"what the server sent is no reply: {violation}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"the connection was lost: {exc or 'closed by the server'}")

    def _end(self, reason: str) -> None:
        if not self._closing:
            self._closing = True
            self._lose(reason)


async def connect_stamped(
    target: Target, take: Take, lose: Lose, take_whole: TakeWhole | None = None
) -> StampedConnection:
    """Open a connection, authenticated if there is a password.

    Raises:
        Unreachable: nobody listens there, or the password is refused.
    """
    connection = await target.connect(lambda: StampedConnection(take, lose, take_whole))
    if target.password is not None:
        await connection.authenticate(target.password)
    return connection
