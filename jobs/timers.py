"""Instants at which something is due, with cheap cancelling.

A heap with lazy deletion, rebuilt when more than half of it is dead, so that a million timers
that are cancelled early (a wait of an hour that ends in a millisecond) cost no memory.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

from msgspec import Struct

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


class Timer(Struct, Generic[T], eq=False):
    """One entry; `item` is None once it has fired or was cancelled."""

    at: Instant
    item: T | None


class Timers(Generic[T]):
    """Items ordered by the instant at which they are due, then by age."""

    __slots__ = ("_dead_count", "_heap", "_number")

    def __init__(self) -> None:
        # The number is the age: no two are equal, so timers themselves are never compared.
        self._heap: list[tuple[Instant, int, Timer[T]]] = []
        self._number = 0
        self._dead_count = 0

    def __len__(self) -> int:
        return len(self._heap) - self._dead_count

    def add(self, at: Instant, item: T) -> Timer[T]:
        self._number += 1
        timer = Timer(at, item)
        heappush(self._heap, (at, self._number, timer))
        return timer

    def cancel(self, timer: Timer[T]) -> None:
        """Forget a timer; one that has fired already is left alone."""
        if timer.item is None:
            return
        timer.item = None
        self._dead_count += 1
        if self._dead_count > _REBUILD_MIN and self._dead_count * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].item is not None]
            heapify(self._heap)
            self._dead_count = 0

    def next_at(self) -> Instant | None:
        """Return when the earliest live item is due."""
        heap = self._heap
        while heap and heap[0][2].item is None:
            heappop(heap)
            self._dead_count -= 1
        return heap[0][0] if heap else None

    def shift(self, step_ms: int) -> None:
        """Move all instants, as the clock was moved; their order stays."""
        shifted: list[tuple[Instant, int, Timer[T]]] = []
        for at, number, timer in self._heap:
            timer.at = Instant(at + step_ms)
            shifted.append((timer.at, number, timer))
        self._heap = shifted

    def pop_due(self, now: Instant) -> Iterator[T]:
        """Take out everything that is due at or before *now*, the earliest first."""
        while (at := self.next_at()) is not None and at <= now:
            _, _, timer = heappop(self._heap)
            item = timer.item
            assert item is not None
            timer.item = None
            yield item
