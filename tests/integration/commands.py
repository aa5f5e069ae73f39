"""`penstock` as people and programs run it: on pipes, and on a terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

_TERMINAL: Final = {"COLUMNS": "150", "TERM": "xterm"}
_SECONDS_MAX: Final = 60


class Ended(NamedTuple):
    """How a command ended, and what it wrote; on a terminal both outputs are *out*."""

    code: int
    out: str
    err: str


class Commands:
    """Runs commands that talk to one server."""

    def __init__(self, address: str) -> None:
        plain = {n: text for n, text in os.environ.items() if not n.startswith("PENSTOCK_")}
        self.environ = {**plain, **_TERMINAL, "PENSTOCK_SERVER": address}

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        """Run a command whose input and outputs are pipes."""
        ended = subprocess.run(
            _command(arguments),
            env=self.environ,
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=_SECONDS_MAX,
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    @contextmanager
    def running(
        self, *arguments: str, stdin: int = subprocess.DEVNULL
    ) -> Iterator[subprocess.Popen[str]]:
        """Have a command that goes on, with its outputs to be read; it is ended at last."""
        with subprocess.Popen(
            _command(arguments),
            env=self.environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def on_terminal(self, *arguments: str, answer: str = "") -> Ended:
        """Run a command on a terminal, where *answer* is typed."""
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        with subprocess.Popen(
            _command(arguments), env=self.environ, stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            seen = b""
            while piece := _read(ours):
                seen += piece
        os.close(ours)
        return Ended(process.returncode, seen.decode().replace("\r\n", "\n"), "")


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "penstock.cli", *arguments]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""  # Linux says so of a terminal that nobody holds any more.
