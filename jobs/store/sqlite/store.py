"""The store port over one SQLite database."""

import sqlite3
from pathlib import Path

from penstock.jobs.model import Instant, JobId
from penstock.jobs.store.event_port import EventWrites
from penstock.jobs.store.port import (
    EPOCH,
    Batch,
    Commit,
    Snapshot,
    StoreError,
    StoreFailed,
    StoreFull,
)
from penstock.jobs.store.sqlite.checkpoints import Checkpoints
from penstock.jobs.store.sqlite.connection import StoreConnection
from penstock.jobs.store.sqlite.errors import commit_error, has_no_room, no_room
from penstock.jobs.store.sqlite.event_loading import load_events
from penstock.jobs.store.sqlite.job_rows import STATES
from penstock.jobs.store.sqlite.leases import end_leases
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.reading import answer, asks_anything
from penstock.jobs.store.sqlite.reserve import Reserve
from penstock.jobs.store.sqlite.rows import encode_ids
from penstock.jobs.store.sqlite.statements import SQL
from penstock.jobs.store.sqlite.writing import brings_new, write, writes_anything


class SqliteStore:
    """Keep jobs in a database that is open, checked and ours; `opening` makes sure of that.

    All but `__init__` and the coroutines runs in the connection's thread.
    """

    def __init__(self, connection: StoreConnection, database: Path, reserve: Reserve) -> None:
        self._connection = connection
        self._database = database
        self._reserve = reserve
        self._queues = QueueNumbers()
        self._checkpoints = Checkpoints()
        self._failed: StoreFailed | None = None

    async def load(self, now: Instant = EPOCH, cancelled_keep_ms: int = 0) -> Snapshot:
        """Return what the broker starts from, after ending the leases of the last run."""
        return await self._connection.run(self._load, now, cancelled_keep_ms)

    async def commit(self, batch: Batch) -> Commit:
        """Write a batch in one transaction and answer its questions."""
        return await self._connection.run(self._commit, batch)

    async def rest(self) -> None:
        """Empty the write-ahead log, so that a start has little to recover."""
        await self._connection.run(self._rest)

    async def close(self) -> None:
        """Close the database. What a cancelled `commit` left running ends before."""
        await self._connection.close()

    # --- in the thread -------------------------------------------------------------------------

    def _commit(self, connection: sqlite3.Connection, batch: Batch) -> Commit:
        if self._failed is not None:
            raise self._failed
        is_new = brings_new(batch)
        if is_new and not self._reserve.restore():
            raise self._no_room()
        try:
            return self._commit_once(connection, batch)
        except StoreFull:
            if not self._make_room(connection) or is_new:
                raise
        return self._commit_once(connection, batch)

    def _make_room(self, connection: sqlite3.Connection) -> bool:
        """Give up what was set aside and let the log start over in its file. Say if that helps."""
        released = self._reserve.release()
        try:
            self._checkpoints.move(connection)
        except sqlite3.Error as error:
            raise self._translated(connection, error) from error
        return released

    def _commit_once(self, connection: sqlite3.Connection, batch: Batch) -> Commit:
        commit = Commit()
        try:
            if writes_anything(batch):
                self._transact(connection, batch, commit)
            elif asks_anything(batch):
                # Nobody else writes, so all answers are of one state without a transaction.
                answer(connection, self._queues, batch, commit)
        except sqlite3.Error as error:
            raise self._translated(connection, error) from error
        except BaseException:
            self._roll_back(connection)
            raise
        return commit

    def _transact(self, connection: sqlite3.Connection, batch: Batch, commit: Commit) -> None:
        if self._checkpoints.is_due:
            self._checkpoints.move(connection)
        connection.execute("BEGIN IMMEDIATE")
        event_bytes = write(connection, self._queues, batch, commit)
        answer(connection, self._queues, batch, commit)
        connection.execute("COMMIT")
        self._queues.keep()
        self._checkpoints.note(
            changes=_count_changes(batch), blob_bytes=_count_blob_bytes(batch) + event_bytes
        )

    def _load(
        self, connection: sqlite3.Connection, now: Instant, cancelled_keep_ms: int
    ) -> Snapshot:
        try:
            return self._load_once(connection, now, cancelled_keep_ms)
        except StoreFull:
            if not self._reserve.release():
                raise
        return self._load_once(connection, now, cancelled_keep_ms)

    def _load_once(
        self, connection: sqlite3.Connection, now: Instant, cancelled_keep_ms: int
    ) -> Snapshot:
        try:
            self._queues.load(connection.execute(SQL["select_queues"]).fetchall())
            (claimed,) = connection.execute(SQL["count_claimed"]).fetchone()
            if claimed:
                connection.execute("BEGIN IMMEDIATE")
                event_bytes = end_leases(connection, self._queues, now, cancelled_keep_ms)
                connection.execute("COMMIT")
                self._checkpoints.note(changes=claimed, blob_bytes=event_bytes)
            counts = connection.execute(SQL["select_counts"]).fetchall()
            self._forget_empty_queues(connection, {queue_id for queue_id, _, _ in counts})
            settings = connection.execute(SQL["select_settings"]).fetchall()
            (next_id,) = connection.execute(SQL["select_next_id"]).fetchone()
            events = load_events(connection)
        except sqlite3.Error as error:
            raise self._translated(connection, error) from error
        names = self._queues.names
        return Snapshot(
            next_id=JobId(next_id),
            counts={(names[queue_id], STATES[code]): count for queue_id, code, count in counts},
            leases_ended_count=claimed,
            settings={names[queue_id]: stored for queue_id, stored in settings},
            events=events,
        )

    def _forget_empty_queues(self, connection: sqlite3.Connection, used: set[int]) -> None:
        """Keep names that were used once from piling up over the years."""
        empty = self._queues.names.keys() - used
        if not empty:
            return
        try:
            connection.execute(SQL["delete_queues"], (encode_ids(empty),))
        except sqlite3.Error as error:
            if not has_no_room(error):
                raise
        else:
            self._queues.load(connection.execute(SQL["select_queues"]).fetchall())

    def _rest(self, connection: sqlite3.Connection) -> None:
        if self._failed is not None or not self._checkpoints.anything_written:
            return
        self._reserve.restore()
        try:
            self._checkpoints.truncate(connection)
        except sqlite3.Error as error:
            raise self._translated(connection, error) from error

    def _translated(self, connection: sqlite3.Connection, error: sqlite3.Error) -> StoreError:
        if self._roll_back(connection) and has_no_room(error):
            return self._no_room()
        self._failed = commit_error(error, self._database)
        return self._failed

    def _no_room(self) -> StoreFull:
        return no_room(self._database, self._reserve.size)

    def _roll_back(self, connection: sqlite3.Connection) -> bool:
        """Undo the open transaction, if SQLite has not done so. Say whether that worked."""
        self._queues.drop()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            return False
        return not connection.in_transaction


def _count_changes(batch: Batch) -> int:
    written = len(batch.submissions) + len(batch.updates) + len(batch.rewrites)
    removed = 0 if batch.removal is None else batch.removal.jobs_max
    purged = sum(purge.jobs_max for purge in batch.purges)
    jobs = written + len(batch.failed_attempts) + removed + len(batch.forgets) + purged
    return jobs if batch.events is None else jobs + _count_event_changes(batch.events)


def _count_event_changes(writes: EventWrites) -> int:
    """Count rows that lie anywhere; others lie close together and are counted by their bytes."""
    records = len(writes.streams) + len(writes.groups) + len(writes.consumers)
    keys = len(writes.handled) + len(writes.published)
    return records + keys + len(writes.triggers) + len(writes.schedules)


def _count_blob_bytes(batch: Batch) -> int:
    payloads = sum(len(submission.payload) for submission in batch.submissions)
    return payloads + sum(len(result) for _, result in batch.results)
