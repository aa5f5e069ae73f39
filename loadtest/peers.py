"""Penstock and redis-server in turns, under the same redis-benchmark, in one run.

Both acknowledge a write after it was synced (redis: `appendonly yes`, `appendfsync always`), on
the same disk, one at a time. What other programs do to the machine hits both, so the ratio is what
to read; the figures alone vary two to threefold between runs.
"""

import csv
import importlib.util
import io
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from msgspec import Struct

from penstock.loadtest.errors import LoadtestError, NotInstalled
from penstock.loadtest.machine import Machine, describe_machine, fdatasync_us
from penstock.loadtest.processes import ServerProcess, free_port

PENSTOCK: Final = "penstock"
REDIS: Final = "redis"
_PROGRAMS: Final = ("redis-server", "redis-benchmark", "redis-cli")
_APP: Final = "examples.basics"
_BENCHMARK_SECONDS_MAX: Final = 300.0
_START_SECONDS_MAX: Final = 10.0
# 64 bytes, 12 of them random: equal payloads would flatter whoever compresses. JSON, so that the
# same payload serves calls.
_PAYLOAD: Final = f'"{"x" * 50}__rand_int__"'
_RANDOM: Final = ("-r", "1000000000")


class Case(Struct, frozen=True):
    """One way to load: connections, requests in flight on each, and the share of all requests."""

    name: str
    connections: int
    pipeline: int
    share: float
    call: bool = False


CASES: Final = (
    Case("submit, 50 connections, pipeline 16", 50, 16, 1.0),
    Case("submit, 50 connections", 50, 1, 0.3),
    Case("submit, lone client", 1, 1, 0.02),
    Case("call through two workers, 50 connections", 50, 1, 0.1, call=True),
    Case("call through two workers, lone caller", 1, 1, 0.02, call=True),
)


class Figure(Struct, frozen=True):
    """What redis-benchmark said about one case, once."""

    rate: float
    p50_ms: float
    p99_ms: float


class Row(Struct, frozen=True):
    """A case over all rounds. There is nothing in redis that a call could be compared with."""

    case: Case
    penstock: list[Figure]
    redis: list[Figure]

    @property
    def ratio(self) -> float | None:
        """The median over the rounds of penstock's rate as a share of redis' rate."""
        if not self.redis:
            return None
        pairs = zip(self.penstock, self.redis, strict=True)
        return median(ours.rate / theirs.rate for ours, theirs in pairs)


class Comparison(Struct, frozen=True):
    """A whole run."""

    machine: Machine
    redis: str
    requests: int
    fdatasync_us: list[float]
    rows: list[Row]


def compare(
    requests: int, rounds: int, parent: Path | None, tell: Callable[[str], None]
) -> Comparison:
    """Run every case *rounds* times on both servers, in turns.

    Raises:
        NotInstalled: a program of redis is missing, or the example tasks are.
        LoadtestError: a server failed, or did not hold what it acknowledged.
    """
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NotInstalled(
            f"the comparison needs {' and '.join(missing)}; on Debian: "
            "apt-get install redis-server redis-tools"
        )
    if importlib.util.find_spec("examples") is None and not Path("examples").is_dir():
        raise NotInstalled(f"the tasks of {_APP} are in the project's root; run this from there")
    machine = describe_machine()
    found: dict[tuple[str, str], list[Figure]] = {}
    syncs: list[float] = []
    with TemporaryDirectory(prefix="penstock-peers-", dir=parent) as directory:
        for round_number in range(1, rounds + 1):
            syncs.append(fdatasync_us(Path(directory)))
            for case in CASES:
                count = max(int(requests * case.share), case.connections)
                for server in (PENSTOCK,) if case.call else (REDIS, PENSTOCK):
                    tell(f"round {round_number} of {rounds}: {server}, {case.name}")
                    place = Path(directory, f"{server}-{round_number}-{CASES.index(case)}")
                    run = _run_redis if server == REDIS else _run_penstock
                    found.setdefault((case.name, server), []).append(run(case, count, place))
                    shutil.rmtree(place, ignore_errors=True)
    rows = [
        Row(case, found[case.name, PENSTOCK], found.get((case.name, REDIS), [])) for case in CASES
    ]
    return Comparison(machine, _redis_version(), requests, syncs, rows)


def _run_penstock(case: Case, count: int, place: Path) -> Figure:
    workers = "2" if case.call else "0"
    arguments = ("--http", "off", "--workers", workers, "--app", _APP)
    with ServerProcess(place, *arguments, "--log-level", "warning") as server:
        port = server.announced("resp").rpartition(":")[2]
        verb = "JOB.CALL" if case.call else "JOB.SUBMIT"
        task = "echo" if case.call else "noop"
        if case.call:
            # Workers that are still starting are not what is measured.
            _benchmark(port, Case("warm-up", 2, 1, 0), 200, verb, task, _PAYLOAD)
        figure = _benchmark(port, case, count, verb, task, _PAYLOAD)
        if not case.call:
            _require(port, ("QUEUE.SHOW", "default"), f"submitted\n{count}", count)
    return figure


def _run_redis(case: Case, count: int, place: Path) -> Figure:
    place.mkdir()
    with _redis_server(place) as port:
        figure = _benchmark(str(port), case, count, "LPUSH", "jobs", _PAYLOAD)
        _require(str(port), ("LLEN", "jobs"), str(count), count)
    return figure


@contextmanager
def _redis_server(place: Path) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [
            *("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(place)),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
            *("--auto-aof-rewrite-percentage", "0"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(_START_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise LoadtestError(f"redis-server did not start on port {port}")


def _benchmark(port: str, case: Case, count: int, *command: str) -> Figure:
    shape = ("-c", str(case.connections), "-P", str(case.pipeline), "-n", str(count))
    output = _output(["redis-benchmark", "-p", port, *shape, *_RANDOM, "--csv", *command])
    rows = list(csv.DictReader(io.StringIO(output[output.index('"test"') :])))
    (row,) = rows
    return Figure(
        rate=float(row["rps"]),
        p50_ms=float(row["p50_latency_ms"]),
        p99_ms=float(row["p99_latency_ms"]),
    )


def _require(port: str, question: tuple[str, ...], answer: str, count: int) -> None:
    output = _output(["redis-cli", "-p", port, *question])
    if answer not in output:
        raise LoadtestError(
            f"{count} writes were acknowledged, and {' '.join(question)} answers: {output}"
        )


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_BENCHMARK_SECONDS_MAX, check=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        told = getattr(error, "stderr", "") or ""
        raise LoadtestError(f"{' '.join(command)} failed: {error} {told}") from error
    return done.stdout


def _redis_version() -> str:
    return _output(["redis-server", "--version"]).split("v=")[1].split()[0]
