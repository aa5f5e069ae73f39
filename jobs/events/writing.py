"""The end of a turn: what it has changed, as the rows that the store is to write."""

from penstock.jobs.events.delivery import serve_readers
from penstock.jobs.events.draft import Draft
from penstock.jobs.events.group import Group
from penstock.jobs.events.life import queue_of
from penstock.jobs.events.retention import overdue
from penstock.jobs.events.stream import Stream
from penstock.jobs.events.trimming import Trim, floor_of
from penstock.jobs.store.event_port import EventTrim, LifeStream


def finish(draft: Draft) -> None:
    """Serve waiting readers of groups, go on with trims, and write all that was changed."""
    serve_readers(draft)
    _join_overdue(draft)
    for stream in list(draft.streams.trimming.values()):
        _trim(draft, stream)
    writes, streams = draft.writes, draft.streams
    for group in draft.touched_groups:
        if _is_there(draft, group):
            _write_group(draft, group)
    # After the trims, which touch streams too.
    writes.streams += [
        stream.record() for stream in draft.touched if stream.number in streams.by_number
    ]
    _write_keys(draft)
    writes.life += [
        LifeStream(stream.record(), queue_of(stream.name)) for stream in draft.life.values()
    ]
    if streams.is_sweeping:
        writes.sweep_max = draft.bounds.sweep_rows_max


def _write_keys(draft: Draft) -> None:
    """Write business keys, and ask about those that are published under next."""
    writes, publications = draft.writes, draft.streams.publications
    writes.handled += draft.handled_keys.values()
    writes.published += draft.published.values()
    for name, key in publications.take_wanted():
        stream = draft.find_stream(name)
        if stream is not None:
            asked = stream.number, key
            if not publications.is_known(asked) and asked not in draft.published:
                writes.were_published.append(asked)


def _join_overdue(draft: Draft) -> None:
    """Begin to trim streams that have more than they are to keep."""
    streams = draft.streams
    for stream in streams.overdue.values():
        if stream.is_unsettled or stream.trim is not None:
            continue  # It is looked at again by and by.
        wish = overdue(stream, draft.now)
        if wish is not None:
            draft.touch(stream)
            stream.trim = Trim().joined(wish, stream.added_count, stream.last_id)
            streams.trimming[stream.number] = stream
    streams.overdue.clear()


def _trim(draft: Draft, stream: Stream) -> None:
    """Write what of a trim is done with this turn."""
    trim = stream.trim
    assert trim is not None
    if stream.is_deleting:
        return  # How many are left to trim is not known before the deletion is done.
    floor = floor_of(stream.groups.values())
    count = max(0, trim.gone_count - (stream.added_count - stream.length))
    first_id = stream.first_id
    if first_id is None or floor <= first_id or not (count or trim.before > first_id):
        draft.ended_trims.append(stream)
        return
    draft.touch(stream)
    events_max = draft.bounds.trim_events_max
    if trim.events_max is not None:
        events_max = min(events_max, trim.events_max)
    draft.writes.trims.append(EventTrim(stream.number, count, trim.before, floor, events_max))
    draft.trimmed.append(stream)


def _is_there(draft: Draft, group: Group) -> bool:
    stream = draft.streams.by_number.get(group.stream.number)
    return stream is not None and stream.groups.get(group.name) is group


def _write_group(draft: Draft, group: Group) -> None:
    writes, number = draft.writes, group.number
    writes.groups.append(group.record())
    dropped = set()
    for name, before in group.consumers_before.items():
        record = group.consumers.get(name)
        if record is not None:
            writes.consumers.append(record)
        elif before is not None:
            writes.dropped_consumers.append((number, name))
            dropped.add(name)
    for event_id, entry, is_now in group.pending.changes():
        if is_now is not None:
            writes.pending.append((number, is_now))
        elif entry is not None and entry.consumer not in dropped:
            writes.acknowledged.append((number, event_id))
