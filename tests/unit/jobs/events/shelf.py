"""A store of events that is only pretended: it does what a batch says, in the simplest way."""

from collections.abc import Sequence

from msgspec.structs import replace

from penstock.jobs.events.model import (
    ConsumerName,
    ConsumerRecord,
    Event,
    EventId,
    GroupNumber,
    GroupRecord,
    PendingEvent,
    StreamNumber,
    StreamRecord,
)
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import (
    EventAnswers,
    EventSnapshot,
    EventTrim,
    EventWrites,
    KeptStream,
    RangeQuestion,
    ScheduleRecord,
    TriggerRecord,
    Trimmed,
)


class Shelf:
    """Keeps events for as long as this object lives."""

    def __init__(self) -> None:
        self.streams: dict[StreamNumber, StreamRecord] = {}
        self.events: dict[StreamNumber, dict[EventId, Event]] = {}
        self.groups: dict[GroupNumber, GroupRecord] = {}
        self.consumers: dict[tuple[GroupNumber, ConsumerName], ConsumerRecord] = {}
        self.pending: dict[GroupNumber, dict[EventId, PendingEvent]] = {}
        self.handled: dict[tuple[GroupNumber, str], Instant] = {}
        self.published: dict[tuple[StreamNumber, str], tuple[EventId, Instant]] = {}
        self.triggers: dict[str, TriggerRecord] = {}
        self.schedules: dict[str, ScheduleRecord] = {}
        self.late: list[tuple[StreamNumber, Event]] = []  # To be appended by the next commit.
        self.sweepings = 0
        self._last_stream = 0
        self._last_group = 0

    def snapshot(self) -> EventSnapshot:
        return EventSnapshot(
            StreamNumber(self._last_stream + 1),
            GroupNumber(self._last_group + 1),
            [
                KeptStream(record, len(events), min(events, default=None))
                for record, events in ((r, self.events[n]) for n, r in self.streams.items())
            ],
            list(self.groups.values()),
            list(self.consumers.values()),
            {
                number: sorted(entries.values(), key=lambda entry: entry.id)
                for number, entries in self.pending.items()
            },
            list(self.triggers.values()),
            list(self.schedules.values()),
            has_sweepings=bool(self.sweepings),
        )

    def commit(self, writes: EventWrites, now: Instant) -> EventAnswers:
        self._drop(writes)
        for stream in writes.streams:
            self._last_stream = max(self._last_stream, stream.number)
            self.streams[stream.number] = stream
            self.events.setdefault(stream.number, {})
        for group in writes.groups:
            assert group.stream in self.streams
            self._last_group = max(self._last_group, group.number)
            self.groups[group.number] = group
            self.pending.setdefault(group.number, {})
        for consumer in writes.consumers:
            assert consumer.group in self.groups
            self.consumers[consumer.group, consumer.name] = consumer
        for number, event in writes.appended:
            self._append(number, event)
        first_ids: dict[StreamNumber, EventId | None] = {}
        deletions = []
        for deletion in writes.deletions:
            events = self.events[deletion.stream]
            deletions.append([i for i in deletion.ids if events.pop(i, None) is not None])
            first_ids[deletion.stream] = min(events, default=None)
        trims = [self._trim(trim) for trim in writes.trims]
        for trim in writes.trims:
            first_ids[trim.stream] = min(self.events[trim.stream], default=None)
        self._write_pending(writes)
        self._write_rows(writes)
        late, self.late = self.late, []
        for number, event in late:
            self._append(number, event)
            record = self.streams[number]
            assert number in {life.record.number for life in writes.life}
            self.streams[number] = replace(record, last_id=event.id, added_count=event.offset)
        swept = min(self.sweepings, writes.sweep_max)
        self.sweepings -= swept
        return EventAnswers(
            deletions=deletions,
            trims=trims,
            first_ids=first_ids,
            late=late,
            swept_count=swept,
            ranges=[self._range(question) for question in writes.ranges],
            picks=[
                {i: self.events[pick.stream][i] for i in pick.ids if i in self.events[pick.stream]}
                for pick in writes.picks
            ],
            were_handled=[self.handled.get(key, 0) > now for key in writes.were_handled],
            were_published=[
                self.published[key][0]
                if key in self.published and self.published[key][1] > now
                else None
                for key in writes.were_published
            ],
        )

    def _drop(self, writes: EventWrites) -> None:
        dropped = list(writes.dropped_groups)
        for number in writes.dropped_streams:
            del self.streams[number]
            self.sweepings += len(self.events.pop(number))
            dropped += [group.number for group in self.groups.values() if group.stream == number]
        for group in dropped:
            del self.groups[group]
            self.sweepings += len(self.pending.pop(group))
            self.consumers = {key: kept for key, kept in self.consumers.items() if key[0] != group}
        for group, name in writes.dropped_consumers:
            del self.consumers[group, name]
            entries = self.pending[group]
            self.pending[group] = {i: e for i, e in entries.items() if e.consumer != name}

    def _append(self, number: StreamNumber, event: Event) -> None:
        events = self.events[number]
        if events:
            last = events[max(events)]
            assert event.id > last.id
            assert event.offset > last.offset
        events[event.id] = event

    def _write_pending(self, writes: EventWrites) -> None:
        for number, event_id in writes.acknowledged:
            del self.pending[number][event_id]
        for number, entry in writes.pending:
            assert (number, entry.consumer) in self.consumers
            self.pending[number][entry.id] = entry

    def _write_rows(self, writes: EventWrites) -> None:
        for handled in writes.handled:
            assert handled.group in self.groups
            self.handled[handled.group, handled.key] = handled.remove_at
        for published in writes.published:
            assert published.stream in self.streams
            key = published.stream, published.key
            self.published[key] = published.id, published.remove_at
        for trigger in writes.triggers:
            self.triggers[trigger.name] = trigger
        for name in writes.dropped_triggers:
            del self.triggers[name]
        for schedule in writes.schedules:
            self.schedules[schedule.name] = schedule
        for name in writes.dropped_schedules:
            del self.schedules[name]

    def _trim(self, trim: EventTrim) -> Trimmed:
        events = self.events[trim.stream]
        ids = sorted(events)
        wanted = [
            event_id
            for position, event_id in enumerate(ids)
            if event_id < trim.floor and (position < trim.count or event_id < trim.before)
        ]
        removed = wanted[: trim.events_max]
        for event_id in removed:
            del events[event_id]
        last = removed[-1] if removed else None
        return Trimmed(len(removed), last, len(removed) < len(wanted))

    def _range(self, question: RangeQuestion) -> Sequence[Event]:
        events = self.events.get(question.stream, {})
        found: list[Event] = []
        bytes_count = 0
        for event_id in sorted(events, reverse=question.backwards):
            if not question.first <= event_id <= question.last:
                continue
            found.append(events[event_id])
            bytes_count += events[event_id].size
            if len(found) >= question.events_max or bytes_count >= question.bytes_max:
                break
        return found
