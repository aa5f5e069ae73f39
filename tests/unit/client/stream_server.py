"""Streams in memory behind a real socket, for any number of connections, which can be cut."""

import asyncio
import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

from penstock.protocol.replies import encode
from tests.unit.client.fake_streams import FakeStreams
from tests.unit.client.scripted import WELCOME, Conversation, HungUp

SECONDS_MAX = 30.0
_LOOK_SECONDS = 0.002


class StreamServer:
    """Serves `streams`; reads wait. Its clock is the real one."""

    def __init__(self) -> None:
        self.streams = FakeStreams()
        self.lock = threading.RLock()
        self.connected = 0  # So far.
        self.draining = False  # Waits end at once.
        # Of the next requests of this verb, before or after they are carried out, cut off one.
        self.cut_before: str | None = None
        self.cut_after: str | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._closed = False

    def __enter__(self) -> "StreamServer":
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(SECONDS_MAX)
            assert not thread.is_alive()

    def publish(self, **fields: str) -> str:
        with self.lock:
            self._tell_the_time()
            return self.streams.publish(**fields)

    def cut(self) -> None:
        """Break all connections."""
        with self.lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def cut_and_wait(self) -> None:
        """Break all connections and wait for another one."""
        seen = self.connected
        self.cut()
        self.until(lambda: self.connected > seen, "another connection")

    @property
    def open_connections(self) -> int:
        with self.lock:
            return len(self._sockets)

    def asked(self, verb: str) -> int:
        """Count the requests of a verb."""
        with self.lock:
            return sum(words[0] == verb for words in self.streams.asked)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(_LOOK_SECONDS)

    async def eventually(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                if condition():
                    return
                await asyncio.sleep(_LOOK_SECONDS)

    # --- inside ----------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(SECONDS_MAX)
            with self.lock:
                self._sockets.append(sock)
                self.connected += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        talk = Conversation(sock)
        try:
            with sock, contextlib.suppress(HungUp, OSError):
                talk.read()
                talk.reply(WELCOME)
                while True:
                    words = [word.decode() for word in talk.read()]
                    if self._is_cut(words[0], "cut_before"):
                        return
                    reply = self._answer(words, sock)
                    if self._is_cut(words[0], "cut_after"):
                        return
                    talk.reply(encoded(reply))
        finally:
            with self.lock:
                self._sockets.remove(sock)

    def _is_cut(self, verb: str, where: str) -> bool:
        if getattr(self, where) != verb:
            return False
        setattr(self, where, None)
        return True

    def _answer(self, words: list[str], sock: socket.socket) -> object:
        wait_ms = int(words[words.index("BLOCK") + 1]) if "BLOCK" in words else 0
        until = time.monotonic() + wait_ms / 1000
        with self.lock:
            self.streams.asked.append(words)
        while True:
            with self.lock:
                if self._closed or _is_gone(sock):
                    raise HungUp
                self._tell_the_time()
                reply = self.streams.carry_out(words)
            if reply is not None or self.draining or time.monotonic() >= until:
                return reply
            time.sleep(_LOOK_SECONDS)

    def _tell_the_time(self) -> None:
        self.streams.now_ms = round(time.time() * 1000)  # noqa: TID251


def encoded(reply: object) -> bytes:
    """Encode a reply as the fake gives it: the names of its maps are bytes."""
    if isinstance(reply, dict):
        reply = {name.decode(): value for name, value in reply.items()}
    return encode(cast(Any, reply), resp3=True)


def _is_gone(sock: socket.socket) -> bool:
    """Say whether the client hung up, without taking what it sent."""
    readable, _, _ = select.select([sock], [], [], 0)
    return bool(readable) and not sock.recv(1, socket.MSG_PEEK)
