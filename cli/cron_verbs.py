"""`penstock cron list|show|set|delete|next`: jobs that come by the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from penstock.cli.asking import confirm
from penstock.cli.calling import read_payload
from penstock.cli.connection import open_client
from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.flags import flattened, group_of
from penstock.cli.help import HelpfulCommand, HelpfulGroup
from penstock.cli.options import (
    Json,
    Payload,
    Server,
    SubmitFlags,
    Task,
    Yes,
    read_option,
    read_task,
    require_utf8,
    whole,
)
from penstock.cli.output import (
    note,
    on_terminal,
    printable,
    show_duration,
    show_moment,
    write_json,
    write_line,
    write_table,
)
from penstock.config.durations import parse_duration_ms
from penstock.config.kinds import Choice
from penstock.config.limits import CRON_NEXT_DEFAULT, CRON_NEXT_MAX

if TYPE_CHECKING:
    from penstock.client import ScheduleInfo, Timing

# What makes sense of one submission only, and what the expression says.
_JOB_FLAGS: Final = group_of(SubmitFlags, without=("key", "window", "replace", "delay", "at"))
_MISSED: Final = Choice(("skip", "once", "all"))
_OVERLAP: Final = Choice(("allow", "skip", "wait"))
_MISSED_MAX: Final = whole("runs", 1, 2**63 - 1)
_SHOWN: Final = whole("runs", 1, CRON_NEXT_MAX)

_FACTS: Final = (
    "name",
    "expression",
    "tz",
    "task",
    "next_at",
    "last_at",
    "last_job",
    "runs",
    "skipped",
    "last_error",
)
_TIMES: Final = frozenset({"next_at", "last_at"})
# On a terminal only where a schedule has some; a zone where it is another than this.
_SELDOM: Final = frozenset({"tz", "skipped", "last_error"})
_ZONE: Final = "UTC"

cron_app: Final = typer.Typer(
    name="cron",
    cls=HelpfulGroup,
    help="Look after what is submitted by the clock: list, show, set, delete, next.",
)


@dataclass(frozen=True, slots=True)
class TimingFlags:
    """How a schedule keeps time, as the command line says it."""

    tz: Annotated[
        str | None, typer.Option(metavar="ZONE", help=f"Such as Europe/Berlin. (default: {_ZONE})")
    ] = None
    missed: Annotated[
        str | None,
        typer.Option(
            metavar="skip|once|all",
            help="What becomes of runs that were missed while the server was away. (default: once)",
        ),
    ] = None
    missed_max: Annotated[
        str | None, typer.Option(metavar="N", help="With --missed all: at most so many.")
    ] = None
    jitter: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Delay each run at random by up to so much."),
    ] = None
    overlap: Annotated[
        str | None,
        typer.Option(
            metavar="allow|skip|wait",
            help="What becomes of a run that comes before the job of the last one has finished."
            " (default: allow)",
        ),
    ] = None

    def for_client(self) -> Timing:
        """Return what was given, as the client takes it.

        Raises:
            CommandFailed: an option cannot be understood.
        """
        given = {
            "tz": read_option("--tz", require_utf8, self.tz),
            "missed": read_option("--missed", _word_of(_MISSED), self.missed),
            "missed_max": read_option("--missed-max", _MISSED_MAX, self.missed_max),
            "jitter_ms": read_option("--jitter", parse_duration_ms, self.jitter),
            "overlap": read_option("--overlap", _word_of(_OVERLAP), self.overlap),
        }
        return cast("Timing", {key: value for key, value in given.items() if value is not None})


ScheduleName = Annotated[str, typer.Argument(metavar="NAME", help="The schedule.")]


def list_(server: Server = None, as_json: Json = False) -> None:
    """List the schedules with when each runs next, and when it did last."""
    with open_client(server) as client:
        found = client.schedules()
    if as_json:
        write_json([_document(schedule) for schedule in found])
    elif not on_terminal():
        write_table(_FACTS, [[_text(getattr(each, name)) for name in _FACTS] for each in found])
    elif found:
        _write_terminal(found)
    else:
        note("there are none")


def show(name: ScheduleName, server: Server = None, as_json: Json = False) -> None:
    """Show a schedule: when it runs, what it submits, what becomes of runs that were missed."""
    with open_client(server) as client:
        schedule = client.schedule(_read_name(name))
    if as_json:
        write_json(_document(schedule))
        return
    rows = [
        ("expression", schedule.expression),
        ("tz", schedule.tz),
        ("task", schedule.task),
        ("payload", printable(schedule.payload or "")),
        ("options", "\n".join(f"{n}={printable(str(v))}" for n, v in schedule.options.items())),
        ("missed", _missed(schedule)),
        ("jitter", show_duration(schedule.jitter_ms) if schedule.jitter_ms else ""),
        ("overlap", schedule.overlap),
        ("next", _second(schedule.next_at)),
        ("last", _second(schedule.last_at)),
        ("last job", _text(schedule.last_job)),
        ("runs", str(schedule.runs)),
        ("skipped", str(schedule.skipped)),
        ("last error", printable(schedule.last_error or "")),
    ]
    if on_terminal():
        rows = [(fact, text) for fact, text in rows if text]
    write_table(["", f"schedule {schedule.name}"], rows)


@flattened
def set_(
    name: ScheduleName,
    expression: Annotated[
        str,
        typer.Argument(
            metavar="EXPRESSION",
            help="When: '*/5 * * * *' (minute, hour, day, month, weekday; six fields begin with"
            " the second), or @hourly, @daily, @weekly, @monthly, @yearly.",
        ),
    ],
    task: Task,
    timing: Annotated[TimingFlags, group_of(TimingFlags)],
    flags: Annotated[SubmitFlags, _JOB_FLAGS],
    payload: Payload = None,
    server: Server = None,
) -> None:
    """Submit a job whenever a cron expression says so, each run once, whatever dies."""
    schedule, when = _read_name(name), read_option("EXPRESSION", require_utf8, expression)
    assert when is not None
    named, options, times = read_task(task), flags.for_client(), timing.for_client()
    content = read_payload(payload)
    with open_client(server) as client:
        client.options(**options).set_schedule(schedule, when, named, payload=content, **times)
        if on_terminal():
            _tell_next(client.next_runs(schedule, 1))


def delete(
    name: ScheduleName,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Remove a schedule; jobs that it submitted go on."""
    named = _read_name(name)
    with open_client(server) as client:
        found = client.schedule(named)
        confirm(f"delete schedule {named} ({found.expression}: {found.task})?", yes=yes)
        if not client.delete_schedule(named):
            raise CommandFailed(Exit.REFUSED, f"NOSCHEDULE there is no schedule {named} any more")


def next_(
    name: ScheduleName,
    count: Annotated[
        str | None,
        typer.Option(metavar="N", help=f"How many. (default: {CRON_NEXT_DEFAULT})"),
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Print when a schedule runs next, without the jitter; unix milliseconds on a pipe."""
    wanted = read_option("--count", _SHOWN, count)
    with open_client(server) as client:
        found = client.next_runs(_read_name(name), wanted or CRON_NEXT_DEFAULT)
    if as_json:
        write_json(list(found))
        return
    now = datetime.now(UTC)
    for unix_ms in found:
        write_line(f"{_second(unix_ms)}  {_ahead(unix_ms, now)}" if on_terminal() else str(unix_ms))


for _name, _verb in (
    ("list", list_),
    ("show", show),
    ("set", set_),
    ("delete", delete),
    ("next", next_),
):
    cron_app.command(_name, cls=HelpfulCommand)(_verb)


def _word_of(choice: Choice) -> Callable[[str], str]:
    return lambda text: choice.read(text, typed=False)


def _read_name(text: str) -> str:
    name = read_option("NAME", require_utf8, text)
    assert name is not None
    return name


def _document(schedule: ScheduleInfo) -> dict[str, Any]:
    from msgspec import to_builtins

    document: dict[str, Any] = to_builtins(schedule)
    return document


def _write_terminal(found: Sequence[ScheduleInfo]) -> None:
    facts = [
        name
        for name in _FACTS
        if name not in _SELDOM or any(getattr(each, name) not in (None, 0, _ZONE) for each in found)
    ]
    now = datetime.now(UTC)
    rows = [[_brief(schedule, name, now) for name in facts] for schedule in found]
    heads = [name.removesuffix("_at").replace("_", " ") for name in facts]
    write_table(heads, rows, whole=[head for head in heads if head != "last error"])


def _brief(schedule: ScheduleInfo, name: str, now: datetime) -> str:
    value = getattr(schedule, name)
    if name == "next_at" and value is not None:
        return f"{show_moment(value, now)}, {_ahead(value, now)}"
    return show_moment(value, now) if name in _TIMES else _text(value)


def _missed(schedule: ScheduleInfo) -> str:
    if schedule.missed == "all" and schedule.missed_max is not None:
        return f"all, at most {schedule.missed_max}"
    return schedule.missed


def _tell_next(found: Sequence[int]) -> None:
    for unix_ms in found:
        note(f"it runs next at {_second(unix_ms)}, {_ahead(unix_ms, datetime.now(UTC))}")


def _second(unix_ms: int | None) -> str:
    """Write when a run is, in the zone of the person who reads it: runs are at whole seconds."""
    if unix_ms is None:
        return ""
    local = datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone()
    return local.isoformat(sep=" ", timespec="seconds")


def _ahead(unix_ms: int, now: datetime) -> str:
    left_ms = unix_ms - round(now.timestamp() * 1000)
    return f"in {show_duration(left_ms)}" if left_ms > 0 else "now"


def _text(value: object) -> str:
    return "" if value is None else printable(str(value))
