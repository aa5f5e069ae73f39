"""One connection: bytes in, requests to the session, replies out in order.

No task per connection and none per command: the loop calls `data_received`, which parses, has the
session execute, and writes what is complete. Reading pauses while too much is in flight, while the
peer leaves too much unread, and while the journal is behind; so the peer's own socket fills, and
it is the peer who waits.
"""

import asyncio
import socket
from typing import Final, cast

import structlog
from msgspec import Struct

from penstock.config.limits import OUTPUT_PAUSE_BYTES
from penstock.protocol.errors import CrossProtocol, ErrorCode, ProtocolViolation
from penstock.protocol.replies import error
from penstock.protocol.requests import RequestParser
from penstock.server.responses import ResponseQueue
from penstock.server.session import Session, SessionContext

_log = structlog.get_logger("penstock.connection")

# A silent peer is noticed after a minute (idle 30 s, three probes 10 s apart), one that does not
# acknowledge data, or takes none of it, after 20 s. Keepalive alone does not fire while data is in
# flight.
_KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)


class ConnectionLimits(Struct, frozen=True):
    """What one connection may use."""

    requests_in_flight_max: int
    output_bytes_max: int


# Why reading pauses: bits of one integer, as it is looked at for every request.
_IN_FLIGHT: Final = 1  # Too many requests are not answered.
_UNREAD: Final = 2  # The peer does not read what it was sent.
_CONGESTED: Final = 4  # The journal has enough to write.
_CLOSING: Final = 8  # Whatever comes is no longer executed.


class Connection(asyncio.Protocol):
    """The driver of one session; it knows sockets and nothing of jobs."""

    def __init__(
        self, context: SessionContext, limits: ConnectionLimits, *, of_worker: bool = False
    ) -> None:
        """Take the server's parts. One *of_worker* is our own worker's, and trusted."""
        self.of_worker = of_worker
        self._context = context
        self._limits = limits
        self._parser = RequestParser()
        self._responses = ResponseQueue(self._flush_later, held_bytes_max=limits.output_bytes_max)
        self._transport: asyncio.Transport | None = None
        self._paused = 0
        self._processing = False
        self._processes_again = False
        self._session: Session | None = None
        # Since when a request lies here in part; the sweeper closes those that take too long.
        self.partial_since: float | None = None
        # Since when the peer sends no more; the sweeper ends its waits after a while.
        self.half_closed_since: float | None = None
        self.connected_at = context.engine.clock.monotonic()

    @property
    def session(self) -> Session:
        assert self._session is not None
        return self._session

    @property
    def replies_pending(self) -> int:
        return len(self._responses)

    # --- what the loop calls -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by inheritance.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=OUTPUT_PAUSE_BYTES)
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            for level, option, value in _KEEPALIVE:
                sock.setsockopt(level, option, value)
        session = Session(self._context, self._parser, self._responses, _peer(transport))
        if self.of_worker:
            session.authenticated = True
        self._session = session
        if not self._context.connections.add(self):
            self.close_with(ErrorCode.ERR, "max number of clients reached")

    def data_received(self, data: bytes) -> None:
        if self._paused & _CLOSING:
            return  # It would not be executed, so it is not kept.
        self._parser.feed(data)
        self._process()

    def eof_received(self) -> bool:
        """Answer what was asked before the peer closed its half, then close ours.

        Most often it is gone altogether, which TCP does not tell from this. Who sends nothing
        could not complete a job, so it is given none.
        """
        self._paused |= _CLOSING
        self.half_closed_since = self._context.engine.clock.monotonic()
        self.session.stop_claims()
        self._context.engine.pump()
        self._close_when_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._paused |= _CLOSING
        self._transport = None
        self._responses.close()
        self._context.connections.remove(self)
        self.session.close()
        self._context.engine.pump()

    def pause_writing(self) -> None:
        self._pause(_UNREAD)

    def resume_writing(self) -> None:
        self._resume(_UNREAD)

    # --- what the server calls -----------------------------------------------------------------

    def close_with(self, code: ErrorCode, text: str) -> None:
        """Tell the peer why, and close."""
        self._responses.add(error(code, text))
        self._paused |= _CLOSING
        self._flush()
        self.close()

    def close(self) -> None:
        """Close after what is complete was sent."""
        self._paused |= _CLOSING
        if self._transport is not None:
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def close_when_answered(self) -> None:
        """Execute nothing more; close once everything asked before is answered."""
        self._paused |= _CLOSING
        self._flush()
        self._close_when_done()

    def abort(self) -> None:
        """Close at once."""
        self._paused |= _CLOSING
        if self._transport is not None:
            self._transport.abort()

    # --- inside --------------------------------------------------------------------------------

    def _process(self) -> None:
        """Execute the requests that are here, as far as nothing says to pause.

        Replies may let further requests in: those are this loop's, not a call's within this call.
        """
        self._processes_again = True
        if self._processing:
            return
        self._processing = True
        try:
            while self._processes_again:
                self._processes_again = False
                self._execute_supervised()
                self._context.engine.pump_soon()
                self._flush()
        finally:
            self._processing = False

    def _execute_supervised(self) -> None:
        """Execute requests; answer what is wrong with the bytes, or with us, and close."""
        context = self._context
        try:
            self._execute_requests()
        except ProtocolViolation as violation:
            context.connections.protocol_errors_total += 1
            self._responses.add(error(ErrorCode.ERR, f"Protocol error: {violation.text}"))
            self._close_soon()
        except CrossProtocol:
            context.connections.note_cross_protocol(self.session.peer)
            self._responses.close()
            self.abort()
        except Exception:
            # A slot may have been reserved that nobody will fill: there is nothing to wait for.
            _log.exception("a request failed in an unforeseen way", peer=self.session.peer)
            self.close()

    def _execute_requests(self) -> None:
        execute = self.session.execute
        next_request = self._parser.next
        responses = self._responses
        in_flight_max = self._limits.requests_in_flight_max
        if self._context.engine.journal.is_congested:
            self._pause(_CONGESTED)
            self._context.engine.resume_later(self._when_not_congested)
        executed_any = False
        while not self._paused:
            arguments = next_request()
            if arguments is None:
                break
            executed_any = True
            execute(arguments)
            if len(responses) >= in_flight_max:
                self._pause(_IN_FLIGHT)
            if responses.held_bytes > OUTPUT_PAUSE_BYTES:
                self._flush()  # Small requests may have large replies: do not pile them up.
            if self.session.is_closing:
                self._close_soon()
        if not self._parser.pending or self._paused:
            self.partial_since = None
        elif self.partial_since is None or executed_any:
            self.partial_since = self._context.engine.clock.monotonic()

    def _flush_later(self) -> None:
        if not self._processing:
            self._context.engine.flush_later(self._flush)

    def _flush(self) -> None:
        """Write what is complete from the front."""
        transport = self._transport
        if transport is None:
            return
        responses = self._responses
        data = responses.take()
        # What leaves just now is not counted: a single reply may be larger than the limit.
        held_bytes = responses.held_bytes
        if responses.has_overflowed or (
            (data or held_bytes)
            and transport.get_write_buffer_size() + held_bytes > self._limits.output_bytes_max
        ):
            _log.warning("cut: the peer leaves its replies unread", peer=self.session.peer)
            self.abort()
            return
        if data:
            transport.write(data)
        if self._paused:
            if len(self._responses) < self._limits.requests_in_flight_max:
                self._resume(_IN_FLIGHT)
            if self._paused & _CLOSING:
                self._close_when_done()

    def _close_soon(self) -> None:
        """Execute nothing more; close when what was asked before is answered."""
        self._paused |= _CLOSING

    def _close_when_done(self) -> None:
        if self._transport is not None and not len(self._responses):
            self._transport.close()

    def _when_not_congested(self) -> None:
        self._resume(_CONGESTED)

    def _pause(self, reason: int) -> None:
        if not self._paused and self._transport is not None:
            self._transport.pause_reading()
        self._paused |= reason

    def _resume(self, reason: int) -> None:
        if not self._paused & reason:
            return
        self._paused &= ~reason
        if not self._paused and self._transport is not None:
            self._transport.resume_reading()
            self._process()


def _peer(transport: asyncio.Transport) -> str:
    """Return who is at the other end, for people."""
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return f"{name[0]}:{name[1]}"
    return "unix"
