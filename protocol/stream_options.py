"""The options of the commands about streams and groups, as data: for docs, and some for parsing.

Redis' own commands are read by Redis' own rules, each by its function; the rows say them to people.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.config import limits
from penstock.protocol.grammar import Kind, Option
from penstock.protocol.values import INSTANT_MAX, INTEGER_MAX


def _number(
    keyword: str, value: str, meaning: str, *, minimum: int = 0, default: str = "", group: str = ""
) -> Option:
    return Option(
        keyword,
        value,
        Kind.NUMBER,
        meaning,
        minimum=minimum,
        maximum=INTEGER_MAX,
        default=default,
        group=group,
    )


def _flag(keyword: str, meaning: str) -> Option:
    return Option(keyword, keyword.lower(), Kind.FLAG, meaning)


# --- adding and trimming -------------------------------------------------------------------------

TRIM_OPTIONS: Final = (
    _number(
        "MAXLEN",
        "[=|~] n",
        "Keep so many events, the last ones; with ~ it may be more.",
        group="strategy",
    ),
    Option(
        "MINID",
        "[=|~] id",
        Kind.ID,
        "Keep the events from this id on; with ~ there may be more.",
        group="strategy",
    ),
    _number(
        "LIMIT",
        "n",
        "With ~: remove so many events at most; 0 is no limit.",
        default="10000",
    ),
)

ADD_OPTIONS: Final = (
    _flag("NOMKSTREAM", "Add nothing to a stream that does not exist; answer null."),
    *TRIM_OPTIONS,
)

SET_ID_OPTIONS: Final = (
    _number("ENTRIESADDED", "n", "How many events the stream was ever given: its last offset."),
    Option("MAXDELETEDID", "id", Kind.ID, "The largest id that was ever deleted."),
)

_BOUNDS: Final = {
    "length_max": _number(
        "MAXLEN", "n", "Keep so many events, the last ones; `none` takes the bound away.", minimum=1
    ),
    "age_ms_max": _number(
        "MAXAGE",
        "ms",
        "Keep events for so long, by the time in their ids; `none` takes the bound away.",
        minimum=1,
    ),
}

# What STREAM.SET sets, by the names everywhere else.
STREAM_BOUNDS: Final[Mapping[str, Option]] = MappingProxyType(_BOUNDS)
BOUND_OPTIONS: Final = tuple(STREAM_BOUNDS.values())

# --- reading -------------------------------------------------------------------------------------

_COUNT: Final = _number(
    "COUNT",
    "n",
    f"Give so many events at most, and never more than {limits.RANGE_EVENTS_MAX}.",
    default=f"{limits.RANGE_EVENTS_MAX}",
)
_COUNT_EACH: Final = _number(
    "COUNT",
    "n",
    f"Give so many events of each stream at most, and never more than {limits.RANGE_EVENTS_MAX}.",
    default=f"{limits.RANGE_EVENTS_MAX}",
)
_BLOCK: Final = _number(
    "BLOCK", "ms", "If there is nothing, wait for it so long; 0 is for ever.", default="no wait"
)

RANGE_OPTIONS: Final = (_COUNT,)
READ_OPTIONS: Final = (_COUNT_EACH, _BLOCK)
GROUP_READ_OPTIONS: Final = (
    _COUNT_EACH,
    _BLOCK,
    _flag("NOACK", "New events count as acknowledged as soon as they are given."),
)
SCAN_OPTIONS: Final = (
    Option("MATCH", "pattern", Kind.BYTES, "Give names that match, as with KEYS.", default="all"),
    _number("COUNT", "n", "Look at about so many names.", minimum=1, default="10"),
    Option("TYPE", "type", Kind.BYTES, "`stream`; of any other there is nothing.", default="all"),
)

# --- groups --------------------------------------------------------------------------------------

GROUP_SET_ID_OPTIONS: Final = (
    _number("ENTRIESREAD", "n", "The offset of the last event the group has seen; -1: unknown."),
)
GROUP_CREATE_OPTIONS: Final = (
    _flag("MKSTREAM", "Make the stream if it does not exist."),
    *GROUP_SET_ID_OPTIONS,
)
PENDING_OPTIONS: Final = (
    _number("IDLE", "ms", "List what was given at least so long ago.", default="0"),
)
CLAIM_EVENT_OPTIONS: Final = (
    _number("IDLE", "ms", "Set when they were given, before now.", default="0", group="delivered"),
    Option(
        "TIME",
        "unix-ms",
        Kind.NUMBER,
        "Set when they were given; a time to come is now.",
        maximum=INSTANT_MAX,
        default="now",
        group="delivered",
    ),
    _number("RETRYCOUNT", "n", "Set how often they were given.", default="one more"),
    _flag("FORCE", "Claim what is pending for nobody, too."),
    _flag("JUSTID", "Give ids only; how often they were given stays."),
    Option("LASTID", "id", Kind.ID, "Set the group's last delivered id, if this one is larger."),
)
AUTO_CLAIM_OPTIONS: Final = (
    _number("COUNT", "n", "Claim so many events at most.", minimum=1, default="100"),
    _flag("JUSTID", "Give ids only; how often they were given stays."),
)
INFO_STREAM_OPTIONS: Final = (
    _flag("FULL", "Show events, groups, consumers and what is pending."),
    Option(
        "COUNT",
        "n",
        Kind.NUMBER,
        "With FULL: show so many of each at most; 0 is no bound.",
        maximum=INTEGER_MAX,
        default="10",
        needs="FULL",
    ),
)
CONFIRM_OPTIONS: Final = (
    Option(
        "KEEP",
        "ms",
        Kind.NUMBER,
        "How long the key is known.",
        minimum=1,
        maximum=limits.KEEP_MS_MAX,
        default=f"{limits.HANDLED_KEEP_MS_DEFAULT}",
    ),
    Option("ACK", "id", Kind.ID, "Acknowledge this event in the same transaction."),
)
