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


@task
async def nap() -> None:
    await asyncio.sleep(60)


@pytest.fixture
def note() -> Iterator[Note]:
    note = Note(new_note_fd())
    yield note
    note.close()


@pytest.mark.parametrize(
    ("turns", "verdict"), [(0, Verdict.RELEASED), (1, Verdict.FAILED), (2, Verdict.FAILED)]
)
async def test_a_job_that_another_cancels_has_an_outcome(
    note: Note, turns: int, verdict: Verdict
) -> None:
    """Even before its first step, when nothing of it runs that could tell."""
    async with asyncio.TaskGroup() as tasks:
        jobs = AsyncJobs(
            tasks, note, ForkGuard(), StandardStreams(), Capture(Reports(), marks=False)
        )
        jobs.start(Claim(1, 1, "default", "nap", b"", 1_000), Runnable(nap))
        for _ in range(turns):
            await asyncio.sleep(0)
        jobs.cancel()

    assert [outcome.verdict for outcome in jobs.finished()] == [verdict]
    assert note.started == frozenset()
