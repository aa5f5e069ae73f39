"""The ticker: python -m examples.ticker [SECONDS]

One producer emits a tick about every 20 ms. Watchers come and go, in processes of their own; one
of them sleeps in the middle and then catches up. Each has seen every tick between its first and
its last, and nobody polled for one.
"""

import multiprocessing
import sys
import time
from multiprocessing.queues import Queue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from penstock.client import Client
from penstock.loadtest.processes import ServerProcess

TICK_SECONDS = 0.02
WATCHERS = 6
SLEEPER = 1  # This one of them.


class Seen(NamedTuple):
    """What one watcher saw; the delays are milliseconds from the commit to its loop."""

    watcher: int
    first: int
    last: int
    missing: int
    delays: list[int]


class NotAsPromised(Exception):
    """Something else happened than this example shows."""


def main(seconds: float = 6.0) -> int:
    with TemporaryDirectory(prefix="penstock-ticker-") as temporary:
        server = ServerProcess(Path(temporary) / "data", "--http", "off", "--workers", "0")
        with server:
            address = server.announced("resp")
            print(f"A server is ready at {address}; it ticks every {TICK_SECONDS * 1000:.0f} ms.")
            seen = run(address, seconds)
            code = server.stop()
    for one in sorted(seen):
        line = f"watcher {one.watcher} saw ticks {one.first} to {one.last}; {one.missing} missing"
        if one.watcher == SLEEPER:
            print(f"{line}; it slept in between and caught up")
        else:
            median, most = percentile(one.delays, 50), percentile(one.delays, 99)
            print(f"{line}; median {median} ms, p99 {most} ms after their commit")
    if any(one.missing for one in seen):
        raise NotAsPromised("a tick was missed")
    print("Nobody missed a tick.")
    return code


def run(address: str, seconds: float) -> list[Seen]:
    """Let the producer tick, and watchers come one after the other and go again."""
    spawning = multiprocessing.get_context("spawn")
    results: Queue[Seen] = spawning.Queue()
    producer = spawning.Process(target=tick, args=(address, 2 * seconds), daemon=True)
    producer.start()
    watchers = []
    for number in range(WATCHERS):
        nap = seconds / 2 if number == SLEEPER else 0.0
        arguments = (address, number, seconds, nap, results)
        watchers.append(spawning.Process(target=watch, args=arguments, daemon=True))
        watchers[-1].start()
        print(f"watcher {number} comes" + (f" and will sleep for {nap:.0f} s" if nap else ""))
        time.sleep(seconds / 2 / WATCHERS)
    seen = [results.get(timeout=10 * seconds) for _ in watchers]
    for process in (*watchers, producer):
        process.join()
    return seen


def tick(address: str, seconds: float) -> None:
    """Publish numbers."""
    with Client(address) as client:
        until = time.monotonic() + seconds
        number = 0
        while time.monotonic() < until:
            number += 1
            client.publish("ticks", n=number)
            time.sleep(TICK_SECONDS)


def watch(address: str, watcher: int, seconds: float, nap: float, results: "Queue[Seen]") -> None:
    """Watch for some time, and nap in the middle of it: what comes meanwhile is read then."""
    numbers: list[int] = []
    delays: list[int] = []
    until = time.monotonic() + seconds
    naps_at = time.monotonic() + seconds / 4 if nap else float("inf")
    with Client(address) as client, client.subscribe("ticks", wait_ms=1_000) as ticks:
        for event in ticks:
            numbers.append(event.json("n"))
            if not nap:  # Who sleeps reads what is old.
                delays.append(time.time_ns() // 1_000_000 - event.published_at)
            if time.monotonic() > naps_at:
                naps_at = float("inf")
                time.sleep(nap)
            elif time.monotonic() > until:
                break
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    results.put(Seen(watcher, numbers[0], numbers[-1], missing, delays))


def percentile(delays: list[int], percent: int) -> int:
    """Return the delay that so many percent do not exceed."""
    return sorted(delays)[min(len(delays) - 1, len(delays) * percent // 100)] if delays else 0


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
