"""A server's parts without its sockets: connections over transports that only remember."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random

import anyio

from penstock.config.secret import Secret
from penstock.jobs.broker import Broker
from penstock.jobs.model import Instant, JobId, QueueName
from penstock.jobs.policy import Policy
from penstock.jobs.queue_settings import QueueSettings
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Snapshot, Store
from penstock.protocol.encoding import encode_command
from penstock.server.clock import Clock
from penstock.server.connection import Connection, ConnectionLimits
from penstock.server.connections import Connections
from penstock.server.engine import Engine
from penstock.server.handlers import HANDLERS
from penstock.server.session import Handler, ServerStatus, SessionContext

Word = bytes | str | int
NOW = 1_700_000_000_000


class FakeClock(Clock):
    """Stands still until a test moves it."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ms(self) -> Instant:
        return Instant(NOW + int(self.seconds * 1000))

    def monotonic(self) -> float:
        return self.seconds


class FakeTransport(asyncio.Transport):
    """Remembers what is written; `unread_bytes` says how much the peer has left lying."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.unread_bytes = 0
        self.is_reading_paused = False
        self.is_closed = False
        self.is_aborted = False

    @property
    def sent(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        assert not self.is_reading_paused
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        assert self.is_reading_paused
        self.is_reading_paused = False

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = self.is_closed = True


class ServerDesk:
    """Connections, engine and store of one server."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        snapshot: Snapshot | None = None,
        defaults: Mapping[QueueName, QueueSettings] | None = None,
        password: str | None = None,
        connections_max: int = 10,
        handlers: Mapping[str, Handler] | None = None,
    ) -> None:
        self.clock = FakeClock()
        snapshot = snapshot or Snapshot(JobId(1), {}, 0)
        broker = Broker(snapshot, Policy(), defaults=defaults or {})
        self.engine = Engine(store or MemoryStore(), broker, self.clock, Random(1))
        self.connections = Connections(self.clock, connections_max)
        self.context = SessionContext(
            self.engine,
            self.connections,
            None if password is None else Secret(password),
            ServerStatus("1", 0.0, 7711, "memory"),
            {**HANDLERS, **(handlers or {})},
        )

    def connect(
        self,
        *,
        requests_in_flight_max: int = 100,
        output_bytes_max: int = 1_000_000,
        of_worker: bool = False,
    ) -> tuple[Connection, FakeTransport]:
        """Open a connection."""
        limits = ConnectionLimits(requests_in_flight_max, output_bytes_max)
        connection = Connection(self.context, limits, of_worker=of_worker)
        transport = FakeTransport()
        connection.connection_made(transport)
        return connection, transport

    async def settled(self) -> None:
        """Wait until everything that was asked is committed."""
        await self.engine.journal.settled()


@asynccontextmanager
async def committing(desk: ServerDesk) -> AsyncIterator[ServerDesk]:
    """Have the journal of a desk run."""
    async with anyio.create_task_group() as tasks:
        await tasks.start(desk.engine.journal.run)
        yield desk
        tasks.cancel_scope.cancel()


def ask(connection: Connection, *commands: tuple[Word, ...]) -> None:
    """Have bytes arrive: all commands in one piece."""
    connection.data_received(b"".join(map(encode_command, commands)))


def raising(problem: Exception) -> Callable[..., None]:
    """Return a handler with a mistake in it."""

    def handler(*_: object) -> None:
        raise problem

    return handler
