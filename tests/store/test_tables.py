"""What the tables hold, which the port does not show."""

import sqlite3
from pathlib import Path

import pytest

from penstock.jobs.model import JobId
from penstock.jobs.store.port import Batch, PurgeSlice, Removal
from penstock.jobs.store.sqlite.directory import DATABASE_NAME
from tests.store.asking import submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    claimed,
    completed,
    failed_attempt,
    retried,
)
from tests.store.shelves import SqliteShelf

TABLES = ("jobs", "payloads", "results", "failed_attempts", "queues")


def rows_of(directory: Path) -> dict[str, int]:
    reader = sqlite3.connect(directory / DATABASE_NAME)
    counts = {
        table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES
    }
    reader.close()
    return counts


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """A directory of which one job, after a failed attempt, has been completed and removed."""
    async with SqliteShelf(tmp_path) as shelf:
        store = await shelf.open()
        await store.load()
        job = claimed(a_job(1, key="k"))
        await submit(store, a_job(1, key="k"))
        await store.commit(
            Batch(
                updates=[completed(job, remove_at=NOW)],
                results=[(JobId(1), b"result")],
                failed_attempts=[failed_attempt(job)],
            )
        )
        assert set(rows_of(tmp_path).values()) == {1}
        await store.commit(Batch(removal=Removal(NOW, 10)))
    return tmp_path


async def test_a_removed_job_leaves_no_row_in_any_table(directory: Path) -> None:
    assert rows_of(directory) == dict.fromkeys(TABLES, 0) | {"queues": 1}


async def test_a_purged_job_leaves_no_row_in_any_table(tmp_path: Path) -> None:
    async with SqliteShelf(tmp_path) as shelf:
        store = await shelf.open()
        await store.load()
        await submit(store, a_job(1))
        failed = failed_attempt(claimed(a_job(1)))
        again = retried(claimed(a_job(1)), NOW)
        await store.commit(Batch(updates=[again], failed_attempts=[failed]))

        await store.commit(Batch(purges=[PurgeSlice(QUEUE, JobId(1), 9)]))

        assert rows_of(tmp_path) == dict.fromkeys(TABLES, 0) | {"queues": 1}


async def test_a_queue_with_settings_is_kept_without_jobs(directory: Path) -> None:
    async with SqliteShelf(directory) as shelf:
        store = await shelf.open()
        await store.load()
        await store.commit(Batch(settings=[(QUEUE, b"{}")]))

        await (await shelf.open()).load()

        assert rows_of(directory)["queues"] == 1


async def test_a_queue_without_jobs_is_forgotten_at_the_next_start(directory: Path) -> None:
    async with SqliteShelf(directory) as shelf:
        await (await shelf.open()).load()

        assert rows_of(directory) == dict.fromkeys(TABLES, 0)
