"""Instants at which something is due, with cheap cancelling.

A heap with lazy deletion, rebuilt when more than half of it is dead, so that a million timers
that are cancelled early (a wait of an hour that ends in a millisecond) cost no memory.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

from penstock.jobs.model import Instant

T = TypeVar("T")

_REBUILD_MIN: Final = 1024


def soonest(*ats: Instant | None) -> Instant | None:
    """Return the first of some instants, of which some may not be."""
    first: Instant | None = None
    for at in ats:
        if at is not None and (first is None or at < first):
            first = at
    return first


class Timer(Generic[T]):
    """One entry; `item` is None once it has fired or was cancelled."""

    __slots__ = ("at", "item", "number")

    def __init__(self, at: Instant, number: int, item: T) -> None:
        self.at = at
        self.number = number
        self.item: T | None = item

    def __lt__(self, other: "Timer[T]") -> bool:
        return (self.at, self.number) < (other.at, other.number)


class Timers(Generic[T]):
    """Items ordered by the instant at which they are due, then by age."""

    __slots__ = ("_dead_count", "_heap", "_number")

    def __init__(self) -> None:
        self._heap: list[Timer[T]] = []
        self._number = 0
        self._dead_count = 0

    def __len__(self) -> int:
        return len(self._heap) - self._dead_count

    def add(self, at: Instant, item: T) -> Timer[T]:
        self._number += 1
        timer = Timer(at, self._number, item)
        heappush(self._heap, timer)
        return timer

    def cancel(self, timer: Timer[T]) -> None:
        """Forget a timer; one that has fired already is left alone."""
        if timer.item is None:
            return
        timer.item = None
        self._dead_count += 1
        if self._dead_count > _REBUILD_MIN and self._dead_count * 2 > len(self._heap):
            self._heap = [timer for timer in self._heap if timer.item is not None]
            heapify(self._heap)
            self._dead_count = 0

    def next_at(self) -> Instant | None:
        """Return when the earliest live item is due."""
        while self._heap and self._heap[0].item is None:
            heappop(self._heap)
            self._dead_count -= 1
        return self._heap[0].at if self._heap else None

    def shift(self, step_ms: int) -> None:
        """Move all instants, as the clock was moved; their order stays."""
        for timer in self._heap:
            timer.at = Instant(timer.at + step_ms)

    def pop_due(self, now: Instant) -> Iterator[T]:
        """Take out everything that is due at or before *now*, the earliest first."""
        while (at := self.next_at()) is not None and at <= now:
            timer = heappop(self._heap)
            item = timer.item
            assert item is not None
            timer.item = None
            yield item
