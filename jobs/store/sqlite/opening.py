"""Opening the database: everything that must be true before the first job is taken.

Refuse rather than repair: what is damaged, foreign or unknown is left as it is.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from struct import unpack_from
from typing import Final

from anyio import CancelScope

from penstock.jobs.store.port import Store, StoreUnusable
from penstock.jobs.store.sqlite.connection import StoreConnection
from penstock.jobs.store.sqlite.directory import (
    DATABASE_NAME,
    prepare_directory,
    sync_directory,
    wal_of,
)
from penstock.jobs.store.sqlite.errors import finds_no_room, opening_error
from penstock.jobs.store.sqlite.lock import DirectoryLock
from penstock.jobs.store.sqlite.reserve import RESERVE_BYTES, Reserve
from penstock.jobs.store.sqlite.schema import APPLICATION_ID, migrate, read_migrations
from penstock.jobs.store.sqlite.store import SqliteStore
from penstock.jobs.store.sqlite.wal_scan import refuse_damaged_wal

Connect = Callable[[Path], sqlite3.Connection]

# Longer than any checkpoint of a program that looks into the database; no program should write.
BUSY_SECONDS: Final = 5.0
# Pages that SQLite keeps in memory: the right edges of the tables, and the way to them.
CACHE_KIB: Final = 16 * 1024
# To what a log that grew beyond it is cut when it starts over.
WAL_KEPT_BYTES: Final = 64 * 1024 * 1024
# A larger database is not read whole at the start: about three seconds a GiB.
QUICK_CHECK_BYTES_MAX: Final = 512 * 1024 * 1024

_HEADER_SIZE: Final = 100  # https://www.sqlite.org/fileformat2.html#the_database_header
_HEADER_MAGIC: Final = b"SQLite format 3\0"
_HEADER_APPLICATION_ID_AT: Final = 68


# Statements that stay prepared: more than there are, those for many rows in all their sizes.
PREPARED_STATEMENTS_MAX: Final = 512


def connect(database: Path) -> sqlite3.Connection:
    """Open a database for a store. Transactions are begun and ended by statements of ours only."""
    return sqlite3.connect(
        database,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        cached_statements=PREPARED_STATEMENTS_MAX,
    )


@asynccontextmanager
async def open_sqlite_store(
    directory: Path, *, connect: Connect = connect, reserve_bytes: int = RESERVE_BYTES
) -> AsyncIterator[Store]:
    """Open the store in a directory, which is made if it is not there.

    Raises:
        StoreUnusable: it says why, and what to do; nothing was changed.
    """
    prepare_directory(directory)
    database = directory / DATABASE_NAME
    try:
        lock = DirectoryLock(directory)
    except OSError as error:
        raise opening_error(error, directory) from error
    try:
        store = await _open_making_room(database, connect, Reserve(directory, reserve_bytes))
        try:
            yield store
        finally:
            # The directory is another's only after the last batch has ended.
            with CancelScope(shield=True):
                await store.close()
    finally:
        lock.release()


async def _open_making_room(database: Path, connect: Connect, reserve: Reserve) -> SqliteStore:
    try:
        store = await _open(database, connect, reserve)
    except (sqlite3.Error, OSError) as error:
        if not (finds_no_room(error) and reserve.release()):
            raise opening_error(error, database) from error
    else:
        reserve.restore()
        return store
    try:
        return await _open(database, connect, reserve)
    except (sqlite3.Error, OSError) as error:
        raise opening_error(error, database) from error


async def _open(database: Path, connect: Connect, reserve: Reserve) -> SqliteStore:
    _refuse_foreign_file(database)
    refuse_damaged_wal(wal_of(database))
    _create_file(database)
    connection = StoreConnection(lambda: connect(database))
    await connection
    try:
        await connection.run(_prepare, database)
    except BaseException:
        with CancelScope(shield=True):
            await connection.close()
        raise
    return SqliteStore(connection, database, reserve)


def _create_file(database: Path) -> None:
    """Make the file ourselves: its mode is the one that SQLite gives to its companions."""
    try:
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    sync_directory(database.parent)


def _refuse_foreign_file(database: Path) -> None:
    """Look at the header before SQLite does, which would begin to recover somebody else's file."""
    try:
        with database.open("rb") as file:
            header = file.read(_HEADER_SIZE)
    except FileNotFoundError:
        header = b""
    if not header:
        _refuse_lone_log(database)
        return
    if len(header) < _HEADER_SIZE or not header.startswith(_HEADER_MAGIC):
        raise StoreUnusable(f"{database} is not a database; {_ELSEWHERE}")
    (application_id,) = unpack_from(">I", header, _HEADER_APPLICATION_ID_AT)
    if application_id != APPLICATION_ID:
        raise StoreUnusable(f"{database} is a database of another program; {_ELSEWHERE}")


def _refuse_lone_log(database: Path) -> None:
    """SQLite would delete the log of an empty database."""
    wal = wal_of(database)
    if wal.exists() and wal.stat().st_size > 0:
        raise StoreUnusable(
            f"{database} is empty or gone and its log {wal.name} is there: put the database back "
            "beside it or restore a backup; nothing was changed"
        )


_ELSEWHERE: Final = "restore a backup if it should be ours, or name another data directory"


def _prepare(connection: sqlite3.Connection, database: Path) -> None:
    if database.stat().st_size == 0:
        # Before the log is used, so that it is in the file itself from the first moment.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _set(connection, "journal_mode", "WAL", expected="wal")
    # Every commit is synced. NORMAL would lose acknowledged jobs in a power cut.
    _set(connection, "synchronous", "FULL", expected=2)
    # The store says when: a checkpoint inside a commit would make its clients wait.
    _set(connection, "wal_autocheckpoint", "0", expected=0)
    _set(connection, "journal_size_limit", str(WAL_KEPT_BYTES), expected=WAL_KEPT_BYTES)
    _set(connection, "cache_size", str(-CACHE_KIB), expected=-CACHE_KIB)
    # An I/O error in mapped memory is a signal that ends the process.
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    # Some distributions build SQLite to overwrite what is deleted, which doubles the writing.
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    # Only macOS knows these; there a sync is none without them.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    migrate(connection, database, read_migrations())
    _check_quickly(connection, database)


def _set(connection: sqlite3.Connection, pragma: str, value: str, *, expected: object) -> None:
    """Set a pragma and read it back: SQLite says nothing when it does not obey."""
    connection.execute(f"PRAGMA {pragma} = {value}").fetchall()
    (actual,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    if actual != expected:
        raise StoreUnusable(
            f"SQLite {sqlite3.sqlite_version} keeps {pragma} at {actual!r} and {expected!r} is "
            "needed; its build or the file system does not allow it"
        )


def _check_quickly(connection: sqlite3.Connection, database: Path) -> None:
    if database.stat().st_size > QUICK_CHECK_BYTES_MAX:
        return
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreUnusable(
            f"{database} is damaged ({found}); keep a copy of the whole directory and restore a "
            "backup"
        )
