"""What one consumer saw of a stream from its coming to its leaving, and whether it is right."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from penstock.loadtest.ticks import EventId, Tick

# A tick that was sent this long after a consumer came, or answered this long before it left, and
# was never seen is missed: nobody knows what was on its way in between.
OVERDUE_NS: Final = 3_000_000_000


@dataclass(frozen=True, slots=True)
class Production:
    """Every tick there was, by its number: when it was sent, and when XADD was answered.

    One connection sent them all, so both rise.
    """

    sent_ns: Sequence[int]
    answered_ns: Sequence[int]

    @property
    def last(self) -> int:
        """The number of the last tick; -1 if there was none."""
        return len(self.sent_ns) - 1


@dataclass(slots=True)
class Stay:
    """One consumer. It may lose its connection, or sleep, and go on at its cursor.

    `counted` tells of each tick whether it was sent while the consumer was there and awake: only
    then says its age something about the server.
    """

    seat: int
    from_start: bool
    came_ns: int
    awake_since_ns: int
    left_ns: int | None = None  # None: it stayed to the end.
    cursor: EventId | None = None
    numbers: "array[int]" = field(default_factory=lambda: array("q"))
    received_ns: "array[int]" = field(default_factory=lambda: array("q"))
    counted: bytearray = field(default_factory=bytearray)
    faults: list[str] = field(default_factory=list)

    def note(self, tick: Tick, received_ns: int) -> None:
        """Add one tick that was received."""
        if self.cursor is not None and tick.event_id <= self.cursor:
            self.faults.append(
                f"consumer {self.seat} was given event {tick.event_id} after {self.cursor}"
            )
        self.cursor = tick.event_id
        self.numbers.append(tick.number)
        self.received_ns.append(received_ns)
        self.counted.append(tick.sent_ns >= self.awake_since_ns)

    def has(self, number: int) -> bool:
        """Whether it came as far as this tick."""
        return bool(self.numbers) and self.numbers[-1] >= number


def judge_stay(stay: Stay, production: Production) -> Iterator[str]:
    """Say what must not be: a tick that was missed, doubled or out of order."""
    yield from stay.faults
    for before, after in pairwise(stay.numbers):
        if after == before:
            yield f"consumer {stay.seat} saw tick {after} twice"
        elif after < before:
            yield f"consumer {stay.seat} saw tick {after} after tick {before}"
        elif after > before + 1:
            missed = _ticks(before + 1, after - 1)
            yield f"consumer {stay.seat} missed {missed}, between {before} and {after}"
    yield from _judge_ends(stay, production)


def _judge_ends(stay: Stay, production: Production) -> Iterator[str]:
    first, last = 0, production.last
    if not stay.from_start:
        first = bisect_right(production.sent_ns, stay.came_ns + OVERDUE_NS)
    if stay.left_ns is not None:
        last = bisect_right(production.answered_ns, stay.left_ns - OVERDUE_NS) - 1
    if not stay.numbers:
        if first <= last:
            yield f"consumer {stay.seat} missed {_ticks(first, last)}: it saw none"
        return
    if stay.numbers[0] > first:
        missed = _ticks(first, stay.numbers[0] - 1)
        yield f"consumer {stay.seat} missed {missed}, before its first"
    if stay.numbers[-1] < last:
        missed = _ticks(stay.numbers[-1] + 1, last)
        yield f"consumer {stay.seat} missed {missed}, after its last"


def _ticks(first: int, last: int) -> str:
    return f"tick {first}" if first == last else f"ticks {first} to {last}"
