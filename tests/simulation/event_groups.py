"""Those who ask as consumers of groups, and tell the model what is to come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from penstock.jobs.errors import Overloaded, Refused
from penstock.jobs.events.claims import ClaimWish
from penstock.jobs.events.errors import (
    GroupExists,
    NoGroup,
    NoGroupToAsk,
    NoGroupToRead,
    NoStreamForGroup,
)
from penstock.jobs.events.ids import NEW, Last, New
from penstock.jobs.events.model import (
    ID_MIN,
    ConsumerName,
    Event,
    EventId,
    GroupName,
    PendingEvent,
    StreamName,
)
from penstock.jobs.events.readers import Reader
from penstock.jobs.events.reading import DeletedEvent, Given
from penstock.jobs.events.turn import Turn
from penstock.jobs.store.event_port import EventAnswers
from tests.simulation import event_checks
from tests.simulation.event_model import GroupKey, ModelGroup
from tests.simulation.event_streams import KEEP_MS

if TYPE_CHECKING:
    from tests.simulation.event_world import EventWorld

MISSING: Final = (NoGroup, NoGroupToAsk, NoGroupToRead, NoStreamForGroup)
_DURABLE: Final = EventAnswers()  # What groups are given is known before.


class GroupClients:
    """Read, acknowledge and claim; each request is decided with one of the next turns."""

    def __init__(self, world: EventWorld) -> None:
        self._world = world

    def _ask(self, what: str, key: GroupKey, decide: Callable[[Turn, ModelGroup], None]) -> None:
        """Ask something of a group; where there is none that is to be refused."""
        name, group = key

        def ask(turn: Turn) -> None:
            found = self._world.model.group(name, group)
            try:
                decide(turn, found or ModelGroup(ID_MIN))
            except MISSING:
                assert found is None, "what is there is found"
            else:
                assert found is not None, "what is not there is refused"

        self._world.ask(f"{what} of {name} {group}", name, decide=ask)

    def _events(self, name: StreamName) -> dict[EventId, Event]:
        return self._world.model.streams[name].events

    # --- reading -------------------------------------------------------------------------------

    def read(
        self,
        key: GroupKey,
        consumer: ConsumerName,
        events_max: int | None,
        *,
        no_ack: bool = False,
        block_ms: int | None = None,
    ) -> None:
        """Read what is new, or wait for it if *block_ms* is not None."""
        world, (name, group_name) = self._world, key

        def read(turn: Turn, group: ModelGroup) -> None:
            wishes = [(name, NEW)]
            try:
                later = turn.read_group(group_name, consumer, wishes, events_max, no_ack=no_ack)
            except Overloaded:
                assert world.room_of(group) <= 0
                return
            group.consumers.add(consumer)
            given = None if later is None else later(_DURABLE)[name]
            self._check_new(turn, (*key, consumer), given, events_max, no_ack=no_ack)
            if given is None and block_ms is not None:
                reader = Reader(
                    streams=wishes,
                    events_max=events_max,
                    block_ms=block_ms,
                    token=None,
                    group=group_name,
                    consumer=consumer,
                    no_ack=no_ack,
                )
                world.park(turn, reader)

        self._ask(f"read {consumer} {events_max} {no_ack} {block_ms}", key, read)

    def _check_new(
        self,
        turn: Turn,
        whom: tuple[StreamName, GroupName, ConsumerName],
        given: Given | None,
        events_max: int | None,
        *,
        no_ack: bool,
    ) -> None:
        """Let the model give what is new; None if nothing was given."""
        world, name = self._world, whom[0]
        stream = world.model.streams[name]
        group = stream.groups[whom[1]]
        if given is None:
            assert not stream.after(group.cursor), "what is there is given"
            return
        ids = [event.id for event in given]
        if name in world.trimming and group.is_lossy:
            gone = {(name, event_id) for event_id in ids}
            world.check_later(lambda answers: not world.removed & gone)
        event_checks.give(world, turn, whom, ids, events_max, no_ack=no_ack)

    def read_again(
        self, key: GroupKey, consumer: ConsumerName, after: EventId, events_max: int | None
    ) -> None:
        name, group_name = key

        def read(turn: Turn, group: ModelGroup) -> None:
            later = turn.read_group(group_name, consumer, [(name, after)], events_max, no_ack=False)
            assert later is not None
            group.consumers.add(consumer)
            given = later(_DURABLE)[name]
            self._check_again(turn, (*key, consumer), given, after, events_max)

        self._ask(f"read_again {consumer} {after} {events_max}", key, read)

    def _check_again(
        self,
        turn: Turn,
        whom: tuple[StreamName, GroupName, ConsumerName],
        given: Given,
        after: EventId,
        events_max: int | None,
    ) -> None:
        """Let the model give once more what was given after an id."""
        name, group_name, consumer = whom
        group, events = self._world.model.streams[name].groups[group_name], self._events(name)
        ids = [event.id for event in given]
        theirs = [i for i in group.first_pending(ID_MIN, consumer) if i > after]
        assert ids == theirs[: len(ids)]
        bounds = self._world.bounds
        sizes = sum(event.size for event in given if isinstance(event, Event))
        limit = min(events_max or bounds.range_events_max, bounds.range_events_max)
        assert len(ids) == min(limit, len(theirs)) or sizes >= bounds.range_bytes_max
        for event in given:
            if isinstance(event, DeletedEvent):
                assert event.id not in events
                continue
            assert event == events[event.id]
            count = group.pending[event.id].deliveries + 1
            group.pending[event.id] = PendingEvent(event.id, consumer, turn.now, count)

    def read_several(
        self,
        group_name: GroupName,
        consumer: ConsumerName,
        wishes: Sequence[tuple[StreamName, EventId | New]],
        events_max: int | None,
    ) -> None:
        """Read several streams at once, what is new of some and once more of others."""
        world = self._world

        def read(turn: Turn) -> None:
            groups = [world.model.group(name, group_name) for name, _ in wishes]
            try:
                later = turn.read_group(group_name, consumer, wishes, events_max, no_ack=False)
            except MISSING:
                assert None in groups
                return
            except Overloaded:
                assert any(group is not None and world.room_of(group) <= 0 for group in groups)
                return
            readings = {} if later is None else later(_DURABLE)
            for (name, after), group in zip(wishes, groups, strict=True):
                assert group is not None
                group.consumers.add(consumer)
                whom = name, group_name, consumer
                if isinstance(after, tuple):
                    self._check_again(turn, whom, readings[name], after, events_max)
                elif name in readings or world.room_of(group) > 0:
                    given = readings.get(name)
                    self._check_new(turn, whom, given, events_max, no_ack=False)

        names = [name for name, _ in wishes]
        what = f"read_several {group_name} {consumer} {wishes} {events_max}"
        world.ask(what, *names, decide=read)

    def upcoming(self, key: GroupKey, events_max: int) -> None:
        """Show events to a trigger, which goes on after them."""

        def show(turn: Turn, group: ModelGroup) -> None:
            events = turn.upcoming(*key, events_max)
            ids = [event.id for event in events]
            upcoming = self._world.model.streams[key[0]].after(group.cursor)
            assert ids == upcoming[: len(ids)]
            assert bool(ids) == bool(upcoming)
            if events:
                turn.advance(*key, events[-1].id, events[-1].offset)
                group.given += ids
                group.cursor = ids[-1]

        self._ask(f"upcoming {events_max}", key, show)

    # --- what is pending -----------------------------------------------------------------------

    def acknowledge(self, key: GroupKey, ids: Sequence[EventId]) -> None:
        def acknowledge(turn: Turn) -> None:
            group = self._world.model.group(*key) or ModelGroup(ID_MIN)
            taken = [group.pending.pop(event_id, None) for event_id in ids]
            assert turn.ack(*key, ids) == sum(entry is not None for entry in taken)

        self._world.ask(f"acknowledge {ids} of {key}", key[0], decide=acknowledge)

    def claim(
        self, key: GroupKey, consumer: ConsumerName, ids: Sequence[EventId], wish: ClaimWish
    ) -> None:
        def claim(turn: Turn, group: ModelGroup) -> None:
            try:
                later = turn.claim(*key, consumer, ids, wish)
            except Overloaded:
                assert wish.force
                return
            group.consumers.add(consumer)
            claimed = [event.id for event in later(_DURABLE)]
            assert claimed == self._claimed(turn, key[0], group, consumer, ids, wish)

        self._ask(f"claim {consumer} {ids} {wish}", key, claim)

    def _claimed(
        self,
        turn: Turn,
        name: StreamName,
        group: ModelGroup,
        consumer: ConsumerName,
        ids: Sequence[EventId],
        wish: ClaimWish,
    ) -> list[EventId]:
        """Let the model claim; a reply that would be too large is cut."""
        claimed: list[EventId] = []
        for event_id in self._looked_at(name, group, ids, wish):
            entry, event = group.pending.get(event_id), self._events(name).get(event_id)
            if event is None:
                group.pending.pop(event_id, None)
                continue
            if entry is not None and turn.now - entry.delivered_at < wish.idle_ms:
                continue
            deliveries = wish.deliveries
            if deliveries is None:
                deliveries = (entry.deliveries if entry else 1) + (not wish.just_id)
            at = turn.now if wish.deliver_at is None else wish.deliver_at
            group.pending[event_id] = PendingEvent(event_id, consumer, at, deliveries)
            claimed.append(event_id)
        return claimed

    def _looked_at(
        self, name: StreamName, group: ModelGroup, ids: Sequence[EventId], wish: ClaimWish
    ) -> list[EventId]:
        """Return the ids that are looked at: some are left out if the reply would be too large."""
        looked: set[EventId] = set()
        bytes_count = 0
        for event_id in dict.fromkeys(ids):
            if event_id not in group.pending and not wish.force:
                continue
            if bytes_count >= self._world.bounds.range_bytes_max:
                break
            looked.add(event_id)
            event = self._events(name).get(event_id)
            bytes_count += 0 if event is None else event.size
        return [event_id for event_id in ids if event_id in looked]

    def auto_claim(
        self, key: GroupKey, consumer: ConsumerName, start: EventId, events_max: int
    ) -> None:
        def auto_claim(turn: Turn, group: ModelGroup) -> None:
            go_on, later, later_gone = turn.auto_claim(
                *key, consumer, idle_ms=0, start=start, events_max=events_max, just_id=False
            )
            group.consumers.add(consumer)
            events = self._events(key[0])
            claimed, gone = later(_DURABLE), later_gone(_DURABLE)
            looked = group.first_pending(start)
            taken = looked[: len(claimed) + len(gone)]
            assert list(gone) == [i for i in taken if i not in events]
            assert [event.id for event in claimed] == [i for i in taken if i in events]
            assert go_on == next(iter(looked[len(taken) :]), ID_MIN)
            is_large = sum(e.size for e in claimed) >= self._world.bounds.range_bytes_max
            assert is_large or len(taken) == min(events_max, len(looked))
            for event_id in taken:
                count = group.pending.pop(event_id).deliveries + 1
                if event_id in events:
                    group.pending[event_id] = PendingEvent(event_id, consumer, turn.now, count)

        self._ask(f"auto_claim {consumer} {start} {events_max}", key, auto_claim)

    # --- business keys -------------------------------------------------------------------------

    def confirm(self, key: GroupKey, business_key: str) -> None:
        def confirm(turn: Turn, group: ModelGroup) -> None:
            turn.confirm(*key, business_key, KEEP_MS)
            group.handled.add(business_key)

        self._ask(f"confirm {business_key}", key, confirm)

    def look_up(self, key: GroupKey, business_key: str) -> None:
        def look_up(turn: Turn, group: ModelGroup) -> None:
            later, expected = turn.handled(*key, business_key), business_key in group.handled
            self._world.check_later(lambda answers: later(answers) == expected)

        self._ask(f"look_up {business_key}", key, look_up)

    # --- groups and consumers ------------------------------------------------------------------

    def create(self, key: GroupKey, start: EventId | Last, *, is_lossy: bool) -> None:
        def create(turn: Turn) -> None:
            stream = self._world.model.stream(key[0])
            try:
                turn.create_group(*key, start, makes_stream=True)
            except GroupExists:
                assert key[1] in stream.groups
                return
            turn.allow_trim(*key, is_lossy)
            cursor = start if isinstance(start, tuple) else stream.last_id
            stream.groups[key[1]] = ModelGroup(cursor, is_lossy)

        self._world.ask(f"create {key} {start} {is_lossy}", key[0], decide=create)

    def set_cursor(self, key: GroupKey, start: EventId) -> None:
        def set_cursor(turn: Turn, group: ModelGroup) -> None:
            turn.set_group_id(*key, start)
            group.cursor, group.given = start, []

        self._ask(f"set_cursor {start}", key, set_cursor)

    def destroy(self, key: GroupKey) -> None:
        def destroy(turn: Turn) -> None:
            group = self._world.model.group(*key)
            try:
                assert turn.destroy_group(*key) == (group is not None)
            except Refused:
                assert key[0] not in self._world.model.streams
            if group is not None:
                del self._world.model.streams[key[0]].groups[key[1]]

        self._world.ask(f"destroy {key}", key[0], decide=destroy)

    def create_consumer(self, key: GroupKey, consumer: ConsumerName) -> None:
        def create(turn: Turn, group: ModelGroup) -> None:
            assert turn.create_consumer(*key, consumer) == (consumer not in group.consumers)
            group.consumers.add(consumer)

        self._ask(f"create_consumer {consumer}", key, create)

    def delete_consumer(self, key: GroupKey, consumer: ConsumerName) -> None:
        def delete(turn: Turn, group: ModelGroup) -> None:
            theirs = group.first_pending(ID_MIN, consumer)
            assert turn.delete_consumer(*key, consumer) == len(theirs)
            group.consumers.discard(consumer)
            for event_id in theirs:
                del group.pending[event_id]

        self._ask(f"delete_consumer {consumer}", key, delete)

    def allow_trim(self, key: GroupKey, *, is_lossy: bool) -> None:
        def allow(turn: Turn, group: ModelGroup) -> None:
            turn.allow_trim(*key, is_lossy)
            group.is_lossy = is_lossy

        self._ask(f"allow_trim {is_lossy}", key, allow)
