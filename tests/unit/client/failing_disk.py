"""A disk that fails while a transaction of an outbox is committed."""

import sqlite3

import pytest

from penstock.client.outbox_file import OutboxFile


class FailingConnection:
    """A connection whose commits fail as they do when the disk's sync fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        if statement != "COMMIT":
            return self._connection.execute(statement, *values)  # type: ignore[arg-type]
        self._connection.execute("ROLLBACK")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error


def fail_at_commit(file: OutboxFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all further commits of an outbox fail."""
    monkeypatch.setattr(file, "_writer", FailingConnection(file._writer))
