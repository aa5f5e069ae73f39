"""The tables: how they come to be, and the rules that they repeat."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from penstock.jobs.model import State
from penstock.jobs.store.port import StoreUnusable
from penstock.jobs.store.sqlite.job_rows import STATES
from penstock.jobs.store.sqlite.schema import migrate, read_migrations

# After a migration was added, the failing test prints what it should hold.
GOLDEN = Path(__file__).with_name("golden_schema.sql")
DATABASE = Path("penstock.db")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def migrated(connection: sqlite3.Connection) -> sqlite3.Connection:
    migrate(connection, DATABASE, read_migrations())
    return connection


def schema_of(connection: sqlite3.Connection) -> str:
    rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    return "".join(f"{sql};\n" for (sql,) in rows)


def version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    assert isinstance(version, int)
    return version


# --- migrations ----------------------------------------------------------------------------------


def test_migrations_are_numbered_from_1_without_gaps() -> None:
    folder = files("penstock.jobs.store.sqlite").joinpath("migrations")

    numbers = sorted(int(entry.name[:4]) for entry in folder.iterdir())

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(read_migrations()) == len(numbers)


def test_all_migrations_make_the_schema_that_is_written_down(migrated: sqlite3.Connection) -> None:
    assert schema_of(migrated) == GOLDEN.read_text("utf-8")


def test_a_new_database_has_the_version_of_the_last_migration(
    migrated: sqlite3.Connection,
) -> None:
    assert version_of(migrated) == len(read_migrations())


def test_only_missing_migrations_are_applied(migrated: sqlite3.Connection) -> None:
    version = version_of(migrated)

    migrate(migrated, DATABASE, [*read_migrations(), "CREATE TABLE added (one INTEGER) STRICT;"])

    assert version_of(migrated) == version + 1
    assert migrated.execute("SELECT count(*) FROM added").fetchone() == (0,)


def test_a_newer_schema_is_refused_with_both_versions(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA user_version = 7")

    with pytest.raises(StoreUnusable, match="has schema 7 and this server knows up to 2"):
        migrate(connection, DATABASE, ["SELECT 1;", "SELECT 2;"])


def test_a_migration_that_fails_leaves_nothing(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, DATABASE, ["CREATE TABLE one (a);", "CREATE TABLE one (a);"])

    assert schema_of(connection) == ""
    assert version_of(connection) == 0
    assert not connection.in_transaction


# --- rules ---------------------------------------------------------------------------------------

GOOD = {
    "id": 1,
    "queue_id": 1,
    "task": "echo",
    "state": STATES.index(State.READY),
    "rank": 5,
    "priority": 5,
    "attempts_max": 3,
    "timeout_ms": 1000,
    "submitted_at": 1,
    "due_at": 1,
    "payload_bytes": 2,
}
CLAIMED = {"state": STATES.index(State.CLAIMED), "claimed_at": 2, "attempt": 1}
COMPLETED = CLAIMED | {"state": STATES.index(State.COMPLETED), "finished_at": 3, "remove_at": 4}
DEAD = COMPLETED | {"state": STATES.index(State.DEAD), "failures": 1}
BLOCKED = {"state": STATES.index(State.BLOCKED), "group_key": "g"}
CANCELLED = {"state": STATES.index(State.CANCELLED), "finished_at": 3, "remove_at": 4}
EXPIRED = CANCELLED | {"state": STATES.index(State.EXPIRED)}


def insert(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", list(row.values()))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"state": 0},
        CLAIMED,
        COMPLETED,
        DEAD,
        BLOCKED,
        CANCELLED,
        CANCELLED | CLAIMED | {"state": STATES.index(State.CANCELLED)},
        EXPIRED,
        {"key": "k", "fingerprint": b""},
        {"key": "k", "fingerprint": b"", "key_expires_at": 9},
    ],
    ids=[
        "ready",
        "scheduled",
        "claimed",
        "completed",
        "dead",
        "blocked",
        "cancelled before",
        "cancelled while claimed",
        "expired",
        "keyed",
        "keyed for a time",
    ],
)
def test_the_tables_take_what_keeps_the_rules(
    migrated: sqlite3.Connection, change: dict[str, Any]
) -> None:
    insert(migrated, GOOD | change)


BROKEN: Sequence[tuple[str, dict[str, Any]]] = [
    ("id_positive", {"id": 0}),
    ("state_known", {"state": -1}),
    ("state_known", DEAD | {"state": 8}),
    ("failures_are_attempts", {"attempt": 1, "failures": 2}),
    ("failures_are_attempts", {"failures": -1}),
    ("claimed_has_claimed_at", CLAIMED | {"claimed_at": None}),
    ("waiting_has_no_claimed_at", {"claimed_at": 1}),
    ("waiting_has_no_claimed_at", {"state": 0, "claimed_at": 1}),
    ("waiting_has_no_claimed_at", BLOCKED | {"claimed_at": 1}),
    ("blocked_has_group", BLOCKED | {"group_key": None}),
    ("finished_iff_finished_at", COMPLETED | {"finished_at": None}),
    ("finished_iff_finished_at", BLOCKED | {"finished_at": 1}),
    ("finished_iff_finished_at", EXPIRED | {"finished_at": None}),
    ("finished_iff_finished_at", CLAIMED | {"finished_at": 1}),
    ("finished_iff_remove_at", DEAD | {"remove_at": None}),
    ("finished_iff_remove_at", {"remove_at": 1}),
    ("key_iff_fingerprint", {"key": "k"}),
    ("key_iff_fingerprint", {"fingerprint": b"f"}),
    ("key_expires_with_key", {"key_expires_at": 9}),
]


@pytest.mark.parametrize(("rule", "change"), BROKEN)
def test_the_tables_refuse_what_breaks_a_rule_and_name_it(
    migrated: sqlite3.Connection, rule: str, change: dict[str, Any]
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=rf"\b{rule}\b"):
        insert(migrated, GOOD | change)


def test_every_named_rule_of_jobs_is_broken_above(migrated: sqlite3.Connection) -> None:
    (sql,) = migrated.execute("SELECT sql FROM sqlite_schema WHERE name = 'jobs'").fetchone()

    assert set(re.findall(r"CONSTRAINT (\w+)\s+CHECK", sql)) == {rule for rule, _ in BROKEN}


def test_a_key_is_held_once(migrated: sqlite3.Connection) -> None:
    insert(migrated, GOOD | {"key": "k", "fingerprint": b"f"})

    with pytest.raises(sqlite3.IntegrityError, match=r"jobs\.key"):
        insert(migrated, GOOD | {"id": 2, "key": "k", "fingerprint": b"f"})


@pytest.mark.parametrize("column", ["id", "rank", "task", "due_at"])
def test_a_value_of_another_type_is_refused(migrated: sqlite3.Connection, column: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(migrated, GOOD | {column: b"\0"})


def test_an_attempt_fails_once(migrated: sqlite3.Connection) -> None:
    row = (1, 1, "worker", 1, 2, "error", "")
    migrated.execute("INSERT INTO failed_attempts VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    with pytest.raises(sqlite3.IntegrityError):
        migrated.execute("INSERT INTO failed_attempts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
