"""The two servers that are asked the same: a real redis-server, and Penstock."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.loadtest.processes import free_port
from tests.compliance.streams.connection import Connection
from tests.integration.server_process import a_server, until

REDIS: Final = "redis"
PENSTOCK: Final = "penstock"
_START_SECONDS_MAX: Final = 20.0


class Server(Struct, frozen=True):
    """One that listens on the loopback: which it is, and where."""

    name: str
    port: int

    def connect(self, protocol: int = 2) -> Connection:
        return Connection(self.port, protocol)


@contextmanager
def running(name: str, directory: Path) -> Iterator[Server]:
    """Have a server whose data lies in *directory*, until the end of a `with`."""
    if name == REDIS:
        with _redis_server(directory) as port:
            yield Server(name, port)
    else:
        with a_server(directory) as process:
            yield Server(name, int(process.announced("resp").rpartition(":")[2]))
            assert "Traceback" not in process.log.read_text()


@contextmanager
def _redis_server(directory: Path) -> Iterator[int]:
    port = free_port()
    with (directory / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("redis-server", "--bind", "127.0.0.1", "--port", str(port)),
                *("--dir", str(directory), "--save", "", "--appendonly", "yes"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
        )
    try:
        until(lambda: process.poll() is not None or _listens(port), "redis-server listens")
        assert process.poll() is None, (directory / "redis.log").read_text()
        yield port
    finally:
        process.terminate()
        try:
            process.wait(_START_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def forget_all(connection: Connection) -> None:
    """Remove every stream there is."""
    keys = connection.ask("KEYS", "*")
    assert isinstance(keys, list), keys
    names = [key for key in keys if isinstance(key, bytes)]
    if names:
        assert connection.ask("DEL", *names) == len(names)


def blocked(connection: Connection) -> int:
    """Return how many clients wait for something."""
    info = connection.ask("INFO", "clients")
    assert isinstance(info, bytes), info
    (line,) = (line for line in info.splitlines() if line.startswith(b"blocked_clients:"))
    return int(line.partition(b":")[2])


def until_blocked(connection: Connection, count: int) -> None:
    """Wait until so many clients wait for something."""
    until(lambda: blocked(connection) == count, f"{count} clients are blocked")
