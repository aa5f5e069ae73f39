"""The event log as the store in memory keeps it: streams, groups and all that belongs to them."""

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.jobs.events.life import (
    Told,
    append_life,
    is_life_stream,
    late_life,
    queue_of,
)
from penstock.jobs.events.model import (
    ConsumerName,
    ConsumerRecord,
    EventId,
    GroupNumber,
    GroupRecord,
    PendingEvent,
    StreamName,
    StreamNumber,
)
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import (
    EventAnswers,
    EventSnapshot,
    EventWrites,
    KeptStream,
    LifeStream,
    ScheduleRecord,
    TriggerRecord,
    Trimmed,
)
from penstock.jobs.store.memory_keys import MemoryKeys
from penstock.jobs.store.memory_streams import MemoryStream
from penstock.jobs.store.port import Batch, Commit


class MemoryGroup(Struct):
    """A group with all that it has but its handled keys."""

    record: GroupRecord
    consumers: dict[ConsumerName, ConsumerRecord] = field(default_factory=dict)
    pending: dict[EventId, PendingEvent] = field(default_factory=dict)


class MemoryEvents:
    """Keep the event log. What is dropped is gone at once, and only counted until it is swept."""

    def __init__(self) -> None:
        self.streams: dict[StreamNumber, MemoryStream] = {}
        self.groups: dict[GroupNumber, MemoryGroup] = {}
        self.numbers: dict[StreamName, StreamNumber] = {}
        self.handled = MemoryKeys[bool]()
        self.published = MemoryKeys[EventId]()
        self._triggers: dict[str, TriggerRecord] = {}
        self._schedules: dict[str, ScheduleRecord] = {}
        self._dropped_count = 0  # Of streams, events and so on; keys are counted apart.
        self._next_stream = 1
        self._next_group = 1

    def load(self) -> EventSnapshot:
        """Return what the event log starts from."""
        streams = sorted(self.streams.items())
        groups = sorted(self.groups.items())
        return EventSnapshot(
            next_stream=StreamNumber(self._next_stream),
            next_group=GroupNumber(self._next_group),
            streams=tuple(
                KeptStream(kept.record, kept.length, kept.first_id) for _, kept in streams
            ),
            groups=tuple(group.record for _, group in groups),
            consumers=tuple(
                consumer for _, group in groups for _, consumer in sorted(group.consumers.items())
            ),
            pending={
                number: [pending for _, pending in sorted(group.pending.items())]
                for number, group in groups
                if group.pending
            },
            triggers=tuple(trigger for _, trigger in sorted(self._triggers.items())),
            schedules=tuple(schedule for _, schedule in sorted(self._schedules.items())),
            has_sweepings=self._has_sweepings,
        )

    @property
    def _has_sweepings(self) -> bool:
        left = self._dropped_count or self.handled.has_dropped or self.published.has_dropped
        return bool(left)

    def tell_start(self, told: Sequence[Told], now: Instant) -> None:
        """Tell the streams that somebody follows of the transitions of a start."""
        followed = {group.record.stream for group in self.groups.values()}
        streams = [
            LifeStream(kept.record, queue_of(kept.record.name))
            for number, kept in sorted(self.streams.items())
            if number in followed and is_life_stream(kept.record.name)
        ]
        self._append_life(streams, told, now, EventAnswers())

    # --- writing -------------------------------------------------------------------------------

    def write(self, batch: Batch, commit: Commit) -> None:
        """Write what a batch says of events, and note in *commit* what became of it."""
        writes, answers = batch.events, commit.events
        assert writes is not None
        self._drop(writes)
        self._put_records(writes)
        for number, event in writes.appended:
            self.streams[number].append(event)
        shortened = self._remove(writes, answers)
        self._put_pending(writes)
        self._put_keys(writes)
        self._put_definitions(writes)
        if writes.life:
            self._append_life(writes.life, late_life(batch, commit), batch.now, answers)
        self._note_deleted(writes, answers)
        for record in writes.streams:
            kept = self.streams[record.number]
            assert kept.length <= kept.record.added_count, "what there is was added"
            assert kept.record.max_deleted_id <= kept.record.last_id, "what is deleted was given"
        answers.first_ids = {number: self.streams[number].first_id for number in shortened}
        if writes.sweep_max:
            answers.swept_count = self._sweep(writes.sweep_max, batch.now)

    def _drop(self, writes: EventWrites) -> None:
        groups = set(writes.dropped_groups) & self.groups.keys()
        dropped = set(writes.dropped_streams) & self.streams.keys()
        for number in dropped:
            stream = self.streams.pop(number)
            del self.numbers[stream.record.name]
            self._dropped_count += 1 + stream.length
            groups |= {i for i, group in self.groups.items() if group.record.stream == number}
        self.published.drop(dropped)
        for group_number in groups:
            group = self.groups.pop(group_number)
            self._dropped_count += 1 + len(group.consumers) + len(group.pending)
        self.handled.drop(groups)
        for group_number, consumer in writes.dropped_consumers:
            if group_number in self.groups:
                group = self.groups[group_number]
                group.consumers.pop(consumer, None)
                group.pending = {i: p for i, p in group.pending.items() if p.consumer != consumer}

    def _put_records(self, writes: EventWrites) -> None:
        for stream in writes.streams:
            kept = self.streams.setdefault(stream.number, MemoryStream(stream))
            kept.record = stream
            self.numbers[stream.name] = stream.number
            self._next_stream = max(self._next_stream, stream.number + 1)
        for record in writes.groups:
            group = self.groups.setdefault(record.number, MemoryGroup(record))
            group.record = record
            self._next_group = max(self._next_group, record.number + 1)
        for consumer in writes.consumers:
            self.groups[consumer.group].consumers[consumer.name] = consumer

    def _remove(self, writes: EventWrites, answers: EventAnswers) -> set[StreamNumber]:
        """Delete and trim; return the streams that lost events."""
        shortened: set[StreamNumber] = set()
        to_trim = [self.streams[trim.stream].to_trim(trim) for trim in writes.trims]
        deletions: list[Sequence[EventId]] = []
        for deletion in writes.deletions:
            deletions.append(self.streams[deletion.stream].remove(deletion.ids))
            if deletions[-1]:
                shortened.add(deletion.stream)
        trims: list[Trimmed] = []
        for trim, (ids, more) in zip(writes.trims, to_trim, strict=True):
            removed = self.streams[trim.stream].remove(ids)
            trims.append(Trimmed(len(removed), removed[-1] if removed else None, more))
            if removed:
                shortened.add(trim.stream)
        answers.deletions, answers.trims = deletions, trims
        return shortened

    def _note_deleted(self, writes: EventWrites, answers: EventAnswers) -> None:
        for deletion, ids in zip(writes.deletions, answers.deletions, strict=True):
            kept = self.streams[deletion.stream]
            max_deleted_id = max((kept.record.max_deleted_id, *ids))
            kept.record = replace(kept.record, max_deleted_id=max_deleted_id)

    def _put_pending(self, writes: EventWrites) -> None:
        for number, event_id in writes.acknowledged:
            self.groups[number].pending.pop(event_id, None)
        for number, pending in writes.pending:
            self.groups[number].pending[pending.id] = pending

    def _put_keys(self, writes: EventWrites) -> None:
        for handled in writes.handled:
            self.handled.put(handled.group, handled.key, True, handled.remove_at)
        for published in writes.published:
            self.published.put(published.stream, published.key, published.id, published.remove_at)

    def _put_definitions(self, writes: EventWrites) -> None:
        for name in writes.dropped_triggers:
            self._triggers.pop(name, None)
        for trigger in writes.triggers:
            self._triggers[trigger.name] = trigger
        for name in writes.dropped_schedules:
            self._schedules.pop(name, None)
        for schedule in writes.schedules:
            self._schedules[schedule.name] = schedule

    def _append_life(
        self,
        streams: Sequence[LifeStream],
        told: Sequence[Told],
        now: Instant,
        answers: EventAnswers,
    ) -> None:
        late = list(append_life(streams, told, now))
        for stream, events in late:
            kept = self.streams[stream.record.number]
            kept.record = stream.record
            for _, event in events:
                kept.append(event)
        answers.late = [event for _, events in late for event in events]

    def _sweep(self, rows_max: int, now: Instant) -> int:
        """Remove keys whose time is over, then what is left of what was dropped."""
        count = self.handled.forget_over(now, rows_max)
        count += self.published.forget_over(now, rows_max - count)
        rows = min(self._dropped_count, rows_max - count)
        self._dropped_count -= rows
        count += rows
        count += self.handled.forget_dropped(rows_max - count)
        return count + self.published.forget_dropped(rows_max - count)
