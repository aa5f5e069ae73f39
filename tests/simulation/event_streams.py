"""Those who ask for events of streams, and tell the model what is to come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from penstock.jobs.errors import Refused
from penstock.jobs.events.errors import StreamIdTooSmall
from penstock.jobs.events.ids import IdWish, Last
from penstock.jobs.events.model import ID_MAX, ID_MIN, Event, EventId, Fields, StreamName
from penstock.jobs.events.readers import Reader
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from penstock.jobs.store.event_port import EventAnswers
from tests.simulation.event_model import ModelStream

if TYPE_CHECKING:
    from tests.simulation.event_world import EventWorld

LIFE: Final = StreamName("jobs:q")
KEEP_MS: Final = 1 << 40


class StreamClients:
    """Append, read, delete and trim; each request is decided with one of the next turns."""

    def __init__(self, world: EventWorld) -> None:
        self._world = world

    def _model(self, name: StreamName) -> ModelStream:
        """Return what the model has of a stream, which may be nothing."""
        return self._world.model.streams.get(name, ModelStream())

    # --- appending -----------------------------------------------------------------------------

    def append(self, name: StreamName, fields: Fields, wish: IdWish, trim: TrimWish | None) -> None:
        def append(turn: Turn) -> None:
            last_id = self._model(name).last_id
            try:
                event_id = turn.append(name, fields, id=wish, trim=trim)
            except StreamIdTooSmall:
                assert isinstance(wish, tuple)
                assert wish <= last_id
                return
            except Refused:
                assert wish == ID_MIN
                return
            assert event_id is not None
            self._appended(turn, name, event_id, fields)
            if trim is not None:
                self._doom(name, trim)

        self._world.ask(f"append {name} {wish} {trim}", name, decide=append)

    def append_life(self, fields: Fields) -> None:
        """Append to a stream that the server writes, if it is there."""

        def append(turn: Turn) -> None:
            if LIFE in self._world.model.streams:
                self._appended(turn, LIFE, turn.append_life(LIFE, fields), fields)

        self._world.ask("append_life", LIFE, decide=append)

    def publish(self, name: StreamName, key: str, fields: Fields, *, announced: bool) -> None:
        def publish(turn: Turn) -> None:
            event_id = turn.publish(name, key, fields, KEEP_MS)
            published = self._world.model.stream(name).published
            if key in published:
                assert event_id == published[key], "a key is published once"
            else:
                self._appended(turn, name, event_id, fields)
                published[key] = event_id

        if announced:
            self._world.log.announce(name, key)
        self._world.ask(f"publish {name} {key}", name, decide=publish)

    def _appended(self, turn: Turn, name: StreamName, event_id: EventId, fields: Fields) -> None:
        event = Event(event_id, len(self._model(name).ever) + 1, fields)
        assert turn.streams.by_name[name].appended[-1] == event
        self._world.append(name, event)

    def _doom(self, name: StreamName, wish: TrimWish) -> None:
        self._world.model.streams[name].doom(wish.length_max, wish.before)
        self._world.trimming.add(name)

    # --- reading -------------------------------------------------------------------------------

    def range(
        self,
        name: StreamName,
        first: EventId,
        last: EventId,
        events_max: int | None,
        *,
        backwards: bool,
    ) -> None:
        def read(turn: Turn) -> None:
            later = turn.range(name, first, last, events_max, backwards=backwards)
            there = self._there(name, lambda event_id: first <= event_id <= last)
            self._expect(name, later, there[::-1] if backwards else there, events_max)

        self._world.ask(f"range {name} {first} {last} {events_max} {backwards}", name, decide=read)

    def read(
        self, name: StreamName, after: EventId | Last, events_max: int | None, block_ms: int | None
    ) -> None:
        """Read what comes after an id, or wait for it if *block_ms* is not None."""

        def read(turn: Turn) -> None:
            later = turn.read([(name, after)], events_max)
            cursor = after if isinstance(after, tuple) else self._model(name).last_id
            there = self._there(name, lambda event_id: event_id > cursor)
            assert (later is not None) == bool(there), "something is read where there is something"
            if later is not None:
                self._expect(name, lambda answers: later(answers)[name], there, events_max)
            elif block_ms is not None:
                streams = [(name, after)]
                self._world.park(
                    turn,
                    Reader(streams=streams, events_max=events_max, block_ms=block_ms, token=None),
                )

        self._world.ask(f"read {name} {after} {events_max} {block_ms}", name, decide=read)

    def length(self, name: StreamName) -> None:
        def length(turn: Turn) -> None:
            found = turn.length(name)
            assert found == len(self._model(name).events)
            if name in self._world.model.streams:
                info = turn.describe(name)
                self._world.check_later(lambda answers: info(answers).length == found)

        self._world.ask(f"length {name}", name, decide=length)

    def _there(self, name: StreamName, is_wanted: Callable[[EventId], bool]) -> list[Event]:
        events = self._model(name).events
        return [event for event_id, event in sorted(events.items()) if is_wanted(event_id)]

    def _expect(
        self,
        name: StreamName,
        later: Callable[[EventAnswers], Sequence[Event]],
        events: list[Event],
        events_max: int | None,
    ) -> None:
        """Have it checked that events are read, but for what is trimmed by the same commit."""
        bounds = self._world.bounds
        count = min(events_max or bounds.range_events_max, bounds.range_events_max)

        def is_expected(answers: EventAnswers) -> bool:
            removed = self._world.removed
            left = [event for event in events if (name, event.id) not in removed]
            found = list(later(answers))
            return any(
                found == _cut(them[:count], bounds.range_bytes_max) for them in (events, left)
            )

        self._world.check_later(is_expected)

    # --- removing ------------------------------------------------------------------------------

    def delete(self, name: StreamName, ids: Sequence[EventId]) -> None:
        def delete(turn: Turn) -> None:
            later = turn.delete(name, ids)
            stream = self._model(name)
            there = set(ids) & stream.events.keys()
            for event_id in there:
                del stream.events[event_id]
            stream.max_deleted_id = max((stream.max_deleted_id, *there))
            for appended in self._world.appended.get(name, [])[-1:]:
                appended[:] = [event for event in appended if event.id not in there]
            self._world.check_later(lambda answers: later(answers) == len(there))

        self._world.ask(f"delete {name} {ids}", name, decide=delete)

    def trim(self, name: StreamName, wish: TrimWish) -> None:
        def trim(turn: Turn) -> None:
            turn.trim(name, wish, self._world.trimmed)
            if name in self._world.model.streams:
                self._doom(name, wish)

        self._world.ask(f"trim {name} {wish}", name, decide=trim)

    def set_id(self, name: StreamName, last_id: EventId) -> None:
        """Set the last id, to one that was there before most often: ids may come again."""

        def set_id(turn: Turn) -> None:
            stream = self._model(name)
            try:
                turn.set_id(name, last_id)
            except Refused:
                floor = max((stream.max_deleted_id, *stream.events))
                assert name not in self._world.model.streams or name == LIFE or last_id < floor
                return
            stream.set_last_id(last_id)

        if last_id != ID_MAX:
            self._world.ask(f"set_id {name} {last_id}", name, decide=set_id)

    def configure(self, name: StreamName, length_max: int | None) -> None:
        def configure(turn: Turn) -> None:
            turn.configure(name, length_max=length_max)
            self._world.model.stream(name).length_max = length_max

        self._world.ask(f"configure {name} {length_max}", name, decide=configure)

    def drop(self, name: StreamName) -> None:
        def drop(turn: Turn) -> None:
            assert turn.drop(name) == (name in self._world.model.streams)
            self._world.model.streams.pop(name, None)
            if name in self._world.appended:
                self._world.appended[name].append([])

        self._world.ask(f"drop {name}", name, decide=drop)


def _cut(events: list[Event], bytes_max: int) -> list[Event]:
    bytes_count = 0
    for count, event in enumerate(events, 1):
        bytes_count += event.size
        if bytes_count >= bytes_max:
            return events[:count]
    return events
