"""`penstock triggers list|show|set|delete`: what events set off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from penstock.cli.asking import confirm
from penstock.cli.calling import read_bytes
from penstock.cli.connection import open_client
from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.flags import flattened, group_of
from penstock.cli.following import Match
from penstock.cli.help import HelpfulCommand, HelpfulGroup
from penstock.cli.options import (
    WHEN,
    Json,
    Server,
    SubmitFlags,
    Task,
    Yes,
    read_option,
    read_pairs,
    read_task,
    require_utf8,
)
from penstock.cli.output import (
    note,
    on_terminal,
    printable,
    show_time,
    write_json,
    write_table,
)
from penstock.cli.places import StreamName, read_place, read_stream

if TYPE_CHECKING:
    from penstock.client import TriggerInfo

# What makes sense of one submission only.
_JOB_FLAGS: Final = group_of(SubmitFlags, without=("key", "window", "replace"))

_FACTS: Final = ("name", "stream", "task", "fired", "skipped", "refused", "loops", "lag", "cursor")
# On a terminal only where a trigger has some.
_SELDOM: Final = frozenset({"refused", "loops"})

triggers_app: Final = typer.Typer(
    name="triggers",
    cls=HelpfulGroup,
    help="Look after what events set off: list, show, set, delete.",
)

TriggerName = Annotated[str, typer.Argument(metavar="NAME", help="The trigger.")]
Template = Annotated[
    str | None,
    typer.Argument(
        metavar="PAYLOAD",
        help="What the task gets, with the event's fields in it: ${field} stands for a field as a"
        " JSON string, ${field:json} for JSON that it holds, ${@id}, ${@stream} and ${@fields}"
        " for these. - reads standard input. (default: one argument, an object of stream, id and"
        " fields)",
        show_default=False,
    ),
]


def list_(server: Server = None, as_json: Json = False) -> None:
    """List the triggers with how far each has come."""
    with open_client(server) as client:
        found = client.triggers()
    if as_json:
        write_json([_document(trigger) for trigger in found])
    elif not on_terminal():
        write_table(_FACTS, [[_text(getattr(each, name)) for name in _FACTS] for each in found])
    elif found:
        _write_terminal(found)
    else:
        note("there are none")


def show(name: TriggerName, server: Server = None, as_json: Json = False) -> None:
    """Show a trigger: what it waits for, what it submits, how far it has come, why it waits."""
    with open_client(server) as client:
        trigger = client.trigger(_read_name(name))
    if as_json:
        write_json(_document(trigger))
        return
    rows = [
        ("stream", printable(trigger.stream)),
        ("match", _show_pairs(trigger.match)),
        ("task", trigger.task),
        ("payload", printable(trigger.payload or "")),
        ("options", _show_pairs(trigger.options)),
        *((fact, _text(getattr(trigger, fact))) for fact in _FACTS[3:]),
        ("waiting since", show_time(trigger.waiting_since)),
        ("reason", printable(trigger.reason or "")),
        ("last error", printable(trigger.last_error or "")),
    ]
    if on_terminal():
        rows = [(fact, text) for fact, text in rows if text]
    write_table(["", f"trigger {trigger.name}"], rows)


@flattened
def set_(
    name: TriggerName,
    stream: StreamName,
    task: Task,
    flags: Annotated[SubmitFlags, _JOB_FLAGS],
    payload: Template = None,
    match: Match = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="Where to begin: cursor, where a trigger of this name stands, now, start, an id,"
            f" behind which it begins, or {WHEN}. (default: cursor; now if there was none)",
        ),
    ] = None,
    server: Server = None,
) -> None:
    """Let each event of a stream that matches submit a job, once, whatever dies.

    --group and --tenant are templates, too: ${field} stands for the text of a field.
    """
    place = read_option("--from", read_place, from_)
    trigger, events, named = _read_name(name), read_stream(stream), read_task(task)
    patterns, options = read_pairs(match, "FIELD=PATTERN"), flags.for_client()
    template = None if payload is None else read_bytes(payload)
    with open_client(server) as client:
        client.options(**options).set_trigger(
            trigger,
            events,
            named,
            match=patterns or None,
            from_="cursor" if place is None else place,
            payload=template,
        )


def delete(
    name: TriggerName,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Keep its cursor: a trigger of this name that is set later goes on."
        ),
    ] = False,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Remove a trigger; jobs that it submitted go on."""
    named = _read_name(name)
    with open_client(server) as client:
        found = client.trigger(named)
        lost = "" if keep else " and forget how far it came"
        confirm(f"delete trigger {named} of stream {found.stream}{lost}?", yes=yes)
        if not client.delete_trigger(named, keep=keep):
            raise CommandFailed(Exit.REFUSED, f"NOTRIGGER there is no trigger {named} any more")


for _name, _verb in (("list", list_), ("show", show), ("set", set_), ("delete", delete)):
    triggers_app.command(_name, cls=HelpfulCommand)(_verb)


def _read_name(text: str) -> str:
    name = read_option("NAME", require_utf8, text)
    assert name is not None
    return name


def _document(trigger: TriggerInfo) -> dict[str, Any]:
    from msgspec import to_builtins

    document: dict[str, Any] = to_builtins(trigger)
    return document


def _write_terminal(found: Sequence[TriggerInfo]) -> None:
    facts = [
        name
        for name in _FACTS[:-1]
        if name not in _SELDOM or any(getattr(trigger, name) for trigger in found)
    ]
    rows = [
        [*(_text(getattr(trigger, name)) for name in facts), _show_pairs(trigger.match, " ")]
        for trigger in found
    ]
    heads = [*facts, "match"]
    if any(trigger.reason for trigger in found):
        heads.append("waits for")
        for row, trigger in zip(rows, found, strict=True):
            row.append(printable(trigger.reason or ""))
    write_table(heads, rows, whole=facts)


def _show_pairs(pairs: Any, between: str = "\n") -> str:
    return between.join(f"{printable(str(n))}={printable(str(v))}" for n, v in pairs.items())


def _text(value: object) -> str:
    return "" if value is None else printable(str(value))
