"""A turn: all that one batch does to the event log, verb by verb, in the order it was asked.

What a verb sees is what is durable, with what the turn decided before it. A verb that is refused,
or unsettled, has changed nothing.
"""

from collections.abc import Collection, Mapping, Sequence

from penstock.jobs.events import membership, reading, writing
from penstock.jobs.events.delivery import move_cursor, next_events
from penstock.jobs.events.draft import Draft, Later, known
from penstock.jobs.events.errors import ServersStream, Unsettled
from penstock.jobs.events.ids import AUTO, IdWish, Last, New, next_id
from penstock.jobs.events.model import (
    ID_MIN,
    ConsumerName,
    Event,
    EventId,
    Fields,
    GroupName,
    StreamName,
)
from penstock.jobs.events.readers import Reader
from penstock.jobs.events.reading import Given
from penstock.jobs.events.stream import LIFE_PREFIX, Stream
from penstock.jobs.events.trimming import Trim, TrimTold, TrimWish
from penstock.jobs.store.event_port import EventDeletion

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
            if stream.startswith(LIFE_PREFIX):
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
        found.deleting_id = (
            max(there) if found.deleting_id is None else max(found.deleting_id, *there)
        )
        index = len(self.deleting)
        self.deleting.append(found)
        self.writes.deletions.append(EventDeletion(found.number, there))
        return lambda answers: len(answers.deletions[index])

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
            told(0)
            return
        if found.is_trimmed or not self._may_trim(found):
            raise Unsettled
        self._trim(found, wish)
        assert found.trim is not None
        found.trim = found.trim.telling(told)
        found.is_trim_alone = True

    def _may_trim(self, stream: Stream) -> bool:
        return not (stream.is_asked or stream.is_trim_alone or stream.deleting_id is not None)

    def _trim(self, stream: Stream, wish: TrimWish) -> None:
        self.touch(stream)
        trim = stream.trim or _NO_TRIM
        stream.trim = trim.joined(wish, stream.added_count, stream.last_id)
        stream.is_trimmed = True
        self.streams.trimming[stream.number] = stream

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
        if count and found.last_delivered_id < found.stream.last_id:
            self.wake_group(found)  # There may be room again.
        return count

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
