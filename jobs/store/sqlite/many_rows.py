"""Statements that move many rows at one step, whatever their number.

Python's sqlite3 lets go of the interpreter lock at each step and on a busy event loop gets it
back late, so the fewer steps the better; but SQLite prepares a statement for a fixed number of
rows. So there is a statement for each number up to sixteen and for each power of two beyond, and a
batch is a sum of a few.
"""

import re
import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final, TypeAlias

Value: TypeAlias = int | str | bytes | bytearray
Row: TypeAlias = tuple[Value, ...]

_ROW: Final = re.compile(r"\(\?(?:, \?)*\)")
# Measured: from 64 rows a statement on, a row costs no less. Half of SQLite's 32,766 parameters.
_ROWS_MAX: Final = 256
_EXACT_ROWS_MAX: Final = 16


class ManyRows:
    """A statement of queries.sql that holds one row of parameters, `(?, ?, …)`, in its VALUES."""

    def __init__(self, sql: str) -> None:
        rows = _ROW.findall(sql)
        assert len(rows) == 1, "one row of parameters stands for all"
        self._columns = rows[0].count("?")
        self._statements = {
            count: sql.replace(rows[0], ", ".join(rows * count)) for count in _counts()
        }

    def execute(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Execute the statement for all rows; return how many rows of the table it changed."""
        changed = 0
        start = 0
        while start < len(rows):
            count = _first_count(len(rows) - start)
            parameters = list(chain.from_iterable(rows[start : start + count]))
            assert len(parameters) == count * self._columns
            changed += connection.execute(self._statements[count], parameters).rowcount
            start += count
        return changed


def _counts() -> set[int]:
    return {_first_count(count) for count in range(1, _ROWS_MAX + 1)}


def _first_count(count: int) -> int:
    """Return the largest number of rows that has a statement and is not above *count*."""
    if count <= _EXACT_ROWS_MAX:
        return count
    power_of_two: int = 1 << (count.bit_length() - 1)
    return min(_ROWS_MAX, power_of_two)
