"""The store port, as far as the event log goes: what a batch writes and asks of events.

It is a part of the batch of `port`: one transaction holds both. A store keeps what it is given and
counts what there is; it decides nothing, with one exception. Whether a submission met its key
again, was blocked by its group or let another job go on is known in the transaction only, so the
events that tell of it are made there, by `jobs.events.life`.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

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
from penstock.jobs.model import Instant, QueueName


class EventTrim(Struct, frozen=True, gc=False):
    """Remove the first events of a stream, after all that the same batch appends.

    Removed are the first *count* (of those there are once the batch was appended, and before its
    deletions), and all before the id *before*; none at or after *floor*, which some group still
    needs; at most *events_max*.
    """

    stream: StreamNumber
    count: int
    before: EventId
    floor: EventId
    events_max: int


class EventDeletion(Struct, frozen=True, gc=False):
    """Remove single events of a stream, wherever they are; unknown ids are left alone.

    The `max_deleted_id` of the record, which may be in the same batch or not, grows to the greatest
    id that there was.
    """

    stream: StreamNumber
    ids: tuple[EventId, ...]


class RangeQuestion(Struct, frozen=True, gc=False):
    """The events of a stream from one id to another, both included, the first ones first.

    At most *events_max*, and not more once *bytes_max* of fields are reached; one at least.
    *backwards* begins with the last.
    """

    stream: StreamNumber
    first: EventId
    last: EventId
    events_max: int
    bytes_max: int
    backwards: bool = False


class PickQuestion(Struct, frozen=True, gc=False):
    """Single events of a stream by their ids."""

    stream: StreamNumber
    ids: tuple[EventId, ...]


class HandledKey(Struct, frozen=True, gc=False):
    """A business key that a group has dealt with; forgotten after `remove_at`."""

    group: GroupNumber
    key: str
    remove_at: Instant


class PublishedKey(Struct, frozen=True, gc=False):
    """The key under which an event was published, so that sending it again makes no second one."""

    stream: StreamNumber
    key: str
    id: EventId
    remove_at: Instant


class LifeStream(Struct, frozen=True, gc=False):
    """A stream that is told of the transitions of jobs: of one queue, or of all (None).

    `record` is the stream's as of all else that the batch appends.
    """

    record: StreamRecord
    queue: QueueName | None


class TriggerRecord(Struct, frozen=True, gc=False):
    """A trigger, by name; what it says is not the store's business."""

    name: str
    definition: bytes


class ScheduleRecord(Struct, frozen=True, gc=False):
    """A schedule (cron), by name; what it says is not the store's business."""

    name: str
    definition: bytes


class EventWrites(Struct):
    """What one transaction writes of events, and what is asked about the state after it.

    Order: what is dropped, then new and changed streams and groups, appended events, deletions,
    trims, then pending events. Of every stream that is written, appended to, trimmed or changed
    the final record is in `streams`; of every group in `groups`, before anything refers to it.
    A record in `pending` replaces the one with its id; `acknowledged` goes before `pending`.
    `life` streams are appended to last, and their records written with what came of it.
    """

    streams: list[StreamRecord] = field(default_factory=list)
    dropped_streams: list[StreamNumber] = field(default_factory=list)  # With groups and all.
    groups: list[GroupRecord] = field(default_factory=list)
    dropped_groups: list[GroupNumber] = field(default_factory=list)
    consumers: list[ConsumerRecord] = field(default_factory=list)
    # With what is pending for them.
    dropped_consumers: list[tuple[GroupNumber, ConsumerName]] = field(default_factory=list)
    appended: list[tuple[StreamNumber, Event]] = field(default_factory=list)
    deletions: list[EventDeletion] = field(default_factory=list)
    trims: list[EventTrim] = field(default_factory=list)  # At most one a stream.
    acknowledged: list[tuple[GroupNumber, EventId]] = field(default_factory=list)
    pending: list[tuple[GroupNumber, PendingEvent]] = field(default_factory=list)
    handled: list[HandledKey] = field(default_factory=list)
    published: list[PublishedKey] = field(default_factory=list)  # None of them is kept already.
    triggers: list[TriggerRecord] = field(default_factory=list)
    dropped_triggers: list[str] = field(default_factory=list)
    schedules: list[ScheduleRecord] = field(default_factory=list)
    dropped_schedules: list[str] = field(default_factory=list)
    life: list[LifeStream] = field(default_factory=list)
    # Remove what is left of dropped streams, and keys whose time is over: so many rows.
    sweep_max: int = 0

    ranges: list[RangeQuestion] = field(default_factory=list)
    picks: list[PickQuestion] = field(default_factory=list)
    # Whether a key was handled, with this batch or before, and is kept at its `now`.
    were_handled: list[tuple[GroupNumber, str]] = field(default_factory=list)
    were_published: list[tuple[StreamNumber, str]] = field(default_factory=list)


class Trimmed(Struct, frozen=True, gc=False):
    """What a trim removed; `more` if only *events_max* kept it from removing more.

    `last_removed_id` is None if nothing was.
    """

    removed_count: int
    last_removed_id: EventId | None
    more: bool


class EventAnswers(Struct):
    """What a commit answers of events; lists of answers have the order of their questions.

    `deletions` has the ids that there were. `picks` leaves out ids that there are not. `late` has
    what the `life` streams were given in the transaction. `first_ids` has the id of the first
    event left (None: none is left) of every stream of which events were removed. `swept_count` is
    below `sweep_max` only if nothing is left to sweep.
    """

    deletions: Sequence[Sequence[EventId]] = ()
    trims: Sequence[Trimmed] = ()
    first_ids: Mapping[StreamNumber, EventId | None] = field(default_factory=dict)
    late: Sequence[tuple[StreamNumber, Event]] = ()
    swept_count: int = 0
    ranges: Sequence[Sequence[Event]] = ()
    picks: Sequence[Mapping[EventId, Event]] = ()
    were_handled: Sequence[bool] = ()
    were_published: Sequence[EventId | None] = ()  # As what, if it was.


class KeptStream(Struct, frozen=True):
    """A stream as the store has it; `first_id` is None if it is empty."""

    record: StreamRecord
    length: int
    first_id: EventId | None


class EventSnapshot(Struct, frozen=True):
    """What the event log starts from: everything but the events themselves.

    Pending events are ordered by id within their group. The numbers were never given before.
    """

    next_stream: StreamNumber = StreamNumber(1)
    next_group: GroupNumber = GroupNumber(1)
    streams: Sequence[KeptStream] = ()
    groups: Sequence[GroupRecord] = ()
    consumers: Sequence[ConsumerRecord] = ()
    pending: Mapping[GroupNumber, Sequence[PendingEvent]] = field(default_factory=dict)
    triggers: Sequence[TriggerRecord] = ()
    schedules: Sequence[ScheduleRecord] = ()
    has_sweepings: bool = False  # Rows of dropped streams are left.
