"""Opening an outbox's file: what must be true before the first submission is written.

Refuse rather than repair: what is damaged, foreign or unknown is left as it is.
"""

import os
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Final

from penstock.client.errors import OutboxUnusable
from penstock.config import limits

APPLICATION_ID: Final = 0x50536F62  # "PSob"
SCHEMA_VERSION: Final = 1
# To what the log beside the file is cut when it grew beyond it.
_LOG_KEPT_BYTES: Final = 16 * limits.MIB
_PRIMARY_CODE_MASK: Final = 0xFF  # The rest of a result code says more exactly what failed.


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the connection that writes, making the file if there is none. Needs the write lock.

    Raises:
        OutboxUnusable: it says why, and what to do; nothing was changed.
    """
    try:
        is_new = _make_file(path)
    except OSError as error:
        raise OutboxUnusable(
            f"the outbox {path} cannot be opened: {error.strerror or error}; its directory must "
            "exist and be writable for this process"
        ) from error
    try:
        connection = _connect(path)
    except sqlite3.Error as error:
        raise unusable(error, path) from error
    try:
        if is_new:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        else:
            _refuse_foreign(connection, path)
            _check(connection, path)
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise unusable(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a connection for questions, which never wait for a write. Raises OutboxUnusable."""
    try:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise unusable(error, path) from error
    return connection


def unusable(error: sqlite3.Error, path: Path) -> OutboxUnusable:
    """Return what an error of SQLite's means, and what would help."""
    match primary_code(error):
        case _ if has_no_room(error):
            help_text = "there is no room on its disk; free some"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            help_text = "it or its directory cannot be written; see to their owner and mode"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            help_text = "another program holds it locked; end that program"
        case sqlite3.SQLITE_NOTADB:
            help_text = "it is no outbox; name another path"
        case sqlite3.SQLITE_CORRUPT:
            help_text = f"it is damaged; {_DAMAGED}"
        case _:
            help_text = "see to its disk, then open it again"
    return OutboxUnusable(f"the outbox {path} cannot be used: {help_text} ({described(error)})")


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its details."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY_CODE_MASK


def has_no_room(error: sqlite3.Error) -> bool:
    """Say whether there was no room; then nothing was written, as the commit record comes last."""
    # The shared memory beside the database is a file too.
    name = getattr(error, "sqlite_errorname", "")
    return primary_code(error) == sqlite3.SQLITE_FULL or name == "SQLITE_IOERR_SHMSIZE"


def described(error: sqlite3.Error) -> str:
    """Return SQLite's own words."""
    return f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"


_DAMAGED: Final = (
    "keep a copy, save what is in it with the .recover command of the sqlite3 program, and move "
    "it away to begin with an empty one"
)


def _connect(path: Path) -> sqlite3.Connection:
    # One thread at a time uses it, under a lock. Transactions are begun by statements of ours.
    return sqlite3.connect(
        path, timeout=limits.OUTBOX_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _make_file(path: Path) -> bool:
    """Make the file ourselves, for its mode; say whether it is empty."""
    log = path.with_name(f"{path.name}-wal")
    if path.exists() and path.stat().st_size > 0:
        return False
    if log.exists() and log.stat().st_size > 0:
        # SQLite would delete the log of an empty database.
        raise OutboxUnusable(
            f"the outbox {path} is empty or gone and its log {log.name} is there: put the file "
            "back beside it, or move the log away to begin with an empty outbox"
        )
    # What is in it may be nobody else's business.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return True


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise OutboxUnusable(
            f"{path} is a database of another program; name another path for the outbox"
        )
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise OutboxUnusable(
            f"the outbox {path} was written by a newer release (schema {version}, this one knows "
            f"{SCHEMA_VERSION}); install that release, or name another path"
        )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    _set(connection, path, "journal_mode", "WAL", expected="wal")
    # Every commit is synced: what submit() returned for survives a power cut, too.
    _set(connection, path, "synchronous", "FULL", expected=2)
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT_BYTES}").fetchall()
    # An I/O error in mapped memory is a signal that ends the process.
    connection.execute("PRAGMA mmap_size = 0").fetchall()
    connection.execute("PRAGMA trusted_schema = OFF")
    # Only macOS knows these; there a sync is none without them.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        schema = files("penstock.client").joinpath("outbox_schema.sql").read_text("utf-8")
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
        )


def _set(
    connection: sqlite3.Connection, path: Path, pragma: str, value: str, *, expected: object
) -> None:
    """Set a pragma and read it back: SQLite says nothing when it does not obey."""
    connection.execute(f"PRAGMA {pragma} = {value}").fetchall()
    (actual,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    if actual != expected:
        raise OutboxUnusable(
            f"the outbox {path} cannot be used: SQLite {sqlite3.sqlite_version} keeps {pragma} at "
            f"{actual!r} and {expected!r} is needed; put it on a local disk"
        )


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size > limits.OUTBOX_CHECK_BYTES_MAX:
        return
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        where = " ".join(found.split())
        raise OutboxUnusable(f"the outbox {path} is damaged ({where}); {_DAMAGED}")
