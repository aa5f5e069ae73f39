"""The front of an order that may be too long for memory.

A window holds the first jobs of an order in memory; what sorts behind its horizon is only in the
store and is read when the window runs low. So a backlog of any length costs the same memory, and
a restart need not read it.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import islice
from typing import Final

from penstock.config.limits import QUEUE_WINDOW_LOW_DIVISOR
from penstock.jobs.model import Job

Position = tuple[int, int]  # (rank or due_at, id): unique, because ids are.
Entry = tuple[int, int, Job]

_COMPACT_AT: Final = 512


def _position(entry: Entry) -> Position:
    return entry[:2]


class Window:
    """Jobs in order of their positions, as far as memory holds them.

    Invariant: a job of this order is in the window exactly if the window is complete or the
    job's position is at or before the horizon.
    """

    __slots__ = ("_entries", "_front", "complete", "horizon", "jobs_max")

    def __init__(self, jobs_max: int, *, complete: bool) -> None:
        self.jobs_max = jobs_max
        self.complete = complete
        self.horizon: Position | None = None
        self._entries: list[Entry] = []
        self._front = 0  # Entries before it have been taken; cut off now and then.

    def __len__(self) -> int:
        return len(self._entries) - self._front

    def __iter__(self) -> Iterator[Entry]:
        return islice(self._entries, self._front, None)

    def first(self) -> Entry | None:
        return self._entries[self._front] if self._front < len(self._entries) else None

    def is_low(self) -> bool:
        """Say whether the store should be asked for more."""
        return not self.complete and len(self) * QUEUE_WINDOW_LOW_DIVISOR <= self.jobs_max

    def take_first(self) -> Job:
        entry = self._entries[self._front]
        self._front += 1
        if self._front >= _COMPACT_AT or self._front == len(self._entries):
            del self._entries[: self._front]
            self._front = 0
        return entry[2]

    def index(self, position: Position) -> int | None:
        """Return how many jobs sort before a position; None if memory cannot tell."""
        if not self.complete and (self.horizon is None or position > self.horizon):
            return None
        return bisect_left(self._entries, position, lo=self._front, key=_position) - self._front

    def clear(self) -> None:
        """Forget all jobs; they are in the store, and are to be read from there again."""
        self._entries.clear()
        self._front = 0
        self.horizon = None
        self.complete = False

    def offer(self, entry: Entry) -> Job | None:
        """Let a job in if it belongs here; return the job that is only in the store now, if any.

        The one returned is the one offered, or another that it pushed out.
        """
        entries = self._entries
        if not self.complete and (self.horizon is None or entry[:2] > self.horizon):
            return entry[2]
        if self._front == len(entries) or entry > entries[-1]:
            entries.append(entry)
        else:
            insort(entries, entry, lo=self._front)
        if len(entries) - self._front <= self.jobs_max:
            return None
        last = entries.pop()
        self.complete = False
        self.horizon = entries[-1][:2]
        return last[2]

    def remove(self, position: Position) -> Job | None:
        """Take out the job at a position; None if memory does not hold it."""
        entries = self._entries
        at = bisect_left(entries, position, lo=self._front, key=_position)
        if at == len(entries) or entries[at][:2] != position:
            return None
        return entries.pop(at)[2]

    def split(self, is_apart: Callable[[Job], bool]) -> list[Entry]:
        """Take out all jobs of a kind, which from now on is not of this order."""
        here = self._entries[self._front :]
        apart = [entry for entry in here if is_apart(entry[2])]
        if apart:
            self._entries = [entry for entry in here if not is_apart(entry[2])]
            self._front = 0
        return apart

    def part(self, entries: list[Entry]) -> "Window":
        """Return a window of what was split off: it knows as much of its order as this one."""
        window = Window(self.jobs_max, complete=self.complete)
        window.horizon = self.horizon
        window._entries = entries
        return window

    def cut(self, horizon: Position) -> list[Job]:
        """Move the horizon back; return the jobs that are only in the store now."""
        at = bisect_left(self._entries, (horizon[0], horizon[1] + 1), lo=self._front, key=_position)
        pushed_out = [entry[2] for entry in self._entries[at:]]
        del self._entries[at:]
        self.complete = False
        self.horizon = horizon
        return pushed_out

    def shrink(self, jobs_max: int) -> list[Job]:
        """Hold at most *jobs_max* from now on; return the jobs that are only in the store now."""
        self.jobs_max = jobs_max
        cut = self._front + jobs_max
        pushed_out = [entry[2] for entry in self._entries[cut:]]
        if pushed_out:
            del self._entries[cut:]
            self.complete = False
            self.horizon = self._entries[-1][:2]
        return pushed_out

    def refill(
        self,
        after: Position | None,
        jobs: Sequence[Entry],
        *,
        asked: int,
        elsewhere: Container[int],
    ) -> None:
        """Append what the store answered to a question for *asked* jobs after a position.

        An answer to a question from before the horizon moved is of no use and is dropped. Ids in
        *elsewhere* are on their way to another state that the store had not yet been told.
        """
        if self.complete or after != self.horizon:
            return
        assert all(after is None or entry[:2] > after for entry in jobs)
        self._entries.extend(entry for entry in jobs if entry[1] not in elsewhere)
        if jobs:
            self.horizon = jobs[-1][:2]
        self.complete = len(jobs) < asked
