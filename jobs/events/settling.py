"""What a commit does to the streams in memory, or what is taken back if it was not written."""

from collections.abc import Sequence

from penstock.jobs.events.draft import Draft, Fetch
from penstock.jobs.events.errors import NoGroupToRead
from penstock.jobs.events.ids import predecessor
from penstock.jobs.events.model import ID_MIN, Event, EventId
from penstock.jobs.events.readers import Reader, Served
from penstock.jobs.events.recent import bytes_of
from penstock.jobs.events.stream import Stream
from penstock.jobs.store.event_port import EventAnswers, RangeQuestion


def apply(draft: Draft, answers: EventAnswers) -> list[Served]:
    """Take over what is durable; return the readers that are to be answered."""
    streams = draft.streams
    _append_late(draft, answers)
    _delete(draft, answers)
    served = draft.served
    for stream in draft.touched:
        if stream.appended:
            if stream.number in streams.by_number:
                stream.recent.extend(stream.appended, draft.bounds)
                streams.recents.changed(stream.recent)
            # They are given also what is trimmed by the same commit: it was there before.
            served += draft.readers.wake(stream.name, stream.appended)
    _trim(draft, answers)
    for number, first_id in answers.first_ids.items():
        streams.by_number[number].first_id = first_id
    for stream in draft.touched:
        stream.end_turn()
    for group in draft.touched_groups:
        group.keep()
    _take_reads(draft, answers)
    streams.recents.shrink(draft.needed)
    streams.aheads.shrink(draft.needed)
    asked = draft.writes.were_published
    streams.publications.take(dict(zip(asked, answers.were_published, strict=True)))
    streams.publications.forget(draft.published)
    if draft.writes.sweep_max and answers.swept_count < draft.writes.sweep_max:
        streams.is_sweeping = False
    if draft.writes.dropped_streams or draft.writes.dropped_groups:
        streams.is_sweeping = True
    _count(draft, answers)
    end(draft)
    return served


def undo(draft: Draft) -> list[Served]:
    """Take back all that was decided; return the readers that are to be answered."""
    streams, readers = draft.streams, draft.readers
    draft.undo_log.undo()
    for stream in draft.touched:
        stream.undo()
        if stream.trim is None:
            streams.trimming.pop(stream.number, None)
    for group in draft.touched_groups:
        group.undo()
    readers.waking = {**draft.waking, **readers.waking}
    readers.starved = {**draft.starved, **readers.starved}
    streams.stirred = {**draft.stirred, **streams.stirred}
    served = readers.put_back(draft.taken)
    for reader in draft.parked:
        draft.resolve(reader)
        if reader.is_parked:
            served += _look_again(draft, reader)
    end(draft)
    return served


def _look_again(draft: Draft, reader: Reader) -> list[Served]:
    """See what a reader waits for that found nothing in the turn, and might have otherwise.

    Its group may have been made in the turn, or moved; its stream may have been dropped. Where
    that is so it is told to ask again, or that there is no group.
    """
    for name, _ in reader.streams:
        stream = draft.find_stream(name)
        if reader.group is not None:
            if stream is None or reader.group not in stream.groups:
                draft.readers.unpark(reader)
                return [Served(reader, NoGroupToRead(name, reader.group))]
            draft.wake_group(stream.groups[reader.group])
        elif stream is not None and stream.last_id > reader.after[name] and stream.length:
            draft.readers.unpark(reader)
            return [Served(reader, None)]
    return []


def _count(draft: Draft, answers: EventAnswers) -> None:
    """Add what is durable now; who was woken is counted there."""
    counters = draft.streams.counters
    counters.appended += len(draft.writes.appended) + len(answers.late)
    counters.delivered += draft.delivered_count
    counters.acknowledged += draft.acknowledged_count
    for trimmed in answers.trims:
        counters.trimmed += trimmed.removed_count


def end(draft: Draft) -> None:
    for stream in draft.marked.values():
        stream.end_turn()
    for fetch in draft.fetches:
        fetch.group.is_fetching = False
    for reader in draft.parked:
        draft.readers.start(reader)


# --- events --------------------------------------------------------------------------------------


def _append_late(draft: Draft, answers: EventAnswers) -> None:
    """Take over what the store itself has appended."""
    for number, event in answers.late:
        stream = draft.streams.by_number[number]
        draft.touch(stream)
        stream.last_id = event.id
        stream.added_count = event.offset
        stream.length += 1
        if stream.first_id is None:
            stream.first_id = event.id
        stream.appended.append(event)
        draft.streams.stirred[stream.name] = None
        for group in draft.readers.groups_of(stream.name):
            draft.readers.waking[stream.name, group] = None


def _delete(draft: Draft, answers: EventAnswers) -> None:
    for stream, ids in zip(draft.deleting, answers.deletions, strict=True):
        if not ids:
            continue
        removed = frozenset(ids)
        stream.length -= len(ids)
        stream.max_deleted_id = max(stream.max_deleted_id, *ids)
        stream.recent.remove(removed)
        stream.appended = [event for event in stream.appended if event.id not in removed]
        draft.streams.recents.recount(stream.recent)
        for group in stream.groups.values():
            if group.ahead.events:
                group.ahead.remove(removed)
                draft.streams.aheads.recount(group.ahead)


def _trim(draft: Draft, answers: EventAnswers) -> None:
    trimming = draft.streams.trimming
    for stream, asked, trimmed in zip(
        draft.trimmed, draft.writes.trims, answers.trims, strict=True
    ):
        trim = stream.trim
        assert trim is not None
        trim = stream.trim = trim.after_removal(trimmed.removed_count)
        stream.length -= trimmed.removed_count
        _cut(draft, stream, trimmed.last_removed_id or ID_MIN)
        assert trimmed.removed_count <= asked.events_max
        if not trimmed.more or not trimmed.removed_count or trim.events_max == 0:
            draft.ended_trims.append(stream)
    for stream in draft.ended_trims:
        trimming.pop(stream.number, None)
        ended, stream.trim = stream.trim, None
        assert ended is not None
        ended.tell()
    for told in draft.untrimmed:
        told(0)


def _cut(draft: Draft, stream: Stream, through: EventId) -> None:
    stream.recent.cut(through)
    draft.streams.recents.recount(stream.recent)
    for group in stream.groups.values():
        if group.ahead.events:
            group.ahead.cut(through)
            draft.streams.aheads.recount(group.ahead)


# --- what was read for ourselves -----------------------------------------------------------------


def _take_reads(draft: Draft, answers: EventAnswers) -> None:
    for fetch in draft.fetches:
        _take_ahead(draft, fetch, answers.ranges[fetch.index])
    for index, stream in draft.fills:
        question = draft.writes.ranges[index]
        events = answers.ranges[index][::-1]
        after = predecessor(events[0].id) if _is_cut(question, events) else ID_MIN
        stream.recent.fill(events, after, draft.bounds)
        draft.streams.recents.changed(stream.recent)
    picked: dict[Stream, None] = dict.fromkeys([*draft.picks, *draft.kept_picks])
    for stream in draft.streams.picked:
        if stream not in picked:
            stream.picked.clear()
    for stream, asked, found in zip(draft.picks, draft.writes.picks, answers.picks, strict=True):
        stream.picked.update({event_id: found.get(event_id) for event_id in asked.ids})
    draft.streams.picked = picked


def _take_ahead(draft: Draft, fetch: Fetch, events: Sequence[Event]) -> None:
    """Keep the next events of a group; what others have kept longest goes if it is too much."""
    group, question = fetch.group, fetch.question
    through = events[-1].id if _is_cut(question, events) else group.stream.last_id
    after = predecessor(question.first)
    group.ahead.take(group.last_delivered_id, after, events, through)
    draft.streams.aheads.changed(group.ahead)


def _is_cut(question: RangeQuestion, events: Sequence[Event]) -> bool:
    """Say whether an answer may have left something out for being too much."""
    return len(events) >= question.events_max or bytes_of(events) >= question.bytes_max
