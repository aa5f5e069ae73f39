"""An event log with a clock that stands still, and a store that is only pretended."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from penstock.jobs.errors import Refused
from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.draft import Later
from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.ids import AUTO, LAST, NEW, IdWish, Last, New
from penstock.jobs.events.log import EventLog
from penstock.jobs.events.model import (
    ConsumerName,
    Event,
    EventId,
    Fields,
    GroupName,
    StreamName,
)
from penstock.jobs.events.readers import Reader, Served
from penstock.jobs.events.reading import DeletedEvent, Given
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventAnswers
from tests.unit.jobs.events.shelf import Shelf

T = TypeVar("T")

NOW: Final = Instant(1_000)
BOUNDS: Final = EventBounds()
S: Final = StreamName("s")
G: Final = GroupName("g")
C: Final = ConsumerName("c")
D: Final = ConsumerName("d")
FIELDS: Final = (b"name", b"value")


class Desk:
    """Asks the log, and plays the journal."""

    def __init__(self, bounds: EventBounds = BOUNDS, shelf: Shelf | None = None) -> None:
        self.now = NOW
        self.shelf = shelf or Shelf()
        self.log = EventLog(self.shelf.snapshot(), bounds)
        self.bounds = bounds

    def restart(self) -> "Desk":
        """Return a desk whose log starts from what is durable."""
        return Desk(self.bounds, self.shelf)

    # --- turns ---------------------------------------------------------------------------------

    def begin(self) -> Turn:
        return self.log.begin(self.now)

    def commit(self, turn: Turn) -> EventAnswers:
        """End a turn and have it written."""
        turn.finish()
        answers = self.shelf.commit(turn.writes, self.now)
        self.log.applied(turn, answers)
        return answers

    def undo(self, turn: Turn) -> None:
        """End a turn that is not written."""
        turn.finish()
        self.log.undone(turn)

    def do(self, verb: Callable[[Turn], T]) -> T:
        """Ask in a turn of its own, and in the next ones while the answer is unsettled."""
        value, _ = self._settle(verb)
        return value

    def answer(self, verb: Callable[[Turn], Later[T]]) -> T:
        """Ask as `do` does; return what is known once it is durable."""
        later, answers = self._settle(verb)
        return later(answers)

    def _settle(self, verb: Callable[[Turn], T]) -> tuple[T, EventAnswers]:
        for _ in range(100):
            turn = self.begin()
            try:
                value = verb(turn)
            except Unsettled:
                self.commit(turn)
            except Refused:
                self.commit(turn)
                raise
            else:
                return value, self.commit(turn)
        raise AssertionError("it never settles")

    def idle(self) -> None:
        """Let the log do what it has to do by itself."""
        for _ in range(1_000):
            if not self.log.wants_turn:
                return
            self.commit(self.begin())
        raise AssertionError("it never comes to rest")

    # --- verbs ---------------------------------------------------------------------------------

    def append(
        self,
        *ids: IdWish,
        stream: StreamName = S,
        fields: Fields = FIELDS,
        trim: TrimWish | None = None,
    ) -> list[EventId]:
        """Have events appended with one commit; one with an automatic id if none is given."""

        def append(turn: Turn) -> list[EventId]:
            found = [turn.append(stream, fields, id=i, trim=trim) for i in ids or (AUTO,)]
            return [event_id for event_id in found if event_id is not None]

        return self.do(append)

    def append_many(self, count: int, *, stream: StreamName = S) -> None:
        """Have events (1, 0), (2, 0) and so on appended, with one commit."""
        self.append(*[(ms, 0) for ms in range(1, count + 1)], stream=stream)

    def group(
        self,
        start: EventId | Last = (0, 0),
        *,
        group: GroupName = G,
        stream: StreamName = S,
    ) -> None:
        self.do(lambda turn: turn.create_group(stream, group, start, makes_stream=True))

    def range(self, first: EventId = (0, 0), last: EventId = (9_999, 0)) -> list[EventId]:
        return ids_of(self.answer(lambda turn: turn.range(S, first, last, None)))

    def read(self, after: EventId | Last = (0, 0), *, events_max: int | None = None) -> Any:
        """Return what comes after an id of the stream; None if nothing does."""

        def read(turn: Turn) -> Later[Any]:
            return turn.read([(S, after)], events_max) or _nothing

        return self.answer(read)

    def read_group(
        self,
        after: EventId | New = NEW,
        *,
        consumer: ConsumerName = C,
        events_max: int | None = None,
        no_ack: bool = False,
        group: GroupName = G,
    ) -> Mapping[StreamName, Given] | None:
        def read(turn: Turn) -> Later[Any]:
            asked = turn.read_group(group, consumer, [(S, after)], events_max, no_ack=no_ack)
            return asked or _nothing

        readings: Mapping[StreamName, Given] | None = self.answer(read)
        return readings

    def given(self, **wishes: Any) -> list[EventId]:
        """Return the ids of what a consumer is given."""
        readings = self.read_group(**wishes)
        return [] if readings is None else ids_of(readings[S])

    def ack(self, *ids: EventId, group: GroupName = G) -> int:
        return self.do(lambda turn: turn.ack(S, group, ids))

    def park(self, reader: Reader) -> Reader:
        self.do(lambda turn: turn.park(reader))
        return reader

    def length(self) -> int:
        return self.do(lambda turn: turn.length(S))


def ids_of(events: Sequence[Event | DeletedEvent]) -> list[EventId]:
    return [event.id for event in events]


def reader(
    after: EventId | Last = LAST,
    *,
    stream: StreamName = S,
    events_max: int | None = None,
    block_ms: int = 0,
) -> Reader:
    return Reader(streams=[(stream, after)], events_max=events_max, block_ms=block_ms, token=None)


def group_reader(
    *,
    consumer: ConsumerName = C,
    group: GroupName = G,
    events_max: int | None = None,
    block_ms: int = 0,
    no_ack: bool = False,
) -> Reader:
    return Reader(
        streams=[(S, NEW)],
        events_max=events_max,
        block_ms=block_ms,
        token=None,
        group=group,
        consumer=consumer,
        no_ack=no_ack,
    )


def served_ids(served: Served) -> list[EventId]:
    """Return the ids of what a reader is given of its one stream."""
    assert isinstance(served.readings, Mapping)
    [events] = served.readings.values()
    return ids_of(events)


def _nothing(_: EventAnswers) -> None:
    return None


def with_bounds(**bounds: int) -> EventBounds:
    return replace(BOUNDS, **bounds)
