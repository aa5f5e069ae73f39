"""Groups and their consumers: made, moved, removed."""

from penstock.jobs.events.delivery import check_consumer
from penstock.jobs.events.draft import Draft
from penstock.jobs.events.errors import (
    GroupExists,
    NoGroup,
    NoGroupToRead,
    NoStreamForGroup,
)
from penstock.jobs.events.group import Group
from penstock.jobs.events.ids import Last
from penstock.jobs.events.model import ID_MIN, ConsumerName, EventId, GroupName, StreamName
from penstock.jobs.events.stream import Stream


def create_group(
    draft: Draft,
    name: StreamName,
    group: GroupName,
    start: EventId | Last,
    *,
    read_count: int | None,
    makes_stream: bool,
) -> Group:
    """Make a group that goes on after an id.

    Raises:
        NoStreamForGroup, GroupExists, Overloaded: nothing happened.
    """
    stream = draft.find_stream(name)
    if stream is None and not makes_stream:
        raise NoStreamForGroup
    if stream is not None and group in stream.groups:
        raise GroupExists
    if stream is None:
        stream = draft.make_stream(name)
    cursor = stream.last_id if isinstance(start, Last) else start
    made = draft.streams.new_group(stream, group, cursor, read_count)
    stream.groups[group] = made
    draft.undo_log.add(lambda: _take_out(stream, made))
    draft.touch_group(made)
    draft.made_groups.add(made.number)
    return made


def set_group_id(
    draft: Draft,
    name: StreamName,
    group: GroupName,
    start: EventId | Last,
    read_count: int | None,
) -> None:
    """Let a group go on after an id. Raises NoStreamForGroup, NoGroup."""
    found = the_group(draft, name, group)
    draft.touch_group(found)
    found.last_delivered_id = found.stream.last_id if isinstance(start, Last) else start
    found.read_count = read_count
    draft.wake_group(found)


def destroy_group(draft: Draft, name: StreamName, group: GroupName) -> bool:
    """Remove a group with all that is pending; say whether it was there. Raises NoStreamForGroup.

    Who waits for its events is told so once this is durable.
    """
    stream = draft.find_stream(name)
    if stream is None:
        raise NoStreamForGroup
    found = stream.groups.get(group)
    if found is None:
        return False
    order = list(stream.groups)
    _take_out(stream, found)
    draft.undo_log.add(lambda: _put_back(draft, stream, found, order))
    if found.number not in draft.made_groups:
        draft.writes.dropped_groups.append(found.number)
    forget_group(draft, found)
    return True


def forget_group(draft: Draft, group: Group) -> None:
    """Write nothing more for a group that goes, and end the reads that wait for its events."""
    draft.streams.aheads.forget(group.ahead)
    for key in [key for key in draft.handled_keys if key[0] == group.number]:
        del draft.handled_keys[key]
    why = NoGroupToRead(group.stream.name, group.name)
    refused = draft.readers.refuse(group.stream.name, group.name, why)
    draft.taken += (served.reader for served in refused)
    draft.served += refused


def drop_stream(draft: Draft, stream: Stream) -> None:
    """Remove a stream with its groups; nothing more is written for it in this turn."""
    streams, number = draft.streams, stream.number
    order = list(streams.by_name)
    streams.remove(stream)
    draft.undo_log.add(lambda: streams.put_back(stream, order))
    if stream.trim is not None:
        draft.touch(stream)
        draft.ended_trims.append(stream)
        del streams.trimming[number]
        draft.undo_log.add(lambda: streams.trimming.setdefault(number, stream))
    if number not in draft.made_streams:
        draft.writes.dropped_streams.append(number)
    if stream.appended:
        draft.writes.appended = [kept for kept in draft.writes.appended if kept[0] != number]
    draft.life.pop(number, None)
    for key in [key for key in draft.published if key[0] == number]:
        del draft.published[key]
    for group in stream.groups.values():
        forget_group(draft, group)


def create_consumer(
    draft: Draft, name: StreamName, group: GroupName, consumer: ConsumerName
) -> bool:
    """Make a consumer; say whether it is new. Raises NoStreamForGroup, NoGroup, Overloaded."""
    found = the_group(draft, name, group)
    if consumer in found.consumers:
        return False
    check_consumer(draft, found, consumer)
    draft.touch_group(found)
    found.seen(consumer, draft.now, is_active=False)
    return True


def delete_consumer(
    draft: Draft, name: StreamName, group: GroupName, consumer: ConsumerName
) -> int:
    """Remove a consumer with what is pending for it; return how many events those were.

    Raises:
        NoStreamForGroup, NoGroup: nothing happened.
    """
    found = the_group(draft, name, group)
    if consumer not in found.consumers:
        return 0
    draft.touch_group(found)
    ids = [entry.id for entry in found.pending.since(ID_MIN, consumer)]
    for event_id in ids:
        found.pending.remove(event_id)
    found.drop_consumer(consumer)
    return len(ids)


def allow_trim(draft: Draft, name: StreamName, group: GroupName, *, is_lossy: bool) -> None:
    """Say whether trims may pass a group's cursor. Raises NoStreamForGroup, NoGroup."""
    found = the_group(draft, name, group)
    draft.touch_group(found)
    found.is_lossy = is_lossy


def the_group(draft: Draft, name: StreamName, group: GroupName) -> Group:
    """Return a group. Raises NoStreamForGroup, NoGroup."""
    stream = draft.find_stream(name)
    if stream is None:
        raise NoStreamForGroup
    found = stream.groups.get(group)
    if found is None:
        raise NoGroup(name, group)
    return found


def _take_out(stream: Stream, group: Group) -> None:
    del stream.groups[group.name]
    group.pending.leave()


def _put_back(draft: Draft, stream: Stream, group: Group, order: list[GroupName]) -> None:
    """Let a group in again, in its old place."""
    groups = {**stream.groups, group.name: group}
    stream.groups.clear()
    stream.groups.update({name: groups[name] for name in order})
    group.pending.come_back()
    draft.streams.aheads.changed(group.ahead)
