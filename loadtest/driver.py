"""Drives the connections: a closed loop keeps them full, an open loop sends at a fixed rate.

In an open loop each request has a time at which it is meant to leave, whatever the server does,
and its latency counts from there: a server that stalls is charged for every request it kept
waiting (no coordinated omission). The loop's timers tick in whole milliseconds, so requests leave
in groups up to a tick late; that lag is the generator's, is part of the latency, and is reported.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Final

import anyio

from penstock.loadtest.connection import LoadConnection, open_connections
from penstock.loadtest.tally import Tally
from penstock.loadtest.target import Target
from penstock.loadtest.workload import Workload

NS: Final = 1_000_000_000
_TICK_SECONDS: Final = 0.001
_WATCH_SECONDS: Final = 0.1
# Requests that the open loop sends in one go before it lets replies in.
_BURST_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Closed:
    """Each connection keeps `pipeline` requests in flight."""

    connections: int
    pipeline: int


@dataclass(frozen=True, slots=True)
class Open:
    """`rate` requests a second over all connections, at most `in_flight_max` on each."""

    connections: int
    rate: float
    in_flight_max: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a run ends. `requests_max` and `seconds` do not count the warm-up."""

    requests_max: int
    seconds: float
    warm_up_seconds: float
    drain_seconds: float


@dataclass(frozen=True, slots=True)
class Load:
    """A finished run: what was counted, and the connections with the ids they were given."""

    tally: Tally
    connections: list[LoadConnection]
    seconds: float
    # Requests whose time came and that could not be sent: the open loop fell behind.
    never_sent: int


class Driver:
    """One run. `stop` ends the sending early; the replies are still awaited."""

    def __init__(self, workload: Workload, shape: Closed | Open, bounds: Bounds) -> None:
        self.tally = Tally()
        self.started_ns = 0
        self._workload = workload
        self._shape = shape
        self._bounds = bounds
        self._end_ns = 0
        self._measured_left = bounds.requests_max
        self._stopped = False
        self._connections: list[LoadConnection] = []
        self._quiet = asyncio.Event()  # Set when the last request in flight is answered.
        self._refill_at = 0  # The closed loop's pipeline; 0: the loop is open.

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether the sending is over, by count, by time or because somebody asked."""
        if not self._stopped:
            self._stopped = self._measured_left <= 0 or perf_counter_ns() >= self._end_ns
        return self._stopped

    async def run(self, target: Target, watch: Callable[[Tally], None]) -> Load:
        """Load the target until the bounds are reached; *watch* is called ten times a second.

        Cancelling this closes the connections and reports nothing.

        Raises:
            Unreachable: a connection could not be opened.
        """
        tally = self.tally
        count = self._shape.connections
        connections = await open_connections(target, count, self._workload, tally)
        self._connections = connections
        for connection in connections:
            connection.on_room = self._moved
        try:
            self.started_ns = perf_counter_ns()
            tally.measure_from_ns = self.started_ns + int(self._bounds.warm_up_seconds * NS)
            self._end_ns = tally.measure_from_ns + int(self._bounds.seconds * NS)
            async with anyio.create_task_group() as group:
                group.start_soon(_watch, watch, tally)
                if isinstance(self._shape, Open):
                    never_sent = await self._send_at_rate(connections, self._shape)
                else:
                    never_sent = await self._keep_full(connections, self._shape.pipeline)
                await self._drain()
                group.cancel_scope.cancel()
        finally:
            for connection in connections:
                connection.close()
        tally.unanswered = sum(connection.sent - len(connection.ids) for connection in connections)
        end = max(tally.last_ok_ns, tally.measure_from_ns)
        return Load(tally, connections, (end - tally.measure_from_ns) / NS, never_sent)

    async def _keep_full(self, connections: list[LoadConnection], pipeline: int) -> int:
        self._refill_at = pipeline
        for connection in connections:
            self._send_now(connection, pipeline)
        with anyio.move_on_after((self._end_ns - perf_counter_ns()) / NS):
            await self._quiet.wait()
        self.stop()
        return 0

    def _moved(self, connection: LoadConnection) -> None:
        """Replies came or the connection was lost: send more, or see that all is done."""
        pipeline = self._refill_at
        if pipeline and not self.stopped:
            # Half a pipeline at a time: a write for each reply would undo the pipelining.
            room = pipeline - connection.in_flight
            if room * 2 >= pipeline:
                self._send_now(connection, room)
        if not connection.in_flight and not any(one.in_flight for one in self._connections):
            self._quiet.set()

    def _send_now(self, connection: LoadConnection, count: int) -> None:
        if self.stopped or connection.lost is not None:
            return
        now = perf_counter_ns()
        if now >= self.tally.measure_from_ns:
            count = min(count, self._measured_left)
            self._measured_left -= count
        connection.send([now] * count)

    async def _send_at_rate(self, connections: list[LoadConnection], shape: Open) -> int:
        interval_ns = NS / shape.rate
        number = 0
        while not self.stopped:
            number = self._send_due(connections, shape, number)
            # A full connection or a burst that is not over: let replies in, do not wait.
            due_ns = self.started_ns + number * interval_ns
            ahead = (due_ns - perf_counter_ns()) / NS
            await asyncio.sleep(max(ahead, _TICK_SECONDS) if ahead > 0 else 0)
            if all(connection.lost is not None for connection in connections):
                break
        if perf_counter_ns() >= self._end_ns:
            # What came due since the last look.
            number = self._send_due(connections, shape, number)
        self.stop()
        due = int((min(perf_counter_ns(), self._end_ns) - self.started_ns) / interval_ns)
        return max(0, due - number) if self._measured_left > 0 else 0

    def _send_due(self, connections: list[LoadConnection], shape: Open, number: int) -> int:
        interval_ns = NS / shape.rate
        now = perf_counter_ns()
        due = int((min(now, self._end_ns) - self.started_ns) / interval_ns) + 1
        batches: dict[int, list[int]] = {}
        for index in range(number, min(due, number + _BURST_MAX)):
            intended = self.started_ns + int(index * interval_ns)
            position = index % len(connections)
            batch = batches.setdefault(position, [])
            if connections[position].in_flight + len(batch) >= shape.in_flight_max:
                break
            if intended >= self.tally.measure_from_ns:
                if self._measured_left <= 0:
                    break
                self._measured_left -= 1
                self.tally.lag.record_ns(now - intended)
            batch.append(intended)
            number += 1
        for position, batch in batches.items():
            connections[position].send(batch)
        return number

    async def _drain(self) -> None:
        self._quiet.clear()
        if any(connection.in_flight for connection in self._connections):
            with anyio.move_on_after(self._bounds.drain_seconds):
                await self._quiet.wait()


async def _watch(watch: Callable[[Tally], None], tally: Tally) -> None:
    while True:
        watch(tally)
        await anyio.sleep(_WATCH_SECONDS)
