"""Statements for many rows: every number of rows is a sum of a few."""

import sqlite3
from collections.abc import Iterator

import pytest

from penstock.jobs.store.sqlite.many_rows import ManyRows


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE pairs (first INTEGER PRIMARY KEY, second TEXT)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 511, 1000])
def test_all_rows_are_written_whatever_their_number(
    connection: sqlite3.Connection, count: int
) -> None:
    rows = [(number, f"row {number}") for number in range(count)]

    changed = ManyRows("INSERT INTO pairs VALUES (?, ?)").execute(connection, rows)

    assert changed == count
    assert connection.execute("SELECT * FROM pairs ORDER BY first").fetchall() == rows


def test_rows_that_are_not_changed_are_not_counted(connection: sqlite3.Connection) -> None:
    insert = ManyRows("INSERT INTO pairs VALUES (?, ?) ON CONFLICT DO NOTHING")
    insert.execute(connection, [(1, "first")])

    assert insert.execute(connection, [(1, "again"), (2, "new"), (3, "new")]) == 2
