"""A ticker: one producer, many consumers that come, go and sleep, in processes of their own.

The latency of a tick runs from its commit, which nobody outside the server sees: it lies between
the sending of XADD and the arrival of its reply. So two figures are given, one from each; the
true one is between them. All times are of one clock, the machine's monotonic one.
"""

import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

import uvloop
from msgspec import Struct

from penstock.loadtest.conversation import Conversation
from penstock.loadtest.crew import Crew
from penstock.loadtest.errors import LoadtestError
from penstock.loadtest.latencies import Latencies, Summary
from penstock.loadtest.machine import Machine, describe_machine, fdatasync_us
from penstock.loadtest.processes import ServerProcess
from penstock.loadtest.redis_process import RedisProcess, redis_version
from penstock.loadtest.stay import Production, Stay, judge_stay
from penstock.loadtest.tally import Violations
from penstock.loadtest.target import Target
from penstock.loadtest.tick_producer import Produced, ProducerPlan, Sent, run_producer
from penstock.loadtest.tick_readers import (
    Finish,
    Habit,
    ReadersPlan,
    Ready,
    Seat,
    Seen,
    run_readers,
)
from penstock.loadtest.ticks import read_tick
from penstock.protocol.replies import ErrorReply

Draw: TypeAlias = Callable[[float, str, str], None]

# Of five consumers one is a guest: it comes, stays for some seconds and goes.
_GUEST_EVERY: Final = 5
_HEAR_SECONDS: Final = 0.1
_PAGE: Final = 1_000
_SLEEP_BEGINS_SECONDS: Final = 5.0


class Order(Struct, frozen=True):
    """What is to be measured. *target* None: a server is started for it."""

    target: Target | None
    redis: bool
    rate: float
    consumers: int
    processes: int
    seconds: float
    sleep_seconds: float
    seed: int


class Sleeper(Struct, frozen=True):
    """How the one that slept caught up."""

    seconds: float
    behind: int
    caught_up_ms: float


class Ticker(Struct, frozen=True):
    """What was measured."""

    machine: Machine
    server: str
    fdatasync_us: float | None
    rate: float
    seconds: float
    consumers: int
    processes: int
    ticks: int
    stays: int
    received: int
    from_sending: Summary
    from_reply: Summary
    append: Summary
    send_lag: Summary
    sleeper: Sleeper | None
    violations: int
    violation_texts: list[str]

    @property
    def sound(self) -> bool:
        """Whether nobody missed a tick, or saw one twice or out of order."""
        return not self.violations


def measure_ticker(order: Order, parent: Path | None, draw: Draw) -> Ticker:
    """Let the producer tick and the consumers read, then hold what each saw against what was sent.

    Raises:
        Unreachable: the server went away.
        LoadtestError: a server failed or refused.
    """
    machine = describe_machine()
    with TemporaryDirectory(prefix="penstock-ticker-", dir=parent) as directory:
        sync_us = fdatasync_us(Path(directory)) if order.target is None else None
        with _server(order, Path(directory, "data")) as (name, target):
            stream = f"ticks-{secrets.token_hex(4)}"
            run = _Run(order, target, stream, draw)
            run.tick()
            held = uvloop.run(_take_all(target, stream))
    return _judge(run, machine, name, sync_us, held)


@contextmanager
def _server(order: Order, data: Path) -> Iterator[tuple[str, Target]]:
    if order.target is not None:
        yield str(order.target), order.target
    elif order.redis:
        with RedisProcess(data) as redis:
            yield f"redis-server {redis_version()}, appendfsync always", redis.target
    else:
        arguments = ("--workers", "0", "--http", "off", "--log-level", "warning")
        with ServerProcess(data, *arguments) as penstock:
            yield "Penstock", penstock.target


class _Run:
    """One run, and what was seen in it."""

    def __init__(self, order: Order, target: Target, stream: str, draw: Draw) -> None:
        self.order = order
        self.produced: Produced | None = None
        self.stays: list[Stay] = []
        self._target = target
        self._stream = stream
        self._draw = draw
        self._readers: dict[Connection, int] = {}  # With the ticks that each saw.
        self._ready = 0
        self._told = 0
        self._sent = 0
        self._interrupted = False

    def tick(self) -> None:
        """Start everybody, wait for the last tick and for those who have not seen it."""
        with Crew() as crew, self._interruptible():
            for plan in self._reader_plans():
                self._readers[crew.start(run_readers, plan)] = 0
            while self._ready < len(self._readers):
                self._hear(crew, "consumers are coming")
            order = self.order
            ticks = ProducerPlan(self._target, self._stream, order.rate, order.seconds)
            producer = crew.start(run_producer, ticks)
            while self.produced is None:
                self._hear(crew, "ticking")
                if self._interrupted:
                    producer.send("stop")
                    self._interrupted = False
            for reader in self._readers:
                reader.send(Finish(self.produced.production.last))
            while self._told < len(self._readers):
                self._hear(crew, "consumers are catching up")

    def _hear(self, crew: Crew, doing: str) -> None:
        for pipe, said in crew.hear(_HEAR_SECONDS):
            match said:
                case Ready():
                    self._ready += 1
                case Seen():
                    self._readers[pipe] = said.count
                case Sent():
                    self._sent = said.count
                case Produced():
                    self.produced = said
                    crew.dismiss(pipe)
                case list():
                    self.stays += said
                    self._told += 1
                    crew.dismiss(pipe)
        total = max(1.0, self.order.rate * self.order.seconds)
        seen = sum(self._readers.values())
        self._draw(self._sent / total, doing, f"{self._sent:,} ticks · {seen:,} received")

    def _reader_plans(self) -> Iterator[ReadersPlan]:
        order = self.order
        sleep_after = min(_SLEEP_BEGINS_SECONDS, (order.seconds - order.sleep_seconds) / 2)
        seats = [Seat(number, _habit(number, order)) for number in range(order.consumers)]
        # Each process has some of every kind.
        Random(order.seed).shuffle(seats)
        for first in range(order.processes):
            yield ReadersPlan(
                self._target,
                self._stream,
                tuple(seats[first :: order.processes]),
                order.seed,
                sleep_after,
                order.sleep_seconds,
            )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let Ctrl-C end the ticking, not the report."""

        def interrupt(number: int, frame: object) -> None:
            self._interrupted = True

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _habit(number: int, order: Order) -> Habit:
    if number == 0 and order.sleep_seconds:
        return Habit.SLEEPS
    return Habit.COMES_AND_GOES if number % _GUEST_EVERY == 1 else Habit.STAYS


async def _take_all(target: Target, stream: str) -> list[int]:
    """Return the numbers of all ticks that the server holds, and remove the stream."""
    numbers: list[int] = []
    after = "-"
    async with Conversation(target) as conversation:
        while True:
            (page,) = await conversation.ask([("XRANGE", stream, after, "+", "COUNT", _PAGE)])
            if not isinstance(page, list):
                raise LoadtestError(f"XRANGE was answered with {page!r}")
            ticks = [read_tick(entry) for entry in page]
            numbers += [tick.number for tick in ticks]
            if len(ticks) < _PAGE:
                break
            after = f"({ticks[-1].event_id[0]}-{ticks[-1].event_id[1]}"
        (length,) = await conversation.ask([("XLEN", stream)])
        if length != len(numbers):
            raise LoadtestError(f"XLEN is {length!r}, and XRANGE gives {len(numbers)} events")
        (removed,) = await conversation.ask([("DEL", stream)])
        if isinstance(removed, ErrorReply):
            raise LoadtestError(f"DEL was refused: {removed.code} {removed.text}")
    return numbers


# --- judging -------------------------------------------------------------------------------------


def _judge(
    run: _Run, machine: Machine, server: str, sync_us: float | None, held: Sequence[int]
) -> Ticker:
    assert run.produced is not None
    production, order = run.produced.production, run.order
    violations = Violations()
    if list(held) != list(range(production.last + 1)):
        violations.add(
            f"{production.last + 1:,} ticks were acknowledged, and the stream holds {len(held):,}"
            " or has them in another order"
        )
    from_sending, from_reply, append = Latencies(), Latencies(), Latencies()
    for sent_ns, answered_ns in zip(production.sent_ns, production.answered_ns, strict=True):
        append.record_ns(answered_ns - sent_ns)
    for stay in run.stays:
        for text in judge_stay(stay, production):
            violations.add(text)
        _record(stay, production, from_sending, from_reply)
    return Ticker(
        machine=machine,
        server=server,
        fdatasync_us=sync_us,
        rate=order.rate,
        seconds=order.seconds,
        consumers=order.consumers,
        processes=order.processes,
        ticks=production.last + 1,
        stays=len(run.stays),
        received=sum(len(stay.numbers) for stay in run.stays),
        from_sending=from_sending.summary(),
        from_reply=from_reply.summary(),
        append=append.summary(),
        send_lag=run.produced.lag,
        sleeper=_sleeper(run.stays, order),
        violations=violations.count,
        violation_texts=violations.texts,
    )


def _record(
    stay: Stay, production: Production, from_sending: Latencies, from_reply: Latencies
) -> None:
    for number, received_ns, counts in zip(
        stay.numbers, stay.received_ns, stay.counted, strict=True
    ):
        if counts and number <= production.last:
            from_sending.record_ns(received_ns - production.sent_ns[number])
            from_reply.record_ns(received_ns - production.answered_ns[number])


def _sleeper(stays: Sequence[Stay], order: Order) -> Sleeper | None:
    """Return how the consumer in the first seat caught up, from its waking on."""
    (stay,) = (stay for stay in stays if stay.seat == 0 and stay.from_start)
    behind = [
        received_ns
        for received_ns, counts in zip(stay.received_ns, stay.counted, strict=True)
        if not counts
    ]
    if not order.sleep_seconds or not behind:
        return None
    return Sleeper(
        seconds=order.sleep_seconds,
        behind=len(behind),
        caught_up_ms=round((behind[-1] - stay.awake_since_ns) / 1e6, 1),
    )
