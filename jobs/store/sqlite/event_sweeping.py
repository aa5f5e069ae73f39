"""Sweeping, a slice with each commit: keys whose time is over, and what was dropped."""

import sqlite3
from typing import Literal

from penstock.jobs.model import Instant
from penstock.jobs.store.sqlite.statements import EVENT_SQL


def sweep(connection: sqlite3.Connection, rows_max: int, now: Instant) -> int:
    """Remove at most so many rows; return how many."""
    left = rows_max
    left -= _sweep_keys_over(connection, "handled", left, now)
    left -= _sweep_keys_over(connection, "published", left, now)
    left -= _sweep_dropped(
        connection, "group", ("pending_events", "consumers", "handled_keys"), left
    )
    left -= _sweep_dropped(connection, "stream", ("events", "published_keys"), left)
    return rows_max - left


def _sweep_keys_over(
    connection: sqlite3.Connection,
    kind: Literal["handled", "published"],
    rows_max: int,
    now: Instant,
) -> int:
    asked = (now, rows_max)
    end = connection.execute(EVENT_SQL[f"select_{kind}_key_over"], asked).fetchone()
    before = end or (now + 1, 0, b"")
    return connection.execute(EVENT_SQL[f"sweep_{kind}_keys_over"], before).rowcount


def _sweep_dropped(
    connection: sqlite3.Connection,
    owner: Literal["group", "stream"],
    tables: tuple[str, ...],
    rows_max: int,
) -> int:
    """Remove rows of what was dropped; its number is the last of them."""
    left = rows_max
    dropped = connection.execute(EVENT_SQL[f"select_dropped_{owner}s"], (left,)).fetchall()
    for (number,) in dropped:
        for table in tables:
            left -= connection.execute(EVENT_SQL[f"sweep_{table}"], (number, left)).rowcount
        if left == 0:
            break
        left -= connection.execute(EVENT_SQL[f"delete_dropped_{owner}"], (number,)).rowcount
    return rows_max - left
