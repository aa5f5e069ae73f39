"""How the suite asks a store, whichever it is."""

from collections.abc import Iterable
from typing import Protocol

import pytest

from penstock.jobs.model import Instant, Job, JobId, QueueName
from penstock.jobs.store.port import (
    Batch,
    Commit,
    DueQuestion,
    HeadQuestion,
    JobRecord,
    Store,
)
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    submissions,
)


class Shelf(Protocol):
    """Where a store is kept."""

    async def open(self) -> Store:
        """Return the store, opened again if it was open."""
        ...


@pytest.fixture
async def store(shelf: Shelf) -> Store:
    opened = await shelf.open()
    await opened.load()
    return opened


async def record_of(store: Store, job_id: int) -> JobRecord | None:
    commit = await store.commit(Batch(records=[JobId(job_id)]))
    return commit.records.get(JobId(job_id))


async def job_of(store: Store, job_id: int) -> Job:
    found = await record_of(store, job_id)
    assert found is not None, f"job {job_id} is there"
    return found.job


async def head_of(
    store: Store, queue: str = QUEUE, after: tuple[int, int] | None = None, jobs_max: int = 100
) -> list[int]:
    question = HeadQuestion(QueueName(queue), after, jobs_max)
    commit = await store.commit(Batch(heads=[question]))
    return ids(commit.heads[0])


async def due_of(
    store: Store, after: tuple[int, int] | None = None, jobs_max: int = 100
) -> list[int]:
    commit = await store.commit(Batch(due=DueQuestion(after, jobs_max)))
    return ids(commit.due)


async def submit(store: Store, *jobs: Job, now: int = NOW) -> Commit:
    return await store.commit(Batch(now=Instant(now), submissions=submissions(*jobs)))


async def finish(store: Store, *jobs: Job) -> None:
    """Write finished records of jobs that are new, each claimed first."""
    await submit(store, *(a_job(job.id, queue=job.queue, key=job.key) for job in jobs))
    await store.commit(Batch(updates=list(jobs)))


def holders_of(commit: Commit) -> dict[int, tuple[int, bool]]:
    """Return of each submission that was left out who holds its key, and if it asked the same."""
    return {job_id: (holder.job_id, holder.same) for job_id, holder in commit.duplicates.items()}


def ids(jobs: Iterable[Job]) -> list[int]:
    return [job.id for job in jobs]
