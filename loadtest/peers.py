"""Penstock and redis-server in turns, under the same redis-benchmark, in one run.

Both acknowledge a write after it was synced (redis: `appendonly yes`, `appendfsync always`), on
the same disk, one at a time. What other programs do to the machine hits both, so the ratio is what
to read; the figures alone vary two to threefold between runs.
"""

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from msgspec import Struct

from penstock.loadtest.benchmark import Figure, require_answer, require_programs, run_benchmark
from penstock.loadtest.errors import NotInstalled
from penstock.loadtest.machine import Machine, describe_machine, fdatasync_us
from penstock.loadtest.processes import ServerProcess
from penstock.loadtest.redis_process import RedisProcess, redis_version
from penstock.loadtest.target import Target

PENSTOCK: Final = "penstock"
REDIS: Final = "redis"
_APP: Final = "examples.basics"
_WARM_UP_CALLS: Final = 200
# 64 bytes, 12 of them random: equal payloads would flatter whoever compresses. JSON, so that the
# same payload serves calls.
_PAYLOAD: Final = f'"{"x" * 50}__rand_int__"'


class Write(Struct, frozen=True):
    """A command, and what the server says afterwards about how often it was carried out."""

    command: tuple[str, ...]
    question: tuple[str, ...] = ()
    answer: str = "{count}"


class Case(Struct, frozen=True):
    """One way to load: connections, requests in flight on each, and the share of all requests."""

    name: str
    connections: int
    pipeline: int
    share: float
    penstock: Write
    redis: Write | None = None  # None: redis has nothing that it could be compared with.
    workers: int = 0


_SUBMIT: Final = Write(
    ("JOB.SUBMIT", "noop", _PAYLOAD), ("QUEUE.SHOW", "default"), "submitted\n{count}"
)
_PUSH: Final = Write(("LPUSH", "jobs", _PAYLOAD), ("LLEN", "jobs"))
_CALL: Final = Write(("JOB.CALL", "echo", _PAYLOAD))
_APPEND: Final = Write(("XADD", "events", "*", "data", _PAYLOAD), ("XLEN", "events"))

SUBMISSIONS: Final = (
    Case("submit, 50 connections, pipeline 16", 50, 16, 1.0, _SUBMIT, _PUSH),
    Case("submit, 50 connections", 50, 1, 0.3, _SUBMIT, _PUSH),
    Case("submit, lone client", 1, 1, 0.02, _SUBMIT, _PUSH),
    Case("call through two workers, 50 connections", 50, 1, 0.1, _CALL, workers=2),
    Case("call through two workers, lone caller", 1, 1, 0.02, _CALL, workers=2),
)
STREAMS: Final = (
    Case("XADD, 50 connections, pipeline 16", 50, 16, 1.0, _APPEND, _APPEND),
    Case("XADD, 50 connections", 50, 1, 0.3, _APPEND, _APPEND),
    Case("XADD, lone client", 1, 1, 0.02, _APPEND, _APPEND),
)


class Row(Struct, frozen=True):
    """A case over all rounds."""

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
    cases: Sequence[Case],
    requests: int,
    rounds: int,
    parent: Path | None,
    tell: Callable[[str], None],
) -> Comparison:
    """Run every case *rounds* times on both servers, in turns.

    Raises:
        NotInstalled: a program of redis is missing, or the example tasks are.
        LoadtestError: a server failed, or did not hold what it acknowledged.
    """
    require_programs()
    if any(case.workers for case in cases):
        _require_tasks()
    machine = describe_machine()
    found: dict[tuple[str, str], list[Figure]] = {}
    syncs: list[float] = []
    with TemporaryDirectory(prefix="penstock-peers-", dir=parent) as directory:
        for round_number in range(1, rounds + 1):
            syncs.append(fdatasync_us(Path(directory)))
            for position, case in enumerate(cases):
                count = _count(requests, case)
                for server in (PENSTOCK,) if case.redis is None else (REDIS, PENSTOCK):
                    tell(f"round {round_number} of {rounds}: {server}, {case.name}")
                    place = Path(directory, f"{server}-{round_number}-{position}")
                    run = _run_redis if server == REDIS else _run_penstock
                    found.setdefault((case.name, server), []).append(run(case, count, place))
                    shutil.rmtree(place, ignore_errors=True)
    rows = [
        Row(case, found[case.name, PENSTOCK], found.get((case.name, REDIS), [])) for case in cases
    ]
    return Comparison(machine, redis_version(), requests, syncs, rows)


def _count(requests: int, case: Case) -> int:
    """Return how often the command is sent: whole pipelines, as redis-benchmark sends no other."""
    pipelines = max(int(requests * case.share) // case.pipeline, case.connections)
    return pipelines * case.pipeline


def _require_tasks() -> None:
    if importlib.util.find_spec("examples") is None and not Path("examples").is_dir():
        raise NotInstalled(f"the tasks of {_APP} are in the project's root; run this from there")


def _run_penstock(case: Case, count: int, place: Path) -> Figure:
    tasks = ("--app", _APP) if case.workers else ()
    arguments = ("--http", "off", "--workers", str(case.workers), *tasks)
    with ServerProcess(place, *arguments, "--log-level", "warning") as server:
        if case.workers:
            # Workers that are still starting are not what is measured.
            run_benchmark(server.target, 2, 1, _WARM_UP_CALLS, case.penstock.command)
        return _run(server.target, case, case.penstock, count)


def _run_redis(case: Case, count: int, place: Path) -> Figure:
    assert case.redis is not None
    with RedisProcess(place) as server:
        return _run(server.target, case, case.redis, count)


def _run(target: Target, case: Case, write: Write, count: int) -> Figure:
    figure = run_benchmark(target, case.connections, case.pipeline, count, write.command)
    if write.question:
        require_answer(target, write.question, write.answer.format(count=count), count)
    return figure
