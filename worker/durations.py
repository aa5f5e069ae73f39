"""Lengths of time as tasks write them: seconds, or a timedelta."""

from datetime import timedelta
from typing import Final, TypeAlias

from penstock.config import limits

Duration: TypeAlias = float | timedelta

_DAYS_MAX: Final = limits.DELAY_MS_MAX // (24 * 3_600_000)


def milliseconds(what: str, value: object) -> int:
    """Make whole milliseconds of a duration; *what* names it for the error.

    Raises:
        TypeError: it is neither a number nor a timedelta.
        ValueError: it is negative, no finite number, or longer than a job may be put off.
    """
    if isinstance(value, timedelta):
        seconds: float = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    else:
        raise TypeError(f"{what} takes seconds or a timedelta, not {value!r:.100}")
    # Written so that NaN fails, too.
    if not 0 <= seconds <= limits.DELAY_MS_MAX / 1000:
        raise ValueError(f"{what} takes 0 to {_DAYS_MAX} days, not {value!r:.100}")
    return round(seconds * 1000)
