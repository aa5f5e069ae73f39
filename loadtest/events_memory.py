"""A stream of ten million events: what it costs in memory, and a restart after kill -9."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

import anyio
import uvloop
from msgspec import Struct

from penstock.loadtest.conversation import Conversation
from penstock.loadtest.errors import LoadtestError, Unreachable
from penstock.loadtest.machine import Machine, describe_machine, fdatasync_us
from penstock.loadtest.processes import ServerProcess
from penstock.loadtest.redis_process import RedisProcess, redis_version
from penstock.loadtest.stamped import StampedConnection, connect_stamped
from penstock.loadtest.target import Target
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

Draw: TypeAlias = Callable[[float, str, str], None]
Server: TypeAlias = ServerProcess | RedisProcess

_STREAM: Final = "events"
_CONNECTIONS: Final = 16
_PIPELINE: Final = 200
_WATCH_SECONDS: Final = 0.25
_SILENCE_SECONDS_MAX: Final = 60.0
_PAGE: Final = 100


class EventsMemory(Struct, frozen=True):
    """What was measured. Memory is that of the server process."""

    machine: Machine
    server: str
    events: int
    payload_bytes: int
    fdatasync_us: float
    appends_per_second: float
    rss_empty_bytes: int
    rss_full_bytes: int
    rss_most_bytes: int
    disk_bytes: int
    restart_seconds: float
    first_read_seconds: float
    rss_restarted_bytes: int


def measure_events_memory(
    events: int, payload_bytes: int, redis: bool, parent: Path | None, draw: Draw
) -> EventsMemory:
    """Append the events, kill the server, start it again, count and read what it holds.

    Raises:
        LoadtestError: a server failed, or lost an event that it had acknowledged.
    """
    machine = describe_machine()
    with TemporaryDirectory(prefix="penstock-events-", dir=parent) as directory:
        sync_us = fdatasync_us(Path(directory))
        data = Path(directory, "data")
        with _server(data, redis) as (name, server):
            rss_empty = server.rss_bytes()
            appending = _Appending(server, events, payload_bytes, draw)
            rate = uvloop.run(appending.run())
            rss_full = server.rss_bytes()
            draw(1.0, "killing the server and starting it again", "")
            server.kill()
            disk = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
            began = time.perf_counter()
            server.start()
            restart_seconds = server.ready_seconds
            uvloop.run(_check(server.target, events))
            first_read_seconds = time.perf_counter() - began
            rss_restarted = server.rss_bytes()
    return EventsMemory(
        machine=machine,
        server=name,
        events=events,
        payload_bytes=payload_bytes,
        fdatasync_us=sync_us,
        appends_per_second=rate,
        rss_empty_bytes=rss_empty,
        rss_full_bytes=rss_full,
        rss_most_bytes=max(appending.rss_most, rss_full),
        disk_bytes=disk,
        restart_seconds=restart_seconds,
        first_read_seconds=first_read_seconds,
        rss_restarted_bytes=rss_restarted,
    )


@contextmanager
def _server(data: Path, redis: bool) -> Iterator[tuple[str, Server]]:
    if redis:
        with RedisProcess(data) as theirs:
            yield f"redis-server {redis_version()}, appendfsync always", theirs
    else:
        arguments = ("--workers", "0", "--http", "off", "--log-level", "warning")
        with ServerProcess(data, *arguments) as ours:
            yield "Penstock", ours


class _Appending:
    """Appends until all are acknowledged. Each connection keeps half a pipeline to a whole one."""

    def __init__(self, server: Server, events: int, payload_bytes: int, draw: Draw) -> None:
        self.rss_most = 0
        self._server = server
        self._events = events
        self._draw = draw
        self._append = encode_command(("XADD", _STREAM, "*", "data", b"x" * payload_bytes))
        self._unsent = events
        self._answered = 0
        self._failure: LoadtestError | None = None
        self._done = asyncio.Event()

    async def run(self) -> float:
        """Return the rate; raises LoadtestError if one was not acknowledged."""
        writers = [_Writer(self) for _ in range(min(_CONNECTIONS, self._events))]
        for writer in writers:
            await writer.connect(self._server.target)
        began = time.perf_counter()
        for writer in writers:
            writer.fill()
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            await self._done.wait()
            group.cancel_scope.cancel()
        seconds = time.perf_counter() - began
        for writer in writers:
            writer.close()
        if self._failure is not None:
            raise self._failure
        return self._events / seconds

    def take(self, count_max: int) -> tuple[int, bytes]:
        """Return so many appends that are still to be sent, or as many as are left."""
        count = min(count_max, self._unsent)
        self._unsent -= count
        return count, self._append * count

    def answered(self, reply: Reply) -> None:
        """Count a reply."""
        if isinstance(reply, ErrorReply):
            self.fail(LoadtestError(f"an event was refused: {reply.code} {reply.text}"))
        self._answered += 1
        if self._answered == self._events:
            self._done.set()

    def fail(self, failure: LoadtestError) -> None:
        """End it."""
        self._failure = self._failure or failure
        self._done.set()

    async def _watch(self) -> None:
        moved_at, before = time.monotonic(), 0
        while True:
            now = time.monotonic()
            self.rss_most = max(self.rss_most, self._server.rss_bytes())
            if self._answered > before:
                moved_at, before = now, self._answered
            elif now - moved_at > _SILENCE_SECONDS_MAX:
                self.fail(Unreachable(f"no answer came for {_SILENCE_SECONDS_MAX:.0f} s"))
            figures = f"{self._answered:,} events · RSS {self._server.rss_bytes() >> 20} MiB"
            self._draw(self._answered / self._events, "appending", figures)
            await anyio.sleep(_WATCH_SECONDS)


class _Writer:
    def __init__(self, appending: _Appending) -> None:
        self._appending = appending
        self._connection: StampedConnection | None = None
        self._in_flight = 0

    async def connect(self, target: Target) -> None:
        self._connection = await connect_stamped(target, self._take, self._lose)

    def fill(self) -> None:
        assert self._connection is not None
        count, appends = self._appending.take(_PIPELINE - self._in_flight)
        if count:
            self._in_flight += count
            self._connection.write(appends)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _take(self, reply: Reply, now: int) -> None:
        self._in_flight -= 1
        self._appending.answered(reply)
        if self._in_flight * 2 <= _PIPELINE:
            self.fill()

    def _lose(self, reason: str) -> None:
        self._appending.fail(Unreachable(reason))


async def _check(target: Target, events: int) -> None:
    """Count the events, and read the first and the last."""
    async with Conversation(target) as conversation:
        length, first, last = await conversation.ask(
            [
                ("XLEN", _STREAM),
                ("XRANGE", _STREAM, "-", "+", "COUNT", _PAGE),
                ("XREVRANGE", _STREAM, "+", "-", "COUNT", _PAGE),
            ]
        )
    if length != events:
        raise LoadtestError(f"{events:,} events were acknowledged; after the restart: {length!r}")
    for page in (first, last):
        if not isinstance(page, list) or len(page) != min(_PAGE, events):
            raise LoadtestError(f"after the restart a range was answered with {page!r}")
