"""What the tables hold, which the port does not show."""

import sqlite3
from pathlib import Path

import pytest

from penstock.jobs.model import Instant, JobId
from penstock.jobs.store.event_port import EventWrites, HandledKey, PublishedKey
from penstock.jobs.store.port import Batch, PurgeSlice, Removal
from penstock.jobs.store.sqlite.directory import DATABASE_NAME
from tests.store.asking import submit
from tests.store.event_records import (
    FIRST,
    ONE,
    a_consumer,
    a_group,
    a_pending,
    a_stream,
    an_event,
)
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
EVENT_TABLES = (
    *("streams", "events", "event_groups", "consumers", "pending_events", "handled_keys"),
    *("published_keys", "dropped_streams", "dropped_groups"),
)


def rows_of(directory: Path, tables: tuple[str, ...] = TABLES) -> dict[str, int]:
    reader = sqlite3.connect(directory / DATABASE_NAME)
    counts = {
        table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
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


# --- events --------------------------------------------------------------------------------------


async def test_a_dropped_stream_leaves_no_row_once_it_is_swept(tmp_path: Path) -> None:
    async with SqliteShelf(tmp_path) as shelf:
        store = await shelf.open()
        await store.load()
        writes = EventWrites(
            streams=[a_stream(last=2)],
            groups=[a_group()],
            consumers=[a_consumer()],
            appended=[(ONE, an_event(1)), (ONE, an_event(2))],
            pending=[(FIRST, a_pending(1))],
            handled=[HandledKey(FIRST, "k", Instant(NOW + 9))],
            published=[PublishedKey(ONE, "k", (1, 0), Instant(NOW + 9))],
        )
        await store.commit(Batch(now=NOW, events=writes))
        await store.commit(Batch(now=NOW, events=EventWrites(dropped_streams=[ONE])))

        left = rows_of(tmp_path, EVENT_TABLES)
        assert (left["streams"], left["event_groups"], left["events"]) == (0, 0, 2)
        for _ in range(8):
            await store.commit(Batch(now=NOW, events=EventWrites(sweep_max=1)))

        assert rows_of(tmp_path, EVENT_TABLES) == dict.fromkeys(EVENT_TABLES, 0)
