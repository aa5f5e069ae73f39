"""The asynchronous shell: one connection, any number of tasks that wait for its replies.

Requests of one turn of the loop leave in one write. One task, which the client's task group owns,
connects again when the connection is lost.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar, cast

from penstock.client.backoff import Backoff
from penstock.client.endpoint import Endpoint, tune, why
from penstock.client.errors import ConnectionLost, PenstockError
from penstock.client.requests import Request
from penstock.client.session import Failures, Session
from penstock.client.ticket import NEVER
from penstock.config.limits import CLIENT_CLOSE_SECONDS
from penstock.protocol.reader import Reply

T = TypeVar("T")

_CLOSED: Final = "the client is closed; make another one"

Answer: TypeAlias = "asyncio.Future[Reply]"
# Gets the id and the attempt of a job that was cancelled.
OnCancel: TypeAlias = Callable[[int, int], object]


class _Wire(asyncio.Protocol):
    """One attempt to connect, and what comes of it, until the connection lets go of it.

    One that was given up may yet have a transport, or one of whose end nobody tells.
    """

    def __init__(self, connection: "AsyncConnection") -> None:
        self._connection: AsyncConnection | None = connection

    def let_go(self) -> None:
        self._connection = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's without being its subclasses.
        transport = cast(asyncio.Transport, transport)
        if self._connection is None:
            transport.abort()
        else:
            self._connection.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connection.connection_lost(exc)


class AsyncConnection:
    """Drives a session over a transport of asyncio or uvloop.

    Without an endpoint it has the socket it was given, and no other when that is lost. *on_cancel*
    is called on the loop, after those who wait for earlier replies.
    """

    def __init__(
        self,
        endpoint: Endpoint | None,
        greeting: bytes,
        retry_seconds: float,
        on_cancel: OnCancel | None = None,
    ) -> None:
        self._endpoint = endpoint
        # Requests that never outlive a connection need one that is there.
        self._opens_first = endpoint is not None and not retry_seconds
        self._opening = asyncio.Lock()
        self._backoff = Backoff()
        self._session: Session[Answer] = Session(
            greeting,
            retry_seconds=retry_seconds,
            is_abandoned=asyncio.Future.cancelled,
            backoff=Backoff(),
            wants_cancels=on_cancel is not None,
        )
        self._on_cancel = on_cancel
        # Requests that wait for room, first come first served.
        self._waiting: deque[tuple[Request[Any], Answer]] = deque()
        self._wire: _Wire | None = None
        self._transport: asyncio.Transport | None = None
        self._wanted = asyncio.Event()
        self._opened: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._flush_is_planned = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER
        # Why requests cannot be made; None while the client is open.
        self._closed: str | None = "the client is not open: use it with `async with`"

    # --- requests ------------------------------------------------------------------------------

    async def perform(self, request: Request[T]) -> T:
        """Send a request and return what its reply says.

        Cancelling drops the reply when it comes; the request is carried out if it was sent.
        """
        if self._closed is not None:
            raise ConnectionLost(self._closed)
        if self._opens_first and not self._session.is_open:
            await self._open_first()
        answer = self._ask(request)
        try:
            reply = await answer
        except asyncio.CancelledError:
            self._take_back(request, answer)
            raise
        return request.read(reply)

    async def perform_all(self, requests: Sequence[Request[Any]]) -> list[Reply | PenstockError]:
        """Send requests back to back; return the reply to each, or why there is none.

        Cancelling drops the replies when they come.
        """
        if self._closed is not None:
            raise ConnectionLost(self._closed)
        if self._opens_first and not self._session.is_open:
            await self._open_first()
        answers = [self._ask(request) for request in requests]
        outcomes: list[Reply | PenstockError] = []
        try:
            for answer in answers:
                try:
                    outcomes.append(await answer)
                except PenstockError as error:
                    outcomes.append(error)
        except asyncio.CancelledError:
            for request, answer in zip(requests, answers, strict=True):
                answer.cancel()
                self._take_back(request, answer)
            raise
        return outcomes

    @property
    def is_quick(self) -> bool:
        """Whether a question would be answered at once."""
        return self._session.is_open and self._session.is_quick and not self._waiting

    # --- opening and closing -------------------------------------------------------------------

    async def open(self, sock: socket.socket | None = None) -> None:
        """Connect, once, and wait until the server greets.

        Raises:
            ConnectionLost: nobody answers, or not as a Penstock server.
            Refused: the password is wrong or missing.
        """
        if self._closed == _CLOSED:
            raise ConnectionLost(_CLOSED)
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.create_future()
        try:
            await self._dial(sock)
            await self._opened
        except OSError as error:
            raise ConnectionLost(
                f"no server answers at {self._endpoint}: {why(error)}; start one with: "
                "penstock serve"
            ) from error
        except BaseException:
            self._let_go("opening the connection was interrupted")
            raise
        finally:
            self._opened = None
        self._closed = None

    def open_later(self) -> None:
        """Connect with the first request instead, which is given up as after a lost connection."""
        if self._closed == _CLOSED:
            raise ConnectionLost(_CLOSED)
        self._loop = asyncio.get_running_loop()
        self._closed = None

    async def keep_connected(self) -> None:
        """Connect again whenever the connection was lost and somebody wants it, until cancelled."""
        assert self._endpoint is not None
        while True:
            await self._wanted.wait()
            await asyncio.sleep(self._backoff.next_seconds())
            try:
                await self._dial(None)
            except OSError as error:
                self._session.cannot_connect(f"no server answers at {self._endpoint}: {why(error)}")
                if self._session.is_idle:
                    self._wanted.clear()

    async def close(self) -> None:
        """Let what is written leave, then close; what is unanswered fails."""
        self._closed = _CLOSED
        if self._timer is not None:
            self._timer.cancel()
        reason = "the client was closed before the server answered"
        self._fail(self._session.close(reason))
        while self._waiting:
            self._waiting.popleft()[1].set_exception(ConnectionLost(reason))
        if self._transport is None:
            return
        self._gone = self._loop.create_future()
        self._transport.close()
        try:
            async with asyncio.timeout(CLIENT_CLOSE_SECONDS):
                await self._gone
        except TimeoutError:
            self._abort()

    def abandon(self) -> None:
        """Close at once and for good; what is unanswered fails."""
        self._closed = _CLOSED
        if self._timer is not None:
            self._timer.cancel()
        self._let_go("the connection was abandoned")

    async def _dial(self, sock: socket.socket | None) -> None:
        wire = self._wire = _Wire(self)
        try:
            if sock is not None:
                await _adopt(sock, wire)
            else:
                assert self._endpoint is not None
                await self._endpoint.open(wire)
        except BaseException:
            self._let_go("connecting was interrupted")
            raise

    # --- what the loop calls -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            tune(sock)
        self._transport = transport
        self._wanted.clear()
        self._session.connected(self._loop.time())
        self._flush()

    def data_received(self, data: bytes) -> None:
        session = self._session
        now = self._loop.time()
        answers = session.receive(data, now)
        for answer, reply in answers:
            if not answer.done():
                answer.set_result(reply)
        self._tell_cancels()
        if session.broken is not None:
            self._abort()
            return
        if answers:
            self._backoff.reset()
        if self._opened is not None and session.is_open and not self._opened.done():
            self._opened.set_result(None)
        self._plan_flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(f"the connection to the server was lost: {exc or 'the server closed it'}")

    # --- inside --------------------------------------------------------------------------------

    def _let_go(self, reason: str) -> None:
        """Have nothing more to do with the connection that there is, or that is being made."""
        if self._wire is not None:
            self._wire.let_go()
        if self._transport is not None:
            self._transport.abort()
            self._lost(reason)

    def _lost(self, reason: str) -> None:
        self._transport = None
        self._fail(self._session.connection_lost(reason, self._loop.time()))
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        if self._opened is not None and not self._opened.done():
            session = self._session
            self._opened.set_exception(session.refusal or ConnectionLost(session.why_apart))
        self._plan_flush()

    async def _open_first(self) -> None:
        async with self._opening:
            if not self._session.is_open:
                await self.open()

    def _ask(self, request: Request[Any]) -> Answer:
        """Add a request to the next write."""
        answer: Answer = self._loop.create_future()
        if self._waiting or not self._session.has_room(len(request.stem)):
            self._waiting.append((request, answer))
        else:
            self._session.request(request, answer, self._loop.time())
        self._plan_flush()
        return answer

    def _tell_cancels(self) -> None:
        if self._on_cancel is None:
            return
        for job_id, attempt in self._session.take_cancels():
            # Not at once: whoever claimed the job first learns that it did.
            self._loop.call_soon(self._on_cancel, job_id, attempt)

    def _plan_flush(self) -> None:
        if not self._flush_is_planned:
            self._flush_is_planned = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what is to be sent, or ask for a connection."""
        self._flush_is_planned = False
        if self._closed == _CLOSED:
            return
        if self._waiting:
            self._admit()
        if self._transport is not None:
            data = self._session.bytes_to_send(self._loop.time())
            if data:
                self._transport.write(data)
        elif not self._session.is_idle:
            self._wanted.set()
        self._set_timer()

    def _admit(self) -> None:
        """Give the session as many of the waiting requests as it has room for."""
        session = self._session
        now = self._loop.time()
        while self._waiting and session.has_room(len(self._waiting[0][0].stem)):
            request, answer = self._waiting.popleft()
            if not answer.done():
                session.request(request, answer, now)

    def _set_timer(self) -> None:
        """Make sure that the session is ticked no later than it needs; earlier does no harm."""
        at = self._session.next_at()
        if at >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._timer_at = NEVER
        self._fail(self._session.tick(self._loop.time()))
        if self._session.broken is not None:
            self._abort()
        self._flush()

    def _fail(self, failures: Failures[Answer]) -> None:
        for answer, error in failures:
            if not answer.done():
                answer.set_exception(error)

    def _take_back(self, request: Request[Any], answer: Answer) -> None:
        """Undo what a reply gave, if it came in the moment its receiver was cancelled."""
        if answer.cancelled() or not answer.done() or answer.exception() is not None:
            return
        self._session.discard(request, answer.result(), self._loop.time())
        self._plan_flush()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def _adopt(sock: socket.socket, wire: _Wire) -> None:
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    if sock.family == socket.AF_UNIX:
        await loop.create_unix_connection(lambda: wire, sock=sock)
    else:
        await loop.create_connection(lambda: wire, sock=sock)
