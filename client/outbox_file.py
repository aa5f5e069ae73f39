"""The file behind an outbox: what is written is synced before any function here returns.

Several processes may have it open. A lock between them lets one write at a time: SQLite up to
3.51.2 can damage a file that two connections write and check-point in the same moment.
"""

import os
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from penstock.client.errors import OutboxFull, OutboxUnusable
from penstock.client.outbox_entry import Candidate, Entry, EntryState, NewEntry, Outgoing
from penstock.client.outbox_lock import FileLock
from penstock.client.outbox_opening import (
    connect_reader,
    connect_writer,
    described,
    has_no_room,
    primary_code,
    unusable,
)
from penstock.client.outbox_pace import Accepted, Declined
from penstock.config import limits

# Errors after which it is not known what the file holds; opening it again finds out.
_FATAL: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Totals(Struct, frozen=True):
    """How much is in the file."""

    next_id: int
    pending: int
    pending_bytes: int
    refused: int
    refused_bytes: int
    acknowledged: int


class OutboxFile:
    """Reads and writes entries. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises OutboxUnusable."""
        self.path = path
        try:
            self._lock = FileLock(path.with_name(f"{path.name}-write"))
        except OSError as error:
            raise OutboxUnusable(
                f"the outbox {path} cannot be opened: {error.strerror or error}; its directory "
                "must exist and be writable for this process"
            ) from error
        try:
            with self._lock.held():
                self._writer = connect_writer(path)
                self._reader = connect_reader(path)
            self._identity = _identity(path)
        except BaseException:
            self._lock.release()
            raise
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._broken: str | None = None  # Why it cannot be used any more.

    def close(self) -> None:
        """Close the file; the last to do so lets SQLite clear its log away."""
        with self._writing, self._reading:
            if self._broken is None:
                self._broken = f"the outbox {self.path} is closed; make another client"
            with self._lock.held():
                self._reader.close()
                self._writer.close()
            self._lock.release()

    def abandon(self) -> tuple[object, ...]:
        """Let go of it after a fork; return what must not be closed in this process."""
        self._lock.release()
        return self._writer, self._reader

    # --- writing -------------------------------------------------------------------------------

    def add(
        self, new: Sequence[NewEntry], now_ms: int, entries_max: int | None, bytes_max: int | None
    ) -> list[int] | Totals:
        """Write entries, all or none; return their ids, or the totals if there is no room.

        Raises:
            OutboxFull: there is no room on the disk. OutboxUnusable: the file cannot be used.
        """
        self._require_in_place()
        size = sum(len(entry.command) for entry in new)
        with self._transaction() as connection:
            totals = Totals(*connection.execute(SQL["totals"]).fetchone())
            if not _has_room(totals, len(new), size, entries_max, bytes_max):
                return totals
            ids = list(range(totals.next_id, totals.next_id + len(new)))
            rows = (
                (
                    *(entry_id, entry.key, entry.task, entry.queue, entry.ordering),
                    *(entry.ages, entry.command, len(entry.command), now_ms),
                )
                for entry_id, entry in zip(ids, new, strict=True)
            )
            connection.executemany(SQL["add"], rows)
        return ids

    def settle(self, fates: Iterable[tuple[int, Accepted | Declined]], now_ms: int) -> None:
        """Write down what became of entries. Raises as `add` does."""
        with self._transaction() as connection:
            for entry_id, fate in fates:
                if isinstance(fate, Accepted):
                    connection.execute(SQL["set_acknowledged"], (fate.job_id, now_ms, entry_id))
                else:
                    row = (fate.code, fate.text, now_ms, entry_id)
                    connection.execute(SQL["set_refused"], row)

    def forget(self, entry_ids: Iterable[int]) -> int:
        """Remove settled entries; return how many there were."""
        return self._change_each("forget", entry_ids)

    def retry(self, entry_ids: Iterable[int]) -> int:
        """Make refused entries pending again; return how many there were."""
        return self._change_each("retry", entry_ids)

    def forget_old(self, settled_before: int, acknowledged_max: int) -> bool:
        """Remove a slice of the acknowledged entries that are not to be kept; say if it was one."""
        excess = self.totals().acknowledged - acknowledged_max
        (first,) = self._rows("first_settled")[0]
        if excess <= 0 and (first is None or first >= settled_before):
            return False
        with self._transaction() as connection:
            aged = connection.execute(
                SQL["forget_older"], (settled_before, limits.OUTBOX_REMOVALS_MAX)
            ).rowcount
            excess = min(excess - aged, limits.OUTBOX_REMOVALS_MAX)
            if excess > 0:
                connection.execute(SQL["forget_oldest"], (excess,))
        return max(aged, excess) > 0

    # --- reading -------------------------------------------------------------------------------

    def totals(self) -> Totals:
        """Return how much is in the file."""
        return Totals(*self._rows("totals")[0])

    def candidates(self, paused_queues: Sequence[str]) -> list[Candidate]:
        """Return the oldest pending entries that are not of these queues."""
        rows = self._rows("candidates", _json(paused_queues), limits.OUTBOX_SCAN_ENTRIES_MAX)
        return [Candidate(*row) for row in rows]

    def outgoing(self, entry_ids: Sequence[int]) -> list[Outgoing]:
        """Return pending entries with their commands."""
        rows = self._rows("commands", _json(entry_ids))
        return [Outgoing(*row) for row in rows]

    def listed(self, state: EntryState, after: int, limit: int) -> list[Entry]:
        """Return entries in a state, oldest first, beyond one id."""
        return [_entry(row) for row in self._rows("listed", state.value, after, limit)]

    def known(self, entry_ids: Sequence[int]) -> list[Entry]:
        """Return those of these entries that are there."""
        return [_entry(row) for row in self._rows("known", _json(entry_ids))]

    def command(self, entry_id: int) -> bytes | None:
        """Return an entry's command: empty once it is a job, None if it is not there."""
        rows = self._rows("command", entry_id)
        return rows[0][0] if rows else None

    def oldest(self) -> int | None:
        """Return when the oldest pending entry was submitted."""
        rows = self._rows("oldest")
        return rows[0][0] if rows else None

    def is_pending_until(self, entry_id: int) -> bool:
        """Say whether any entry up to this one is pending."""
        return bool(self._rows("is_pending_until", entry_id)[0][0])

    def version(self) -> int:
        """Return a number that changes when anybody wrote to the file."""
        with self._reading:
            self._require_usable()
            (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        return int(version)

    # --- inside --------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction, which is synced when the block is left."""
        with self._writing:
            self._require_usable()
            with self._lock.held():
                connection = self._writer
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    yield connection
                    connection.execute("COMMIT")
                except sqlite3.Error as error:
                    self._undo()
                    raise self._translated(error) from error
                finally:
                    self._undo()

    def _undo(self) -> None:
        """End a transaction that was not committed; after some errors SQLite has done so."""
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _change_each(self, statement: str, entry_ids: Iterable[int]) -> int:
        count = 0
        with self._transaction() as connection:
            for entry_id in entry_ids:
                count += connection.execute(SQL[statement], (entry_id,)).rowcount
        return count

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading:
            self._require_usable()
            try:
                return self._reader.execute(SQL[statement], values).fetchall()
            except sqlite3.Error as error:
                raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> OutboxFull | OutboxUnusable:
        if has_no_room(error):
            return OutboxFull(
                f"there is no room for the outbox {self.path}: nothing of this was written; free "
                "space on its disk"
            )
        if primary_code(error) not in _FATAL:
            return unusable(error, self.path)
        failed = f"writing or reading the outbox {self.path} failed ({described(error)})"
        help_text = "see to the disk and start again; what was written before is kept"
        self._broken = f"{failed} before this, so nothing of this was written; {help_text}"
        return OutboxUnusable(
            f"{failed}: it is not known whether this was written, which the next start finds out; "
            f"{help_text}"
        )

    def _require_usable(self) -> None:
        if self._broken is not None:
            raise OutboxUnusable(self._broken)

    def _require_in_place(self) -> None:
        """Refuse to write to a file that has no name any more: it is gone with this process."""
        try:
            in_place = _identity(self.path) == self._identity
        except OSError:
            in_place = False
        if not in_place:
            raise OutboxUnusable(
                f"the outbox {self.path} was removed or replaced while it was open, so nothing "
                "more can be kept in it; put it back or make a new client"
            )


def _has_room(
    totals: Totals, count: int, size: int, entries_max: int | None, bytes_max: int | None
) -> bool:
    held = totals.pending + totals.refused
    if entries_max is not None and held + count > entries_max:
        return False
    held_bytes = totals.pending_bytes + totals.refused_bytes
    return bytes_max is None or held_bytes + size <= bytes_max


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _entry(row: tuple[Any, ...]) -> Entry:
    entry_id, state, *rest = row
    return Entry(entry_id, EntryState(state), *rest)


def _json(values: Sequence[int] | Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


def _read_statements() -> Mapping[str, str]:
    text = files("penstock.client").joinpath("outbox_queries.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    return {
        name: "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


SQL: Final = _read_statements()
