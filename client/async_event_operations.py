"""What those who look after streams, triggers and schedules can do, with the asynchronous one."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeVar, Unpack

from penstock.client import event_requests, schedule_requests, stream_requests, trigger_requests
from penstock.client.composer import Composer
from penstock.client.event import Event
from penstock.client.event_info import (
    ConsumerInfo,
    GroupInfo,
    ScheduleInfo,
    StreamInfo,
    TriggerInfo,
)
from penstock.client.position import Position, start_of
from penstock.client.requests import Request
from penstock.client.schedule_requests import Timing
from penstock.client.stream_pages import EventPages
from penstock.client.stream_requests import StreamSettings
from penstock.client.tasks import AnyTask
from penstock.config.limits import CRON_NEXT_DEFAULT

T = TypeVar("T")


class AsyncEventOperations(ABC):
    """The verbs about streams beside publishing and subscribing, over what performs requests."""

    _composer: Composer

    @abstractmethod
    async def perform(self, request: Request[T]) -> T:
        """Send a request and return what its reply says."""

    # --- streams -------------------------------------------------------------------------------

    async def streams(self, pattern: str = "*") -> list[str]:
        """Return the names of the streams that a glob matches."""
        return await self.perform(stream_requests.names(pattern))

    async def stream(self, stream: str) -> StreamInfo:
        """Return what the server knows of a stream.

        Raises:
            Refused: there is no such stream.
        """
        return await self.perform(stream_requests.show(stream))

    async def events(
        self,
        stream: str,
        first: Position | None = None,
        last: Position | None = None,
        *,
        limit: int | None = None,
        backwards: bool = False,
    ) -> AsyncIterator[Event]:
        """Go through the events that are there, from *first* to *last*: ids or times, inclusive.

        The pages are asked for as they are needed.
        """
        pages = EventPages(stream, first, last, limit, backwards=backwards)
        while (request := pages.next_request()) is not None:
            for event in pages.take(await self.perform(request)):
                yield event

    async def trim(
        self, stream: str, *, length_max: int | None = None, before: Position | None = None
    ) -> int:
        """Remove the oldest events, and return how many that were.

        All but *length_max*, or those before an id or a time; but none that a group has not
        finished, unless that group allows it.
        """
        return await self.perform(stream_requests.trim(stream, length_max, before))

    async def set_stream(self, stream: str, **settings: Unpack[StreamSettings]) -> None:
        """Set how much of a stream is kept: `length_max` events, or `age_ms_max`; None is all.

        The stream is made if it is not there. Events that a group has not finished are kept.
        """
        await self.perform(stream_requests.set_stream(stream, settings))

    async def delete_events(self, stream: str, *ids: str) -> int:
        """Remove single events, whoever has not read them yet, and return how many there were."""
        return await self.perform(stream_requests.delete_events(stream, ids))

    async def delete_stream(self, stream: str) -> bool:
        """Remove a stream with its events and its groups; say whether it was there."""
        return (await self.perform(stream_requests.delete(stream))) > 0

    # --- groups --------------------------------------------------------------------------------

    async def groups(self, stream: str) -> list[GroupInfo]:
        """Return the groups of a stream."""
        return await self.perform(stream_requests.groups(stream))

    async def consumers(self, stream: str, group: str) -> list[ConsumerInfo]:
        """Return the consumers of a group."""
        return await self.perform(stream_requests.consumers(stream, group))

    async def create_group(self, stream: str, group: str, from_: Position = "now") -> None:
        """Make a group, and its stream if it is not there; one that is there stays as it is."""
        await self.perform(event_requests.create_group(stream, group, start_of(from_)))

    async def move_group(self, stream: str, group: str, to: Position) -> None:
        """Put the cursor of a group somewhere else: back, to read again, or ahead, to skip."""
        await self.perform(stream_requests.move_group(stream, group, to))

    async def delete_group(self, stream: str, group: str) -> bool:
        """Forget a group, its cursor and what is pending in it; say whether it was there."""
        return (await self.perform(stream_requests.delete_group(stream, group))) > 0

    async def allow_trim(self, stream: str, group: str, *, allowed: bool = True) -> None:
        """Let trimming pass the cursor of a group, or not."""
        await self.perform(stream_requests.allow_trim(stream, group, allowed=allowed))

    # --- triggers ------------------------------------------------------------------------------

    async def set_trigger(
        self,
        name: str,
        stream: str,
        task: AnyTask,
        *,
        match: Mapping[str, str] | None = None,
        from_: Position = "cursor",
        payload: str | bytes | None = None,
    ) -> None:
        """Let each event of a stream that matches submit a job, once, whatever dies.

        The job has the options of this client: `client.options(queue="mail").set_trigger(...)`.
        *match* are patterns of fields, all of which must fit. *payload* is a template, in which
        `${field}` stands for a field as a JSON string; without one the task gets one argument, a
        dict with stream, id and fields. `group` and `tenant` of the options may be templates, too.

        *from_* is where to begin: "cursor", where a trigger of this name stands, or now if there
        was none; "start" and other places of the past fire for events that are there already.
        """
        await self.perform(
            trigger_requests.set_trigger(
                name,
                stream,
                task,
                self._composer.options,
                match=match,
                position=from_,
                payload=payload,
            )
        )

    async def delete_trigger(self, name: str, *, keep: bool = False) -> bool:
        """Remove a trigger; say whether it was there. With *keep* its cursor stays for the next."""
        return (await self.perform(trigger_requests.delete(name, keep=keep))) > 0

    async def triggers(self) -> list[TriggerInfo]:
        """Return all triggers."""
        return await self.perform(trigger_requests.every())

    async def trigger(self, name: str) -> TriggerInfo:
        """Return one trigger.

        Raises:
            Refused: with NOTRIGGER, there is none of this name.
        """
        return await self.perform(trigger_requests.show(name))

    # --- schedules -----------------------------------------------------------------------------

    async def set_schedule(
        self,
        name: str,
        expression: str,
        task: AnyTask,
        *args: object,
        kwargs: Mapping[str, object] | None = None,
        payload: str | bytes | None = None,
        **timing: Unpack[Timing],
    ) -> None:
        """Submit a job whenever a cron expression says so, each run once, whatever dies.

        The expression has five fields, six with seconds first, or is one such as `@daily`. The
        timing: `tz` (the name of a time zone), `missed` ("skip", "once", "all") with `missed_max`,
        `jitter_ms`, `overlap` ("allow", "skip", "wait"). The job has the options of this client.
        A *payload* goes as it is, in place of the arguments.
        """
        options = self._composer.options
        await self.perform(
            schedule_requests.set_schedule(
                name, expression, task, args, kwargs or {}, options, timing, payload
            )
        )

    async def delete_schedule(self, name: str) -> bool:
        """Remove a schedule; say whether it was there. Jobs that it submitted go on."""
        return (await self.perform(schedule_requests.delete(name))) > 0

    async def schedules(self) -> list[ScheduleInfo]:
        """Return all schedules."""
        return await self.perform(schedule_requests.every())

    async def schedule(self, name: str) -> ScheduleInfo:
        """Return one schedule.

        Raises:
            Refused: with NOSCHEDULE, there is none of this name.
        """
        return await self.perform(schedule_requests.show(name))

    async def next_runs(self, name: str, count: int = CRON_NEXT_DEFAULT) -> Sequence[int]:
        """Return when a schedule will run next, in unix milliseconds, without the jitter."""
        return await self.perform(schedule_requests.next_runs(name, count))
