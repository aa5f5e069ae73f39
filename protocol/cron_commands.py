"""The command table: schedules, by which time submits jobs."""

from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, Parameter
from penstock.protocol.trigger_options import CRON_NEXT_OPTIONS, CRON_OPTIONS

_SINCE: Final = "0.1.0"

_NAME: Final = Parameter("name", Kind.NAME, "The schedule.")
_CHANGE_ERRORS: Final = (ErrorCode.DISKFULL, ErrorCode.UNKNOWN)
_READING: Final = frozenset({Flag.WHEN_DRAINING})
_CHANGING: Final = frozenset({Flag.WRITE, Flag.WHEN_DRAINING})

CRON_COMMANDS: Final = (
    Command(
        name="CRON.SET",
        arity=-5,
        category="cron",
        summary="Submit a job again and again, when a cron expression says so.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WRITE}),
        complexity="O(log N) with N schedules.",
        parameters=(
            Parameter("name", Kind.NAME, "One that exists is replaced."),
            Parameter(
                "expression",
                Kind.TEXT,
                "Minute, hour, day, month, day of the week; with six fields, second first. Or "
                "@hourly, @daily, @weekly, @monthly, @yearly.",
                maximum=limits.CRON_EXPRESSION_BYTES_MAX,
            ),
            Parameter(
                "zone",
                Kind.TEXT,
                "Whose clock is meant, such as Europe/Vienna; UTC by default.",
                maximum=limits.NAME_BYTES_MAX,
                optional=True,
                keyword="TZ",
            ),
            Parameter("task", Kind.NAME, "The name of the code that a worker runs; not TZ."),
            Parameter("payload", Kind.BYTES, "What the task gets."),
        ),
        options=CRON_OPTIONS,
        errors=(
            ErrorCode.TOOLARGE,
            *_CHANGE_ERRORS,
            ErrorCode.DISKLOW,
            ErrorCode.DRAINING,
            ErrorCode.OVERLOADED,
        ),
        notes="A run's job has the key `cron:<name>:<unix ms>` of the time it was due, so that "
        "a run is submitted once, whatever dies. A schedule that is replaced keeps what it has "
        "decided, and what is due unless its times are others. Times that name the minute and "
        "the hour keep to the clock: one that is left out when clocks are set forward runs then, "
        "one that comes twice when they are set back runs once. Times that repeat, with a star "
        "in either, go by the time that passes.",
    ),
    Command(
        name="CRON.DEL",
        arity=2,
        category="cron",
        summary="Remove a schedule.",
        since=_SINCE,
        reply="Integer: 1, or 0 if there is none.",
        flags=_CHANGING,
        complexity="O(log N) with N schedules.",
        parameters=(_NAME,),
        errors=_CHANGE_ERRORS,
        notes="Jobs that it submitted stay.",
    ),
    Command(
        name="CRON.LIST",
        arity=1,
        category="cron",
        summary="List the schedules.",
        since=_SINCE,
        reply="Array of flat arrays of names and values.",
        reply3="Array of maps.",
        flags=_READING,
        complexity="O(N) with N schedules.",
        notes="The names are those of CRON.SHOW.",
    ),
    Command(
        name="CRON.SHOW",
        arity=2,
        category="cron",
        summary="Show a schedule, when it runs, and how it went.",
        since=_SINCE,
        reply="Array of names and values, flat.",
        reply3="Map.",
        flags=_READING,
        complexity="O(1)",
        parameters=(_NAME,),
        errors=(ErrorCode.NOSCHEDULE,),
        notes="Names: name, expression, tz, task, payload, options, missed, missed_max, jitter_ms, "
        "overlap; next_at and last_at, milliseconds since 1970 or null; last_job, the id of the "
        "last run's job; runs and skipped, how many there were; last_error. More may come: read "
        "them by name.",
    ),
    Command(
        name="CRON.NEXT",
        arity=-2,
        category="cron",
        summary="Say when a schedule will run next.",
        since=_SINCE,
        reply="Array of integers: milliseconds since 1970.",
        flags=_READING,
        complexity="O(M) with M runs given.",
        parameters=(_NAME,),
        options=CRON_NEXT_OPTIONS,
        errors=(ErrorCode.NOSCHEDULE,),
        notes="Without jitter, and as the expression says; an expression may have an end.",
    ),
)
