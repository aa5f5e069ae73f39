"""A redis-server that promises what Penstock does: what it acknowledges was synced."""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from penstock.config.address import Address
from penstock.loadtest.benchmark import program_output
from penstock.loadtest.errors import LoadtestError
from penstock.loadtest.processes import free_port, rss_bytes
from penstock.loadtest.target import Target

# A restart reads the whole log of what was written.
_START_SECONDS_MAX: Final = 600.0
_STOP_SECONDS_MAX: Final = 60.0
_LOOK_SECONDS: Final = 0.02


class RedisProcess:
    """One redis-server on a free port of the loopback. Use it with `with`."""

    def __init__(self, data: Path) -> None:
        self.ready_seconds = 0.0
        self._data = data
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RedisProcess":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        assert process is not None
        process.terminate()
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def start(self) -> None:
        """Start the process and wait until it has read what it holds and answers.

        Raises:
            LoadtestError: it ended, or did not answer in time.
        """
        self._data.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        began = time.monotonic()
        self._process = subprocess.Popen(
            [
                *("redis-server", "--bind", "127.0.0.1", "--port", str(self._port)),
                *("--dir", str(self._data), "--save", ""),
                *("--appendonly", "yes", "--appendfsync", "always"),
                *("--auto-aof-rewrite-percentage", "0"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for the load tester, which ends it when it is done.
        )
        try:
            self._wait(began + _START_SECONDS_MAX)
        except BaseException:
            self.kill()
            raise
        self.ready_seconds = time.monotonic() - began

    @property
    def target(self) -> Target:
        """Where it speaks RESP."""
        return Target(Address("127.0.0.1", self._port))

    def rss_bytes(self) -> int:
        """Return the memory that the server process holds."""
        assert self._process is not None
        return rss_bytes(self._process.pid)

    def kill(self) -> None:
        """Send SIGKILL and wait: what a crash looks like."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _wait(self, deadline: float) -> None:
        assert self._process is not None
        while self._process.poll() is None and time.monotonic() < deadline:
            if _answers(self._port):
                return
            time.sleep(_LOOK_SECONDS)
        raise LoadtestError(f"redis-server did not start on port {self._port}")


def redis_version() -> str:
    """Return the version of the redis-server that is installed."""
    return program_output(["redis-server", "--version"]).split("v=")[1].split()[0]


def _answers(port: int) -> bool:
    # While it reads its log it takes connections and answers LOADING.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
