"""The options of triggers and schedules, as data: those of the jobs that they submit, and a few.

What belongs to the trigger or to the run is not for the options to say: the job's key, and when a
schedule's job is due.
"""

from typing import Final

from msgspec.structs import replace

from penstock.config import limits
from penstock.protocol.grammar import Kind, Option
from penstock.protocol.options import SUBMIT_OPTIONS

MISSED_WORDS: Final = ("skip", "once", "all")
OVERLAP_WORDS: Final = ("allow", "skip", "wait")

_OF_KEYS: Final = frozenset({"KEY", "WINDOW", "REPLACE"})
_OF_TIMES: Final = frozenset({"DELAY", "AT"})
_TEMPLATES: Final = frozenset({"TENANT", "GROUP"})


def _as_template(option: Option) -> Option:
    return replace(
        option,
        value="template",
        kind=Kind.TEXT,
        meaning=f"{option.meaning} May hold places such as ${{field}}.",
        maximum=limits.TEMPLATE_BYTES_MAX,
    )


TRIGGER_OPTIONS: Final = tuple(
    _as_template(option) if option.keyword in _TEMPLATES else option
    for option in SUBMIT_OPTIONS
    if option.keyword not in _OF_KEYS
)

TRIGGER_DELETE_OPTIONS: Final = (
    Option(
        "KEEP",
        "keep",
        Kind.FLAG,
        "Leave its cursor, from which a trigger of this name goes on.",
    ),
)

CRON_OPTIONS: Final = (
    Option(
        "MISSED",
        "|".join(MISSED_WORDS),
        Kind.WORD,
        "What becomes of runs that were due while the server was not there: none, one for all of "
        "them, or each.",
        words=MISSED_WORDS,
        default="once",
    ),
    Option(
        "MISSED-MAX",
        "n",
        Kind.NUMBER,
        "With MISSED all: run so many at most, the latest.",
        minimum=1,
        maximum=limits.CRON_MISSED_MAX,
        default=f"{limits.CRON_MISSED_DEFAULT}",
    ),
    Option(
        "JITTER",
        "ms",
        Kind.NUMBER,
        "Let each run be due up to so much later, drawn at random.",
        maximum=limits.CRON_JITTER_MS_MAX,
        default="0",
    ),
    Option(
        "OVERLAP",
        "|".join(OVERLAP_WORDS),
        Kind.WORD,
        "What becomes of a run while the job of the last one is not finished: it is submitted all "
        "the same, it is left out, or its job waits for that one.",
        words=OVERLAP_WORDS,
        default="allow",
    ),
    *(option for option in SUBMIT_OPTIONS if option.keyword not in _OF_KEYS | _OF_TIMES),
)

CRON_NEXT_OPTIONS: Final = (
    Option(
        "COUNT",
        "n",
        Kind.NUMBER,
        "How many runs to give at most.",
        minimum=1,
        maximum=limits.CRON_NEXT_MAX,
        default=f"{limits.CRON_NEXT_DEFAULT}",
    ),
)
