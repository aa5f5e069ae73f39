"""Which jobs are meant, as keyword arguments that become options on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypedDict

from penstock.client.options import unix_ms


class DeadFilter(TypedDict, total=False):
    """Which dead jobs of a queue; None is any.

    `error` is a text that the error of a failed attempt contains, in this case. `since` and
    `until` (which does not belong to it) bound the time of submission: a datetime with a zone, or
    unix milliseconds.
    """

    task: str | None
    error: str | None
    since: datetime | int | None
    until: datetime | int | None


class JobFilter(DeadFilter, total=False):
    """Which jobs; None is any.

    `state` is a state, or waiting, unfinished or finished. `connection` is the name of the client
    that submitted them; "me" is this one's.
    """

    queue: str | None
    state: str | None
    tenant: str | None
    group: str | None
    key: str | None
    connection: str | None


_DEAD: Final = frozenset(DeadFilter.__annotations__)
_ANY: Final = _DEAD | frozenset(JobFilter.__annotations__)


def dead_words(given: DeadFilter) -> list[str | int]:
    """Make the options of JOB.REDRIVE and JOB.DISCARD.

    Raises:
        TypeError: there is no such filter. ValueError: a time has no zone.
    """
    return _words(given, _DEAD)


def job_words(given: JobFilter) -> list[str | int]:
    """Make the options of JOB.LIST; raises as `dead_words` does."""
    return _words(given, _ANY)


def _words(given: Mapping[str, object], known: frozenset[str]) -> list[str | int]:
    words: list[str | int] = []
    for name, value in given.items():
        if name not in known:
            raise TypeError(f"there is no filter {name!r}; there are {', '.join(sorted(known))}")
        if value is None:
            continue
        if isinstance(value, datetime):
            value = unix_ms(value)
        if not isinstance(value, str | int):
            raise TypeError(f"{name} is {value!r}, which is no text and no number")
        words += (name.upper(), value)
    return words
