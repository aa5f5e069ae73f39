"""Those who append events and follow them, and those who set triggers and schedules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from penstock.jobs.cron.schedule import Schedule
from penstock.jobs.cron.schedules import delete_schedule, set_schedule
from penstock.jobs.events.claims import ClaimWish
from penstock.jobs.events.errors import StreamHasTriggers
from penstock.jobs.events.firing import Cursor, delete_trigger, set_trigger
from penstock.jobs.events.ids import AUTO, NEW, Last
from penstock.jobs.events.log import Request, Settle
from penstock.jobs.events.model import (
    ConsumerName,
    Event,
    EventId,
    Fields,
    GroupName,
    GroupNumber,
    StreamName,
    StreamNumber,
)
from penstock.jobs.events.readers import Reader, Served
from penstock.jobs.events.reading import Given
from penstock.jobs.events.triggers import group_of
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.event_port import EventAnswers
from penstock.jobs.store.port import KeyHolder, StoreError, Submission
from tests.simulation.asked import Asked
from tests.simulation.firings import Spec

if TYPE_CHECKING:
    from tests.simulation.eventful import EventfulWorld

# Decides, and returns what is to be checked when that is durable.
Decide = Callable[[Turn], Callable[[EventAnswers], object]]


def _nothing(answers: EventAnswers) -> None:
    """Check nothing."""


class Followers:
    """Calls are made by name; each leaves the world in order."""

    def __init__(self, world: EventfulWorld) -> None:
        self._world = world
        # What consumers were given and have not acknowledged; it outlives servers, as they do.
        self.given: list[tuple[StreamName, GroupName, GroupNumber, EventId]] = []
        self.restarted()

    def restarted(self) -> None:
        self.parked: dict[Reader, Asked] = {}
        self.open: list[Asked] = []

    # --- streams -------------------------------------------------------------------------------

    def append(
        self, streams: Sequence[StreamName], fields: Fields, trim: TrimWish | None = None
    ) -> None:
        """Append an event to each of some streams with one commit."""

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            for stream in streams:
                if trim is not None:
                    turn.check_trim(stream)
            numbers: list[tuple[StreamNumber, EventId]] = []
            for stream in streams:
                event_id = turn.append(stream, fields, id=AUTO, trim=trim)
                assert event_id is not None
                numbers.append((turn.the_stream(stream).number, event_id))
            return lambda _: self._check_appended(numbers)

        self._ask(f"append to {streams}", streams, decide, appends=True)

    def transact(
        self, stream: StreamName, fields: Fields, requests: Sequence[SubmitRequest]
    ) -> None:
        """Append an event, and submit jobs, with one commit: all of it or nothing."""
        world = self._world
        outcomes: dict[int, KeyHolder | StoreError | None] = {}

        def stored(submission: Submission, outcome: KeyHolder | StoreError | None) -> None:
            outcomes[submission.job.id] = outcome

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            outcomes.clear()
            turn.check_trim(stream)
            submissions = world.events.submit_all(requests, stored)
            event_id = turn.append(stream, fields)
            assert event_id is not None
            number = turn.the_stream(stream).number

            def check(_: EventAnswers) -> None:
                self._check_appended([(number, event_id)])
                for submission in submissions:
                    assert not isinstance(outcomes[submission.job.id], StoreError)

            return check

        self._ask(f"transaction with {stream}", (stream,), decide, appends=True)

    def _check_appended(self, ids: Sequence[tuple[StreamNumber, EventId]]) -> None:
        for number, event_id in ids:
            history = self._world.chronicle.histories.get(number)
            is_there = history is not None and event_id in history.events
            # Its stream may be deleted by the very commit that holds it.
            is_dropped = number not in self._world.chronicle.kept.streams
            assert is_there or is_dropped, f"{event_id} is acknowledged, and not there"

    def trim(self, stream: StreamName, wish: TrimWish) -> None:
        asked = Asked(f"trim of {stream}")

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            turn.trim(stream, wish, asked.told)
            return _nothing

        self._ask(asked.what, (stream,), decide)

    def delete(self, stream: StreamName, index: int) -> None:
        """Delete one of the events that there are."""
        number = self._world.chronicle.kept.numbers.get(stream)
        ids = [] if number is None else self._world.chronicle.kept.streams[number]._ids
        if ids:
            event_id = ids[index % len(ids)]
            self._ask(f"delete {event_id}", (stream,), lambda t: t.delete(stream, [event_id]))

    def drop(self, stream: StreamName) -> None:
        triggers = self._world.events.triggers

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            if followers := triggers.of_stream(stream):
                raise StreamHasTriggers(stream, [watch.trigger.name for watch in followers])
            turn.drop(stream)
            return _nothing

        self._ask(f"drop of {stream}", (stream,), decide)

    def keep(self, stream: StreamName, length_max: int | None) -> None:
        """Set how many events a stream is to keep."""

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            turn.configure(stream, length_max=length_max)
            return _nothing

        if self._world.chronicle.kept.numbers.get(stream) is not None:
            self._ask(f"length of {stream}", (stream,), decide)

    # --- groups --------------------------------------------------------------------------------

    def create_group(self, stream: StreamName, group: GroupName, start: EventId | Last) -> None:
        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            turn.create_group(stream, group, start, makes_stream=True)
            self._started(turn, stream, group)
            return _nothing

        self._ask(f"group {group} of {stream}", (stream,), decide)

    def set_cursor(self, stream: StreamName, group: GroupName, start: EventId | Last) -> None:
        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            turn.set_group_id(stream, group, start)
            self._started(turn, stream, group)
            return _nothing

        self._ask(f"cursor of {group} of {stream}", (stream,), decide)

    def _started(self, turn: Turn, stream: StreamName, group: GroupName) -> None:
        found = turn.find_group(stream, group)
        assert found is not None
        self._world.chronicle.starts[stream, group] = found.last_delivered_id

    def destroy_group(self, stream: StreamName, group: GroupName) -> None:
        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            turn.destroy_group(stream, group)
            return _nothing

        self._ask(f"end of {group} of {stream}", (stream,), decide)

    def read(
        self,
        stream: StreamName,
        group: GroupName,
        consumer: ConsumerName,
        events_max: int,
        block_ms: int | None,
    ) -> None:
        """Read what nobody was given; with *block_ms* wait for it."""
        asked = Asked(f"read of {stream} for {group}")
        reader = Reader(
            streams=[(stream, NEW)],
            events_max=events_max,
            block_ms=block_ms or 0,
            token=asked,
            group=group,
            consumer=consumer,
        )

        def decide(turn: Turn) -> Settle | None:
            readings = turn.read_group(group, consumer, [(stream, NEW)], events_max, no_ack=False)
            if readings is not None:
                found = turn.find_group(stream, group)
                assert found is not None
                number = found.number
                return lambda answers: self._take(asked, number, stream, group, readings(answers))
            if block_ms is None:
                return lambda _: asked.told("nothing")
            turn.park(reader)
            self.parked[reader] = asked
            return None

        self.open.append(asked)
        self._world.events.ask(Request((stream,), decide, asked.told))
        self._world.turn()

    def serve(self, served: Served) -> None:
        """Answer a reader that waited."""
        asked = self.parked.pop(served.reader)
        if isinstance(served.readings, Mapping):
            assert served.reader.group is not None
            (stream,) = served.readings
            number = self._number(stream, served.reader.group)
            self._take(asked, number, stream, served.reader.group, served.readings)
        else:
            asked.told(served.readings)

    def _number(self, stream: StreamName, group: GroupName) -> GroupNumber:
        now = self._world.chronicle.now_is()
        record = now.group(stream, group)
        return GroupNumber(0) if record is None else record.number

    def _take(
        self,
        asked: Asked,
        number: GroupNumber,
        stream: StreamName,
        group: GroupName,
        readings: Mapping[StreamName, Given],
    ) -> None:
        asked.told(readings)
        kept = self._world.chronicle.kept.groups.get(number)
        if kept is None:
            return  # It was destroyed by the very commit.
        for event in readings[stream]:
            assert isinstance(event, Event)
            assert event.id in kept.pending, f"{event.id} was given, and it is not on record"
            self.given.append((stream, group, number, event.id))

    def acknowledge(self, index: int) -> None:
        """A consumer is done with one of the events that it was given."""
        if not self.given:
            return
        stream, group, number, event_id = self.given.pop(index % len(self.given))

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            turn.ack(stream, group, [event_id])
            self._world.chronicle.acknowledging.add((number, event_id))
            return lambda _: self._check_acknowledged(number, event_id)

        self._ask(f"acknowledgement of {event_id}", (stream,), decide)

    def _check_acknowledged(self, number: GroupNumber, event_id: EventId) -> None:
        kept = self._world.chronicle.kept.groups.get(number)
        is_pending = kept is not None and event_id in kept.pending
        # A cursor that was set back brings it again.
        is_again = kept is not None and event_id > kept.record.last_delivered_id
        assert not is_pending or is_again, f"{event_id} is acknowledged, and pending"

    def claim(self, index: int, consumer: ConsumerName) -> None:
        """Take an event over from a consumer that may be dead."""
        if not self.given:
            return
        stream, group, _, event_id = self.given[index % len(self.given)]

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            turn.claim(stream, group, consumer, [event_id], ClaimWish())
            return _nothing

        self._ask(f"claim of {event_id}", (stream,), decide)

    # --- triggers ------------------------------------------------------------------------------

    def set_trigger(self, spec: Spec, start: EventId | Last | Cursor) -> None:
        chronicle, triggers = self._world.chronicle, self._world.events.triggers
        trigger = spec.trigger()

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            group = group_of(spec.name)
            before = turn.find_group(spec.stream, group)
            set_trigger(turn, triggers, trigger, start)
            now = turn.find_group(spec.stream, group)
            assert now is not None
            if before is not now or not isinstance(start, Cursor):
                chronicle.starts[spec.stream, group] = now.last_delivered_id
            record = triggers.watch(spec.name).record

            def written() -> None:
                chronicle.triggers[spec.name] = record
                chronicle.firings.specs[spec.name] = spec

            chronicle.turn_ops.append(written)
            return lambda _: self._check_set(spec.name)

        self._ask(f"trigger {spec.name}", (spec.stream,), decide)

    def delete_trigger(self, name: str, *, keep: bool) -> None:
        chronicle, triggers = self._world.chronicle, self._world.events.triggers

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            delete_trigger(turn, triggers, name, keep=keep)

            def written() -> None:
                chronicle.triggers.pop(name, None)
                chronicle.firings.specs.pop(name, None)

            chronicle.turn_ops.append(written)
            return _nothing

        self._ask(f"end of trigger {name}", (), decide)

    def _check_set(self, name: str) -> None:
        chronicle = self._world.chronicle
        is_there = name in chronicle.kept._triggers
        assert is_there is (name in chronicle.triggers), f"trigger {name} was set, and is not there"

    # --- schedules -----------------------------------------------------------------------------

    def set_schedule(self, schedule: Schedule) -> None:
        chronicle, schedules = self._world.chronicle, self._world.events.schedules

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            set_schedule(turn, schedules, schedule, turn.now)
            chronicle.runs.set_now.append((schedule.name, schedule))
            chronicle.turn_ops.append(lambda: chronicle.schedules.add(schedule.name))
            return _nothing

        self._ask(f"schedule {schedule.name}", (), decide)

    def delete_schedule(self, name: str) -> None:
        chronicle, schedules = self._world.chronicle, self._world.events.schedules

        def decide(turn: Turn) -> Callable[[EventAnswers], object]:
            delete_schedule(turn, schedules, name)
            chronicle.runs.set_now.append((name, None))
            chronicle.turn_ops.append(lambda: chronicle.schedules.discard(name))
            return _nothing

        self._ask(f"end of schedule {name}", (), decide)

    # --- inside --------------------------------------------------------------------------------

    def _ask(
        self, what: str, streams: Sequence[StreamName], decide: Decide, *, appends: bool = False
    ) -> None:
        asked = Asked(what)

        def decided(turn: Turn) -> Settle:
            check = decide(turn)

            def settle(answers: EventAnswers) -> None:
                check(answers)
                asked.told("done")

            return settle

        self.open.append(asked)
        request = Request(tuple(streams), decided, asked.told)
        self._world.events.ask(request, appends=appends)
        self._world.turn()

    def check_all_answered(self) -> None:
        """When all is calm everybody was answered, but those who wait."""
        waiting = set(map(id, self.parked.values()))
        left = [a.what for a in self.open if not a.answers and id(a) not in waiting]
        assert not left, f"not answered: {left}"
        self.open = [asked for asked in self.open if not asked.answers]
