"""Redriving and discarding many jobs, where something comes between."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from penstock.config.limits import SLICE_JOBS_MAX
from penstock.jobs.model import QueueName
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch, Commit, StoreError, StoreFailed, StoreFull
from tests.unit.server.desk import FakeTransport, ServerDesk, ask, committing

FULL = StoreFull("no room")
DEAD = SLICE_JOBS_MAX + 100


class FailingStore(MemoryStore):
    """Fails the commits that a test wants to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Callable[[Batch], StoreError | None] = lambda batch: None

    async def commit(self, batch: Batch) -> Commit:
        if (error := self.fails(batch)) is not None:
            raise error
        return await super().commit(batch)


class Morgue(ServerDesk):
    """A server with many dead jobs, and somebody who asks."""

    def __init__(self) -> None:
        self.disk = FailingStore()
        super().__init__(store=self.disk)
        self.caller, self.to_caller = self.connect()

    async def fill(self) -> None:
        worker, _ = self.connect(requests_in_flight_max=10_000)
        ask(worker, *[("JOB.SUBMIT", "task", "", "ATTEMPTS", 1)] * DEAD)
        await self.settled()
        ask(worker, ("JOB.CLAIM", "default", "COUNT", 1_000))
        await self.settled()
        ask(worker, *[("JOB.FAIL", number + 1, 1, "E: x") for number in range(DEAD)])
        await self.settled()
        assert self.counts() == (0, DEAD)

    def counts(self) -> tuple[int, int]:
        queue = self.engine.broker.queue(QueueName("default"))
        return queue.ready_count, queue.dead_count

    async def answer(self) -> bytes:
        return await answer_to(self.to_caller)


async def answer_to(transport: FakeTransport) -> bytes:
    """Wait for something to be sent."""
    with anyio.fail_after(10):
        while not transport.sent:
            await anyio.lowlevel.checkpoint()
    return transport.sent


@asynccontextmanager
async def a_morgue() -> AsyncIterator[Morgue]:
    desk = Morgue()
    async with committing(desk), anyio.create_task_group() as tasks:
        await tasks.start(desk.engine.chores.run)
        await desk.fill()
        yield desk
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("writes", ["rewrites", "forgets"])
async def test_a_full_disk_ends_it_and_says_how_far_it_came(writes: str) -> None:
    commits = 0

    def fails(batch: Batch) -> StoreError | None:
        nonlocal commits
        commits += bool(getattr(batch, writes))
        return FULL if commits > 1 and getattr(batch, writes) else None

    async with a_morgue() as desk:
        desk.disk.fails = fails
        verb = {"rewrites": "JOB.REDRIVE", "forgets": "JOB.DISCARD"}[writes]
        ask(desk.caller, (verb, "QUEUE", "default"))
        answer = await desk.answer()

    done = {"rewrites": "redriven", "forgets": "removed"}[writes]
    assert answer == (
        f"-DISKFULL {SLICE_JOBS_MAX} jobs were {done}, and not the others: no room\r\n".encode()
    )
    assert desk.counts()[1] == DEAD - SLICE_JOBS_MAX


async def test_one_job_is_not_redriven_on_a_full_disk_and_can_be_later() -> None:
    async with a_morgue() as desk:
        desk.disk.fails = lambda batch: FULL if batch.rewrites else None
        ask(desk.caller, ("JOB.REDRIVE", 5))
        refused = await desk.answer()
        desk.disk.fails = lambda batch: None
        caller, to_caller = desk.connect()
        ask(caller, ("JOB.REDRIVE", 5))
        answer = await answer_to(to_caller)

    assert refused == b"-DISKFULL nothing was stored: no room\r\n"
    assert answer == b":1\r\n"


@pytest.mark.parametrize("rate", [(), ("RATE", 10)])
async def test_when_the_store_fails_nobody_knows(rate: tuple[str | int, ...]) -> None:
    desk = Morgue()

    async def redrive() -> None:
        async with committing(desk), anyio.create_task_group() as tasks:
            await tasks.start(desk.engine.chores.run)
            await desk.fill()
            desk.disk.fails = lambda batch: StoreFailed("broken")
            ask(desk.caller, ("JOB.REDRIVE", "QUEUE", "default", *rate))
            await desk.answer()
            tasks.cancel_scope.cancel()

    with pytest.raises(ExceptionGroup):
        await redrive()

    assert desk.to_caller.sent.startswith(b"-UNKNOWN ")


async def test_at_a_rate_it_goes_on_when_there_is_room_again() -> None:
    refusals = iter([FULL] * 4)
    async with a_morgue() as desk:
        desk.disk.fails = lambda batch: next(refusals, None) if batch.rewrites else None
        ask(desk.caller, ("JOB.REDRIVE", "QUEUE", "default", "RATE", 100_000))
        answer = await desk.answer()
        with anyio.fail_after(10):
            while desk.engine.chores.count:
                await anyio.lowlevel.checkpoint()

    assert answer == b":%d\r\n" % DEAD
    assert desk.counts() == (DEAD, 0)


async def test_who_waits_for_it_is_answered_when_the_server_shuts_down() -> None:
    async with a_morgue() as desk:
        desk.disk.fails = hold_on(desk)
        ask(desk.caller, ("JOB.REDRIVE", "QUEUE", "default"))
        answer = await desk.answer()

    assert answer.startswith(b"-DRAINING cut off ")


def hold_on(desk: Morgue) -> Callable[[Batch], None]:
    """Shut down while the first slice is written."""

    def fails(batch: Batch) -> None:
        if batch.rewrites:
            desk.engine.chores.stop()

    return fails


@pytest.mark.parametrize("state", ["drains", "has stopped its chores"])
async def test_a_server_that_leaves_begins_none(state: str) -> None:
    async with a_morgue() as desk:
        if state == "drains":
            desk.engine.broker.drain()
        desk.engine.chores.stop()
        commands = [("JOB.REDRIVE", "QUEUE", "default"), ("JOB.DISCARD", "QUEUE", "default")]
        ask(desk.caller, *commands)
        answer = await desk.answer()

    assert answer.count(b"-DRAINING ") == 2


async def test_a_queue_that_is_being_deleted_gets_no_jobs_back() -> None:
    async with a_morgue() as desk:
        queue = desk.engine.broker.queue(QueueName("default"))
        queue.is_being_deleted = True
        ask(desk.caller, ("JOB.REDRIVE", 5), ("JOB.REDRIVE", "QUEUE", "default"))
        await desk.settled()
        with anyio.fail_after(10):
            while desk.to_caller.sent.count(b"\r\n") < 2:
                await anyio.lowlevel.checkpoint()

    one, many, _ = desk.to_caller.sent.split(b"\r\n")
    assert one == b"-OVERLOADED queue default is being deleted; try again when that is done"
    assert many == b":0"


async def test_what_somebody_else_is_changing_is_left_to_him() -> None:
    """Three at once: each job is redriven or removed once."""
    async with a_morgue() as desk:
        others = [desk.connect() for _ in range(2)]
        ask(desk.caller, ("JOB.REDRIVE", "QUEUE", "default"))
        for (connection, _), verb in zip(others, ("JOB.DISCARD", "JOB.REDRIVE"), strict=True):
            ask(connection, (verb, "QUEUE", "default"))
        answers = [await answer_to(t) for t in (desk.to_caller, *(t for _, t in others))]
        ready, dead = desk.counts()

    assert sum(int(answer[1:]) for answer in answers) == DEAD
    assert (ready, dead) == (DEAD - int(answers[1][1:]), 0)
