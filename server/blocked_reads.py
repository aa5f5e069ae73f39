"""Reads of streams that wait: what is told to whom, once there is something or the wait ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.jobs.errors import Refused
from penstock.jobs.events.model import Event, StreamName
from penstock.jobs.events.readers import Reader, Served
from penstock.jobs.events.reading import DeletedEvent, Given
from penstock.protocol.replies import array
from penstock.protocol.stream_replies import deleted_event, event, null_array, readings
from penstock.server.refusals import refusal
from penstock.server.responses import Slot

if TYPE_CHECKING:
    from penstock.server.session import Session


class Encoder:
    """Encodes what was read. Many readers in a row get the same events: those are encoded once."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        # What was encoded last, by whether for RESP3: the very object, and the bytes.
        self._last: dict[bool, tuple[Mapping[StreamName, Given], bytes]] = {}

    def encode(self, read: Mapping[StreamName, Given], resp3: bool) -> bytes:
        last = self._last.get(resp3)
        if last is not None and last[0] is read:
            return last[1]
        encoded = encode_readings(read, resp3)
        self._last[resp3] = (read, encoded)
        return encoded


class BlockedRead:
    """The token of a reader: fills the slot of its request."""

    __slots__ = ("_session", "_slot", "reader")

    def __init__(self, session: Session, slot: Slot) -> None:
        self._session = session
        self._slot = slot
        self.reader: Reader | None = None

    def serve(self, served: Served, encoder: Encoder) -> None:
        """Answer with events, with null if the wait ended, or with why it is in vain."""
        session = self._session
        session.waits_no_more(self)
        if served.readings is None:
            self._slot.fill(null_array(session.resp3))
        elif isinstance(served.readings, Refused):
            self._slot.fill(refusal(served.readings))
        else:
            self._slot.fill(encoder.encode(served.readings, session.resp3))

    def end(self) -> None:
        """End the wait early."""
        assert self.reader is not None
        if self._session.engine.events.log.unpark(self.reader):
            self.serve(Served(self.reader, None), Encoder())

    def give_up(self) -> None:
        """Wait no longer: nobody is there to be told."""
        assert self.reader is not None
        self._session.engine.events.log.unpark(self.reader)


def encode_readings(read: Mapping[StreamName, Given], resp3: bool) -> bytes:
    """Encode what was read of each stream; a stream of which nothing was is left out."""
    return readings(
        {stream: array([_entry(each, resp3) for each in given]) for stream, given in read.items()},
        resp3,
    )


def _entry(given: Event | DeletedEvent, resp3: bool) -> bytes:
    if isinstance(given, DeletedEvent):
        return deleted_event(given.id, resp3)
    return event(given.id, given.fields)
