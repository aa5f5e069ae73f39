"""A backlog of a million: what it costs in memory, and how long a server needs after kill -9."""

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop
from msgspec import Struct

from penstock.loadtest.conversation import Conversation
from penstock.loadtest.driver import Bounds, Closed, Driver
from penstock.loadtest.errors import LoadtestError
from penstock.loadtest.machine import Machine, describe_machine, fdatasync_us
from penstock.loadtest.processes import ServerProcess
from penstock.loadtest.tally import Tally
from penstock.loadtest.target import Target
from penstock.loadtest.weights import parse_weights
from penstock.loadtest.workload import Workload

_LOAD_SECONDS_MAX: Final = 900.0
_CLAIM_WAIT_MS: Final = 30_000
_SHAPE: Final = Closed(connections=50, pipeline=32)


class Backlog(Struct, frozen=True):
    """What was measured. Memory is that of the server process."""

    machine: Machine
    jobs: int
    payload_bytes: int
    fdatasync_us: float
    submits_per_second: float
    rss_empty_bytes: int
    rss_full_bytes: int
    disk_bytes: int
    restart_seconds: float
    first_claim_seconds: float
    rss_restarted_bytes: int


def measure_backlog(
    jobs: int, payload_bytes: int, parent: Path | None, tell: Callable[[str], None]
) -> Backlog:
    """Submit the jobs, kill the server, start it again and claim one.

    Raises:
        LoadtestError: a server failed, or lost a job that it had acknowledged.
    """
    machine = describe_machine()
    with TemporaryDirectory(prefix="penstock-backlog-", dir=parent) as directory:
        sync_us = fdatasync_us(Path(directory))
        data = Path(directory, "data")
        arguments = ("--workers", "0", "--http", "off", "--log-level", "warning")
        with ServerProcess(data, *arguments) as server:
            rss_empty = server.rss_bytes()
            tell(f"submitting {jobs:,} jobs")
            rate = uvloop.run(_submit(server.target, jobs, payload_bytes))
            rss_full = server.rss_bytes()
            tell("killing the server and starting it again")
            server.kill()
            disk = sum(file.stat().st_size for file in data.iterdir())
            began = time.perf_counter()
            server.start()
            restart_seconds = server.ready_seconds
            uvloop.run(_claim_one(server.target, jobs))
            first_claim_seconds = time.perf_counter() - began
            rss_restarted = server.rss_bytes()
    return Backlog(
        machine=machine,
        jobs=jobs,
        payload_bytes=payload_bytes,
        fdatasync_us=sync_us,
        submits_per_second=rate,
        rss_empty_bytes=rss_empty,
        rss_full_bytes=rss_full,
        disk_bytes=disk,
        restart_seconds=restart_seconds,
        first_claim_seconds=first_claim_seconds,
        rss_restarted_bytes=rss_restarted,
    )


async def _submit(target: Target, jobs: int, payload_bytes: int) -> float:
    # Without keys, as redis' and beanstalkd's backlogs are measured.
    workload = Workload(
        seed=1,
        run=secrets.token_hex(4),
        kinds=parse_weights("submit"),
        payload_bytes=payload_bytes,
        keyed=False,
    )
    bounds = Bounds(jobs, _LOAD_SECONDS_MAX, warm_up_seconds=0, drain_seconds=60)
    load = await Driver(workload, _SHAPE, bounds).run(target, _ignore)
    if load.tally.ok != jobs:
        raise LoadtestError(
            f"{load.tally.ok:,} of {jobs:,} jobs were acknowledged: {dict(load.tally.errors)}"
        )
    return jobs / load.seconds


def _ignore(tally: Tally) -> None:
    """Draw nothing."""


async def _claim_one(target: Target, jobs: int) -> None:
    async with Conversation(target) as conversation:
        (claims,) = await conversation.ask([("JOB.CLAIM", "default", "WAIT", _CLAIM_WAIT_MS)])
        (shown,) = await conversation.ask([("QUEUE.SHOW", "default")])
    if not (isinstance(claims, list) and len(claims) == 1):
        raise LoadtestError(f"no job could be claimed after the restart: {claims!r}")
    if not isinstance(shown, Mapping) or shown.get(b"ready") != jobs - 1:
        raise LoadtestError(f"{jobs:,} jobs were acknowledged; after the restart: {shown!r}")
