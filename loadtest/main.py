"""The command line of the load tester."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
import uvloop
from rich.console import Console

from penstock.loadtest.driver import Driver, Load
from penstock.loadtest.errors import LoadtestError, Unreachable
from penstock.loadtest.options import Options, add_load_arguments, read_options
from penstock.loadtest.progress import show_progress
from penstock.loadtest.report import Report, make_report, show_report
from penstock.loadtest.verification import verify

EXIT_SOUND: Final = 0
EXIT_VIOLATED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3

_DESCRIPTION: Final = """\
Load a running server with submissions and calls, then check that nothing that was acknowledged is
lost, doubled or out of order. Sends until --count or --duration is reached. Calls need workers:
penstock serve --app examples.basics. A password is taken from PENSTOCK_PASSWORD."""
_EPILOG: Final = """\
Exit codes: 0 sound; 1 something was lost, doubled, out of order or never answered; 2 usage;
3 the server cannot be reached or went away."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; expected errors are one line."""
    try:
        return _load(read_options(_parser().parse_args(arguments)))
    except Unreachable as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNREACHABLE
    except LoadtestError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m penstock.loadtest", description=_DESCRIPTION, epilog=_EPILOG
    )
    add_load_arguments(parser)
    return parser


def _load(options: Options) -> int:
    report = uvloop.run(_measure(options))
    if options.as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
    else:
        show_report(report, Console(highlight=False))
    if not report.sound:
        return EXIT_VIOLATED
    if report.connections_lost or not report.answered:
        return EXIT_UNREACHABLE
    return EXIT_SOUND


async def _measure(options: Options) -> Report:
    driver = Driver(options.workload, options.shape, options.bounds)
    # Ctrl-C ends the sending, not the report.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, driver.stop)
    with show_progress(options.bounds, Console(stderr=True)) as watch:
        load = await driver.run(options.target, watch)
    _judge_silence(load)
    check = None
    if options.lookups_max:
        check = await verify(load, options.workload, options.target, options.lookups_max)
    return make_report(load, options.workload, options.shape, options.target, check)


def _judge_silence(load: Load) -> None:
    for connection in load.connections:
        silent = connection.sent - len(connection.ids)
        if silent and connection.lost is None:
            load.tally.violations.add(
                f"connection {connection.number} is open and {silent} requests were never answered"
            )
