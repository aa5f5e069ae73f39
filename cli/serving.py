"""`penstock serve` and `penstock worker`: the two that stay."""

import os
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer

from penstock.cli.exits import mistake
from penstock.cli.flags import flattened, group_of
from penstock.cli.options import Server, choose_server, read_option, whole
from penstock.cli.settings_flags import SETTINGS_FLAGS
from penstock.config.keys import KEYS
from penstock.config.limits import CONCURRENCY_DEFAULT, WORKERS_MAX
from penstock.config.loading import LoadedSettings
from penstock.config.settings import Settings


@flattened
def serve(loaded: Annotated[LoadedSettings, SETTINGS_FLAGS]) -> None:
    """Run the server, and unless told otherwise its worker processes, until SIGTERM or Ctrl-C.

    When it is ready it says so in one line on standard output, with the addresses it got.
    """
    from penstock.server.app import run_server

    raise typer.Exit(run_server(loaded.settings))


@dataclass(frozen=True, slots=True)
class WorkerFlags:
    """What the worker processes do, as the command line says it."""

    app: Annotated[
        str | None,
        typer.Option(metavar="MODULE[:ATTR]", help="Where the tasks are. (env: PENSTOCK_APP)"),
    ] = None
    queues: Annotated[str, typer.Option(metavar="NAME,...", help="The queues to serve.")] = (
        "default"
    )
    processes: Annotated[
        str | None,
        typer.Option(metavar="N", help="Worker processes. (default: one for each CPU)"),
    ] = None
    concurrency: Annotated[str, typer.Option(metavar="N", help=KEYS["concurrency"].meaning)] = str(
        CONCURRENCY_DEFAULT
    )
    log_level: Annotated[
        str,
        typer.Option(metavar="debug|info|warning|error", help=KEYS["log_level"].meaning),
    ] = "info"
    log_format: Annotated[
        str,
        typer.Option(metavar="auto|console|json", help=KEYS["log_format"].meaning),
    ] = "auto"

    def configure_log(self) -> None:
        """Log as the server does.

        Raises:
            CommandFailed: there is no such level or format.
        """
        level, form = _read("log_level", self.log_level), _read("log_format", self.log_format)
        from penstock.server.log import configure

        configure(str(level), str(form))

    def options(self) -> dict[str, Any]:
        """Read the options as `run_worker_processes` takes them.

        Raises:
            CommandFailed: one cannot be understood, or there is no app.
        """
        app = self.app or os.environ.get(KEYS["app"].variable)
        if not app:
            raise mistake("a worker needs tasks: name their module with --app")
        processes = read_option("--processes", whole("processes", 1, WORKERS_MAX), self.processes)
        return {
            "app": _read("app", app),
            "queues": _read("queues", self.queues),
            "processes": processes or Settings().worker_count,
            "concurrency": _read("concurrency", self.concurrency),
        }


def _read(name: str, text: str) -> object:
    key = KEYS[name]
    assert key.flag is not None
    return read_option(key.flag, partial(key.kind.read, typed=False), text)


@flattened
def worker(
    flags: Annotated[WorkerFlags, group_of(WorkerFlags)],
    connect: Server = None,
) -> None:
    """Run tasks for a server, on this machine or another, until SIGTERM or Ctrl-C."""
    options, address = flags.options(), choose_server(connect, "--connect")
    flags.configure_log()
    from penstock.worker.main import run_worker_processes

    raise typer.Exit(run_worker_processes(connect=address, **options))
