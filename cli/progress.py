"""How far the sending of a file has come, shown to a person and to nobody else."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penstock.cli.output import on_terminal, write_line

if TYPE_CHECKING:
    from rich.progress import Progress


class Silence:
    """Shows nothing but the lines of the result: nobody is looking."""

    def read(self, bytes_read: int) -> None:
        """Take note that so much of the input was read."""

    def stored(self, count: int) -> None:
        """Take note that so many more of what was sent are on disk."""

    def write_lines(self, lines: list[str]) -> None:
        """Write lines of the result, all at once."""
        write_line("\n".join(lines))


class Bar(Silence):
    """A bar of the bytes read, with how many jobs or events are on disk beside it."""

    def __init__(self, shown: Progress, bytes_total: int | None) -> None:
        self._shown = shown
        self._task = shown.add_task("", total=bytes_total, count="0")
        self._count = 0

    def read(self, bytes_read: int) -> None:
        self._shown.advance(self._task, bytes_read)

    def stored(self, count: int) -> None:
        self._count += count
        self._shown.update(self._task, count=f"{self._count:,}")

    def write_lines(self, lines: list[str]) -> None:
        if on_terminal():
            # On the terminal of the bar, lines are written above it.
            self._shown.console.out(*lines, sep="\n", highlight=False)
        else:
            super().write_lines(lines)


@contextmanager
def progress(descriptor: int, noun: str) -> Iterator[Silence]:
    """Show a bar while the block reads *descriptor*, if standard error is a terminal.

    *noun* is what becomes of the lines: jobs, or events.
    """
    if not sys.stderr.isatty():
        yield Silence()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    counter = TextColumn(f"{{task.fields[count]}} {noun}")
    columns = (BarColumn(), counter, TimeElapsedColumn())
    console = Console(stderr=not on_terminal())
    with Progress(*columns, console=console, transient=True) as shown:
        yield Bar(shown, _length(descriptor))


def _length(descriptor: int) -> int | None:
    """Return the bytes of a file; a pipe's are not known, and its bar only moves to and fro."""
    status = os.fstat(descriptor)
    return status.st_size if stat.S_ISREG(status.st_mode) else None
