"""A backlog of many kinds: what a submission and a claim cost beside a million other jobs.

The jobs are spread over queues, tenants and ordering groups, one of which holds half of all
grouped jobs. Batches of submissions, and of claims that are completed, are timed on an empty
server and on the full one, by the same commands in the same sizes; the ratio is what to read.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop
from msgspec import Struct

from penstock.loadtest.conversation import Command, Conversation
from penstock.loadtest.errors import LoadtestError
from penstock.loadtest.machine import Machine, describe_machine
from penstock.loadtest.processes import ServerProcess
from penstock.loadtest.target import Target
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

QUEUES: Final = 1_000
TENANTS: Final = 1_000
GROUPS: Final = 10_000
_BATCH: Final = 500
_TIMED_BATCHES: Final = 40
_CLAIM_JOBS: Final = 20
# Primes beside the counts, so that queues, tenants and groups meet in many ways.
_TENANT_STEP: Final = 7
_GROUP_STEP: Final = 13


class Cost(Struct, frozen=True):
    """Microseconds a job, the median of the batches."""

    submit_us: float
    claim_us: float


class Crowd(Struct, frozen=True):
    """What was measured. Memory is that of the server process."""

    machine: Machine
    jobs: int
    empty: Cost
    full: Cost
    rss_full_bytes: int
    restart_seconds: float
    rss_restarted_bytes: int


def measure_crowd(jobs: int, parent: Path | None, tell: Callable[[str], None]) -> Crowd:
    """Time an empty server, fill it, time it again, kill it and start it again.

    Raises:
        LoadtestError: a server failed or refused, or lost a job that it had acknowledged.
    """
    machine = describe_machine()
    with TemporaryDirectory(prefix="penstock-crowd-", dir=parent) as directory:
        data = Path(directory, "data")
        arguments = ("--workers", "0", "--http", "off", "--log-level", "warning")
        with ServerProcess(data, *arguments) as server:
            tell("timing the empty server")
            empty = uvloop.run(_time(server.target))
            tell(f"submitting {jobs:,} jobs")
            uvloop.run(_fill(server.target, jobs))
            tell("timing the full server")
            full = uvloop.run(_time(server.target))
            rss_full = server.rss_bytes()
            tell("killing the server and starting it again")
            server.kill()
            server.start()
            restart_seconds = server.ready_seconds
            uvloop.run(_check(server.target, jobs))
            rss_restarted = server.rss_bytes()
    return Crowd(machine, jobs, empty, full, rss_full, restart_seconds, rss_restarted)


def crowd_jobs(jobs: int) -> Iterator[Command]:
    """Yield the submissions: every other one in a group, half of those in the same."""
    for number in range(jobs):
        command: list[bytes | str | int] = [
            *("JOB.SUBMIT", "noop", b"x" * 64),
            *("QUEUE", f"queue-{number % QUEUES}"),
            *("TENANT", f"tenant-{number * _TENANT_STEP % TENANTS}"),
        ]
        if number % 4 == 1:
            # A group is of one queue: the large one of the first.
            command[4] = "queue-0"
            command += ("GROUP", "large")
        elif number % 4 == 3:
            command += ("GROUP", f"group-{number * _GROUP_STEP % GROUPS}")
        yield command


async def _time(target: Target) -> Cost:
    """Time submissions into one queue of the crowd, and claims out of it."""
    submit: Command = (
        *("JOB.SUBMIT", "noop", b"x" * 64, "QUEUE", "queue-1"),
        *("TENANT", "tenant-1", "PRIORITY", 0),
    )
    async with Conversation(target) as conversation:
        submits = [await _seconds(conversation, [submit] * _BATCH) for _ in range(_TIMED_BATCHES)]
        claims = []
        left = _TIMED_BATCHES * _BATCH
        while left:
            began = time.perf_counter()
            (jobs,) = await conversation.ask([("JOB.CLAIM", "queue-1", "COUNT", _CLAIM_JOBS)])
            seconds = time.perf_counter() - began
            if not isinstance(jobs, list) or not jobs:
                raise LoadtestError(f"{left} jobs are left, and none was given: {jobs!r}")
            claims.append(seconds / len(jobs))
            left -= len(jobs)
            await conversation.ask(
                [("JOB.COMPLETE", _number(job, 0), _number(job, 1)) for job in jobs]
            )
    return Cost(_median(submits) / _BATCH * 1e6, _median(claims) * 1e6)


async def _seconds(conversation: Conversation, commands: Sequence[Command]) -> float:
    began = time.perf_counter()
    _check_replies(await conversation.ask(commands))
    return time.perf_counter() - began


async def _fill(target: Target, jobs: int) -> None:
    commands = crowd_jobs(jobs)
    async with Conversation(target) as conversation:
        while batch := list(islice(commands, 4 * _BATCH)):
            _check_replies(await conversation.ask(batch))


async def _check(target: Target, jobs: int) -> None:
    async with Conversation(target) as conversation:
        (queues,) = await conversation.ask([("QUEUE.LIST",)])
    assert isinstance(queues, list)
    waiting = sum(
        _count(queue, name) for queue in queues for name in (b"ready", b"scheduled", b"blocked")
    )
    if waiting != jobs:
        raise LoadtestError(f"{jobs:,} jobs were acknowledged and {waiting:,} wait")


def _check_replies(replies: Sequence[Reply]) -> None:
    for reply in replies:
        if isinstance(reply, ErrorReply):
            raise LoadtestError(f"a submission was refused: {reply.code} {reply.text}")


def _count(queue: Reply, name: bytes) -> int:
    assert isinstance(queue, dict)
    count = queue[name]
    assert isinstance(count, int)
    return count


def _number(job: Reply, index: int) -> int:
    assert isinstance(job, list)
    number = job[index]
    assert isinstance(number, int)
    return number


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
