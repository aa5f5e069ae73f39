"""The options of a load run: read from the command line into values that are checked."""

import argparse
import os
import secrets
from dataclasses import dataclass
from typing import Final

from penstock.config.durations import parse_duration_ms
from penstock.loadtest.driver import Bounds, Closed, Open
from penstock.loadtest.errors import Usage
from penstock.loadtest.target import Target, parse_target
from penstock.loadtest.ticker import Order
from penstock.loadtest.weights import parse_weights
from penstock.loadtest.workload import Workload

CONNECTIONS_MAX: Final = 10_000
PIPELINE_MAX: Final = 4_096
REQUESTS_MAX: Final = 10_000_000
RATE_MAX: Final = 1_000_000
DURATION_MS_MAX: Final = 3_600_000
TICKS_PER_SECOND_MAX: Final = 10_000
PROCESSES_MAX: Final = 64
# Beside its sleep, a run has time before it and after it.
_AWAKE_MS_MIN: Final = 1_000
# Replies that are missing when the sending ends may take a call's wait and this much more.
_DRAIN_SECONDS: Final = 5.0
_MIXED: Final = "submit=1,call=1"

_Group = argparse._ArgumentGroup


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a load run needs."""

    target: Target
    workload: Workload
    shape: Closed | Open
    bounds: Bounds
    lookups_max: int  # 0: no check.
    as_json: bool


def add_load_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a load run to a parser."""
    what = parser.add_argument_group("what is sent")
    what.add_argument(
        "--workload",
        default="submit",
        metavar="MIX",
        help="submit, call, mixed, or by weight: submit=70,call=30",
    )
    what.add_argument("--task", default="echo", help="results are checked when it is echo")
    what.add_argument("-d", "--payload-bytes", type=int, default=64, metavar="N")
    what.add_argument("--queues", default="default", metavar="MIX", help="such as default=9,mail=1")
    what.add_argument("--priorities", default="1000", metavar="MIX", help="such as 0=1,1000=9")
    what.add_argument("--wait", default="30s", help="how long a call waits for its result")
    what.add_argument("--no-keys", action="store_true", help="send no idempotency keys")
    what.add_argument("--seed", type=int, default=1, help="same seed, same requests")
    _add_how(parser.add_argument_group("how much of it"))
    _add_where(parser.add_argument_group("where to, and what then"))


def _add_how(how: _Group) -> None:
    how.add_argument("--rate", type=float, default=0, help="requests/s, open loop (default closed)")
    how.add_argument("-c", "--connections", type=int, default=50, metavar="N")
    how.add_argument("-P", "--pipeline", type=int, default=1, metavar="N", help="in flight on each")
    how.add_argument("-n", "--count", type=int, default=1_000_000, help="requests at most")
    how.add_argument("--duration", default="10s", help="time at most (default 10s)")
    how.add_argument("--warm-up", default="1s", help="time before measuring, not in the count")


def _add_where(where: _Group) -> None:
    where.add_argument("--server", default="127.0.0.1:7711", metavar="HOST:PORT|unix:PATH")
    where.add_argument("--allow-remote", action="store_true", help="load another machine's server")
    where.add_argument("--no-check", action="store_true", help="do not look jobs up at the end")
    where.add_argument("--lookups", type=int, default=1_000_000, help="jobs looked up at most")
    where.add_argument("--json", action="store_true", help="write the report as JSON")


def read_options(found: argparse.Namespace) -> Options:
    """Turn what argparse found into values.

    Raises:
        Usage: an option is out of range or at odds with another.
    """
    connections = within("--connections", found.connections, 1, CONNECTIONS_MAX)
    pipeline = within("--pipeline", found.pipeline, 1, PIPELINE_MAX)
    shape: Closed | Open = Closed(connections, pipeline)
    if found.rate:
        if not 0 < found.rate <= RATE_MAX:
            raise Usage(f"--rate is {found.rate}; it must be above 0 and at most {RATE_MAX}")
        shape = Open(connections, found.rate, PIPELINE_MAX)
    wait_ms = duration_ms("--wait", found.wait)
    duration = duration_ms("--duration", found.duration)
    bounds = Bounds(
        requests_max=within("--count", found.count, 1, REQUESTS_MAX),
        seconds=within("--duration in ms", duration, 1, DURATION_MS_MAX) / 1_000,
        warm_up_seconds=duration_ms("--warm-up", found.warm_up) / 1_000,
        drain_seconds=wait_ms / 1_000 + _DRAIN_SECONDS,
    )
    workload = Workload(
        seed=found.seed,
        run=secrets.token_hex(4),
        kinds=parse_weights(_MIXED if found.workload == "mixed" else found.workload),
        task=found.task,
        payload_bytes=found.payload_bytes,
        queues=parse_weights(found.queues),
        priorities=parse_weights(found.priorities),
        wait_ms=wait_ms,
        keyed=not found.no_keys,
    )
    lookups = within("--lookups", found.lookups, 1, REQUESTS_MAX)
    return Options(
        target=_target(found),
        workload=workload,
        shape=shape,
        bounds=bounds,
        lookups_max=0 if found.no_check else lookups,
        as_json=found.json,
    )


def add_ticker_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a ticker to a parser."""
    parser.add_argument("--rate", type=float, default=50, help="ticks/s (default 50)")
    parser.add_argument("-c", "--consumers", type=int, default=50, metavar="N")
    parser.add_argument(
        "--processes", type=int, default=4, metavar="N", help="that the consumers share"
    )
    parser.add_argument("--duration", default="90s", help="of the ticking (default 90s)")
    parser.add_argument(
        "--sleep", default="60s", help="of one consumer, within that (default 60s; 0: none)"
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same comings and goings")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--server", default=None, metavar="HOST:PORT|unix:PATH", help="one that runs"
    )
    where.add_argument("--redis", action="store_true", help="measure redis-server instead")
    parser.add_argument("--allow-remote", action="store_true", help="load another machine's server")


def read_ticker_order(found: argparse.Namespace) -> Order:
    """Turn what argparse found into what is to be measured.

    Raises:
        Usage: an option is out of range or at odds with another.
    """
    if not 0 < found.rate <= TICKS_PER_SECOND_MAX:
        raise Usage(
            f"--rate is {found.rate}; it must be above 0 and at most {TICKS_PER_SECOND_MAX}"
        )
    consumers = within("--consumers", found.consumers, 1, CONNECTIONS_MAX)
    sleep_ms = duration_ms("--sleep", found.sleep)
    shortest_ms = sleep_ms + _AWAKE_MS_MIN
    seconds_ms = duration_ms("--duration", found.duration)
    return Order(
        target=None if found.server is None else _target(found),
        redis=found.redis,
        rate=found.rate,
        consumers=consumers,
        processes=min(within("--processes", found.processes, 1, PROCESSES_MAX), consumers),
        seconds=within("--duration in ms", seconds_ms, shortest_ms, DURATION_MS_MAX) / 1_000,
        sleep_seconds=sleep_ms / 1_000,
        seed=found.seed,
    )


def _target(found: argparse.Namespace) -> Target:
    password = os.environ.get("PENSTOCK_PASSWORD") or None
    return parse_target(found.server, password=password, allow_remote=found.allow_remote)


def duration_ms(name: str, text: str) -> int:
    """Read a duration; Usage names the option that holds it."""
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise Usage(f"{name} is {text!r}: {error}") from error


def within(name: str, value: int, low: int, high: int) -> int:
    """Return the value; Usage names the option when it is out of range."""
    if not low <= value <= high:
        raise Usage(f"{name} is {value}; it must be from {low} to {high}")
    return value
