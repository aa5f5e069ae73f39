"""`penstock jobs`, `penstock dead` and `penstock peek`: many jobs, a line each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from penstock.cli.connection import open_client
from penstock.cli.filters import JOB_FLAGS, JobFlags
from penstock.cli.flags import flattened
from penstock.cli.options import Json, QueueName, Server, read_option, read_queue, whole
from penstock.cli.output import note, on_terminal, printable, show_moment, write_line, write_table
from penstock.config.limits import LIST_JOBS_MAX, PEEK_JOBS_DEFAULT

if TYPE_CHECKING:
    from penstock.client import JobSummary

# Of a list without --limit, as many as a person may want to see.
TERMINAL_JOBS_MAX: Final = 100
_WORDS_CHARACTERS_MAX: Final = 200  # Of an error or a reason in a table.

_COUNT: Final = whole("jobs", 1, 2**63 - 1)
_PEEKED: Final = whole("jobs", 1, LIST_JOBS_MAX)

# What there is on every line of a pipe, in this order.
FACTS: Final = (
    "id",
    "queue",
    "task",
    "state",
    "priority",
    "attempt",
    "failures",
    "releases",
    "tenant",
    "group",
    "key",
    "submitted_at",
    "due_at",
    "claimed_at",
    "finished_at",
    "reason",
    "error",
)
_TIMES: Final = frozenset(name for name in FACTS if name.endswith("_at"))
# On a terminal only where a job has one, and where there is room beside the rest.
_SELDOM: Final = ("tenant", "group")
_ALWAYS: Final = ("id", "queue", "task", "state")
_WIDE_CHARACTERS_MIN: Final = 100

Limit = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help=f"At most so many. (default: all; {TERMINAL_JOBS_MAX} on a terminal)",
    ),
]


@flattened
def jobs(
    filters: Annotated[JobFlags, JOB_FLAGS],
    limit: Limit = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List jobs, the oldest first: all of them, or those that the filters find."""
    given, count = filters.for_list(), read_option("--limit", _COUNT, limit)
    with open_client(server) as client:
        found = client.jobs(limit=_asked(count), **given)
        _write(found, count, _ALWAYS, as_json=as_json)


def dead(
    queue: QueueName,
    limit: Limit = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List the dead jobs of a queue with their last error; show, redrive or discard them next."""
    name, count = read_queue(queue), read_option("--limit", _COUNT, limit)
    with open_client(server) as client:
        found = client.jobs(limit=_asked(count), queue=name, state="dead")
        _write(found, count, ("id", "task", "failures", "finished_at"), as_json=as_json)


def peek(
    queue: QueueName,
    count: Annotated[
        str | None,
        typer.Option(metavar="N", help=f"How many. (default: {PEEK_JOBS_DEFAULT})"),
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Show the jobs of a queue that will run next, in their order."""
    name, wanted = read_queue(queue), read_option("--count", _PEEKED, count)
    with open_client(server) as client:
        found = client.peek(name, wanted or PEEK_JOBS_DEFAULT)
    _write(found, None, ("id", "task", "priority", "attempt", "submitted_at"), as_json=as_json)


def _asked(limit: int | None) -> int | None:
    """Return how many to ask for: on a terminal one more than are shown, to tell that it is."""
    return TERMINAL_JOBS_MAX + 1 if limit is None and on_terminal() else limit


def _write(
    found: Iterable[JobSummary], limit: int | None, columns: tuple[str, ...], *, as_json: bool
) -> None:
    """Write jobs as they come, or on a terminal as a table."""
    left = iter(found)
    if limit is None and on_terminal():
        shown = islice(left, TERMINAL_JOBS_MAX)
    else:
        shown = islice(left, limit)
    if as_json:
        for job in shown:
            write_line(json.dumps(_document(job), ensure_ascii=False))
    elif not on_terminal():
        for job in shown:
            write_table(FACTS, [[_show(job, name) for name in FACTS]])
    else:
        _write_terminal(list(shown), columns)
    if limit is None and on_terminal() and next(left, None) is not None:
        note(f"these are the first {TERMINAL_JOBS_MAX}; --limit N shows more")


def _write_terminal(jobs: list[JobSummary], columns: tuple[str, ...]) -> None:
    if not jobs:
        note("there are none")
        return
    if get_terminal_size().columns >= _WIDE_CHARACTERS_MIN:
        columns += tuple(n for n in _SELDOM if any(getattr(job, n) is not None for job in jobs))
    if "submitted_at" not in columns and "finished_at" not in columns:
        columns += ("submitted_at",)
    now = datetime.now(UTC)
    rows = [[*(_brief(job, name, now) for name in columns), _last_words(job)] for job in jobs]
    heads = [name.removesuffix("_at") for name in columns]
    if any(row[-1] for row in rows):
        write_table([*heads, "last words"], rows, whole=heads)
    else:
        write_table(heads, [row[:-1] for row in rows], whole=heads)


def _document(job: JobSummary) -> dict[str, Any]:
    return {name: getattr(job, name) for name in FACTS}


def _show(job: JobSummary, name: str) -> str:
    """Times stay unix milliseconds here: whoever reads a pipe is a program."""
    value = getattr(job, name)
    return "" if value is None else printable(str(value))


def _brief(job: JobSummary, name: str, now: datetime) -> str:
    value = getattr(job, name)
    return show_moment(value, now) if name in _TIMES else _show(job, name)


def _last_words(job: JobSummary) -> str:
    """Return why it is as it is: the reason that was given, or the last error."""
    words = printable(job.reason or job.error or "").partition("\n")[0]
    if len(words) <= _WORDS_CHARACTERS_MAX:
        return words
    return f"{words[:_WORDS_CHARACTERS_MAX]}..."
