"""Ids of events: what comes next, what goes before, and what a request may wish for."""

from typing import Final, TypeAlias

from msgspec import Struct

from penstock.jobs.events.errors import IdMustBePositive, IdsExhausted, StreamIdTooSmall
from penstock.jobs.events.model import ID_MAX, ID_MIN, ID_PART_MAX, EventId
from penstock.jobs.model import Instant


class Auto(Struct, frozen=True):
    """Give the event an id of now (`*`)."""


class AutoSequence(Struct, frozen=True):
    """Give the event the next id of a millisecond (`ms-*`)."""

    ms: int


class Last(Struct, frozen=True):
    """The last event of a stream (`$`): what comes after it is new."""


class New(Struct, frozen=True):
    """What no consumer of a group was given yet (`>`)."""


IdWish: TypeAlias = Auto | AutoSequence | EventId

AUTO: Final = Auto()
LAST: Final = Last()
NEW: Final = New()


def next_id(last: EventId, wish: IdWish, now: Instant) -> EventId:
    """Return the id of an event that is appended after *last*.

    Raises:
        StreamIdTooSmall, IdMustBePositive, IdsExhausted: the wish cannot be granted.
    """
    if type(wish) is Auto:
        ms, sequence = last
        if now > ms:
            return now, 0
        if sequence < ID_PART_MAX:
            return ms, sequence + 1
        return successor_of_exhausted(last)
    if last == ID_MAX:
        raise IdsExhausted
    if type(wish) is AutoSequence:
        return _next_of_ms(last, wish.ms)
    assert isinstance(wish, tuple)
    if wish <= ID_MIN:
        raise IdMustBePositive
    if wish <= last:
        raise StreamIdTooSmall
    return wish


def successor_of_exhausted(last: EventId) -> EventId:
    """Return the first id of the next millisecond, as all of this one are used up."""
    if last == ID_MAX:
        raise IdsExhausted
    return last[0] + 1, 0


def _next_of_ms(last: EventId, ms: int) -> EventId:
    if ms > last[0]:
        return ms, 0
    if ms < last[0] or last[1] == ID_PART_MAX:
        raise StreamIdTooSmall
    return ms, last[1] + 1


def successor(event_id: EventId) -> EventId:
    """Return the id right after one; of the last one, itself."""
    ms, sequence = event_id
    if sequence < ID_PART_MAX:
        return ms, sequence + 1
    return (ms + 1, 0) if ms < ID_PART_MAX else ID_MAX


def predecessor(event_id: EventId) -> EventId:
    """Return the id right before one; of the first one, itself."""
    ms, sequence = event_id
    if sequence > 0:
        return ms, sequence - 1
    return (ms - 1, ID_PART_MAX) if ms > 0 else ID_MIN
