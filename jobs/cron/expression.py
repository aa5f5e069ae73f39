"""Cron expressions: when a schedule's runs are due, in the time of a zone.

What the fields mean is cronsim's to say, which does as Debian's cron does; it is asked for wall
times, and what instants those are is said here:

- **Fixed times**, where neither the minute nor the hour begins with a star, are kept when the
  clock is set: a time that the clock leaves out runs when it has been set forward, one that comes
  twice runs the first time. Several that were left out are one run.
- **Repeated times**, all others, go by the time that passes: every fifteen minutes stays that.
  Times that are left out are left out, those that come twice run twice.

Debian's cron does so for expressions of five fields. Six, with seconds first, are treated alike.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cronsim import CronSim, CronSimError

from penstock.config.limits import CRON_EXPRESSION_BYTES_MAX
from penstock.jobs.cron.zones import Zone, instant_of, wall_of
from penstock.jobs.errors import Invalid
from penstock.jobs.model import Instant

_SHORTHANDS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# In the order of the fields, with what cronsim calls them: what may stand there.
_FIELDS: Final = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L (the last) or LW (the last weekday)",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT; MON#2 (the second), MONL is 1L (the last)",
}
_BAD: Final = "Bad "
_MS: Final = 1_000
_DAY: Final = 24 * 3_600
# Until then, some years before the end of `datetime`, times are looked for.
_LAST_SECOND: Final = 240_000_000_000
_ANY_WALL: Final = wall_of(0, 0)


class Expression:
    """An expression that was checked; equal to another of the same source."""

    __slots__ = ("_fields", "_is_fixed", "source")

    def __init__(self, source: str) -> None:
        """Check it. Raises Invalid, naming the field that is wrong."""
        self.source = source
        self._fields = _checked(source)
        minute, hour = self._fields.split()[-5:-3]
        self._is_fixed = not minute.startswith("*") and not hour.startswith("*")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    def next_after(self, instant: Instant, zone: Zone) -> Instant | None:
        """Return the first time after an instant; None if there is none for fifty years."""
        return next(self.after(instant, zone), None)

    def after(self, instant: Instant, zone: Zone) -> Iterator[Instant]:
        """Yield the times after an instant, the first one first."""
        start = instant // _MS
        if start >= _LAST_SECOND:
            return
        walk = self._fixed_after if self._is_fixed else self._repeated_after
        for at in walk(start, zone):
            yield Instant(at * _MS)

    def before(self, instant: Instant, zone: Zone) -> Iterator[Instant]:
        """Yield the times before an instant, the last one first."""
        end = -(-instant // _MS)
        if end >= _LAST_SECOND:
            return
        walk = self._fixed_before if self._is_fixed else self._repeated_before
        for at in walk(end, zone):
            yield Instant(at * _MS)

    # --- fixed times ---------------------------------------------------------------------------

    def _fixed_after(self, start: int, zone: Zone) -> Iterator[int]:
        for wall in CronSim(self._fields, wall_of(start, zone.offset(start))):
            at = _instant_of_fixed(wall, zone)
            if at > start:  # Not a time that came, and comes once more.
                yield at
                start = at

    def _fixed_before(self, end: int, zone: Zone) -> Iterator[int]:
        last = wall_of(end, zone.offset(end))
        first, second = zone.offsets(last)
        if first > second:  # What comes once more came before the clock was set back.
            last = wall_of(end, first)
        for wall in CronSim(self._fields, last, reverse=True):
            at = _instant_of_fixed(wall, zone)
            if at < end:
                yield at
                end = at

    # --- repeated times ------------------------------------------------------------------------

    def _repeated_after(self, start: int, zone: Zone) -> Iterator[int]:
        """Walk with a clock that is not set, until the zone's is; then set it, and go on.

        Where the next time is far there is none until a day before it: an offset is less than
        that. Only two days after the start, and from there on, is it looked whether a clock is set.
        """
        offset = zone.offset(start)
        while True:
            for wall in CronSim(self._fields, wall_of(start, offset)):
                at = instant_of(wall, offset)
                change = zone.change_between(start, min(at, start + 2 * _DAY), offset)
                if change is not None:
                    start, offset = change - 1, zone.offset(change)
                    break
                if at > start + 2 * _DAY:
                    start = at - _DAY
                    offset = zone.offset(start)
                    break
                yield at
                start = at
            else:
                return

    def _repeated_before(self, end: int, zone: Zone) -> Iterator[int]:
        """Walk likewise, backwards; *offset* holds right before the end."""
        offset = zone.offset(end - 1)
        while True:
            for wall in CronSim(self._fields, wall_of(end, offset), reverse=True):
                at = instant_of(wall, offset)
                earliest = max(at, end - 2 * _DAY)
                if (before := zone.offset(earliest)) != offset:
                    change = zone.change_between(earliest, end, before)
                    assert change is not None
                    end, offset = change, before
                    break
                if at < earliest:
                    end = at + _DAY
                    offset = zone.offset(end - 1)
                    break
                yield at
                end = at
            else:
                return


def _instant_of_fixed(wall: datetime, zone: Zone) -> int:
    """Return when a fixed time runs: the first time it comes, or when the clock has passed it."""
    first, second = zone.offsets(wall)
    if first >= second:
        return instant_of(wall, first)
    change = zone.change_between(instant_of(wall, second) - 1, instant_of(wall, first), first)
    assert change is not None
    return change


def _checked(source: str) -> str:
    """Return the fields of an expression. Raises Invalid."""
    if len(source.encode()) > CRON_EXPRESSION_BYTES_MAX or not source.isascii():
        raise Invalid(
            f"a cron expression has up to {CRON_EXPRESSION_BYTES_MAX} characters of ASCII"
        )
    if source.lstrip().startswith("@"):
        return _of_shorthand(source.strip())
    fields = source.split()
    if len(fields) not in (5, 6):
        raise Invalid(
            f"the cron expression {source!r} has {len(fields)} fields, not five (minute, hour, day "
            "of month, month, day of week) or six (second first)"
        )
    try:
        CronSim(source, _ANY_WALL)
    except CronSimError as problem:
        raise _invalid(fields, str(problem)) from None
    return " ".join(fields)


def _of_shorthand(source: str) -> str:
    fields = _SHORTHANDS.get(source.lower())
    if fields is None:
        raise Invalid(f"{source!r} is not known; there are {', '.join(_SHORTHANDS)}")
    return fields


def _invalid(fields: list[str], problem: str) -> Invalid:
    name = problem.removeprefix(_BAD)
    if name not in _FIELDS:
        return Invalid(f"the cron expression {' '.join(fields)!r} cannot be read: {problem}")
    text = fields[list(_FIELDS).index(name) - 6]
    if name == "day-of-month" and len(fields) == 5 and _is_well_formed(text):
        return Invalid(f"the day of month {text!r} comes in none of the months {fields[-2]!r}")
    words = name.replace("-", " ")
    return Invalid(f"the {words} {text!r} is not in {_FIELDS[name]}, a list or a step of those")


def _is_well_formed(day: str) -> bool:
    """Say whether a day is refused for its months alone."""
    try:
        CronSim(f"0 0 {day} 1 *", _ANY_WALL)
    except CronSimError:
        return False
    return True
