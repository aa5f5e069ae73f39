"""When to move the write-ahead log's pages into the database, and doing so.

SQLite would do it inside somebody's commit. Here it is done between two batches, by the same
connection: versions of SQLite before 3.51.3 can damage the log when two connections do it.
"""

import sqlite3
from typing import Final

from penstock.jobs.store.sqlite.errors import has_no_room

# Large enough that a page which many commits change is moved once, small enough to be moved in
# some milliseconds and read back in no time at the start.
WAL_PAGES_MAX: Final = 4096
# What the changes of a commit are taken to dirty before the first checkpoint tells better.
_PAGES_PER_CHANGE_AT_FIRST: Final = 1.0
# A commit of one change: a page each of its tables and indexes, and those above them.
_PAGES_PER_COMMIT: Final = 6
PAGE_BYTES: Final = 4096


class Checkpoints:
    """Estimate how long the log is, as SQLite does not tell without a checkpoint."""

    def __init__(self) -> None:
        self._pages_certain = 0
        self._changes = 0
        self._pages_per_change = _PAGES_PER_CHANGE_AT_FIRST

    def note(self, *, changes: int, blob_bytes: int) -> None:
        """Note a commit."""
        self._pages_certain += _PAGES_PER_COMMIT + blob_bytes // PAGE_BYTES
        self._changes += changes

    @property
    def anything_written(self) -> bool:
        return self._pages_certain > 0

    @property
    def is_due(self) -> bool:
        return self._pages_certain + self._changes * self._pages_per_change >= WAL_PAGES_MAX

    def move(self, connection: sqlite3.Connection) -> None:
        """Move what can be moved without waiting for anybody."""
        self._run(connection, "PASSIVE")

    def truncate(self, connection: sqlite3.Connection) -> None:
        """Move all and empty the log, unless somebody reads."""
        busy_timeout = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        connection.execute("PRAGMA busy_timeout = 0").fetchall()
        try:
            self._run(connection, "TRUNCATE")
        finally:
            connection.execute(f"PRAGMA busy_timeout = {busy_timeout}").fetchall()

    def _run(self, connection: sqlite3.Connection, mode: str) -> None:
        try:
            _, pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            if not has_no_room(error):
                raise
            # The log keeps everything; the next attempt comes when it has grown as much again.
        else:
            self._learn(pages)
        self._pages_certain = 0
        self._changes = 0

    def _learn(self, pages: int) -> None:
        if self._changes and pages > 0:
            measured = max(0.0, pages - self._pages_certain) / self._changes
            self._pages_per_change = (self._pages_per_change + measured) / 2
