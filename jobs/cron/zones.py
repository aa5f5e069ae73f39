"""Time zones: what the clock on the wall shows, and when it is set.

Zones come from the system, or from the `tzdata` package where the system has none, as in a slim
container. Instants are whole seconds here; a wall time is a `datetime` without a zone. The clock
is never asked.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from penstock.jobs.errors import Invalid

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_ZONES_CACHED_MAX: Final = 1_024  # More than there are.
# Names that stand for something else on each machine, or do not count leap seconds as we do.
_NO_ZONES: Final = ("localtime", "posixrules", "Factory", "right/", "posix/")


class Zone:
    """One time zone, by its name in the tz database."""

    __slots__ = ("_info", "name")

    def __init__(self, name: str) -> None:
        """Find it. Raises Invalid."""
        if not name or name.startswith(_NO_ZONES):
            raise _unknown(name)
        try:
            self._info = ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise _unknown(name) from None
        self.name = name

    def offset(self, at: int) -> int:
        """Return by how many seconds the wall clock is ahead of UTC at an instant."""
        utc = (_EPOCH + timedelta(seconds=at)).replace(tzinfo=UTC)
        return _seconds(utc.astimezone(self._info).utcoffset())

    def offsets(self, wall: datetime) -> tuple[int, int]:
        """Return the offsets by which a wall time may be meant.

        They differ only around a change. Where the clock is set back, both are right, the first
        one earlier; where it is set forward, it never shows this time, and neither is.
        """
        aware = wall.replace(tzinfo=self._info)
        return _seconds(aware.utcoffset()), _seconds(aware.replace(fold=1).utcoffset())

    def change_between(self, start: int, end: int, offset: int) -> int | None:
        """Return the first instant after *start*, until *end*, with another offset than *offset*.

        There is at most one change between them.
        """
        if self.offset(end) == offset:
            return None
        while end - start > 1:
            middle = (start + end) // 2
            if self.offset(middle) == offset:
                start = middle
            else:
                end = middle
        return end


@lru_cache(_ZONES_CACHED_MAX)
def zone_named(name: str) -> Zone:
    """Return a zone. Raises Invalid."""
    return Zone(name)


def wall_of(at: int, offset: int) -> datetime:
    """Return what a wall clock shows at an instant."""
    return _EPOCH + timedelta(seconds=at + offset)


def instant_of(wall: datetime, offset: int) -> int:
    """Return when a wall clock shows a time."""
    return round((wall - _EPOCH).total_seconds()) - offset


def _seconds(offset: timedelta | None) -> int:
    assert offset is not None
    return round(offset.total_seconds())


def _unknown(name: str) -> Invalid:
    return Invalid(
        f"{name!r:.80} is not a time zone; take a name of the tz database, such as UTC or "
        "Europe/Berlin"
    )
