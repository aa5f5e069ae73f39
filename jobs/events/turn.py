"""A turn: all that one batch does to the event log, verb by verb, in the order it was asked.

What a verb sees is what is durable, with what the turn decided before it. A verb that is refused,
or unsettled, has changed nothing.
"""

from collections.abc import Collection, Mapping, Sequence

from msgspec import UNSET, UnsetType

from penstock.config.limits import PUBLISH_KEEP_MS_DEFAULT
from penstock.jobs.events import claims, information, membership, reading, writing
from penstock.jobs.events.claims import ClaimWish, PendingSummary
from penstock.jobs.events.delivery import move_cursor, next_events
from penstock.jobs.events.draft import Draft, Later, known
from penstock.jobs.events.errors import (
    AddedBelowLength,
    IdBelowDeleted,
    IdBelowLast,
    NoStream,
    OffsetsOnlyGrow,
    ServersStream,
    Unsettled,
)
from penstock.jobs.events.ids import AUTO, IdWish, Last, New, next_id
from penstock.jobs.events.information import (
    ConsumerInfo,
    GroupInfo,
    StreamDetails,
    StreamInfo,
)
from penstock.jobs.events.life import is_life_stream
from penstock.jobs.events.model import (
    ID_MIN,
    ConsumerName,
    Event,
    EventId,
    Fields,
    GroupName,
    PendingEvent,
    StreamName,
)
from penstock.jobs.events.readers import Reader
from penstock.jobs.events.reading import Given
from penstock.jobs.events.stream import Stream
from penstock.jobs.events.trimming import Trim, TrimTold, TrimWish
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import (
    EventDeletion,
    HandledKey,
    PublishedKey,
)

_NO_TRIM = Trim()


class Turn(Draft):
    """The verbs. Lists of what they answer are not to be changed."""

    __slots__ = ()

    # --- events --------------------------------------------------------------------------------

    def append(
        self,
        stream: StreamName,
        fields: Fields,
        *,
        id: IdWish = AUTO,
        trim: TrimWish | None = None,
        makes_stream: bool = True,
    ) -> EventId | None:
        """Append an event and return its id; None if there is no stream and none is to be made.

        Raises:
            StreamIdTooSmall, IdMustBePositive, IdsExhausted, ServersStream, Overloaded, Unsettled.
        """
        found = self.streams.by_name.get(stream)
        if found is None:
            if is_life_stream(stream):
                raise ServersStream(stream)
            if not makes_stream:
                return None
            next_id(ID_MIN, id, self.now)
            found = self.make_stream(stream)
        elif found.is_life:
            raise ServersStream(stream)
        if trim is not None and not self._may_trim(found):
            raise Unsettled
        event_id = self._append(found, fields, id)
        if trim is not None:
            self._trim(found, trim)
        return event_id

    def publish(
        self,
        stream: StreamName,
        key: str,
        fields: Fields,
        keep_ms: int = PUBLISH_KEEP_MS_DEFAULT,
    ) -> EventId:
        """Append an event unless that was done under this key; return its id, or the first one's.

        Raises:
            IdsExhausted, ServersStream, Overloaded, Unsettled: nothing happened.
        """
        found = self.find_stream(stream)
        if is_life_stream(stream):
            raise ServersStream(stream)
        if found is None:
            found = self.make_stream(stream)
        published_key = found.number, key
        if published_key in self.published:
            return self.published[published_key].id
        if found.number not in self.made_streams:
            try:
                event_id = self.streams.publications.answer(published_key)
            except KeyError:
                self.streams.publications.want(stream, key)
                raise Unsettled from None
            if event_id is not None:
                return event_id
        event_id = self._append(found, fields, AUTO)
        remove_at = Instant(self.now + keep_ms)
        self.published[published_key] = PublishedKey(found.number, key, event_id, remove_at)
        return event_id

    def append_life(self, stream: StreamName, fields: Fields) -> EventId:
        """Append an event of the life of jobs, to a stream that is there."""
        return self._append(self.streams.by_name[stream], fields, AUTO)

    def expect_life(self, stream: StreamName) -> None:
        """Let the store append what of the life of jobs is known in the transaction only."""
        found = self.streams.by_name[stream]
        assert found.is_life
        self.life[found.number] = found

    def _append(self, stream: Stream, fields: Fields, wish: IdWish) -> EventId:
        """Raises StreamIdTooSmall, IdMustBePositive, IdsExhausted."""
        event_id = next_id(stream.last_id, wish, self.now)
        if stream.before is None:
            self.touch(stream)
        stream.last_id = event_id
        offset = stream.added_count = stream.added_count + 1
        stream.length += 1
        if stream.first_id is None:
            stream.first_id = event_id
        event = Event(event_id, offset, fields)
        stream.appended.append(event)
        self.writes.appended.append((stream.number, event))
        return event_id

    def length(self, stream: StreamName) -> int:
        """Return how many events there are; 0 if there is no such stream. Raises Unsettled."""
        found = self.find_stream(stream)
        if found is None:
            return 0
        if found.is_unsettled:
            raise Unsettled
        return found.length

    def range(
        self,
        stream: StreamName,
        first: EventId,
        last: EventId,
        events_max: int | None,
        *,
        backwards: bool = False,
    ) -> Later[Sequence[Event]]:
        """Read events by their ids, both included; *backwards* begins with the last.

        Raises:
            Unsettled: too much is read with this commit already.
        """
        found = self.find_stream(stream)
        if found is None:
            return known(())
        return reading.read_range(self, found, first, last, events_max, backwards=backwards)

    def delete(self, stream: StreamName, ids: Sequence[EventId]) -> Later[int]:
        """Remove single events, whoever may still need them; say how many there were.

        Raises:
            Unsettled: they are being trimmed, or a reply is read that should still have them.
        """
        found = self.find_stream(stream)
        there = () if found is None else tuple(i for i in dict.fromkeys(ids) if i <= found.last_id)
        if found is None or not there:
            return known(0)
        if found.is_trimmed or found.is_asked:
            raise Unsettled
        self.touch(found)
        found.is_deleting = True
        index = len(self.deleting)
        self.deleting.append(found)
        self.writes.deletions.append(EventDeletion(found.number, there))
        return lambda answers: len(answers.deletions[index])

    def set_id(
        self,
        stream: StreamName,
        last_id: EventId,
        added_count: int | None = None,
        max_deleted_id: EventId | None = None,
    ) -> None:
        """Set what of a stream's record Redis lets be set; offsets only grow.

        Raises:
            NoStream, ServersStream, IdBelowLast, IdBelowDeleted, AddedBelowLength,
            OffsetsOnlyGrow, Unsettled: nothing happened.
        """
        found = self.the_stream(stream)
        if found.is_life:
            raise ServersStream(stream)
        if found.is_unsettled:
            raise Unsettled
        if found.is_cold:
            self.fill(found)
            raise Unsettled
        deleted_id = max_deleted_id or ID_MIN
        if deleted_id == ID_MIN:  # 0-0 says nothing, as in Redis.
            deleted_id = found.max_deleted_id
        if last_id < (found.last_event_id or ID_MIN):
            raise IdBelowLast
        if last_id < deleted_id:
            raise IdBelowDeleted
        if added_count is not None:
            if added_count < found.length:
                raise AddedBelowLength
            if added_count < found.added_count:
                raise OffsetsOnlyGrow(found.added_count)
        self.touch(found)
        found.last_id = last_id
        self.forget_beyond(found, last_id)
        found.max_deleted_id = deleted_id
        if added_count is not None:
            found.added_count = added_count

    # --- trimming ------------------------------------------------------------------------------

    def trim(self, stream: StreamName, wish: TrimWish, told: TrimTold) -> None:
        """Trim a stream, as far as no group needs its events; *told* is called when that is done.

        It takes several commits if there is much to remove, and *told* is not called if the first
        one is not written.

        Raises:
            Unsettled: its length is not known in this turn.
        """
        found = self.find_stream(stream)
        if found is None:
            self.untrimmed.append(told)
            return
        if found.is_trimmed or not self._may_trim(found):
            raise Unsettled
        self._trim(found, wish)
        assert found.trim is not None
        found.trim = found.trim.telling(told)
        found.is_trim_alone = True

    def check_trim(self, stream: StreamName) -> None:
        """See whether an event may be appended that trims its stream. Raises Unsettled."""
        found = self.find_stream(stream)
        if found is not None and not self._may_trim(found):
            raise Unsettled

    def _may_trim(self, stream: Stream) -> bool:
        return not (stream.is_asked or stream.is_trim_alone or stream.is_deleting)

    def _trim(self, stream: Stream, wish: TrimWish) -> None:
        self.touch(stream)
        trim = stream.trim or _NO_TRIM
        stream.trim = trim.joined(wish, stream.added_count, stream.last_id)
        stream.is_trimmed = True
        self.streams.trimming[stream.number] = stream

    def configure(
        self,
        stream: StreamName,
        *,
        length_max: int | UnsetType | None = UNSET,
        age_ms_max: int | UnsetType | None = UNSET,
    ) -> None:
        """Set what a stream is trimmed to in the background; None is no bound.

        A stream that is not there is made. Raises Overloaded.
        """
        found = self.find_stream(stream) or self.make_stream(stream)
        self.touch(found)
        if length_max is not UNSET:
            found.length_max = length_max
        if age_ms_max is not UNSET:
            found.age_ms_max = age_ms_max

    # --- streams -------------------------------------------------------------------------------

    def the_stream(self, stream: StreamName) -> Stream:
        """Return a stream. Raises NoStream."""
        found = self.find_stream(stream)
        if found is None:
            raise NoStream
        return found

    def exists(self, stream: StreamName) -> bool:
        return stream in self.streams.by_name

    def names(self) -> list[StreamName]:
        return list(self.streams.by_name)

    def drop(self, stream: StreamName) -> bool:
        """Remove a stream with its groups and all; say whether it was there.

        Raises:
            Unsettled: something about it is being asked in this turn.
        """
        found = self.find_stream(stream)
        if found is None:
            return False
        if found.is_deleting or found.is_trimmed or found.number in self.marked:
            raise Unsettled
        membership.drop_stream(self, found)
        return True

    def describe(self, stream: StreamName) -> Later[StreamInfo]:
        """Say what is known of a stream. Raises NoStream, Unsettled."""
        return information.describe(self, self.the_stream(stream))

    def describe_full(self, stream: StreamName, events_max: int) -> Later[StreamDetails]:
        """Say all about a stream, with so many events of each kind. Raises NoStream, Unsettled."""
        return information.describe_full(self, self.the_stream(stream), events_max)

    def groups(self, stream: StreamName) -> list[GroupInfo]:
        """Say what is known of the groups of a stream. Raises NoStream, Unsettled."""
        groups = information.groups_of(self.the_stream(stream))
        return [information.describe_group(group) for group in groups]

    def consumers(self, stream: StreamName, group: GroupName) -> list[ConsumerInfo]:
        """Say what is known of the consumers of a group. Raises NoStream, NoGroup."""
        self.the_stream(stream)
        return information.describe_consumers(membership.the_group(self, stream, group))

    # --- groups --------------------------------------------------------------------------------

    def create_group(
        self,
        stream: StreamName,
        group: GroupName,
        start: EventId | Last,
        *,
        read_count: int | None = None,
        makes_stream: bool = False,
    ) -> None:
        """Make a group that goes on after an id.

        Raises:
            NoStreamForGroup, GroupExists, Overloaded: nothing happened.
        """
        membership.create_group(
            self, stream, group, start, read_count=read_count, makes_stream=makes_stream
        )

    def set_group_id(
        self,
        stream: StreamName,
        group: GroupName,
        start: EventId | Last,
        *,
        read_count: int | None = None,
    ) -> None:
        """Let a group go on after an id. Raises NoStreamForGroup, NoGroup."""
        membership.set_group_id(self, stream, group, start, read_count)

    def destroy_group(self, stream: StreamName, group: GroupName) -> bool:
        """Remove a group; say whether it was there. Raises NoStreamForGroup."""
        return membership.destroy_group(self, stream, group)

    def create_consumer(self, stream: StreamName, group: GroupName, consumer: ConsumerName) -> bool:
        """Make a consumer; say whether it is new. Raises NoStreamForGroup, NoGroup, Overloaded."""
        return membership.create_consumer(self, stream, group, consumer)

    def delete_consumer(self, stream: StreamName, group: GroupName, consumer: ConsumerName) -> int:
        """Remove a consumer; return how many events were pending for it.

        Raises:
            NoStreamForGroup, NoGroup: nothing happened.
        """
        return membership.delete_consumer(self, stream, group, consumer)

    def allow_trim(self, stream: StreamName, group: GroupName, is_lossy: bool) -> None:
        """Say whether trims may pass a group's cursor. Raises NoStreamForGroup, NoGroup."""
        membership.allow_trim(self, stream, group, is_lossy=is_lossy)

    # --- reading -------------------------------------------------------------------------------

    def read(
        self, streams: Sequence[tuple[StreamName, EventId | Last]], events_max: int | None
    ) -> Later[Mapping[StreamName, Sequence[Event]]] | None:
        """Read what comes after an id of each stream; None if nothing does. Raises Unsettled."""
        return reading.read_after(self, streams, events_max)

    def read_group(
        self,
        group: GroupName,
        consumer: ConsumerName,
        streams: Sequence[tuple[StreamName, EventId | New]],
        events_max: int | None,
        *,
        no_ack: bool,
    ) -> Later[Mapping[StreamName, Given]] | None:
        """Give a consumer new events, or once more what it was given; None if nothing is.

        Raises:
            NoGroupToRead, Overloaded, Unsettled: nothing happened.
        """
        readings = reading.read_for_consumer(
            self, group, consumer, streams, events_max, no_ack=no_ack
        )
        return None if readings is None else known(readings)

    def park(self, reader: Reader) -> None:
        """Let a reader wait, who found nothing in this turn.

        It stays parked if the turn is undone.

        Raises:
            Overloaded: too many wait.
        """
        self.resolve(reader)
        self.readers.park(reader, self.now)
        self.parked.append(reader)

    def ack(self, stream: StreamName, group: GroupName, ids: Sequence[EventId]) -> int:
        """Take events off what is pending; return how many of them were."""
        found = self.find_group(stream, group)
        if found is None:
            return 0
        self.touch_group(found)
        count = sum(found.pending.remove(event_id) is not None for event_id in ids)
        self.acknowledged_count += count
        return count

    # --- what is pending -----------------------------------------------------------------------

    def pending_summary(self, stream: StreamName, group: GroupName) -> PendingSummary:
        """Say how much is pending for a group, and for whom. Raises NoGroupToAsk."""
        return claims.summary(claims.group_to_ask(self, stream, group))

    def pending_range(
        self,
        stream: StreamName,
        group: GroupName,
        first: EventId,
        last: EventId,
        events_max: int,
        *,
        consumer: ConsumerName | None = None,
        idle_ms: int = 0,
    ) -> list[PendingEvent]:
        """Return what has been pending for some time. Raises NoGroupToAsk."""
        return claims.pending_of(
            claims.group_to_ask(self, stream, group),
            first,
            last,
            min(events_max, self.bounds.range_events_max),
            consumer=consumer,
            until=Instant(self.now - idle_ms),
        )

    def claim(
        self,
        stream: StreamName,
        group: GroupName,
        consumer: ConsumerName,
        ids: Sequence[EventId],
        wish: ClaimWish,
    ) -> Later[Sequence[Event]]:
        """Take pending events over; return those that were taken.

        Raises:
            NoGroupToAsk, Overloaded, Unsettled: nothing happened.
        """
        found = claims.group_to_ask(self, stream, group)
        return known(claims.claim(self, found, consumer, ids, wish))

    def auto_claim(
        self,
        stream: StreamName,
        group: GroupName,
        consumer: ConsumerName,
        *,
        idle_ms: int,
        start: EventId,
        events_max: int,
        just_id: bool,
    ) -> tuple[EventId, Later[Sequence[Event]], Later[Sequence[EventId]]]:
        """Take over what has been pending for some time.

        Returns where to go on (0-0 at the end), what was taken, and the ids of what was pending
        and is not there any more.

        Raises:
            NoGroupToAsk, Overloaded, Unsettled: nothing happened.
        """
        go_on, claimed, gone = claims.auto_claim(
            self,
            claims.group_to_ask(self, stream, group),
            consumer,
            idle_ms=idle_ms,
            start=start,
            events_max=events_max,
            just_id=just_id,
        )
        return go_on, known(claimed), known(gone)

    # --- business keys -------------------------------------------------------------------------

    def handled(self, stream: StreamName, group: GroupName, key: str) -> Later[bool]:
        """Say whether a group has dealt with a key. Raises NoGroupToAsk."""
        found = claims.group_to_ask(self, stream, group)
        handled_key = found.number, key
        if handled_key in self.handled_keys:
            return known(True)
        self.asked_keys.add(handled_key)
        self.marked[found.stream.number] = found.stream
        self.writes.were_handled.append(handled_key)
        index = len(self.writes.were_handled) - 1
        return lambda answers: answers.were_handled[index]

    def confirm(self, stream: StreamName, group: GroupName, key: str, keep_ms: int) -> None:
        """Note that a group has dealt with a key. Raises NoGroupToAsk, Unsettled."""
        found = claims.group_to_ask(self, stream, group)
        handled_key = found.number, key
        if handled_key in self.asked_keys:
            raise Unsettled
        remove_at = Instant(self.now + keep_ms)
        self.handled_keys[handled_key] = HandledKey(found.number, key, remove_at)

    # --- triggers ------------------------------------------------------------------------------

    @property
    def stirred_streams(self) -> Collection[StreamName]:
        """The streams that were given events, in this turn or by the last commits themselves."""
        new = {stream.name: None for stream in self.touched if stream.appended}
        return (self.stirred | new).keys()

    def upcoming(self, stream: StreamName, group: GroupName, events_max: int) -> Sequence[Event]:
        """Return the next events after the cursor of a group; none if there are none.

        Raises:
            NoStreamForGroup, NoGroup: there is no such group.
            Unsettled: they are being read.
        """
        return next_events(self, membership.the_group(self, stream, group), events_max)

    def advance(
        self, stream: StreamName, group: GroupName, event_id: EventId, offset: int | None = None
    ) -> None:
        """Let a group go on after an event, with nothing pending.

        Raises:
            NoStreamForGroup, NoGroup: there is no such group.
        """
        move_cursor(self, membership.the_group(self, stream, group), event_id, offset)

    # --- the end -------------------------------------------------------------------------------

    def finish(self) -> None:
        """Serve who waits for events of groups, and write all that was changed."""
        writing.finish(self)

    @property
    def is_idle(self) -> bool:
        """Say whether there is nothing to write and nothing to ask, so that no commit is needed."""
        return not any(getattr(self.writes, name) for name in self.writes.__struct_fields__)
