"""The blocking shell: one socket that whoever calls drives until its own replies are there.

There is no thread behind it. A lock lets threads take turns, one exchange at a time.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from penstock.client.backoff import Backoff
from penstock.client.endpoint import Endpoint, why
from penstock.client.errors import ConnectionLost, PenstockError
from penstock.client.requests import Request
from penstock.client.session import Failures, Session
from penstock.config.limits import CLIENT_CONNECT_SECONDS
from penstock.protocol.reader import Reply

T = TypeVar("T")

_CLOSED: Final = "the client is closed; make another one"
_READ_BYTES: Final = 256 * 1024
# poll counts in C integers of milliseconds; a longer wait is several.
_POLL_SECONDS_MAX: Final = 3600.0
# The last attempt before a request is given up gets this much time in any case.
_CONNECT_SECONDS_MIN: Final = 0.1


class Slot:
    """What becomes of one request: a reply, or why there is none."""

    __slots__ = ("error", "is_done", "reply")

    def __init__(self) -> None:
        self.is_done = False
        self.reply: Reply = None
        self.error: PenstockError | None = None


class BlockingConnection:
    """Drives a session over a socket. Safe to use from several threads, and after a fork."""

    def __init__(self, endpoint: Endpoint, greeting: bytes, retry_seconds: float) -> None:
        self._endpoint = endpoint
        self._greeting = greeting
        self._retry_seconds = retry_seconds
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Start from nothing: at first, and in a process that was forked."""
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._backoff = Backoff()
        self._session: Session[Slot] = Session(
            self._greeting,
            retry_seconds=self._retry_seconds,
            is_abandoned=_is_done,
            backoff=Backoff(),
        )
        self._socket: socket.socket | None = None
        self._outgoing = memoryview(b"")
        self._was_open = False

    # --- requests ------------------------------------------------------------------------------

    def perform(self, request: Request[T]) -> T:
        """Send a request and return what its reply says."""
        (slot,) = self.perform_all([request])
        if slot.error is not None:
            raise slot.error
        return request.read(slot.reply)

    def perform_all(self, requests: Sequence[Request[Any]]) -> list[Slot]:
        """Send requests back to back and return what became of each.

        Whatever interrupts this (KeyboardInterrupt, a signal handler's exception) drops the
        connection: the replies still due would otherwise be met by the next request.
        """
        self._check_process()
        slots = [Slot() for _ in requests]
        with self._lock:
            try:
                if self._socket is not None:
                    # A server that left while nothing was asked says so here, before anything is
                    # sent.
                    self._receive()
                self._open()
                self._exchange(requests, slots)
            except BaseException:
                for slot in slots:
                    slot.is_done = True
                self._disconnect("the exchange was interrupted")
                raise
        return slots

    # --- opening and closing -------------------------------------------------------------------

    def open(self) -> None:
        """Connect, once, and wait until the server greets.

        Raises:
            ConnectionLost: nobody answers, or not as a Penstock server.
            Refused: the password is wrong or missing.
        """
        self._check_process()
        with self._lock:
            self._open()

    def close(self) -> None:
        """Close the connection. A closed client stays closed."""
        self._check_process()
        with self._lock:
            self._closed = True
            self._disconnect("the client was closed")

    def abort(self) -> None:
        """Break the connection, so that an exchange of another thread ends at once."""
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            # The parent's connection is the parent's: closing our copy leaves it open there.
            if self._socket is not None:
                self._socket.close()
            self._begin()

    def _open(self) -> None:
        """Open the first connection; later ones are opened by the exchange that wants them.

        Requests that never outlive a connection need one that is there: then each is the first.
        """
        if self._closed:
            raise ConnectionLost(_CLOSED)
        if self._was_open:
            return
        try:
            self._connect()
        except OSError as error:
            raise ConnectionLost(
                f"no server answers at {self._endpoint}: {why(error)}; start one with: "
                "penstock serve"
            ) from error
        session = self._session
        try:
            while not session.is_open and self._socket is not None:
                self._step()
        except BaseException:
            self._disconnect("opening the connection was interrupted")
            raise
        if not session.is_open:
            raise session.refusal or ConnectionLost(session.why_apart)
        self._was_open = True

    def _connect(self, seconds: float = CLIENT_CONNECT_SECONDS) -> None:
        seconds = max(_CONNECT_SECONDS_MIN, min(seconds, CLIENT_CONNECT_SECONDS))
        self._socket = self._endpoint.connect(seconds)
        self._session.connected(time.monotonic())

    def _disconnect(self, reason: str) -> None:
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        self._outgoing = memoryview(b"")
        self._was_open = self._was_open and self._retry_seconds > 0
        self._fail(self._session.connection_lost(reason, time.monotonic()))

    # --- the exchange --------------------------------------------------------------------------

    def _exchange(self, requests: Sequence[Request[Any]], slots: Sequence[Slot]) -> None:
        session = self._session
        added = 0
        finished = 0
        while finished < len(slots):
            while added < len(requests) and session.has_room(len(requests[added].stem)):
                session.request(requests[added], slots[added], time.monotonic())
                added += 1
            if self._socket is None:
                self._reconnect()
            else:
                self._step()
            while finished < len(slots) and slots[finished].is_done:
                finished += 1

    def _reconnect(self) -> None:
        """Try once, after a pause; give up what has waited too long."""
        session = self._session
        now = time.monotonic()
        pause = max(0.0, min(self._backoff.next_seconds(), session.next_at() - now))
        time.sleep(pause)
        self._fail(session.tick(time.monotonic()))
        if session.is_idle:
            return
        try:
            self._connect(session.next_at() - time.monotonic())
        except OSError as error:
            session.cannot_connect(f"no server answers at {self._endpoint}: {why(error)}")

    def _step(self) -> None:
        """Write what can be written, then wait for the server once and read what it sent."""
        session = self._session
        self._send()
        if self._socket is None:
            return
        events = select.POLLIN | (select.POLLOUT if self._outgoing else 0)
        poll = select.poll()
        poll.register(self._socket, events)
        seconds = min(session.next_at() - time.monotonic(), _POLL_SECONDS_MAX)
        if poll.poll(max(0.0, seconds * 1000)):
            self._receive()
        self._fail(session.tick(time.monotonic()))
        if session.broken is not None:
            self._disconnect(session.broken)

    def _send(self) -> None:
        assert self._socket is not None
        if not self._outgoing:
            self._outgoing = memoryview(self._session.bytes_to_send(time.monotonic()))
        try:
            while self._outgoing:
                sent = self._socket.send(self._outgoing)
                self._outgoing = self._outgoing[sent:]
        except BlockingIOError:
            pass
        except OSError as error:
            # What the server said before it closed may say why.
            self._receive()
            self._disconnect(f"the connection to the server was lost: {error}")

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._disconnect(f"the connection to the server was lost: {error}")
            return
        if not data:
            self._disconnect("the connection to the server was lost: the server closed it")
            return
        answers = self._session.receive(data, time.monotonic())
        for slot, reply in answers:
            slot.reply = reply
            slot.is_done = True
        if answers:
            self._backoff.reset()
        if self._session.broken is not None:
            self._disconnect(self._session.broken)

    def _fail(self, failures: Failures[Slot]) -> None:
        for slot, error in failures:
            slot.error = error
            slot.is_done = True


def _is_done(slot: Slot) -> bool:
    """Say of a slot without an answer that nobody waits for it: its exchange was interrupted."""
    return slot.is_done
