"""What a batch may ask for of events, said by the store in memory before anything changes."""

from penstock.jobs.events.model import ID_MIN, EventId, GroupNumber, StreamNumber
from penstock.jobs.store.event_port import EventWrites
from penstock.jobs.store.memory_events import MemoryEvents


def check_events(kept: MemoryEvents, writes: EventWrites) -> None:
    """Assert the port's rules."""
    _EventRules(kept, writes).check()


class _EventRules:
    def __init__(self, kept: MemoryEvents, writes: EventWrites) -> None:
        self._kept = kept
        self._writes = writes
        self._streams = {record.number: record for record in writes.streams}
        self._groups = {record.number: record for record in writes.groups}
        self._dropped_streams = set(writes.dropped_streams)
        self._dropped_groups = set(writes.dropped_groups)

    def check(self) -> None:
        self._check_streams()
        self._check_appended()
        self._check_removed()
        self._check_groups()

    def _check_streams(self) -> None:
        streams = self._writes.streams
        assert len(self._streams) == len(streams), "a stream is written once a batch"
        assert len({record.name for record in streams}) == len(streams), "names differ"
        assert self._streams.keys().isdisjoint(self._dropped_streams), "a dropped one is gone"
        for record in streams:
            holder = self._kept.numbers.get(record.name, record.number)
            assert holder == record.number or holder in self._dropped_streams, "names differ"
        for life in self._writes.life:
            assert self._has_stream(life.record.number), "who is told of jobs is known"

    def _check_appended(self) -> None:
        last: dict[StreamNumber, tuple[EventId, int]] = {}
        for number, event in self._writes.appended:
            assert number in self._streams, "a stream that is appended to is written"
            last_id, last_offset = last.get(number) or self._last_of(number)
            assert event.id > last_id, "ids grow"
            assert event.offset > last_offset, "offsets grow"
            last[number] = event.id, event.offset
        for number, (last_id, last_offset) in last.items():
            record = self._streams[number]
            assert record.last_id >= last_id, "a stream knows its last id"
            assert record.added_count >= last_offset, "a stream knows its last offset"

    def _check_removed(self) -> None:
        trimmed = [trim.stream for trim in self._writes.trims]
        assert len(set(trimmed)) == len(trimmed), "a stream is trimmed once a batch"
        assert self._streams.keys() >= set(trimmed), "a stream that is trimmed is written"
        for trim in self._writes.trims:
            assert trim.events_max > 0, "a trim that may remove nothing never ends"
        for deletion in self._writes.deletions:
            assert self._has_stream(deletion.stream), "a stream that loses events is known"

    def _check_groups(self) -> None:
        writes = self._writes
        assert len(self._groups) == len(writes.groups), "a group is written once a batch"
        assert self._groups.keys().isdisjoint(self._dropped_groups), "a dropped one is gone"
        for record in writes.groups:
            assert self._has_stream(record.stream), "a group has a stream"
        for consumer in writes.consumers:
            assert self._has_group(consumer.group), "a consumer has a group"
        for number, _ in (*writes.acknowledged, *writes.pending):
            assert self._has_group(number), "what is pending is so for a group"
        for handled in writes.handled:
            assert self._has_group(handled.group), "a key was handled by a group"
        for published in writes.published:
            assert self._has_stream(published.stream), "a key was published in a stream"

    def _last_of(self, number: StreamNumber) -> tuple[EventId, int]:
        if number not in self._kept.streams:
            return ID_MIN, 0
        kept = self._kept.streams[number]  # Ids that are not used any more may come again.
        return kept.last_event_id or ID_MIN, kept.record.added_count

    def _has_stream(self, number: StreamNumber) -> bool:
        is_kept = number in self._kept.streams and number not in self._dropped_streams
        return is_kept or number in self._streams

    def _has_group(self, number: GroupNumber) -> bool:
        if number in self._groups:
            return True
        if number in self._dropped_groups or number not in self._kept.groups:
            return False
        return self._has_stream(self._kept.groups[number].record.stream)
