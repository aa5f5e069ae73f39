"""A walk through the events of a stream, page by page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from penstock.client import stream_requests
from penstock.client.event import Event
from penstock.client.options import unix_ms
from penstock.client.position import Position, start_of
from penstock.client.requests import Request
from penstock.config.limits import CLIENT_READ_EVENTS_DEFAULT

_BEHIND: Final = "("  # What an id does not belong to a range with.


class EventPages:
    """Says what to ask next, until there is nothing more."""

    def __init__(
        self,
        stream: str,
        first: Position | None,
        last: Position | None,
        limit: int | None,
        *,
        backwards: bool,
    ) -> None:
        self._stream = stream
        self._first = _bound(first, "-")
        self._last = _bound(last, "+")
        self._left = limit
        self._backwards = backwards
        self._asked = 0
        self._ended = False

    def next_request(self) -> Request[list[Event]] | None:
        """Return the request for the next page, or None at the end."""
        if self._ended or (self._left is not None and self._left <= 0):
            return None
        self._asked = CLIENT_READ_EVENTS_DEFAULT
        if self._left is not None:
            self._asked = min(self._left, self._asked)
        return stream_requests.page(
            self._stream, self._first, self._last, self._asked, backwards=self._backwards
        )

    def take(self, events: list[Event]) -> Iterator[Event]:
        """Go through a page."""
        if not events:  # A short page is not the end: a reply has a maximum in bytes, too.
            self._ended = True
            return iter(())
        if self._left is not None:
            self._left -= len(events)
        if self._backwards:
            self._last = _BEHIND + events[-1].id
        else:
            self._first = _BEHIND + events[-1].id
        return iter(events)


def _bound(position: Position | None, otherwise: str) -> str:
    match position:
        case None:
            return otherwise
        case datetime():
            return str(unix_ms(position))
        case int():
            return str(position)
    if start_of(position) != position:
        raise ValueError(f"{position!r} is no bound of events; use an id or a time")
    return position
