"""The command line of the load tester."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from rich.console import Console

from penstock.config.limits import ARGUMENT_BYTES_MAX
from penstock.loadtest.backlog import measure_backlog
from penstock.loadtest.crowd import measure_crowd
from penstock.loadtest.driver import Driver, Load
from penstock.loadtest.errors import LoadtestError, Unreachable
from penstock.loadtest.events_memory import measure_events_memory
from penstock.loadtest.fairness import fairness_lines, measure_fairness
from penstock.loadtest.figures import (
    backlog_lines,
    comparison_lines,
    crowd_lines,
    events_memory_lines,
    ticker_lines,
)
from penstock.loadtest.options import (
    REQUESTS_MAX,
    Options,
    add_load_arguments,
    add_ticker_arguments,
    read_options,
    read_ticker_order,
    within,
)
from penstock.loadtest.peers import STREAMS, SUBMISSIONS, Case, compare
from penstock.loadtest.progress import show_progress, show_share
from penstock.loadtest.report import Report, make_report, show_report
from penstock.loadtest.ticker import measure_ticker
from penstock.loadtest.verification import verify

EXIT_SOUND: Final = 0
EXIT_VIOLATED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3
EXIT_INTERRUPTED: Final = 130

ROUNDS_MAX: Final = 100
EVENTS_MAX: Final = 1_000_000_000

_DESCRIPTION: Final = """\
Load a running server with submissions and calls, then check that nothing that was acknowledged is
lost, doubled or out of order. Sends until --count or --duration is reached. Calls need workers:
penstock serve --app examples.basics. A password is taken from PENSTOCK_PASSWORD."""
_EPILOG: Final = """\
Exit codes: 0 sound; 1 something was lost, doubled, out of order or never answered; 2 usage;
3 the server cannot be reached or went away; 130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; expected errors are one line."""
    found = _parser().parse_args(arguments)
    try:
        with _leaving_nothing():
            return _measure(found)
    except Unreachable as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNREACHABLE
    except LoadtestError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


@contextmanager
def _leaving_nothing() -> Iterator[None]:
    """Let no signal end this process before the servers and processes that it started."""

    def leave(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _measure(found: argparse.Namespace) -> int:
    match found.measurement:
        case "peers":
            return _compare(SUBMISSIONS, found)
        case "streams":
            return _compare(STREAMS, found)
        case "ticker":
            return _measure_ticker(found)
        case "events-memory":
            return _measure_events_memory(found)
        case "backlog":
            return _measure_backlog(found)
        case "crowd":
            return _measure_crowd(found)
        case "fairness":
            return _measure_fairness(found)
        case _:
            return _load(read_options(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m penstock.loadtest", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.set_defaults(measurement=None)
    add_load_arguments(parser)
    others = parser.add_subparsers(
        title="other measurements",
        dest="measurement",
        metavar="peers | backlog | crowd | fairness | ticker | streams | events-memory",
    )
    for name, what in (
        ("peers", "submissions and calls"),
        ("streams", "appending of events"),
    ):
        comparing = others.add_parser(
            name, help=f"{what}: Penstock and redis-server in turns, started by itself"
        )
        comparing.add_argument(
            "-n", "--requests", type=int, default=300_000, help="of the first case"
        )
        comparing.add_argument("--rounds", type=int, default=3)
    backlog = others.add_parser("backlog", help="memory and restart with a million waiting jobs")
    backlog.add_argument("-n", "--jobs", type=int, default=1_000_000)
    backlog.add_argument("-d", "--payload-bytes", type=int, default=64)
    crowd = others.add_parser(
        "crowd", help="the cost of a submission and a claim beside a million jobs of many kinds"
    )
    crowd.add_argument("-n", "--jobs", type=int, default=1_000_000)
    others.add_parser("fairness", help="how long jobs wait while one tenant floods their queue")
    add_ticker_arguments(
        others.add_parser("ticker", help="how soon, and whether, many consumers see every event")
    )
    memory = others.add_parser(
        "events-memory", help="memory and restart with a stream of ten million events"
    )
    memory.add_argument("-n", "--events", type=int, default=10_000_000)
    memory.add_argument("-d", "--payload-bytes", type=int, default=64)
    memory.add_argument("--redis", action="store_true", help="measure redis-server instead")
    for other in others.choices.values():
        other.add_argument("--directory", type=Path, help="on the disk to measure (default: TMP)")
        other.add_argument("--json", action="store_true", help="write the figures as JSON")
    return parser


def _compare(cases: Sequence[Case], found: argparse.Namespace) -> int:
    requests = within("--requests", found.requests, 1_000, REQUESTS_MAX)
    rounds = within("--rounds", found.rounds, 1, ROUNDS_MAX)
    with _telling() as tell:
        comparison = compare(cases, requests, rounds, found.directory, tell)
    _write(comparison, comparison_lines(comparison), found.json)
    return EXIT_SOUND


def _measure_backlog(found: argparse.Namespace) -> int:
    jobs = within("--jobs", found.jobs, 1, REQUESTS_MAX)
    with _telling() as tell:
        backlog = measure_backlog(jobs, found.payload_bytes, found.directory, tell)
    _write(backlog, backlog_lines(backlog), found.json)
    return EXIT_SOUND


def _measure_crowd(found: argparse.Namespace) -> int:
    jobs = within("--jobs", found.jobs, 1, REQUESTS_MAX)
    with _telling() as tell:
        crowd = measure_crowd(jobs, found.directory, tell)
    _write(crowd, crowd_lines(crowd), found.json)
    return EXIT_SOUND


def _measure_fairness(found: argparse.Namespace) -> int:
    with _telling() as tell:
        waits = measure_fairness(found.directory, tell)
    _write(waits, fairness_lines(waits), found.json)
    return EXIT_SOUND


def _measure_ticker(found: argparse.Namespace) -> int:
    order = read_ticker_order(found)
    with show_share(Console(stderr=True)) as draw:
        ticker = measure_ticker(order, found.directory, draw)
    _write(ticker, ticker_lines(ticker), found.json)
    return EXIT_SOUND if ticker.sound else EXIT_VIOLATED


def _measure_events_memory(found: argparse.Namespace) -> int:
    events = within("--events", found.events, 1, EVENTS_MAX)
    payload_bytes = within("--payload-bytes", found.payload_bytes, 0, ARGUMENT_BYTES_MAX)
    with show_share(Console(stderr=True)) as draw:
        memory = measure_events_memory(events, payload_bytes, found.redis, found.directory, draw)
    _write(memory, events_memory_lines(memory), found.json)
    return EXIT_SOUND


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Say on standard error what is being measured; in place where that is a terminal."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield console.print
        return
    with console.status("starting") as status:
        yield status.update


def _write(
    figures: msgspec.Struct | Sequence[msgspec.Struct], lines: Sequence[str], as_json: bool
) -> None:
    text = "\n".join(lines)
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(figures)).decode()
    sys.stdout.write(f"{text}\n")


def _load(options: Options) -> int:
    report = uvloop.run(_measure_load(options))
    if options.as_json:
        _write(report, [], as_json=True)
    else:
        show_report(report, Console(highlight=False))
    if not report.sound:
        return EXIT_VIOLATED
    if report.connections_lost or not report.answered:
        return EXIT_UNREACHABLE
    return EXIT_SOUND


async def _measure_load(options: Options) -> Report:
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
