"""Real servers for tests: how they are started, and what they say of themselves."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from penstock.loadtest.processes import ServerProcess, child_pids

WAIT_SECONDS_MAX: Final = 20.0
_LOOK_SECONDS: Final = 0.01


class Ended(NamedTuple):
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str


def a_server(
    directory: Path,
    *flags: str,
    listen: str = "127.0.0.1:0",
    within: Sequence[str] = (),
    **settings: object,
) -> ServerProcess:
    """Return a server that is not started yet: any free ports, no workers, its data in *directory*.

    Settings go by the environment, which comes after the flags.
    """
    return ServerProcess(
        directory / "data", *flags, listen=listen, within=within, environ=_environ(settings)
    )


@contextmanager
def starting(
    directory: Path, *flags: str, within: Sequence[str] = (), **settings: object
) -> Iterator[subprocess.Popen[str]]:
    """Have a server that is not waited for, and may never be ready; its log can be read."""
    command = ["serve", "--data", str(directory / "data"), "--listen", "127.0.0.1:0", *flags]
    with subprocess.Popen(
        [*within, sys.executable, "-m", "penstock.cli", *command],
        env={**os.environ, **_environ(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def refused_start(
    directory: Path, *flags: str, within: Sequence[str] = (), **settings: object
) -> Ended:
    """Start a server that cannot start; return how it ended."""
    with starting(directory, *flags, within=within, **settings) as process:
        out, err = process.communicate(timeout=WAIT_SECONDS_MAX)
        return Ended(process.returncode, out, err)


def _environ(settings: Mapping[str, object]) -> dict[str, str]:
    return {
        "PENSTOCK_HTTP": "127.0.0.1:0",
        "PENSTOCK_WORKERS": "0",
        "PENSTOCK_LOG_FORMAT": "json",
        **{f"PENSTOCK_{name.upper()}": str(value) for name, value in settings.items()},
    }


def until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again until something is so; fail if that takes too long."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS_MAX:.0f} s: {what}"
        time.sleep(_LOOK_SECONDS)


def events(server: ServerProcess) -> list[dict[str, object]]:
    """Return what a server has logged so far; lines that are no JSON are left out."""
    lines = server.log.read_bytes().split(b"\n")[:-1]  # The last one may be half written.
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def until_logged(server: ServerProcess, event: str, **fields: object) -> dict[str, object]:
    """Wait until a server has logged an event that has these fields, and return it."""
    found: list[dict[str, object]] = []

    def is_there() -> bool:
        found[:] = [seen for seen in events(server) if {**seen, **fields, "event": event} == seen]
        return bool(found)

    until(is_there, f"{event} {fields} in {server.log}")
    return found[-1]


def metrics(server: ServerProcess) -> dict[str, float]:
    """Scrape the page of metrics: the values by name, those of all labels added up."""
    with urlopen(f"http://{server.announced('http')}/metrics", timeout=WAIT_SECONDS_MAX) as page:
        text = page.read().decode()
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values[sample.name] = values.get(sample.name, 0.0) + sample.value
    return values


def descendants(pid: int) -> list[int]:
    """Return the processes that this one started, and those that they did."""
    return [one for child in child_pids(pid) for one in (child, *descendants(child))]


def command_of(pid: int) -> bytes:
    """Return a process's command line; of one that has ended, nothing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_gone(pid: int) -> bool:
    """Say whether a process has ended; a zombie has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"
