"""Chores: how they are started, refused, cut off, and take turns; answers that are awaited."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from penstock.jobs.errors import Draining, Overloaded
from penstock.jobs.model import JobId
from penstock.jobs.store.port import JobFilter, Listing, ListQuestion, StoreFailed, StoreFull
from penstock.server.chores import Answer, Chores, caught_up, forget, list_and_decide
from tests.unit.server.desk import ServerDesk, ask, committing


@asynccontextmanager
async def running(chores: Chores) -> AsyncIterator[Chores]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(chores.run)
        yield chores
        tasks.cancel_scope.cancel()


class Jobs:
    """Work that waits until it may go on."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.may_end = anyio.Event()

    async def work(self) -> None:
        self.begun += 1
        await self.may_end.wait()
        self.ended += 1


async def done(chores: Chores) -> None:
    while chores.count:
        await checkpoint()


async def test_what_is_started_early_begins_with_the_server() -> None:
    chores, jobs = Chores(), Jobs()
    jobs.may_end.set()
    chores.start("early", jobs.work)
    before = jobs.begun

    async with running(chores):
        await done(chores)

    assert (before, jobs.ended) == (0, 1)


async def test_beyond_the_limit_nothing_is_started_until_a_chore_ends() -> None:
    jobs = Jobs()
    async with running(Chores(2)) as chores:
        chores.start("a", jobs.work)
        chores.start("b", jobs.work)

        with pytest.raises(Overloaded, match="limit of 2 is reached"):
            chores.start("c", jobs.work)
        with pytest.raises(Overloaded):
            chores.check_room()

        jobs.may_end.set()
        await done(chores)
        chores.check_room()
    assert jobs.ended == 2


async def test_what_is_on_record_is_carried_on_once_and_whatever_the_limit() -> None:
    jobs = Jobs()
    async with running(Chores(0)) as chores:
        chores.carry_on("purge q", jobs.work)
        chores.carry_on("purge q", jobs.work)
        chores.carry_on("purge r", jobs.work)
        count = chores.count
        jobs.may_end.set()
        await done(chores)

        chores.carry_on("purge q", jobs.work)
        await done(chores)

    assert (count, jobs.begun) == (2, 3)


@pytest.mark.parametrize("problem", [StoreFailed("broken"), ZeroDivisionError("our mistake")])
async def test_a_chore_that_fails_frees_its_place_and_harms_no_other(problem: Exception) -> None:
    jobs = Jobs()

    async def fail() -> None:
        raise problem

    async with running(Chores(2)) as chores:
        chores.start("good", jobs.work)
        chores.carry_on("bad", fail)
        while chores.count > 1:
            await checkpoint()
        jobs.may_end.set()
        await done(chores)

    assert jobs.ended == 1


async def test_stopping_cuts_off_all_and_begins_no_more() -> None:
    jobs = Jobs()
    async with running(Chores()) as chores:
        chores.start("a", jobs.work)
        await checkpoint()

        chores.stop()

        with pytest.raises(Draining):
            chores.start("b", jobs.work)
        chores.carry_on("c", jobs.work)
        jobs.may_end.set()
        for _ in range(10):
            await checkpoint()
    assert jobs.ended == 0


async def test_slices_take_turns() -> None:
    chores = Chores()
    steps: list[str] = []

    async def slices(name: str) -> None:
        for _ in range(3):
            async with chores.turn:
                steps.append(f"{name} begins")
                await checkpoint()
                steps.append(f"{name} ends")

    async with running(chores):
        chores.start("a", lambda: slices("a"))
        chores.start("b", lambda: slices("b"))
        await done(chores)

    assert steps == ["a begins", "a ends", "b begins", "b ends"] * 3


async def test_an_answer_is_what_is_told_first_or_later() -> None:
    early: Answer[int] = Answer()
    late: Answer[int] = Answer()
    early(1)

    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            assert await late.wait() == 2

        tasks.start_soon(wait)
        await checkpoint()
        late(2)

    assert await early.wait() == 1


async def test_an_answer_that_is_an_error_is_raised() -> None:
    answer: Answer[None] = Answer()
    answer(StoreFull("no room"))

    with pytest.raises(StoreFull):
        await answer.wait()


async def test_the_journal_is_asked_and_waited_for() -> None:
    async with committing(ServerDesk()) as desk:
        connection, _ = desk.connect()
        ask(connection, ("JOB.SUBMIT", "task", ""), ("JOB.SUBMIT", "task", ""))
        journal = desk.engine.journal

        await caught_up(journal)
        waiting = desk.engine.broker.queues()[0].ready_count
        decided: list[Listing] = []
        question = ListQuestion(JobFilter(), JobId(0), 10, 10)
        listing = await list_and_decide(journal, question, decided.append)
        forgotten = await forget(journal, [JobId(9)])

    assert waiting == 2
    assert [job.id for job in listing.jobs] == [1, 2]
    assert decided == [listing]
    assert forgotten == 1
