"""Schedules for tests, and instants of one day."""

from typing import Final

from msgspec.structs import replace

from penstock.jobs.cron.expression import Expression
from penstock.jobs.cron.schedule import Progress, Schedule, begin
from penstock.jobs.cron.zones import zone_named
from penstock.jobs.model import Instant, TaskName

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# Thursday 1 January 2026, 12:00 UTC.
NOON: Final = Instant(1_767_268_800_000)


def a_schedule(expression: str = "* * * * *", **changes: object) -> Schedule:
    schedule = Schedule("tick", Expression(expression), zone_named("UTC"), TaskName("work"), b"[]")
    return replace(schedule, **changes)


def set_at(schedule: Schedule, now: int = NOON) -> Progress:
    return begin(schedule, Instant(now))


def no_jitter() -> float:
    return 0.0
