"""The process that sends the ticks: each at its time, whether or not the last was answered."""

import asyncio
from array import array
from multiprocessing.connection import Connection
from time import monotonic_ns
from typing import Final

import anyio
import uvloop
from msgspec import Struct

from penstock.loadtest.crew import await_word
from penstock.loadtest.errors import LoadtestError, Unreachable
from penstock.loadtest.latencies import Latencies, Summary
from penstock.loadtest.stamped import StampedConnection, connect_stamped
from penstock.loadtest.stay import Production
from penstock.loadtest.target import Target
from penstock.loadtest.ticks import encode_tick
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

_NS: Final = 1_000_000_000
_ANSWER_SECONDS_MAX: Final = 30.0


class ProducerPlan(Struct, frozen=True):
    """What is sent, and for how long."""

    target: Target
    stream: str
    rate: float
    seconds: float


class Sent(Struct, frozen=True):
    """So many ticks were sent by now."""

    count: int


class Produced(Struct, frozen=True):
    """All ticks were sent and answered."""

    production: Production
    lag: Summary  # How late the ticks were sent: the producer's own doing.


def run_producer(plan: ProducerPlan, pipe: Connection) -> None:
    """Send the ticks, telling of each; anything heard on the pipe ends the sending early."""
    uvloop.run(_produce(plan, pipe))


async def _produce(plan: ProducerPlan, pipe: Connection) -> None:
    producer = _Producer(plan.stream)
    await producer.connect(plan.target)
    stopped = asyncio.Event()
    await_word(pipe, lambda word: stopped.set())
    lag = Latencies()
    interval_ns = _NS / plan.rate
    started_ns = monotonic_ns()
    for number in range(max(1, int(plan.rate * plan.seconds))):
        due_ns = started_ns + int(number * interval_ns)
        with anyio.move_on_after(max(0, due_ns - monotonic_ns()) / _NS):
            await stopped.wait()
        if stopped.is_set() or producer.failure is not None:
            break
        lag.record_ns(producer.send() - due_ns)
        pipe.send(Sent(number + 1))
    pipe.send(Produced(await producer.finish(), lag.summary()))


class _Producer:
    def __init__(self, stream: str) -> None:
        self.failure: LoadtestError | None = None
        self._stream = stream
        self._sent_ns = array("q")
        self._answered_ns = array("q")
        self._connection: StampedConnection | None = None
        self._moved = asyncio.Event()

    async def connect(self, target: Target) -> None:
        self._connection = await connect_stamped(target, self._take, self._lose)

    def send(self) -> int:
        """Send the next tick and return when that was."""
        assert self._connection is not None
        now = monotonic_ns()
        self._connection.write(encode_tick(self._stream, len(self._sent_ns), now))
        self._sent_ns.append(now)
        return now

    async def finish(self) -> Production:
        """Wait until every tick is answered; raises LoadtestError if one was not, or refused."""
        assert self._connection is not None
        with anyio.move_on_after(_ANSWER_SECONDS_MAX):
            while len(self._answered_ns) < len(self._sent_ns) and self.failure is None:
                self._moved.clear()
                await self._moved.wait()
        self._connection.close()
        if self.failure is not None:
            raise self.failure
        missing = len(self._sent_ns) - len(self._answered_ns)
        if missing:
            raise Unreachable(f"{missing} ticks were not answered")
        return Production(self._sent_ns, self._answered_ns)

    def _take(self, reply: Reply, now: int) -> None:
        if isinstance(reply, ErrorReply):
            self.failure = LoadtestError(f"a tick was refused: {reply.code} {reply.text}")
        self._answered_ns.append(now)
        self._moved.set()

    def _lose(self, reason: str) -> None:
        self.failure = Unreachable(f"the producer: {reason}")
        self._moved.set()
