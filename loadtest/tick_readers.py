"""A process with several consumers: each waits in a blocked XREAD of a connection of its own."""

import asyncio
from enum import Enum
from multiprocessing.connection import Connection
from random import Random
from time import monotonic_ns
from typing import Final

import anyio
import uvloop
from msgspec import Struct

from penstock.loadtest.crew import await_word
from penstock.loadtest.errors import LoadtestError, Unreachable
from penstock.loadtest.stamped import StampedConnection, connect_stamped
from penstock.loadtest.stay import Stay
from penstock.loadtest.target import Target
from penstock.loadtest.ticks import read_one_tick, read_ticks
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

# Events of one reply: somebody who slept for a minute catches up in a few dozen round trips.
_COUNT: Final = 100
_BLOCK_MS: Final = 5_000
_TOLD_SECONDS: Final = 0.25
# How long a guest stays, and how long its seat is then empty.
_STAY_SECONDS: Final = (1.0, 8.0)
_AWAY_SECONDS: Final = (0.1, 1.0)
_RETURNS_SHARE: Final = 0.5
# After the last tick was answered, for whoever has not seen it.
_FINISH_SECONDS_MAX: Final = 10.0


class Habit(Enum):
    """What the consumers of one seat do."""

    STAYS = "stays"
    SLEEPS = "sleeps"
    COMES_AND_GOES = "comes and goes"


class Seat(Struct, frozen=True):
    """One consumer at a time."""

    number: int
    habit: Habit


class ReadersPlan(Struct, frozen=True):
    """Who reads, from where. The sleeper stops asking after a while, for a while."""

    target: Target
    stream: str
    seats: tuple[Seat, ...]
    seed: int
    sleep_after_seconds: float
    sleep_seconds: float


class Ready(Struct, frozen=True):
    """Everybody has asked for the first tick."""


class Seen(Struct, frozen=True):
    """So many ticks were received by now."""

    count: int


class Finish(Struct, frozen=True):
    """Said to the readers: the last tick was sent."""

    last: int


class Readers:
    """What all seats of the process share."""

    def __init__(self, plan: ReadersPlan) -> None:
        self.plan = plan
        self.stays: list[Stay] = []
        self.failure: LoadtestError | None = None
        self.last = -1  # The number of the last tick, once it was sent.
        self.finished = asyncio.Event()

    async def pause(self, seconds: float) -> bool:
        """Let time go by; return whether the last tick was sent meanwhile."""
        with anyio.move_on_after(seconds):
            await self.finished.wait()
        return self.finished.is_set()

    def fail(self, failure: LoadtestError) -> None:
        """Let nobody wait any longer: what is measured would be worth nothing."""
        self.failure = self.failure or failure
        self.finished.set()


def run_readers(plan: ReadersPlan, pipe: Connection) -> None:
    """Read until the last tick; then tell what every consumer saw."""
    uvloop.run(_read(plan, pipe))


async def _read(plan: ReadersPlan, pipe: Connection) -> None:
    readers = Readers(plan)

    def finish(word: object) -> None:
        if isinstance(word, Finish):
            readers.last = word.last
        readers.finished.set()

    await_word(pipe, finish)
    consumers = [Consumer(readers, seat) for seat in plan.seats]
    for consumer in consumers:
        await consumer.come()
    pipe.send(Ready())
    async with anyio.create_task_group() as telling:
        telling.start_soon(_tell, readers, pipe)
        async with anyio.create_task_group() as living:
            for consumer in consumers:
                living.start_soon(consumer.live)
        telling.cancel_scope.cancel()
    pipe.send(readers.failure or readers.stays)


async def _tell(readers: Readers, pipe: Connection) -> None:
    while True:
        await anyio.sleep(_TOLD_SECONDS)
        pipe.send(Seen(sum(len(stay.numbers) for stay in readers.stays)))


def encode_question(stream: str) -> bytes:
    """Encode the XREAD of one stream, with room for the length and the text of the id."""
    words = ("XREAD", "COUNT", _COUNT, "BLOCK", _BLOCK_MS, "STREAMS", stream, "?")
    return encode_command(words).removesuffix(b"$1\r\n?\r\n") + b"$%d\r\n%b\r\n"


class Consumer:
    """Whoever has a seat: asks, notes what comes, asks again."""

    def __init__(self, readers: Readers, seat: Seat) -> None:
        self._readers = readers
        self._seat = seat
        self._random = Random(f"{readers.plan.seed}/{seat.number}")
        self._stay = self._new_stay(from_start=True)
        # All but the id, which is the last argument.
        self._question = encode_question(readers.plan.stream)
        self._connection: StampedConnection | None = None
        self._asked = False
        self._asleep = False
        self._moved = asyncio.Event()

    async def come(self) -> None:
        """Connect, and ask for what comes after the cursor."""
        target = self._readers.plan.target
        self._connection = await connect_stamped(
            target, self._take, self._lose, take_whole=self._take_whole
        )
        self._ask()

    async def live(self) -> None:
        """Do as the habit has it until the last tick was sent, then wait for that one."""
        match self._seat.habit:
            case Habit.SLEEPS:
                await self._sleep()
            case Habit.COMES_AND_GOES:
                await self._come_and_go()
        await self._readers.finished.wait()
        if self._connection is not None:
            with anyio.move_on_after(_FINISH_SECONDS_MAX):
                await self._see_last()
            self._connection.close()

    async def _see_last(self) -> None:
        while self._readers.failure is None and not self._stay.has(self._readers.last):
            self._moved.clear()
            await self._moved.wait()

    async def _sleep(self) -> None:
        plan = self._readers.plan
        if await self._readers.pause(plan.sleep_after_seconds):
            return
        self._asleep = True
        await self._readers.pause(plan.sleep_seconds)
        self._asleep = False
        self._stay.awake_since_ns = monotonic_ns()
        if not self._asked:
            self._ask()

    async def _come_and_go(self) -> None:
        while not await self._readers.pause(self._random.uniform(*_STAY_SECONDS)):
            assert self._connection is not None
            self._connection.close()
            self._connection = None
            left_ns = monotonic_ns()
            is_over = await self._readers.pause(self._random.uniform(*_AWAY_SECONDS))
            if self._random.random() < _RETURNS_SHARE:
                self._stay.awake_since_ns = monotonic_ns()
            else:
                self._stay.left_ns = left_ns
                if is_over:
                    return
                self._stay = self._new_stay(from_start=False)
            await self.come()

    def _new_stay(self, *, from_start: bool) -> Stay:
        now = monotonic_ns()
        stay = Stay(self._seat.number, from_start, now, now)
        self._readers.stays.append(stay)
        return stay

    def _ask(self) -> None:
        assert self._connection is not None
        stay = self._stay
        after = b"0" if stay.from_start else b"$"
        if stay.cursor is not None:
            after = b"%d-%d" % stay.cursor
        self._asked = True
        self._connection.write(self._question % (len(after), after))

    def _take_whole(self, data: bytes, now: int) -> bool:
        tick = read_one_tick(data)
        if tick is None:
            return False
        self._asked = False
        self._stay.note(tick, now)
        self._moved.set()
        if not self._asleep:
            self._ask()
        return True

    def _take(self, reply: Reply, now: int) -> None:
        self._asked = False
        if isinstance(reply, ErrorReply):
            self._fail(LoadtestError(f"a read was refused: {reply.code} {reply.text}"))
            return
        if reply is not None:
            self._note(reply, now)
        elif self._stay.cursor is None:
            # Nothing came while it was blocked: it begins at the end once more.
            self._stay.came_ns = now
        if not self._asleep:
            self._ask()

    def _note(self, reply: Reply, now: int) -> None:
        try:
            ticks = read_ticks(reply)
        except ValueError as error:
            self._fail(LoadtestError(str(error)))
            return
        for tick in ticks:
            self._stay.note(tick, now)
        self._moved.set()

    def _lose(self, reason: str) -> None:
        self._fail(Unreachable(f"consumer {self._seat.number}: {reason}"))

    def _fail(self, failure: LoadtestError) -> None:
        self._readers.fail(failure)
        self._moved.set()
