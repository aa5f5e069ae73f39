"""The one clock of the process. `app.py` makes it; everybody else is given `now`."""

import time
from functools import partial
from typing import Final

from penstock.jobs.model import Instant

_NS_PER_MS: Final = 1_000_000
# Time since the machine's start, its sleep included.
_elapsed_ns: Final = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
# What the wall clock must be off by to be called a step: slewing moves both clocks alike.
_STEP_MS_MIN: Final = 1_000


class Clock:
    """Read the time: instants that go as fast as a stop-watch, and seconds of the stop-watch.

    Between two calls of `follow` instants are not moved by whoever sets the wall clock, so that
    nobody's lease ends and no wait lasts for ever because of it.
    """

    __slots__ = ("_offset_ns",)

    def __init__(self) -> None:
        self._offset_ns = _wall_offset_ns()

    def now_ms(self) -> Instant:
        """Return milliseconds since the Unix epoch, UTC."""
        return Instant((_elapsed_ns() + self._offset_ns) // _NS_PER_MS)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment. It never goes back."""
        return time.monotonic()

    def follow(self) -> int:
        """Follow the wall clock if it was set; return by how many milliseconds, 0 if it was not."""
        offset_ns = _wall_offset_ns()
        step_ms = (offset_ns - self._offset_ns) // _NS_PER_MS
        if abs(step_ms) < _STEP_MS_MIN:
            return 0
        self._offset_ns = offset_ns
        return step_ms


def _wall_offset_ns() -> int:
    return time.time_ns() - _elapsed_ns()
