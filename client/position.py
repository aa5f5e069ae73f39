"""Where in a stream somebody begins to read, as users say it and as ids."""

import re
from datetime import datetime
from typing import Final, TypeAlias

from penstock.client.options import unix_ms

# "start", "now", "cursor"; an id, behind which it begins; a time, from which on: a datetime with a
# zone, or unix milliseconds.
Position: TypeAlias = str | int | datetime

FIRST: Final = "0-0"  # Behind it all events come.
NOW: Final = "$"

_ID: Final = re.compile(r"\d{1,19}(-\d{1,19})?")
# The last that an event of one millisecond can have.
_SEQUENCE_MAX: Final = 2**63 - 1


def start_of(position: Position) -> str:
    """Return the id behind which to begin: where there is no cursor yet, "cursor" is now.

    Raises:
        ValueError: it is none, or a time without a zone.
    """
    match position:
        case "cursor" | "now":
            return NOW
        case "start":
            return FIRST
        case datetime():
            return _before(unix_ms(position))
        case int() if not isinstance(position, bool) and position >= 0:
            return _before(position)
        case str() if _ID.fullmatch(position):
            return position
    raise ValueError(
        f'{position!r} is no place in a stream; use "cursor", "start", "now", an id such as '
        "1700000000000-0, or a time"
    )


def order_of(event_id: str) -> tuple[int, int]:
    """Return what ids are in the order of."""
    ms, _, sequence = event_id.partition("-")
    return int(ms), int(sequence or 0)


def _before(ms: int) -> str:
    """Return the last id before a millisecond."""
    return FIRST if ms == 0 else f"{ms - 1}-{_SEQUENCE_MAX}"
