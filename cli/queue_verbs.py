"""`penstock queue show|set|pause|resume|purge|delete`: one queue, and what is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from penstock.cli.asking import confirm
from penstock.cli.connection import open_client
from penstock.cli.exits import mistake
from penstock.cli.help import HelpfulCommand, HelpfulGroup
from penstock.cli.options import (
    Json,
    QueueName,
    Server,
    Yes,
    read_durations,
    read_option,
    read_queue,
    require_utf8,
)
from penstock.cli.output import counted, note, on_terminal, write_json, write_line
from penstock.cli.showing import write_queue
from penstock.config.kinds import Choice, WholeNumber

if TYPE_CHECKING:
    from penstock.client import QueueSettings

_DEFAULT: Final = "default"
_WEIGHT: Final = "weights."

queue_app: Final = typer.Typer(
    name="queue",
    cls=HelpfulGroup,
    help="Look at one queue, or do something about it: show, set, pause, resume, purge, delete.",
)

Settings = Annotated[
    list[str],
    typer.Argument(
        metavar="SETTING=VALUE",
        help="Settings by the names of the settings file, such as length_max=10000 or"
        " weights.acme=3; times may be 500ms, 10s, 5m, sizes 64MiB; default takes one back.",
    ),
]


def show(queue: QueueName, server: Server = None, as_json: Json = False) -> None:
    """Show a queue: its jobs by state, what was counted, what is set."""
    with open_client(server) as client:
        write_queue(client.queue(read_queue(queue)), as_json=as_json)


def set_(queue: QueueName, settings: Settings, server: Server = None) -> None:
    """Set how a queue orders, limits and keeps its jobs: all that is given, or nothing."""
    name, given = read_queue(queue), _read_settings(settings)
    with open_client(server) as client:
        client.set_queue(name, **given)


def pause(queue: QueueName, server: Server = None) -> None:
    """Let no job of a queue begin until it is resumed; those that run go on."""
    name = read_queue(queue)
    with open_client(server) as client:
        client.pause(name)
    if on_terminal():
        note(f"queue {name} is paused; penstock queue resume {name} lets it go on")


def resume(queue: QueueName, server: Server = None) -> None:
    """Let the jobs of a paused queue begin again."""
    name = read_queue(queue)
    with open_client(server) as client:
        client.resume(name)


def purge(queue: QueueName, yes: Yes = False, server: Server = None, as_json: Json = False) -> None:
    """Remove all jobs that wait in a queue for good, and print how many that were."""
    name = read_queue(queue)
    with open_client(server) as client:
        waiting = client.queue(name).waiting
        what = f"the {counted(waiting, 'waiting job')} of queue {name}"
        confirm(f"remove {what} for good?", yes=yes)
        count = client.purge(name)
    if as_json:
        write_json({"purged": count})
    else:
        write_line(str(count))


def delete(
    queue: QueueName,
    force: Annotated[
        bool, typer.Option("--force", help="Remove the jobs that wait in it, too.")
    ] = False,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Forget a queue, its settings and its finished jobs."""
    name = read_queue(queue)
    with open_client(server) as client:
        found = client.queue(name)
        lost = found.completed + found.dead + found.cancelled + found.expired
        what = f"queue {name}, its settings and its {counted(lost, 'finished job')}"
        if force:
            what += f", and the {found.waiting} that wait"
        # Nobody need be asked about what the server will refuse.
        confirm(f"delete {what} for good?", yes=yes or (found.waiting > 0 and not force))
        client.delete_queue(name, force=force)


for _name, _verb in (
    ("show", show),
    ("set", set_),
    ("pause", pause),
    ("resume", resume),
    ("purge", purge),
    ("delete", delete),
):
    queue_app.command(_name, cls=HelpfulCommand)(_verb)


def _read_settings(pairs: list[str]) -> QueueSettings:
    from penstock.protocol.queue_settings import QUEUE_SETTINGS

    given: dict[str, Any] = {}
    weights: dict[str, int | None] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name if name.startswith(_WEIGHT) else name.replace("-", "_").lower()
        if not equals:
            raise mistake(f"{pair} is no setting; write SETTING=VALUE, such as length_max=10000")
        if name.startswith(_WEIGHT):
            tenant = name.removeprefix(_WEIGHT)
            read_option(name, require_utf8, tenant)
            weights[tenant] = _read("weights", name, text)
        elif name not in QUEUE_SETTINGS or name == "weights":
            known = ", ".join(each for each in QUEUE_SETTINGS if each != "weights")
            raise mistake(f"{name} is no setting of a queue; there are {known}, weights.TENANT")
        elif name in given:
            raise mistake(f"{name} is given twice")
        else:
            given[name] = _read(name, name, text)
    if weights:
        given["weights"] = weights
    return cast("QueueSettings", given)


def _read(setting: str, name: str, text: str) -> Any:
    """Read a value by the kind of its setting; None goes back to the default."""
    from penstock.protocol.grammar import Kind
    from penstock.protocol.queue_settings import QUEUE_SETTINGS

    if text == _DEFAULT:
        return None
    option = QUEUE_SETTINGS[setting]
    if option.kind is Kind.NUMBERS:
        return read_option(name, read_durations, text)
    if option.kind is Kind.WORD:
        words = Choice(option.words)
        return read_option(name, lambda given: words.read(given, typed=False), text)
    unit = "milliseconds" if setting.endswith("_ms") else "bytes" if "bytes" in setting else ""
    number = WholeNumber(unit, option.minimum, option.maximum)
    return read_option(name, lambda given: number.read(given, typed=False), text)
