"""One loaded connection: requests go out, replies are matched with them in order and judged."""

import asyncio
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter_ns
from typing import cast

from penstock.loadtest.errors import Unreachable
from penstock.loadtest.tally import Tally
from penstock.loadtest.target import Target
from penstock.loadtest.workload import SUBMIT, Request, Workload
from penstock.protocol.encoding import encode_command
from penstock.protocol.errors import ReplyViolation
from penstock.protocol.reader import INCOMPLETE, Push, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply


class LoadConnection(asyncio.Protocol):
    """Sends the requests of one connection's plan and judges each reply.

    `ids` holds one number for each reply, in request order: the job's id when a submission was
    acknowledged, 0 otherwise.
    """

    def __init__(self, number: int, workload: Workload, tally: Tally) -> None:
        self.number = number
        self.ids = array("q")
        self.sent = 0
        self.lost: str | None = None
        self.on_room: Callable[[LoadConnection], None] | None = None
        self._workload = workload
        self._tally = tally
        self._plan = workload.requests(number)
        self._reader = ReplyReader()
        self._unanswered: deque[tuple[int, Request]] = deque()
        self._transport: asyncio.Transport | None = None
        self._greeting: asyncio.Future[Reply] | None = None
        self._closing = False

    @property
    def in_flight(self) -> int:
        """How many requests wait for their reply; none on a connection that is lost."""
        return 0 if self.lost is not None else len(self._unanswered)

    async def authenticate(self, password: str) -> None:
        """Send AUTH and wait for the answer, before any load.

        Raises:
            Unreachable: the password is refused or the connection is lost.
        """
        assert self._transport is not None
        self._greeting = asyncio.get_running_loop().create_future()
        self._transport.write(encode_command((b"AUTH", password)))
        reply = await self._greeting
        self._greeting = None
        if isinstance(reply, ErrorReply):
            raise Unreachable(f"the server refused the password: {reply.code} {reply.text}")

    def send(self, intended_ns: Sequence[int]) -> None:
        """Send one request for each of the times at which it was meant to leave, in one write."""
        if self._transport is None or self.lost is not None:
            return
        parts: list[bytes] = []
        for intended in intended_ns:
            request = next(self._plan)
            self._unanswered.append((intended, request))
            parts.append(self._workload.encode(request))
        self.sent += len(parts)
        self._tally.sent += len(parts)
        self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Close the connection; what is unanswered stays so."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour, not by inheritance.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        now = perf_counter_ns()
        self._reader.feed(data)
        try:
            while (reply := self._reader.next()) is not INCOMPLETE:
                self._take(reply, now)
        except ReplyViolation as violation:
            self._tally.violations.add(f"connection {self.number} got bytes: {violation}")
            self._lose(str(violation))
            return
        if self.on_room is not None:
            self.on_room(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(str(exc) if exc is not None else "closed by the server")

    def _lose(self, reason: str) -> None:
        if self.lost is not None:
            return
        self.lost = reason
        if not self._closing:
            self._tally.connections_lost += 1
        if self._greeting is not None and not self._greeting.done():
            self._greeting.set_exception(Unreachable(f"the connection was lost: {reason}"))
        if self._transport is not None:
            self._transport.abort()
        if self.on_room is not None:
            self.on_room(self)

    def _take(self, reply: Reply, now: int) -> None:
        if isinstance(reply, Push):
            return
        if self._greeting is not None:
            self._greeting.set_result(reply)
            return
        if not self._unanswered:
            self._tally.violations.add(f"connection {self.number} got a reply to no request")
            return
        intended, request = self._unanswered.popleft()
        job_id = 0
        if isinstance(reply, ErrorReply):
            self._tally.add_error(reply.code)
        elif fault := self._fault(request, reply):
            self._tally.violations.add(fault)
        else:
            self._tally.add_ok(request.kind, intended, now)
            if request.kind == SUBMIT:
                assert isinstance(reply, int)
                job_id = reply
        self.ids.append(job_id)

    def _fault(self, request: Request, reply: Reply) -> str | None:
        where = f"request {len(self.ids)} of connection {self.number}"
        if request.kind == SUBMIT:
            if isinstance(reply, int) and reply > 0:
                return None
            return f"{where} submitted {request.payload!r}; the reply is no id: {reply!r}"
        if not isinstance(reply, bytes):
            return f"{where} called {request.payload!r}; the reply is no result: {reply!r}"
        if self._workload.echoes and reply != request.payload:
            return f"{where} called {request.payload!r}; the reply answers another: {reply!r}"
        return None


async def open_connections(
    target: Target, count: int, workload: Workload, tally: Tally
) -> list[LoadConnection]:
    """Open *count* connections, authenticated if there is a password.

    Raises:
        Unreachable: one could not be opened; those that were are closed.
    """
    connections: list[LoadConnection] = []
    try:
        for number in range(count):
            connection = await target.connect(partial(LoadConnection, number, workload, tally))
            connections.append(connection)
            if target.password is not None:
                await connection.authenticate(target.password)
    except BaseException:
        for connection in connections:
            connection.close()
        raise
    return connections
