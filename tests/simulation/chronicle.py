"""All that was ever committed of events, and whether it may be as it is: outlives restarts.

Each commit is looked at as the store has it afterwards, those included that nobody is told of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from msgspec.structs import replace

from penstock.jobs.cron.schedule import decode_schedule, is_ahead
from penstock.jobs.events.model import (
    ID_MIN,
    Event,
    EventId,
    GroupName,
    GroupNumber,
    GroupRecord,
    PendingEvent,
    StreamName,
    StreamNumber,
)
from penstock.jobs.model import Instant, JobId, QueueName, State
from penstock.jobs.store.event_batches import EventBatches
from penstock.jobs.store.event_port import EventWrites, ScheduleRecord, TriggerRecord
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.memory_events import MemoryEvents
from penstock.jobs.store.port import Batch
from tests.simulation.firings import Firings
from tests.simulation.lives import Lives
from tests.simulation.runs import SlotRuns

_NO_WRITES = EventWrites()


@dataclass(slots=True)
class History:
    """All events that a stream was ever given."""

    name: StreamName
    events: dict[EventId, Event] = field(default_factory=dict)
    gone: set[EventId] = field(default_factory=set)  # Trimmed or deleted.
    going: set[EventId] = field(default_factory=set)  # By the commit that is looked at.
    last_id: EventId = ID_MIN

    def add(self, event: Event) -> None:
        assert event.id > self.last_id, f"{self.name} is given {event.id} after {self.last_id}"
        assert event.offset == len(self.events) + 1, f"offsets of {self.name} are not dense"
        self.events[event.id] = event
        self.last_id = event.id

    def there(self, after: EventId, through: EventId) -> list[Event]:
        """Return the events after one id and up to another that were there, or came just now."""
        return [
            event
            for event_id, event in self.events.items()
            if after < event_id <= through and event_id not in self.gone
        ]


@dataclass(slots=True)
class GroupSeen:
    """A group as one commit left it."""

    record: GroupRecord
    pending: dict[EventId, PendingEvent]


@dataclass(slots=True)
class Seen:
    """What one commit left of events, but for the events themselves."""

    groups: dict[GroupNumber, GroupSeen]
    streams: dict[StreamName, StreamNumber]
    triggers: dict[str, TriggerRecord]
    schedules: dict[str, ScheduleRecord]
    jobs: dict[JobId, State]

    def group(self, stream: StreamName, name: GroupName) -> GroupRecord | None:
        number = self.streams.get(stream)
        for seen in self.groups.values():
            if seen.record.stream == number and seen.record.name == name:
                return seen.record
        return None


class Chronicle:
    """Watches all commits of a store, as far as events go."""

    def __init__(self, shelf: MemoryStore) -> None:
        self._shelf = shelf
        self.histories: dict[StreamNumber, History] = {}
        self.firings = Firings(self)
        self.lives = Lives(self)
        self.runs = SlotRuns(self)
        # What the requests of the turn have done: definitions, cursors that were set.
        self.turn_ops: list[Callable[[], None]] = []
        self.starts: dict[tuple[StreamName, GroupName], EventId] = {}
        self.acknowledging: set[tuple[GroupNumber, EventId]] = set()
        self.triggers: dict[str, TriggerRecord] = {}
        self.schedules: set[str] = set()
        self.held: set[JobId] = set()  # Jobs that are claimed, as the broker has it.
        self._before = self.now_is()

    @property
    def kept(self) -> MemoryEvents:
        return self._shelf._events

    def now_is(self) -> Seen:
        kept = self.kept
        return Seen(
            {n: GroupSeen(g.record, dict(g.pending)) for n, g in kept.groups.items()},
            dict(kept.numbers),
            dict(kept._triggers),
            dict(kept._schedules),
            {job_id: job.job.state for job_id, job in self._shelf._kept.by_id.items()},
        )

    def has_job(self, job_id: JobId) -> bool:
        return job_id in self._shelf._kept.by_id

    def queue_of(self, job_id: JobId) -> QueueName:
        return self._shelf._kept.by_id[job_id].job.queue

    def holder_of(self, key: str) -> JobId | None:
        return self._shelf._kept._keys.get(key)

    # --- commits -------------------------------------------------------------------------------

    def begin_turn(self) -> None:
        """A turn is open: what was decided in the last one is written, or was undone."""
        self._forget_turn()
        self.runs.begin_turn()

    def _forget_turn(self) -> None:
        self.turn_ops.clear()
        self.starts.clear()
        self.acknowledging.clear()
        self.runs.set_now.clear()

    def before(self) -> None:
        """A batch is about to be written, or a server to start."""
        self._before = self.now_is()

    def after(self, batch: Batch) -> None:
        """A batch was written."""
        if batch.events is None:  # Nothing was decided, or it was given up.
            self._forget_turn()
        before, now = self._before, self.now_is()
        writes = batch.events or _NO_WRITES
        appended = self._append(writes)
        self._check_streams(writes, appended)
        self._check_groups(before, now, appended)
        for op in self.turn_ops:
            op()
        assert now.triggers == self.triggers, "triggers are as they were set"
        assert now.schedules.keys() == self.schedules, "schedules are as they were set"
        self.firings.check(batch, before, now)
        self.runs.check(batch, before, now)
        self.lives.check(batch.now, before, now, appended)
        for history in self.histories.values():
            history.gone |= history.going
            history.going = set()
        self.begin_turn()

    def started(self, now_at: Instant) -> None:
        """A server has started: the leases of the last run have ended."""
        self.begin_turn()
        before, now = self._before, self.now_is()
        appended = self._append(_NO_WRITES)
        self._check_groups(before, now, {})
        assert (before.triggers, before.schedules) == (now.triggers, now.schedules)
        self.held.clear()
        self.runs.started(now, now_at)
        self.lives.check(now_at, before, now, appended)
        self.begin_turn()

    def _append(self, writes: EventWrites) -> dict[StreamNumber, list[Event]]:
        """Take over what streams were given; return it."""
        appended: dict[StreamNumber, list[Event]] = {}
        for number, event in writes.appended:
            appended.setdefault(number, []).append(event)
        for number, stream in self.kept.streams.items():
            history = self.histories.setdefault(number, History(stream.record.name))
            given = appended.get(number, [])
            last_id = given[-1].id if given else history.last_id
            late = [event_id for event_id in stream._ids if event_id > last_id]
            if late:
                given = appended[number] = [*given, *(stream._by_id[i] for i in late)]
            for event in given:
                history.add(event)
        return appended

    # --- streams -------------------------------------------------------------------------------

    def _check_streams(
        self, writes: EventWrites, appended: dict[StreamNumber, list[Event]]
    ) -> None:
        deleted = {(d.stream, event_id) for d in writes.deletions for event_id in d.ids}
        for number, stream in self.kept.streams.items():
            history, record = self.histories[number], stream.record
            assert record.added_count == len(history.events), f"offsets of {record.name}"
            assert record.last_id == history.last_id, f"the last id of {record.name}"
            there = set(stream._ids)
            removed = history.events.keys() - history.gone - there
            assert there.isdisjoint(history.gone), f"what was removed of {record.name} is back"
            assert all(stream._by_id[i] == history.events[i] for i in there)
            trimmed = {i for i in removed if (number, i) not in deleted}
            for group in self.kept.groups.values():
                if group.record.stream == number and not group.record.is_lossy:
                    cursor = group.record.last_delivered_id
                    needed = {i for i in trimmed if i > cursor or i in group.pending}
                    assert not needed, f"{needed} are trimmed, and {group.record.name} needs them"
            history.going = removed

    # --- groups --------------------------------------------------------------------------------

    def _check_groups(
        self, before: Seen, now: Seen, appended: dict[StreamNumber, list[Event]]
    ) -> None:
        for number, seen in now.groups.items():
            record = seen.record
            old = before.groups.get(number)
            history = self.histories[record.stream]
            cursor = record.last_delivered_id
            start = self.starts.get((history.name, record.name))
            if start is None:
                start = ID_MIN if old is None else old.record.last_delivered_id
            assert cursor >= start, f"the cursor of {record.name} went back"
            if record.name.startswith("trigger:"):
                continue  # For `firings` to look at.
            given = {event.id for event in history.there(start, cursor)}
            pending = seen.pending.keys()
            assert given <= pending, f"{given - pending} were given to nobody of {record.name}"
            if old is not None:
                went = history.gone | history.going
                gone = {i for i in old.pending.keys() - pending if i not in went}
                acked = {i for n, i in self.acknowledging if n == number}
                assert gone <= acked, f"{gone - acked} are pending no more, and not acknowledged"

    # --- when nothing is left to do --------------------------------------------------------------

    def check_calm(self, waiting: Collection[str]) -> None:
        """When all is calm every trigger has seen all there is, but for those that wait."""
        self.firings.check_all_seen(self.now_is(), waiting)

    def check_memory(self, events: EventBatches, at: Instant) -> None:
        """When all is calm memory says what the store does."""
        kept, log = self.kept, events.log
        assert log.streams.keys() == kept.numbers.keys()
        for name, stream in log.streams.items():
            there = kept.streams[stream.number]
            assert stream.record() == there.record, f"{name} in memory"
            assert (stream.length, stream.first_id) == (there.length, there.first_id)
            for group in stream.groups.values():
                seen = kept.groups[group.number]
                assert group.record() == seen.record, f"{group.name} of {name} in memory"
                pending = {entry.id: entry for entry in group.pending.since(ID_MIN)}
                assert pending == seen.pending, f"what is pending for {group.name} of {name}"
        numbers = {g.number for stream in log.streams.values() for g in stream.groups.values()}
        assert numbers == kept.groups.keys()
        assert {w.trigger.name: w.record for w in events.triggers.all()} == kept._triggers
        for plan in events.schedules.all():
            record = kept._schedules[plan.schedule.name]
            schedule, progress = decode_schedule(record.name, record.definition)
            assert plan.schedule == replace(schedule, zone=plan.schedule.zone)
            # Why a run has to wait is not written.
            known = replace(plan.progress, last_error=progress.last_error)
            is_ahead_of_it = is_ahead(progress, at)
            assert is_ahead_of_it or known == progress, f"{record.name} is {known}, not {progress}"
            next_at = plan.progress.next_at
            if next_at is not None and next_at <= at:
                timer = events.schedules._timer_of.get(record.name)
                assert timer is not None, f"{record.name} is due, and sleeps"
