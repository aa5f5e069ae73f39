"""Databases that fail when they are told to."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct


class Fault(Struct):
    """Fail a statement the next `times` times, after doing it or instead of it."""

    statement: str  # How it begins.
    name: str  # Of the result code.
    times: int = 1
    done: bool = False


class Faults:
    """Opens databases; what is in `planned` fails."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []

    def plan(self, statement: str, name: str, *, times: int = 1, done: bool = False) -> None:
        self.planned.append(Fault(statement, name, times, done))

    def connect(self, database: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            database, timeout=0, isolation_level=None, factory=_FaultyConnection
        )
        assert isinstance(connection, _FaultyConnection)
        connection.find = self._find
        return connection

    def _find(self, sql: str) -> Fault | None:
        for fault in self.planned:
            if fault.times > 0 and sql.startswith(fault.statement):
                fault.times -= 1
                return fault
        return None


class _FaultyConnection(sqlite3.Connection):
    find: Callable[[str], Fault | None]

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        fault = self.find(sql)
        if fault is None:
            return super().execute(sql, *parameters)
        if fault.done:
            super().execute(sql, *parameters).fetchall()
        error = sqlite3.OperationalError(f"{fault.name} was planned")
        error.sqlite_errorname = fault.name
        error.sqlite_errorcode = getattr(sqlite3, fault.name)
        raise error
