"""Statements that move many rows at one step, whatever their number.

Python's sqlite3 lets go of the interpreter lock at each step and on a busy event loop gets it
back late, so the fewer steps the better; but SQLite prepares a statement for a fixed number of
rows. So there is a statement for each power of two, and a batch is a sum of them.
"""

import re
import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final, TypeAlias

Value: TypeAlias = int | str | bytes | None
Row: TypeAlias = tuple[Value, ...]

_ROW: Final = re.compile(r"\(\?(?:, \?)*\)")
# Measured: from 64 rows a statement on, a row costs no less. Half of SQLite's 32,766 parameters.
_ROWS_MAX: Final = 256


class ManyRows:
    """A statement of queries.sql that holds one row of parameters, `(?, ?, …)`, in its VALUES."""

    def __init__(self, sql: str) -> None:
        rows = _ROW.findall(sql)
        assert len(rows) == 1, "one row of parameters stands for all"
        self._columns = rows[0].count("?")
        self._statements = {
            count: sql.replace(rows[0], ", ".join(rows * count)) for count in _powers_of_two()
        }

    def execute(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Execute the statement for all rows; return how many rows of the table it changed."""
        changed = 0
        start = 0
        while start < len(rows):
            count = min(_ROWS_MAX, 1 << ((len(rows) - start).bit_length() - 1))
            parameters = list(chain.from_iterable(rows[start : start + count]))
            assert len(parameters) == count * self._columns
            changed += connection.execute(self._statements[count], parameters).rowcount
            start += count
        return changed


def _powers_of_two() -> list[int]:
    return [1 << power for power in range(_ROWS_MAX.bit_length())]
