"""A server that says what a test wrote down: one script for each connection, in order."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from penstock.protocol.replies import encode
from penstock.protocol.requests import RequestParser

WELCOME = encode({"server": "penstock"}, resp3=True)
SECONDS_MAX = 30.0


class HungUp(Exception):
    """The client closed the connection."""


class Conversation:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._parser = RequestParser()
        self._parser.authenticated = True
        self.heard: list[list[bytes]] = []

    def read(self) -> list[bytes]:
        """Wait for the next request; raise HungUp where the connection ends first."""
        while (request := self._parser.next()) is None:
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise HungUp
            self._parser.feed(data)
        self.heard.append(request)
        return request

    def read_all(self, count: int) -> list[list[bytes]]:
        return [self.read() for _ in range(count)]

    def read_some(self) -> None:
        """Take a piece of a request that is not whole."""
        self._socket.recv(1 << 16)

    def reply(self, *replies: bytes) -> None:
        self._socket.sendall(b"".join(replies))

    def greet(self) -> "Conversation":
        request = self.read()
        assert request[0] == b"HELLO", request
        self.reply(WELCOME)
        self.heard.clear()
        return self

    def hang_up(self) -> None:
        self._socket.close()

    def until_hung_up(self) -> None:
        try:
            self.read()
        except HungUp:
            return
        raise AssertionError(f"the client should have closed, and sent {self.heard[-1]}")


Script = Callable[[Conversation], None]


class ScriptedServer:
    """Plays its scripts in a thread, then is gone. Leaving it raises what a script raised."""

    def __init__(self, *scripts: Script, path: Path | None = None) -> None:
        self._scripts = scripts
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            host, port = self._listener.getsockname()
            self.address = f"{host}:{port}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
            self.address = f"unix:{path}"
        self._listener.settimeout(SECONDS_MAX)
        self._thread = threading.Thread(target=self._play)
        self._problem: BaseException | None = None

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._listener.close()
        self._thread.join(SECONDS_MAX)
        assert not self._thread.is_alive()
        if self._problem is not None and kind is None:
            raise self._problem

    def _play(self) -> None:
        try:
            with self._listener:
                for number, script in enumerate(self._scripts):
                    sock, _ = self._listener.accept()
                    sock.settimeout(SECONDS_MAX)
                    if number == len(self._scripts) - 1:
                        self._listener.close()
                    with sock:
                        script(Conversation(sock))
        except HungUp:
            self._problem = AssertionError("the client closed before the script was over")
        except BaseException as problem:
            self._problem = problem
