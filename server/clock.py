"""The one clock of the process. `app.py` makes it; everybody else is given `now`."""

import time

from penstock.jobs.model import Instant


class Clock:
    """Read the time: instants from the wall clock, durations from the monotonic one."""

    __slots__ = ()

    def now_ms(self) -> Instant:
        """Return the wall clock in milliseconds since the Unix epoch, UTC. It may jump."""
        return Instant(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment. It never goes back."""
        return time.monotonic()
