"""From what SQLite says to what the port says. Nothing above names `sqlite3`."""

import errno
import sqlite3
from pathlib import Path
from typing import Final

from penstock.jobs.store.port import StoreFailed, StoreFull, StoreUnusable

_PRIMARY_CODE_MASK: Final = 0xFF  # The rest of a result code says more exactly what failed.


def has_no_room(error: sqlite3.Error) -> bool:
    """Say whether there was no room. Then no commit record was written: it comes last."""
    return primary_code(error) == sqlite3.SQLITE_FULL


def finds_no_room(error: sqlite3.Error | OSError) -> bool:
    """Say whether a database could not be opened for want of room."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    # The shared memory beside the database is a file too.
    return has_no_room(error) or (
        getattr(error, "sqlite_errorname", None) == "SQLITE_IOERR_SHMSIZE"
    )


def primary_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY_CODE_MASK


def commit_error(error: sqlite3.Error, database: Path) -> StoreFailed:
    """Return what a transaction that failed in the middle means to its caller."""
    return StoreFailed(
        f"writing {database} failed ({_described(error)}): it is not known what of this batch is "
        "stored; see to the disk and start again, the start finds out"
    )


def no_room(database: Path, reserve_bytes: int) -> StoreFull:
    return StoreFull(
        f"no room for {database}: nothing of this batch was stored; free space on its disk, "
        f"{reserve_bytes >> 20} MiB at the least, and the server goes on by itself"
    )


def opening_error(error: sqlite3.Error | OSError, database: Path) -> StoreUnusable:
    """Return why a database cannot be opened, and what would help."""
    if finds_no_room(error):
        return StoreUnusable(
            f"{database} cannot be opened: there is no room on its disk; free some"
        )
    if isinstance(error, OSError):
        return StoreUnusable(f"{database} cannot be opened: {error.strerror or error}")
    match primary_code(error):
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            help_text = "it or its directory cannot be written; see to their owner and mode"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            help_text = "another program holds it locked; end that program"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            help_text = "it is damaged; keep a copy of all its files and restore a backup"
        case _:
            help_text = "see to its disk"
    return StoreUnusable(f"{database} cannot be used: {help_text} ({_described(error)})")


def _described(error: sqlite3.Error) -> str:
    return f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"
