"""What becomes of async jobs that do not end as they should."""

import asyncio
from collections.abc import Iterator

import pytest

from penstock.worker.async_jobs import AsyncJobs
from penstock.worker.captured import Capture
from penstock.worker.claims import Claim
from penstock.worker.descriptors import StandardStreams
from penstock.worker.forks import ForkGuard
from penstock.worker.note import Note, new_note_fd
from penstock.worker.outcomes import Verdict
from penstock.worker.reports import Reports
from penstock.worker.runnable import Runnable
from penstock.worker.task import task

CLAIM = Claim(1, 1, "default", "nap", b"", 60_000)


@task
async def nap() -> None:
    await asyncio.sleep(60)


@pytest.fixture
def note() -> Iterator[Note]:
    note = Note(new_note_fd())
    yield note
    note.close()


def async_jobs(tasks: asyncio.TaskGroup, note: Note) -> AsyncJobs:
    capture = Capture(Reports(), marks=False)
    return AsyncJobs(tasks, note, ForkGuard(), StandardStreams(), capture)


@pytest.mark.parametrize(
    ("turns", "verdict"), [(0, Verdict.RELEASED), (1, Verdict.FAILED), (2, Verdict.FAILED)]
)
async def test_a_job_that_another_cancels_has_an_outcome(
    note: Note, turns: int, verdict: Verdict
) -> None:
    """Even before its first step, when nothing of it runs that could tell."""
    async with asyncio.TaskGroup() as tasks:
        jobs = async_jobs(tasks, note)
        jobs.start(CLAIM, Runnable(nap))
        for _ in range(turns):
            await asyncio.sleep(0)
        jobs.cancel()

    assert [outcome.verdict for outcome in jobs.finished()] == [verdict]
    assert note.started == frozenset()


@pytest.mark.parametrize(
    ("turns", "verdict"), [(0, Verdict.RELEASED), (1, Verdict.CANCELLED), (2, Verdict.CANCELLED)]
)
async def test_a_job_that_its_owner_cancels_is_cancelled(
    note: Note, turns: int, verdict: Verdict
) -> None:
    async with asyncio.TaskGroup() as tasks:
        jobs = async_jobs(tasks, note)
        jobs.start(CLAIM, Runnable(nap))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert jobs.cancel_job(CLAIM.id, CLAIM.attempt)

    assert [outcome.verdict for outcome in jobs.finished()] == [verdict]


async def test_a_job_is_cancelled_once_and_told_why(note: Note) -> None:
    seen: list[object] = []

    @task(name="nap")
    async def clean_up() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            seen.extend(error.args)
            await asyncio.sleep(0.01)
        return "cleaned up"

    async with asyncio.TaskGroup() as tasks:
        jobs = async_jobs(tasks, note)
        jobs.start(CLAIM, Runnable(clean_up))
        await asyncio.sleep(0)
        before = note.deadline_ns
        jobs.cancel_job(CLAIM.id, CLAIM.attempt)
        assert note.deadline_ns < before
        await asyncio.sleep(0)
        jobs.cancel_job(CLAIM.id, CLAIM.attempt)

    (outcome,) = jobs.finished()
    assert (outcome.verdict, outcome.data) == (Verdict.COMPLETED, b'"cleaned up"')
    assert seen == ["job 1 was cancelled"]


async def test_a_job_that_is_not_here_is_not_cancelled(note: Note) -> None:
    async with asyncio.TaskGroup() as tasks:
        assert not async_jobs(tasks, note).cancel_job(1, 1)
