"""What must be true of the event log, whatever happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from penstock.jobs.errors import Refused
from penstock.jobs.events.log import EventLog
from penstock.jobs.events.model import (
    ID_MAX,
    ID_MIN,
    ConsumerName,
    Event,
    EventId,
    GroupName,
    PendingEvent,
    StreamName,
)
from penstock.jobs.events.readers import Reader, Served
from penstock.jobs.events.recent import bytes_of
from penstock.jobs.events.stream import Stream
from penstock.jobs.events.turn import Turn

if TYPE_CHECKING:
    from tests.simulation.event_world import EventWorld


def dump(log: EventLog) -> list[object]:
    """Return all that a log knows that is durable, in an order of its own."""
    return [
        (
            stream.record(),
            stream.length,
            stream.first_id,
            [
                (
                    group.record(),
                    sorted(group.consumers.items()),
                    list(group.pending.since(ID_MIN)),
                    {c: list(group.pending.since(ID_MIN, c)) for c in sorted(group.consumers)},
                )
                for _, group in sorted(stream.groups.items())
            ],
        )
        for _, stream in sorted(log.streams.items())
    ]


# --- what a turn removes -------------------------------------------------------------------------


def check_removed(world: EventWorld) -> None:
    """Take note of what a commit trimmed: only what was asked for, and never what is needed."""
    world.removed = set()
    kept = world.store._events
    for name, stream in world.model.streams.items():
        there = kept.streams[kept.numbers[name]]
        left = set(there.find(stream.events))
        assert there.length == len(left), "no event is there that is not to be"
        removed = stream.events.keys() - left
        stream.doom(stream.length_max, None)
        assert removed <= stream.doomed, "only what is asked for is trimmed"
        floor = stream.floor
        for event_id in removed:
            assert floor is None or event_id < floor, "no trim passes what a group needs"
        if removed and left:
            assert max(removed) < min(left), "a trim begins with the first"
        world.removed |= {(name, event_id) for event_id in removed}


# --- what is given -------------------------------------------------------------------------------


def check_given(world: EventWorld, turn: Turn) -> None:
    """Hold readers of groups that were served in a turn to the model."""
    for served in turn.served:
        reader = served.reader
        assert reader.group is not None
        if isinstance(served.readings, Refused):
            continue
        assert isinstance(served.readings, Mapping)
        [(name, events)] = served.readings.items()
        waiting = [
            other
            for other in world.parked
            if other.group == reader.group
            and any(stream == name for stream, _ in other.streams)
            and other not in {one.reader for one in turn.served[: turn.served.index(served)]}
        ]
        assert waiting[0] is reader, "first come, first served"
        assert reader.consumer is not None
        give(
            world,
            turn,
            (name, reader.group, reader.consumer),
            [event.id for event in events],
            reader.events_max,
            no_ack=reader.no_ack,
        )


def give(
    world: EventWorld,
    turn: Turn,
    whom: tuple[StreamName, GroupName, ConsumerName],
    ids: Sequence[EventId],
    events_max: int | None,
    *,
    no_ack: bool,
) -> None:
    """Let the model give a consumer new events: those that come next, and as many as it may."""
    name, group_name, consumer = whom
    stream = world.model.streams[name]
    group = stream.groups[group_name]
    upcoming = stream.after(group.cursor)
    room = world.bounds.range_events_max
    if not no_ack:
        room = min(room, world.room_of(group))
    assert ids, "who is given nothing waits"
    assert list(ids) == upcoming[: len(ids)], "the next ones are given, in order"
    assert len(ids) <= min(room, events_max or room), "not more than was asked for"
    sizes = sum(stream.events[event_id].size for event_id in ids)
    is_whole = len(ids) == min(room, events_max or room, len(upcoming))
    is_large = sizes >= world.bounds.ahead_bytes_max
    assert is_whole or is_large, "as many are given as there are"
    assert not set(ids) & set(group.given), "each is given once as new"
    group.given += ids
    group.cursor = ids[-1]
    group.consumers.add(consumer)
    if not no_ack:
        for event_id in ids:
            group.pending[event_id] = PendingEvent(event_id, consumer, turn.now, 1)


def check_served(world: EventWorld, served: Sequence[Served]) -> None:
    """See that everybody was served who waited for something that came, and nobody else."""
    waiting = {reader: None for reader in world.parked if reader.group is None}
    for one in served:
        if one.reader.group is not None:
            del world.parked[one.reader]
            continue
        del waiting[one.reader]
        if one.readings is None:  # Only if what it found in a turn that was undone is not true.
            assert _there_for(world, one.reader)
            del world.parked[one.reader]
            continue
        assert isinstance(one.readings, Mapping)
        [(name, events)] = one.readings.items()
        assert list(events) == _new_for(world, one.reader, name)[: one.reader.events_max]
        del world.parked[one.reader]
    for reader in waiting:
        for name, _ in reader.streams:
            assert not _new_for(world, reader, name), "who waits for what came is served"
    for reader in world.parked:
        assert reader.is_parked


def _there_for(world: EventWorld, reader: Reader) -> list[EventId]:
    """Return what there is of what a reader waits for."""
    there: list[EventId] = []
    for name, after in world.parked[reader].items():
        stream = world.durable.streams.get(name)
        there += stream.after(after) if stream is not None else []
    return there


def _new_for(world: EventWorld, reader: Reader, name: StreamName) -> list[Event]:
    """Return what came that a reader waits for: to a stream, or to one made after it."""
    for appended in world.appended.get(name, ()):
        new = [event for event in appended if event.id > world.parked[reader][name]]
        if new:
            return new
    return []


def check_calm(world: EventWorld) -> None:
    """See that nobody waits for what is there."""
    for reader in world.parked:
        if reader.group is None:
            assert not _there_for(world, reader)
            continue
        for name, _ in reader.streams:
            group = world.durable.group(name, reader.group)
            assert group is not None
            upcoming = world.durable.streams[name].after(group.cursor)
            assert not upcoming or (not reader.no_ack and world.room_of(group) <= 0)


# --- memory --------------------------------------------------------------------------------------


def check_memory(world: EventWorld) -> None:
    """Hold what memory knows to the model, and to what a restart would find."""
    log, bounds = world.log, world.bounds
    assert sorted(log.streams) == sorted(world.durable.streams)
    for name, model in world.durable.streams.items():
        stream = log.streams[name]
        assert stream.last_id == model.last_id
        assert stream.added_count == len(model.ever)
        assert stream.length == len(model.events)
        assert stream.first_id == min(model.events, default=None)
        assert stream.max_deleted_id == model.max_deleted_id
        assert stream.groups.keys() == model.groups.keys()
        for group_name, group in stream.groups.items():
            theirs = model.groups[group_name]
            assert group.last_delivered_id == theirs.cursor
            assert group.is_lossy == theirs.is_lossy
            assert set(group.consumers) == theirs.consumers
            entries = {entry.id: entry for entry in group.pending.since(ID_MIN)}
            assert entries == theirs.pending
        _check_windows(world, stream)
    restarted = EventLog(world.store._events.load(), bounds)
    assert dump(log) == dump(restarted), "a restart finds what memory knows"
    assert log.pending_count == restarted.pending_count == world.durable.pending_count
    _check_budgets(log)
    assert log.reader_count == len(world.parked)


def _check_budgets(log: EventLog) -> None:
    """See that what takes memory is counted."""
    streams = log.streams.values()
    recents = sum(bytes_of(stream.recent.events) for stream in streams)
    assert log._streams.recents.bytes_count == recents
    groups = [group for stream in streams for group in stream.groups.values()]
    aheads = sum(bytes_of(group.ahead.events) for group in groups)
    assert log._streams.aheads.bytes_count == aheads


def _check_windows(world: EventWorld, stream: Stream) -> None:
    """See that the windows hold all there is between their ends."""
    model = world.durable.streams[stream.name]
    recent = stream.recent
    assert [e for i, e in sorted(model.events.items()) if i > recent.after] == recent.events
    assert len(recent.events) <= world.bounds.recent_events_max
    for group in stream.groups.values():
        ahead = group.ahead
        begin = max(ahead.after, group.last_delivered_id)
        there = [e for i, e in sorted(model.events.items()) if begin < i <= ahead.through]
        if begin < ahead.through:
            assert there == [event for event in ahead.events if event.id > begin]
    assert stream.before is None
    assert not stream.appended
    assert not stream.is_unsettled
    assert not stream.is_asked
    assert stream.last_id < ID_MAX
