"""Real server processes for measurements and tests: start, kill, stop, how much they hold."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from penstock.config.address import parse_address
from penstock.loadtest.errors import LoadtestError
from penstock.loadtest.target import Target

READY_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 60.0
_READY: Final = "penstock ready: "
_LOG_SHOWN_BYTES: Final = 4_000


class ServerFailed(LoadtestError):
    """A server process ended, or did not become ready; the text holds the end of its log."""


class ServerProcess:
    """One `penstock serve` in a process of its own. Use it with `with`: it never outlives that.

    `resp` is where it listens; port 0 in the arguments makes that any free port.
    """

    def __init__(
        self,
        data: Path,
        *arguments: str,
        listen: str = "127.0.0.1:0",
        environ: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> None:
        """Prepare a start. *within* begins the command: a program that becomes the server."""
        self.log = data.with_name(f"{data.name}.log")
        self.ready_line = ""
        self.ready_seconds = 0.0
        self._command = [
            *within,
            *_python(),
            *("-m", "penstock.cli", "serve", "--data", str(data), "--listen", listen),
            *arguments,
        ]
        self._environ = {**_plain_environ(), **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ServerProcess":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.running:
            self.kill() if kind is not None else self.stop()

    def start(self) -> None:
        """Start the process and wait for its readiness line.

        Raises:
            ServerFailed: it ended, or was not ready in time.
        """
        assert not self.running
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environ,
                process_group=0,  # Ctrl-C is for whoever started it, and ends it in its own time.
            )
        try:
            self.ready_line = _read_line(self._process, began + READY_SECONDS_MAX)
            if not self.ready_line.startswith(_READY):
                raise ServerFailed(self._told("the server did not become ready"))
        except BaseException:
            self.kill()
            raise
        self.ready_seconds = time.monotonic() - began

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def announced(self, key: str) -> str:
        """Return what the readiness line says about *key*: resp, http, pid.

        Raises:
            ServerFailed: the line does not say it.
        """
        words = self.ready_line.removeprefix(_READY).split()
        pairs = dict(zip(words[::2], words[1::2], strict=False))
        if key not in pairs:
            raise ServerFailed(f"the readiness line says nothing about {key}: {self.ready_line!r}")
        return pairs[key]

    @property
    def target(self) -> Target:
        """Where it speaks RESP."""
        return Target(parse_address(self.announced("resp")))

    def rss_bytes(self) -> int:
        """Return the memory that the server process itself holds."""
        return rss_bytes(self.pid)

    def kill(self) -> None:
        """Send SIGKILL and wait: what a crash looks like."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def stop(self) -> int:
        """Send SIGTERM, wait for the drain and return the exit code.

        Raises:
            ServerFailed: it did not end in time; it is killed then.
        """
        self.send(signal.SIGTERM)
        return self.wait()

    def send(self, number: signal.Signals) -> None:
        """Send the server process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the server's end and return the exit code.

        Raises:
            ServerFailed: it did not end in time; it is killed then.
        """
        assert self._process is not None
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise ServerFailed(
                self._told(f"the server did not stop within {STOP_SECONDS_MAX:.0f} s")
            ) from error
        except BaseException:
            self.kill()
            raise
        return self._reap()

    def _reap(self) -> int:
        assert self._process is not None
        code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def _told(self, what: str) -> str:
        end = self.log.read_bytes()[-_LOG_SHOWN_BYTES:].decode(errors="replace")
        return f"{what}: {' '.join(self._command)}\n{end}"


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process.

    Raises:
        LoadtestError: this system has no /proc to read it from.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise LoadtestError(f"the memory of process {pid} cannot be read: {error}") from error
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def child_pids(pid: int) -> list[int]:
    """Return the processes that this one started and that still run."""
    children: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in brackets may hold anything; state and parent follow the last bracket.
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # It ended meanwhile.
        if int(parent) == pid and state != "Z":
            children.append(int(entry.name))
    return sorted(children)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _plain_environ() -> dict[str, str]:
    # The caller's own settings would change what is measured.
    return {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}


def _python() -> Sequence[str]:
    # Where this interpreter ignores the current directory, so shall the server's.
    return (sys.executable, "-P") if sys.flags.safe_path else (sys.executable,)


def _read_line(process: subprocess.Popen[bytes], deadline: float) -> str:
    """Read one line, or what there is of it when the process ends or time is up."""
    assert process.stdout is not None
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                break
            byte = os.read(process.stdout.fileno(), 1)
            if not byte:
                break
            line += byte
    return line.decode(errors="replace").rstrip("\n")
