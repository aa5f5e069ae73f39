"""The `penstock` command: its verbs, and the one place where errors become sentences and codes."""

import sys
from collections.abc import Sequence
from typing import Annotated, Final, Protocol, cast

import typer

from penstock.cli import calling, configuring, deciding, listing, serving, showing
from penstock.cli.cron_verbs import cron_app
from penstock.cli.event_verbs import events_app
from penstock.cli.exits import MEANINGS, CommandFailed, Exit
from penstock.cli.failures import explain
from penstock.cli.help import (
    EVENTS,
    JOBS,
    OTHERS,
    QUEUES,
    SERVERS,
    HelpfulCommand,
    HelpfulGroup,
)
from penstock.cli.output import leave_stderr, note, printable, write_line
from penstock.cli.queue_verbs import queue_app
from penstock.cli.trigger_verbs import triggers_app
from penstock.cli.version import version, write_version

# Click's UsageError, which older versions of typer take from click and newer ones bring along.
_UsageError: Final[type[Exception]] = typer.BadParameter.__mro__[1]

_EPILOG: Final = "Exit codes: " + " · ".join(
    f"{code.value} {meaning.removesuffix('.')}" for code, meaning in MEANINGS.items()
)

app: Final = typer.Typer(
    name="penstock",
    cls=HelpfulGroup,
    help="Penstock, a durable job server: jobs come in over TCP, are on disk before they are"
    " acknowledged, run by priority, and are answered in order; events beside them, for all who"
    " follow.",
    epilog=_EPILOG,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

for _verb, _panel in (
    (serving.serve, SERVERS),
    (serving.worker, SERVERS),
    (calling.submit, JOBS),
    (calling.call, JOBS),
    (calling.wait, JOBS),
    (showing.show, JOBS),
    (listing.jobs, JOBS),
    (deciding.cancel, JOBS),
    (deciding.redrive, JOBS),
    (deciding.discard, JOBS),
    (showing.queues, QUEUES),
    (listing.dead, QUEUES),
    (listing.peek, QUEUES),
    (configuring.config, OTHERS),
    (version, OTHERS),
):
    app.command(rich_help_panel=_panel, cls=HelpfulCommand)(_verb)
for _group, _panel in (
    (queue_app, QUEUES),
    (events_app, EVENTS),
    (triggers_app, EVENTS),
    (cron_app, EVENTS),
):
    app.add_typer(_group, rich_help_panel=_panel)


@app.callback(invoke_without_command=True)
def penstock(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version, and no more.")
    ] = False,
) -> None:
    if show_version:
        write_version()
        raise typer.Exit
    if context.invoked_subcommand is None:
        write_line(context.get_help())
        raise typer.Exit(Exit.USAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no traceback leaves here for a known error."""
    code = _run(arguments)
    leave_stderr()
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = app(args=arguments, prog_name="penstock", standalone_mode=False)
    except _UsageError as error:
        sys.stderr.write(_complaint(cast(_Complaining, error)))
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except SystemExit:
        # Typer and rich leave this way when nobody reads the help that they print.
        return Exit.OUTPUT_CLOSED
    except CommandFailed as failed:
        failure = failed
    except Exception as error:
        # The one supervised place: what is not known here is our bug, and goes on as one.
        known = explain(error)
        if known is None:
            raise
        failure = known
    else:
        return code if isinstance(code, int) else Exit.OK
    if str(failure):
        note(str(failure))
    return failure.code


class _Complaining(Protocol):
    """What this module uses of click's UsageError."""

    ctx: typer.Context | None

    def format_message(self) -> str: ...


def _complaint(error: _Complaining) -> str:
    command = "penstock" if error.ctx is None else error.ctx.command_path
    sentence = error.format_message().strip().removesuffix(".")
    return f"{command}: {printable(sentence)} (see {command} --help)\n"
