"""The composition root: what a server is made of, and in which order it starts and stops."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import Final

import anyio
import structlog
import uvloop
from anyio.abc import TaskGroup

from penstock.config.settings import Settings
from penstock.jobs.broker import Broker
from penstock.jobs.model import QueueName
from penstock.jobs.policy import Policy
from penstock.jobs.queue_settings import QueueSettings, settings_from_file
from penstock.jobs.retry_policy import RetryPolicy
from penstock.jobs.space import LowSpace
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Store, StoreError, StoreInUse, StoreUnusable
from penstock.jobs.store.sqlite import open_sqlite_store
from penstock.server.clock import Clock
from penstock.server.connection import Connection, ConnectionLimits
from penstock.server.connections import Connections
from penstock.server.disk import DiskState, DiskWatch
from penstock.server.drain import Drain
from penstock.server.engine import Engine
from penstock.server.handlers import HANDLERS
from penstock.server.http import HttpAddressError, build_http, serve_http
from penstock.server.listeners import ListenError, Listeners
from penstock.server.log import configure
from penstock.server.metrics import Telemetry
from penstock.server.session import ServerStatus, SessionContext
from penstock.server.statistics import Readiness, Statistics
from penstock.server.worker_links import WorkerLinks
from penstock.worker.errors import AppError
from penstock.worker.exits import EXIT_SECOND_SIGNAL
from penstock.worker.supervisor import Supervisor

EXIT_OK: Final = 0
EXIT_CONFIGURATION: Final = 2
EXIT_STORAGE: Final = 74  # EX_IOERR: writing failed; start again to recover.
EXIT_IN_USE: Final = 75  # EX_TEMPFAIL: another server has the data directory.

SWITCH_SECONDS: Final = 0.0001
COLLECTOR_THRESHOLDS: Final = (20_000, 20, 20)

_log = structlog.get_logger("penstock.server")


def run_server(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. A second signal ends the process."""
    configure(settings.log_level, settings.log_format)
    # The writer's thread needs the interpreter a few times a batch, and each time gets it when
    # this loop has had its turn: 5 ms by default. (docs/decisions/0003)
    sys.setswitchinterval(SWITCH_SECONDS)
    # Requests come and go without cycles; looking for some after every 700 costs a fifth.
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    loop_factory = uvloop.new_event_loop if settings.loop == "uvloop" else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_serve_reporting(settings))


async def _serve_reporting(settings: Settings) -> int:
    """Serve, and turn what the world may do into a sentence and an exit code."""
    code = EXIT_OK
    try:
        await serve(settings, Clock())
    except* StoreInUse as group:
        code = _report(group, EXIT_IN_USE)
    except* (StoreUnusable, ListenError, HttpAddressError, AppError) as group:
        code = _report(group, EXIT_CONFIGURATION)
    except* StoreError as group:
        code = _report(group, EXIT_STORAGE)
    return code


async def serve(settings: Settings, clock: Clock) -> None:
    """Run a server: store, journal, listeners, workers, HTTP; then drain.

    Raises:
        ExceptionGroup: of StoreError, ListenError or HttpAddressError. Nothing acknowledged is
            lost with any of them.
    """
    disk = DiskState()
    readiness = Readiness(disk)
    async with _open_store(settings) as store, _signals() as stop_requested:
        snapshot = await store.load(clock.now_ms(), settings.result_keep_ms)
        broker = Broker(snapshot, _policy(settings), defaults=_queue_defaults(settings))
        engine = Engine(store, broker, clock, Random(), snapshot.events)
        connections = Connections(clock, settings.connections_max)
        status = ServerStatus(
            _version(), clock.monotonic(), settings.listen.port, _data(settings), disk
        )
        context = SessionContext(engine, connections, settings.password, status, HANDLERS)
        limits = ConnectionLimits(settings.requests_in_flight_max, settings.output_bytes_max)
        listeners = Listeners(lambda: Connection(context, limits))
        links = WorkerLinks(engine, lambda: Connection(context, limits, of_worker=True))
        supervisor = Supervisor(
            count=settings.worker_count,
            app=settings.app,
            queues=settings.queues,
            concurrency=settings.concurrency,
            log=structlog.get_logger("penstock.workers"),
            attach=links.attach,
        )
        links.kill = supervisor.kill
        telemetry = Telemetry(Statistics(engine, connections, supervisor, disk))

        async with anyio.create_task_group() as tasks:
            await tasks.start(engine.journal.run)
            # Before anybody can ask for a job: limits and orders that depend on what waits are
            # right once the store has said what that is.
            engine.pump()
            await engine.journal.settled()
            await tasks.start(engine.chores.run)
            await tasks.start(engine.housekeeping)
            await tasks.start(connections.sweep)
            await _start_disk_watch(tasks, settings, disk, engine.broker)
            status.tcp_port = await listeners.listen_tcp(settings.listen.host, settings.listen.port)
            if settings.unix is not None:
                await listeners.listen_unix(settings.unix)
            http = await _start_http(tasks, settings, readiness, telemetry)
            if await _start_unless(stop_requested, tasks, supervisor):
                readiness.reason = None
                _announce(settings, status.tcp_port, http)
                await stop_requested.wait()
            readiness.reason = "shutting down"
            engine.chores.stop()
            await Drain(engine, connections, listeners, supervisor.drain, settings.drain_ms).run()
            tasks.cancel_scope.cancel()
    _log.info("stopped")


async def _start_unless(
    stop_requested: asyncio.Event, tasks: TaskGroup, supervisor: Supervisor
) -> bool:
    """Start the workers, whose app may take long to load; say whether nobody asked to stop."""

    async def give_up() -> None:
        await stop_requested.wait()
        starting.cancel_scope.cancel()

    async with anyio.create_task_group() as starting:
        starting.start_soon(give_up)
        await tasks.start(supervisor.run)
        starting.cancel_scope.cancel()
    return not stop_requested.is_set()


async def _start_disk_watch(
    tasks: TaskGroup, settings: Settings, disk: DiskState, broker: Broker
) -> None:
    """Have submissions refused while the data directory's disk has too little room."""
    if settings.store == "memory":
        return

    def tell(low: LowSpace | None) -> None:
        broker.disk_low = low

    await tasks.start(DiskWatch(settings.data, settings.disk_free_min, disk, tell).run)


async def _start_http(
    tasks: TaskGroup, settings: Settings, readiness: Readiness, telemetry: Telemetry
) -> str:
    """Start the HTTP side if it is wanted; return where it listens."""
    if settings.http is None:
        return "off"
    host, port = await tasks.start(
        serve_http, build_http(readiness, telemetry), settings.http.host, settings.http.port
    )
    return f"{host}:{port}"


@asynccontextmanager
async def _open_store(settings: Settings) -> AsyncIterator[Store]:
    if settings.store == "memory":
        yield MemoryStore()
        return
    async with open_sqlite_store(settings.data) as store:
        yield store


@asynccontextmanager
async def _signals() -> AsyncIterator[asyncio.Event]:
    """Set an event at the first SIGTERM or SIGINT; end the process at the second."""
    loop = asyncio.get_running_loop()
    requested = asyncio.Event()

    def stop(name: str) -> None:
        if requested.is_set():
            _log.warning("a second signal: stopping at once", signal=name)
            # Workers notice the end of their sockets, and the kernel tells them of our death.
            os._exit(EXIT_SECOND_SIGNAL)
        _log.info("draining; a second signal stops at once", signal=name)
        requested.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    try:
        yield requested
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _policy(settings: Settings) -> Policy:
    return Policy(
        attempts_max=settings.attempts_max,
        timeout_ms=settings.timeout_ms,
        retry=RetryPolicy(settings.retry_base_ms, settings.retry_cap_ms),
        result_keep_ms=settings.result_keep_ms,
        dead_keep_ms=settings.dead_keep_ms,
        payload_bytes_max=settings.payload_bytes_max,
        result_bytes_max=settings.result_bytes_max,
    )


def _queue_defaults(settings: Settings) -> Mapping[QueueName, QueueSettings]:
    return {
        QueueName(name): settings_from_file(defaults.given())
        for name, defaults in settings.queue_settings.items()
    }


def _announce(settings: Settings, port: int, http: str) -> None:
    """Print the one line that says the server is ready, for people and scripts."""
    unix = f" unix {settings.unix}" if settings.unix is not None else ""
    listen = str(settings.listen).rpartition(":")[0]
    sys.stdout.write(
        f"penstock ready: resp {listen}:{port} http {http}{unix} data {_data(settings)} "
        f"workers {settings.worker_count if settings.app else 0} pid {os.getpid()}\n"
    )
    sys.stdout.flush()


def _data(settings: Settings) -> str:
    return "memory" if settings.store == "memory" else str(settings.data)


def _version() -> str:
    try:
        return version("penstock")
    except PackageNotFoundError:
        return "0"  # Run from a source tree.


def _report(group: BaseExceptionGroup[Exception], code: int) -> int:
    for problem in _leaves(group):
        _log.error("stopped", reason=str(problem))
    return code


def _leaves(group: BaseExceptionGroup[Exception]) -> list[BaseException]:
    return [
        leaf
        for problem in group.exceptions
        for leaf in (_leaves(problem) if isinstance(problem, BaseExceptionGroup) else [problem])
    ]
