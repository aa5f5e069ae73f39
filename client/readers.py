"""What one may say about a subscription, and the reader that it makes."""

import os
import secrets
import socket
from collections.abc import Mapping
from typing import Final

from penstock.client.group_reader import GroupReader
from penstock.client.patterns import Patterns
from penstock.client.plain_reader import PlainReader
from penstock.client.position import Position, start_of
from penstock.client.reading import EventReader
from penstock.config import limits

_RANDOM_BYTES: Final = 6


def reader_of(
    stream: str,
    *,
    group: str | None,
    consumer: str | None,
    from_: Position,
    batch: int,
    match: Mapping[str, str] | None,
    take_over_ms: int,
) -> EventReader:
    """Make a reader.

    Raises:
        ValueError: a value is out of its range, or a consumer has no group.
    """
    if not 1 <= batch <= limits.CLIENT_READ_EVENTS_MAX:
        raise ValueError(f"batch takes 1 to {limits.CLIENT_READ_EVENTS_MAX} events, not {batch}")
    start = start_of(from_)
    patterns = None if match is None else Patterns(match)
    if group is None:
        if consumer is not None:
            raise ValueError("a consumer is one of a group: name the group as well")
        return PlainReader(stream, start, batch, patterns)
    if take_over_ms < limits.CLIENT_TAKE_OVER_MS_MIN:
        raise ValueError(
            f"take_over_ms takes {limits.CLIENT_TAKE_OVER_MS_MIN} ms or more, not {take_over_ms}: "
            "consumers that are at work would be taken for dead"
        )
    return GroupReader(
        stream,
        group,
        _any_name() if consumer is None else consumer,
        start=start,
        is_fresh=consumer is None,
        batch=batch,
        take_over_ms=take_over_ms,
        patterns=patterns,
    )


def _any_name() -> str:
    """Return a name that no consumer had before, and that says whose it is."""
    return f"{socket.gethostname()}.{os.getpid()}.{secrets.token_urlsafe(_RANDOM_BYTES)}"
