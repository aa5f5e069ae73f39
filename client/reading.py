"""What both kinds of readers are to the subscriptions that drive them, without a socket or a clock.

A reader says which requests come next and takes their replies; it hands out one event at a time.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from penstock.client.errors import ConnectionLost, OutcomeUnknown, PenstockError, Refused
from penstock.client.event import Event
from penstock.client.requests import Request

T = TypeVar("T")

# What a server says that can do it later; all else that it refuses it will refuse again.
_LATER = frozenset({"DRAINING", "OVERLOADED", "DISKLOW", "DISKFULL"})


class Step(Struct, frozen=True):
    """A request, and who takes what its reply says, with the time."""

    request: Request[Any]
    take: Callable[[Any, float], None]


def step(request: Request[T], take: Callable[[T, float], None]) -> Step:
    """Make a step whose halves fit."""
    return Step(request, take)


class EventReader(Protocol):
    """Reads one stream. Times are seconds of a clock that never goes back."""

    @property
    def group(self) -> str | None:
        """The group that it reads for."""

    @property
    def wait(self) -> "Wait":
        """The last read that waited."""

    @property
    def is_ready(self) -> bool:
        """Whether it is settled where to begin: by the group, or as an id."""

    def steps(self, now: float, wait_ms: int | None) -> list[Step]:
        """Return what to ask, in one write, before an event can be had; nothing: `pop` has one.

        A read waits for *wait_ms* at most, and not longer than is good for it.
        """

    def pop(self, now: float) -> Event:
        """Hand out the next event."""

    def finish(self, now: float) -> None:
        """Take note that the event that was handed out last is dealt with."""

    def settle(self, event_id: str) -> None:
        """Take note that an event was acknowledged in another way."""

    def lost(self) -> None:
        """Take note that the steps under way may or may not have been carried out."""

    def holding(self, now: float) -> list[Step]:
        """Return what to ask so that nobody takes over what is held, while that is worked on."""

    def leaving(self, now: float) -> list[Step]:
        """Return what to ask before leaving, until there is nothing more."""


class Wait:
    """A read that waits at the server: how long, and what came of it.

    It was `in_vain` if nothing came; then it was `cut_short` if its time was not nearly over.
    """

    __slots__ = ("_due_at", "cut_short", "in_vain")

    def __init__(self) -> None:
        self._due_at = 0.0
        self.in_vain = False
        self.cut_short = False

    def reset(self) -> None:
        """Forget what came of it."""
        self.in_vain = self.cut_short = False

    def begin(self, now: float, wait_ms: int | None, wait_ms_max: int) -> int:
        """Return for how many milliseconds to wait: at least one, since none is for ever."""
        block_ms = max(1, wait_ms_max if wait_ms is None else min(wait_ms, wait_ms_max))
        self._due_at = now + block_ms / 2000
        self.reset()
        return block_ms

    def end(self, now: float, found: bool) -> None:
        """Take note of the reply."""
        self.in_vain = not found
        # A server that leaves ends all waits at once; to ask again at once would spin.
        self.cut_short = not found and now < self._due_at


def passes(error: PenstockError) -> bool:
    """Say whether what failed may be tried again."""
    if isinstance(error, Refused):
        return error.code in _LATER
    return isinstance(error, ConnectionLost | OutcomeUnknown)
