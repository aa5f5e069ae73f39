"""The rules that the tables of the event log repeat."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from penstock.jobs.store.sqlite.schema import migrate, read_migrations
from tests.store.test_schema import DATABASE

Columns = Mapping[str, Any]

GOOD: Final[Mapping[str, Columns]] = {
    "streams": {
        "stream_id": 1,
        "name": "s",
        "length": 2,
        "last_ms": 5,
        "last_seq": 0,
        "added_count": 2,
        "max_deleted_ms": 5,
        "max_deleted_seq": 0,
        "length_max": 0,
        "age_ms_max": 0,
    },
    "events": {"stream_id": 1, "ms": 0, "seq": 1, "event_offset": 1, "fields": b""},
    "event_groups": {
        "group_id": 1,
        "stream_id": 1,
        "name": "g",
        "last_delivered_ms": 0,
        "last_delivered_seq": 0,
        "read_count": 0,
        "is_lossy": 0,
    },
    "consumers": {"group_id": 1, "name": "c", "seen_at": 1, "active_at": None},
    "pending_events": {
        "group_id": 1,
        "ms": 1,
        "seq": 0,
        "consumer": "c",
        "delivered_at": 1,
        "deliveries": 0,
    },
    "handled_keys": {"group_id": 1, "key": b"k", "remove_at": 1},
    "published_keys": {"stream_id": 1, "key": b"k", "ms": 1, "seq": 0, "remove_at": 1},
    "triggers": {"name": "t", "definition": b""},
    "schedules": {"name": "s", "definition": b""},
    "next_event_numbers": {"only_row": 1, "stream_value": 1, "group_value": 1},
}

BROKEN: Final[Sequence[tuple[str, str, Columns]]] = [
    ("streams", "stream_id_positive", {"stream_id": 0}),
    ("streams", "length_not_negative", {"length": -1}),
    ("streams", "length_was_added", {"length": 3}),
    ("streams", "last_id_not_negative", {"last_ms": -1, "max_deleted_ms": -1}),
    ("streams", "last_id_not_negative", {"last_seq": -1, "max_deleted_ms": 0}),
    ("streams", "deleted_id_not_negative", {"max_deleted_ms": -1}),
    ("streams", "deleted_id_not_negative", {"max_deleted_seq": -1}),
    ("streams", "deleted_id_was_given", {"max_deleted_seq": 1}),
    ("streams", "length_max_not_negative", {"length_max": -1}),
    ("streams", "age_max_not_negative", {"age_ms_max": -1}),
    ("events", "event_id_not_negative", {"ms": -1}),
    ("events", "event_id_not_negative", {"seq": -1}),
    ("events", "event_offset_positive", {"event_offset": 0}),
    ("event_groups", "group_id_positive", {"group_id": 0}),
    ("event_groups", "cursor_not_negative", {"last_delivered_ms": -1}),
    ("event_groups", "cursor_not_negative", {"last_delivered_seq": -1}),
    ("event_groups", "read_count_not_negative", {"read_count": -1}),
    ("event_groups", "is_lossy_or_not", {"is_lossy": 2}),
    ("pending_events", "deliveries_not_negative", {"deliveries": -1}),
    ("next_event_numbers", "one_row", {"only_row": 2}),
    ("next_event_numbers", "next_numbers_positive", {"stream_value": 0}),
    ("next_event_numbers", "next_numbers_positive", {"group_value": 0}),
]
# What there may be once: a table, how SQLite names it, and what may differ.
UNIQUE: Final[Sequence[tuple[str, str, Columns]]] = [
    ("streams", "streams.name", {"stream_id": 2}),
    ("events", "events.stream_id, events.ms, events.seq", {"event_offset": 2}),
    ("event_groups", "event_groups.stream_id, event_groups.name", {"group_id": 2}),
    ("consumers", "consumers.group_id, consumers.name", {"seen_at": 2}),
    ("pending_events", "pending_events.group_id", {"consumer": "d"}),
    ("handled_keys", "handled_keys.group_id, handled_keys.key", {"remove_at": 2}),
    ("published_keys", "published_keys.stream_id, published_keys.key", {"ms": 2}),
    ("triggers", "triggers.name", {"definition": b"x"}),
    ("schedules", "schedules.name", {"definition": b"x"}),
]


@pytest.fixture
def migrated() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, DATABASE, read_migrations())
    connection.execute("DELETE FROM next_event_numbers")
    yield connection
    connection.close()


def insert(connection: sqlite3.Connection, table: str, change: Columns) -> None:
    row = {**GOOD[table], **change}
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", [*row.values()])


@pytest.mark.parametrize("table", GOOD)
def test_the_tables_take_what_keeps_the_rules(migrated: sqlite3.Connection, table: str) -> None:
    insert(migrated, table, {})


@pytest.mark.parametrize(("table", "rule", "change"), BROKEN)
def test_the_tables_refuse_what_breaks_a_rule_and_name_it(
    migrated: sqlite3.Connection, table: str, rule: str, change: Columns
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=rf"\b{rule}\b"):
        insert(migrated, table, change)


@pytest.mark.parametrize("table", GOOD)
def test_every_named_rule_is_broken_above(migrated: sqlite3.Connection, table: str) -> None:
    (sql,) = migrated.execute(
        "SELECT sql FROM sqlite_schema WHERE name = ?1 AND type = 'table'", (table,)
    ).fetchone()

    rules = set(re.findall(r"CONSTRAINT (\w+)\s+CHECK", sql))
    assert rules == {rule for broken, rule, _ in BROKEN if broken == table}


@pytest.mark.parametrize(("table", "name", "change"), UNIQUE)
def test_what_there_may_be_once_is_there_once(
    migrated: sqlite3.Connection, table: str, name: str, change: Columns
) -> None:
    insert(migrated, table, {})

    with pytest.raises(sqlite3.IntegrityError, match=re.escape(name)):
        insert(migrated, table, change)
