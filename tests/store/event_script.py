"""Random scripts of what is written of events: the same for two stores."""

from typing import Final

from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from penstock.jobs.events.life import is_life_stream, queue_of
from penstock.jobs.events.model import (
    ID_MAX,
    ID_MIN,
    ConsumerName,
    ConsumerRecord,
    Event,
    EventId,
    GroupName,
    GroupNumber,
    GroupRecord,
    PendingEvent,
    StreamName,
    StreamNumber,
    StreamRecord,
)
from penstock.jobs.store.event_port import (
    EventAnswers,
    EventDeletion,
    EventSnapshot,
    EventTrim,
    EventWrites,
    HandledKey,
    LifeStream,
    PickQuestion,
    PublishedKey,
    RangeQuestion,
    ScheduleRecord,
    TriggerRecord,
)
from tests.store.script import INSTANTS, Step

NAMES: Final = ("s", "t", "jobs:a", "jobs:*")
CONSUMERS: Final = ("c", "d", "ä")
KEYS: Final = ("k", "l", "\0", "")
FIELDS: Final = (
    (b"", b""),
    (b"a", b"x" * 500),
    (b"a", b"\0\xff", b"a", b""),
    (b"l", b"y" * 20_000),
)

WORDS: Final = (
    *("make", "append", "append", "append", "delete", "trim", "trim", "drop", "group", "cursor"),
    *("drop group", "consumer", "drop consumer", "pending", "acknowledge", "handle", "publish"),
    *("define", "sweep", "ask"),
)
event_steps = st.lists(
    st.tuples(st.sampled_from(WORDS), st.integers(0, 2**20), st.integers(0, 2**20)), max_size=16
)


class Known(Struct):
    """A stream that there is, with the ids that it ever had."""

    record: StreamRecord
    ids: list[EventId] = field(default_factory=list)


class EventWriter:
    """Make writes that keep the port's rules, from steps that know none."""

    def __init__(self) -> None:
        self._streams: dict[StreamNumber, Known] = {}
        self._groups: dict[GroupNumber, GroupRecord] = {}
        self._next_stream = 1
        self._next_group = 1
        self._written_streams: set[StreamNumber] = set()
        self._written_groups: set[GroupNumber] = set()

    def writes(self, steps: list[Step]) -> EventWrites:
        self._written_streams = set()
        self._written_groups = set()
        writes = EventWrites()
        for word, a, b in steps:
            if word == "make":
                self._make(a, b)
            elif word == "define":
                _define(writes, a, b)
            elif word == "sweep":
                writes.sweep_max = 1 + a % 5
            elif self._streams:
                self._write(writes, word, a, b)
        for number in self._written_streams & self._streams.keys():
            writes.streams.append(self._streams[number].record)
        for group in self._written_groups & self._groups.keys():
            writes.groups.append(self._groups[group])
        writes.life = [
            LifeStream(known.record, queue_of(known.record.name))
            for known in self._streams.values()
            if is_life_stream(known.record.name)
        ]
        return writes

    def learn(self, answers: EventAnswers) -> None:
        for number, event in answers.late:
            known = self._streams[number]
            known.ids.append(event.id)
            known.record = replace(known.record, last_id=event.id, added_count=event.offset)

    def learn_load(self, snapshot: EventSnapshot) -> None:
        assert (snapshot.next_stream, snapshot.next_group) <= (self._next_stream, self._next_group)
        assert [kept.record.number for kept in snapshot.streams] == sorted(self._streams)
        for kept in snapshot.streams:
            self._streams[kept.record.number].record = kept.record

    def everything(self) -> EventWrites:
        """Ask for all that there ever was."""
        return EventWrites(
            ranges=[_all_of(number) for number in self._streams],
            were_handled=[(group, key) for group in self._groups for key in KEYS],
            were_published=[(number, key) for number in self._streams for key in KEYS],
        )

    # --- steps ---------------------------------------------------------------------------------

    def _write(self, writes: EventWrites, word: str, a: int, b: int) -> None:
        known = list(self._streams.values())[a % len(self._streams)]
        match word:
            case "append":
                self._append(writes, known, a, b)
            case "delete":
                ids = (*known.ids[b % 5 : b % 5 + a % 4], (b % 3, 0))
                writes.deletions.append(EventDeletion(known.record.number, ids))
            case "trim":
                self._trim(writes, known, a, b)
            case "drop":
                self._drop(writes, known.record.number)
            case "ask":
                _ask(writes, known, a, b)
            case "publish":
                writes.published.append(
                    PublishedKey(known.record.number, KEYS[b % 4], (b % 9, a % 9), INSTANTS[b % 5])
                )
            case "group":
                self._make_group(known, a, b)
            case _ if self._groups:
                group = list(self._groups.values())[a % len(self._groups)]
                self._write_of_group(writes, word, group, a, b)

    def _write_of_group(
        self, writes: EventWrites, word: str, group: GroupRecord, a: int, b: int
    ) -> None:
        number = group.number
        consumer = ConsumerName(CONSUMERS[b % 3])
        match word:
            case "cursor":
                cursor, count = (b % 9, a % 9), None if b % 3 else a % 9
                self._groups[number] = replace(group, last_delivered_id=cursor, read_count=count)
                self._written_groups.add(number)
            case "drop group" if number not in self._written_groups:
                if not _is_written(writes, number):
                    writes.dropped_groups.append(number)
                    del self._groups[number]
            case "consumer":
                active_at = None if b % 2 else INSTANTS[a % 5]
                record = ConsumerRecord(number, consumer, INSTANTS[b % 5], active_at)
                writes.consumers.append(record)
            case "drop consumer":
                writes.dropped_consumers.append((number, consumer))
            case "pending":
                pending = PendingEvent((b % 4, a % 3), consumer, INSTANTS[b % 5], a % 3)
                writes.pending.append((number, pending))
            case "acknowledge":
                writes.acknowledged.append((number, (b % 4, a % 3)))
            case "handle":
                writes.handled.append(HandledKey(number, KEYS[b % 4], INSTANTS[a % 5]))

    def _make(self, a: int, b: int) -> None:
        name = StreamName(NAMES[a % 4])
        if name not in {known.record.name for known in self._streams.values()}:
            number = StreamNumber(self._next_stream)
            length_max = None if b % 2 else b % 9
            self._streams[number] = Known(StreamRecord(number, name, length_max=length_max))
            self._written_streams.add(number)
            self._next_stream += 1

    def _make_group(self, known: Known, a: int, b: int) -> None:
        stream, name = known.record.number, GroupName(f"g{b % 2}")
        there = {group.name for group in self._groups.values() if group.stream == stream}
        if name not in there:
            number = GroupNumber(self._next_group)
            self._groups[number] = GroupRecord(number, stream, name, (a % 9, 0), None, a % 2 == 1)
            self._written_groups.add(number)
            self._next_group += 1

    def _append(self, writes: EventWrites, known: Known, a: int, b: int) -> None:
        for step in range(1 + b % 3):
            record = known.record
            ms, seq = record.last_id
            event_id = (ms, seq + 1) if (a + step) % 3 == 0 else (ms + 1 + b % 2, a % 4)
            event = Event(event_id, record.added_count + 1 + b % 2, FIELDS[(a + step) % 4])
            writes.appended.append((record.number, event))
            known.record = replace(record, last_id=event_id, added_count=event.offset)
            known.ids.append(event_id)
        self._written_streams.add(known.record.number)

    def _trim(self, writes: EventWrites, known: Known, a: int, b: int) -> None:
        number = known.record.number
        if number in {trim.stream for trim in writes.trims}:
            return
        before = known.ids[b % len(known.ids)] if known.ids and b % 2 else ID_MIN
        floor = known.ids[a % len(known.ids)] if known.ids and a % 2 else ID_MAX
        writes.trims.append(EventTrim(number, b % 8, before, floor, 1 + a % 5))
        self._written_streams.add(number)

    def _drop(self, writes: EventWrites, number: StreamNumber) -> None:
        groups = {group.number for group in self._groups.values() if group.stream == number}
        if number in self._written_streams or groups & self._written_groups:
            return
        if _names(writes, number) or any(_is_written(writes, group) for group in groups):
            return
        writes.dropped_streams.append(number)
        del self._streams[number]
        for group in groups:
            del self._groups[group]


def _names(writes: EventWrites, number: StreamNumber) -> bool:
    """Say whether a batch says anything of a stream but its record."""
    published = [key.stream for key in writes.published]
    deleted = [deletion.stream for deletion in writes.deletions]
    ranges = [question.stream for question in writes.ranges]
    picks = [question.stream for question in writes.picks]
    return number in (
        *published,
        *deleted,
        *ranges,
        *picks,
        *(stream for stream, _ in writes.were_published),
    )


def _is_written(writes: EventWrites, number: GroupNumber) -> bool:
    """Say whether a batch says anything of a group but its record."""
    pending = [group for group, _ in (*writes.pending, *writes.acknowledged)]
    consumers = [consumer.group for consumer in writes.consumers]
    return number in (*pending, *consumers, *(handled.group for handled in writes.handled))


def _define(writes: EventWrites, a: int, b: int) -> None:
    name = KEYS[a % 4]
    match b % 4:
        case 0:
            writes.triggers.append(TriggerRecord(name, bytes([a % 256])))
        case 1:
            writes.schedules.append(ScheduleRecord(name, bytes([a % 256])))
        case 2:
            writes.dropped_triggers.append(name)
        case _:
            writes.dropped_schedules.append(name)


def _ask(writes: EventWrites, known: Known, a: int, b: int) -> None:
    number, ids = known.record.number, [ID_MIN, *known.ids, ID_MAX]
    first, last = ids[a % len(ids)], ids[b % len(ids)]
    writes.ranges.append(RangeQuestion(number, first, last, 1 + a % 5, 1 + b % 1200, a % 2 == 1))
    writes.picks.append(PickQuestion(number, tuple(ids[b % 3 : a % 9])))


def _all_of(number: StreamNumber) -> RangeQuestion:
    return RangeQuestion(number, ID_MIN, ID_MAX, 1000, 2**30)


def comparable_answers(answers: EventAnswers) -> tuple[object, ...]:
    """Return answers without the kinds of their collections."""
    return (
        [list(ids) for ids in answers.deletions],
        list(answers.trims),
        dict(answers.first_ids),
        list(answers.late),
        answers.swept_count,
        [list(events) for events in answers.ranges],
        [dict(events) for events in answers.picks],
        list(answers.were_handled),
        list(answers.were_published),
    )
