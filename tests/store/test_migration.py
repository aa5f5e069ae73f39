"""A database of an older server: every job is there after the schema has moved on, or before."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Job, JobId, QueueName, State, TaskName
from penstock.jobs.store.event_port import EventSnapshot
from penstock.jobs.store.port import Batch, JobRecord
from penstock.jobs.store.sqlite.directory import DATABASE_NAME
from penstock.jobs.store.sqlite.schema import migrate, read_migrations
from tests.store.asking import head_of, holders_of, submit
from tests.store.event_records import a_stream, append, events, found_in
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    blocked,
    cancelled,
    claimed,
    completed,
    dead,
    failed_attempt,
    full_job,
    released,
    retried,
    scheduled,
    submission,
)
from tests.store.shelves import SqliteShelf

SCHEMA_1 = Path(__file__).with_name("schema_1.sql")
SCHEMA_2 = Path(__file__).with_name("schema_2.sql")
REPORTS = QueueName("reports")

MAIL = replace(a_job(5, queue=REPORTS, rank=-7, key="order-5"), priority=-7, task=TaskName("mail"))
TWICE = replace(claimed(retried(claimed(MAIL), NOW)), due_at=NOW)


def sized(job: Job, payload: bytes) -> Job:
    return replace(job, payload_bytes=len(payload))


def record(
    job: Job, payload: bytes, result: bytes | None = None, *errors: tuple[int, str]
) -> JobRecord:
    failed = tuple(
        replace(failed_attempt(job, error), attempt=attempt) for attempt, error in errors
    )
    return JobRecord(sized(job, payload), payload, result, failed)


EXPECTED = [
    record(a_job(1), b""),
    record(scheduled(a_job(2, queue=REPORTS), NOW + 60_000), b"[1, 2]"),
    record(completed(claimed(a_job(3, key="order-3"))), b"\0\xff\x80", b"result"),
    record(released(claimed(a_job(4))), b"x" * 20),
    record(dead(TWICE), b'{"to": "a@b"}', None, (1, "E: 1\n  line"), (2, "E: 2")),
    record(retried(claimed(a_job(6)), NOW + 500), b"[]", None, (1, "E: é")),
    record(a_job(7), b"[]"),
]


def make(path: Path, schema: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(schema.read_text("utf-8"))
    connection.close()
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return make(tmp_path / DATABASE_NAME, SCHEMA_1)


def dump_of(database: Path) -> list[str]:
    connection = sqlite3.connect(database)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    lines = [f"version {version}", *connection.iterdump()]
    connection.close()
    return lines


# --- schema 1 ------------------------------------------------------------------------------------


async def test_every_job_of_schema_1_is_there(database: Path) -> None:
    async with SqliteShelf(database.parent) as shelf:
        store = await shelf.open()
        snapshot = await store.load(NOW, 0)
        commit = await store.commit(Batch(records=[JobId(i) for i in range(1, 9)]))

    assert list(commit.records.values()) == EXPECTED
    assert (snapshot.next_id, snapshot.leases_ended_count, snapshot.settings) == (9, 1, {})
    assert snapshot.counts == {
        (QUEUE, State.READY): 3,
        (QUEUE, State.SCHEDULED): 1,
        (QUEUE, State.COMPLETED): 1,
        (REPORTS, State.SCHEDULED): 1,
        (REPORTS, State.DEAD): 1,
    }


async def test_keys_of_schema_1_are_held_with_what_was_asked(database: Path) -> None:
    async with SqliteShelf(database.parent) as shelf:
        store = await shelf.open()
        await store.load()
        commit = await store.commit(
            Batch(
                submissions=[
                    submission(a_job(9, key="order-3"), b"", b"f3"),
                    submission(a_job(10, key="order-5"), b"", b"other"),
                ]
            )
        )

    assert holders_of(commit) == {9: (3, True), 10: (5, False)}


async def test_jobs_of_schema_1_go_on(database: Path) -> None:
    async with SqliteShelf(database.parent) as shelf:
        store = await shelf.open()
        await store.load()
        await submit(store, a_job(9))

        assert await head_of(store) == [1, 4, 7, 9]
        await store.commit(Batch(updates=[completed(claimed(a_job(1)))]))
        assert await head_of(store) == [4, 7, 9]


# --- schema 2 ------------------------------------------------------------------------------------

FULL = replace(full_job(1), state=State.READY)
NEXT = blocked(a_job(2, group="customer-3"))
RUNNING = sized(a_job(3, queue=REPORTS), b"[]")
STOPPED = cancelled(sized(a_job(4, queue=REPORTS), b"[]"), reason="enough")


async def test_every_job_of_schema_2_is_there(tmp_path: Path) -> None:
    make(tmp_path / DATABASE_NAME, SCHEMA_2)

    async with SqliteShelf(tmp_path) as shelf:
        store = await shelf.open()
        snapshot = await store.load(NOW, 0)
        commit = await store.commit(Batch(records=[JobId(i) for i in range(1, 5)]))

    printed = replace(failed_attempt(claimed(a_job(4))), output="printed")
    assert list(commit.records.values()) == [
        record(FULL, b"{}"),
        record(NEXT, b"[]"),
        record(released(claimed(RUNNING)), b"[]"),
        replace(record(STOPPED, b"[]"), failed_attempts=(printed,)),
    ]
    assert (snapshot.next_id, snapshot.leases_ended_count) == (5, 1)
    assert snapshot.settings == {REPORTS: b'{"order": "fair"}'}
    assert snapshot.events == EventSnapshot()


async def test_a_database_of_schema_2_takes_events(tmp_path: Path) -> None:
    make(tmp_path / DATABASE_NAME, SCHEMA_2)

    async with SqliteShelf(tmp_path) as shelf:
        store = await shelf.open()
        await store.load()
        await append(store, a_stream(), *events(1, 3))

        assert await found_in(store) == events(1, 3)


# --- on the way ----------------------------------------------------------------------------------

# Opens a database and dies before the first statement that has a text in it.
DIE = """
import os, sqlite3, sys
from pathlib import Path
sys.path.append(sys.argv[3])
from penstock.jobs.store.sqlite.schema import migrate, read_migrations

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA cache_size = 1")
connection.set_trace_callback(lambda statement: sys.argv[2] in statement and os._exit(9))
migrate(connection, Path(sys.argv[1]), read_migrations())
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE jobs",
        "INSERT INTO jobs",
        "DROP TABLE",
        "jobs_expiring",
        "CREATE TABLE events",
        "INSERT INTO next_event_numbers",
        "user_version",
        "COMMIT",
    ],
)
def test_a_process_that_dies_while_it_migrates_changes_nothing(
    database: Path, statement: str
) -> None:
    before = dump_of(database)

    died = subprocess.run([sys.executable, "-c", DIE, str(database), statement, str(ROOT)])

    assert died.returncode == 9
    assert dump_of(database) == before


def test_a_migration_may_be_interrupted_anywhere(database: Path) -> None:
    before = dump_of(database)
    connection = sqlite3.connect(database, isolation_level=None)
    steps = 0
    while True:
        steps += 10
        connection.set_progress_handler(lambda: 1, steps)
        try:
            migrate(connection, database, read_migrations())
        except sqlite3.OperationalError:
            connection.set_progress_handler(None, 0)
            assert dump_of(database) == before
        else:
            break
    connection.close()

    assert steps > 100
    assert dump_of(database)[0] == f"version {len(read_migrations())}"
