"""What commands write: plain lines for programs, tables for people, JSON where it is asked for."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from penstock.cli.exits import CommandFailed, Exit

WHOLE_CHARACTERS_MAX = 20  # Of a cell that is not cut: an id, a time, most names.
SHOWN_CHARACTERS_MAX = 400  # Of a payload or a result in a table; --json has all of it.


def on_terminal() -> bool:
    return sys.stdout.isatty()


def write(content: bytes) -> None:
    """Write to standard output, at once, so that whoever reads a pipe sees it."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _forget(sys.stdout)
        raise CommandFailed(Exit.OUTPUT_CLOSED) from None


def write_line(text: str) -> None:
    write(text.encode(errors="surrogateescape") + b"\n")


def write_json(value: object) -> None:
    """Write one JSON document; indented for a person, on one line for a program."""
    write_line(json.dumps(value, ensure_ascii=False, indent=2 if on_terminal() else None))


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], whole: Sequence[str] = ()
) -> None:
    """Write a table on a terminal, and lines of tab-separated values elsewhere.

    Cells of the columns *whole* are not broken into lines, nor are short ones cut. Those of other
    columns are never cut.
    """
    if not on_terminal():
        for row in rows:
            write_line(tabbed(row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows = list(rows)
    for place, column in enumerate(columns):
        is_whole = column in whole
        width = max((len(row[place]) for row in rows), default=0)
        least = min(max(width, len(column)), WHOLE_CHARACTERS_MAX) if is_whole else None
        table.add_column(
            column,
            no_wrap=is_whole,
            min_width=least,
            overflow="ellipsis" if is_whole else "fold",
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def tabbed(cells: Sequence[str]) -> str:
    """Put cells on one line, as programs split it."""
    return "\t".join(map(_one_line, cells))


def note(sentence: str) -> None:
    """Tell a person something beside the result; errors are told by `main`."""
    sys.stderr.write(f"penstock: {printable(sentence)}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """Escape what a terminal would obey: jobs may hold what a stranger sent."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


def show_time(unix_ms: int | None) -> str:
    """Write an instant in the zone of the person who reads it."""
    if unix_ms is None:
        return ""
    local = datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone()
    return local.isoformat(sep=" ", timespec="milliseconds")


def show_moment(unix_ms: int | None, now: datetime) -> str:
    """Write an instant for a table of many, as shortly as it is clear at *now*."""
    if unix_ms is None:
        return ""
    local, today = datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%m-%d %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d}"


def show_duration(ms: int) -> str:
    """Write how long something takes, in the unit that a person would choose."""
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)):
        if ms >= length:
            return f"{ms / length:.3g} {unit}"
    return f"{ms} ms"


def counted(count: int, noun: str) -> str:
    """Write so many of something."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def show_bytes(content: bytes | None) -> str:
    """Write a payload or a result for a person: text as it is, cut where it gets long."""
    if content is None:
        return ""
    head = content[: 4 * SHOWN_CHARACTERS_MAX]
    text = printable(head.decode(errors="backslashreplace"))
    if len(text) <= SHOWN_CHARACTERS_MAX and len(head) == len(content):
        return text
    return f"{text[:SHOWN_CHARACTERS_MAX]}... ({len(content)} bytes)"


def plain_bytes(name: str, content: bytes | None) -> dict[str, Any]:
    """Put bytes into JSON under the name that tells what they are.

    `name` holds the value itself where the bytes are JSON, `name_text` other text, and
    `name_base64` what is no text.
    """
    if content is None:
        return {name: None}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        import base64

        return {f"{name}_base64": base64.b64encode(content).decode()}
    try:
        return {name: json.loads(text, parse_constant=_refuse_constant)}
    except (ValueError, RecursionError):
        return {f"{name}_text": text}


def result_line(result: bytes) -> bytes:
    """End the line of a text; bytes that are no text stay what they are."""
    is_text = "result_base64" not in plain_bytes("result", result)
    return result + b"\n" if is_text and not result.endswith(b"\n") else result


def is_json(content: bytes) -> bool:
    return list(plain_bytes("value", content)) == ["value"]


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _one_line(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def leave_stderr() -> None:
    """See that lines which nobody reads any more do not change the exit code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _forget(sys.stderr)


def _forget(stream: TextIO) -> None:
    """Let the interpreter flush to nowhere at its exit, instead of complaining."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
