"""Showing events to triggers within the turn that appended them; setting and deleting triggers.

All of it is part of the turn, and undone with it.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.config.limits import (
    PAYLOAD_BYTES_MAX,
    TRIGGER_BYTES_MAX,
    TRIGGER_EVENTS_MAX,
    TRIGGER_JOBS_MAX,
    TRIGGER_RETRY_MS,
    TRIGGER_RETRY_MS_MAX,
    TRIGGER_SHOWN_BYTES_MAX,
    TRIGGER_SHOWS_MAX,
)
from penstock.jobs.counters import TriggerCounters
from penstock.jobs.errors import PASSING, Refused
from penstock.jobs.events.definitions import drop_trigger, put_trigger
from penstock.jobs.events.errors import GroupExists, Unsettled
from penstock.jobs.events.ids import LAST, Last
from penstock.jobs.events.model import ID_MIN, Event, EventId, GroupName, StreamName
from penstock.jobs.events.triggers import (
    NoMatch,
    TooDeep,
    Trigger,
    Unservable,
    decide_firing,
    depth_of,
    group_of,
)
from penstock.jobs.events.undo import UndoLog
from penstock.jobs.events.watches import Tally, Triggers, Watch
from penstock.jobs.model import Instant
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.event_port import EventWrites

# Takes a job into the turn's batch. Raises Refused.
Submit: TypeAlias = Callable[[SubmitRequest], object]

_TOO_DEEP: Final = "triggers and jobs led to each other too often"


class FiringTurn(Protocol):
    """What a turn of the event log must do for triggers.

    `stirred_streams` were given events, in the turn or by the last commit itself.
    """

    @property
    def stirred_streams(self) -> Collection[StreamName]: ...

    @property
    def undo_log(self) -> UndoLog: ...

    def upcoming(
        self, stream: StreamName, group: GroupName, events_max: int, /
    ) -> Sequence[Event]: ...

    def advance(
        self, stream: StreamName, group: GroupName, event_id: EventId, offset: int, /
    ) -> None: ...

    def create_group(
        self,
        stream: StreamName,
        group: GroupName,
        start: EventId | Last,
        /,
        *,
        makes_stream: bool = False,
    ) -> None: ...


class SettingTurn(FiringTurn, Protocol):
    """What it must do besides for those who set them."""

    @property
    def writes(self) -> EventWrites: ...

    def set_group_id(
        self, stream: StreamName, group: GroupName, start: EventId | Last, /
    ) -> None: ...

    def destroy_group(self, stream: StreamName, group: GroupName, /) -> bool: ...


class Unfired(Struct, frozen=True):
    """An event that a trigger will never make a job of, for the log."""

    trigger: str
    stream: StreamName
    event_id: EventId
    reason: str
    is_loop: bool


class Fired(Struct):
    """What came of showing events: jobs, and events that did not match or were given up."""

    jobs_count: int = 0
    skipped_count: int = 0
    unfired: list[Unfired] = field(default_factory=list)
    _before: dict[str, tuple[Watch, Tally]] = field(default_factory=dict)

    def remember(self, watch: Watch) -> None:
        """Keep how a trigger stood before the turn."""
        self._before.setdefault(watch.trigger.name, (watch, watch.tally))

    def count(self, counters: TriggerCounters) -> None:
        """Add it to what is counted: it is durable."""
        loops_count = sum(each.is_loop for each in self.unfired)
        counters.fired += self.jobs_count
        counters.skipped += self.skipped_count
        counters.refused += len(self.unfired) - loops_count
        counters.loops += loops_count

    def undo(self, triggers: Triggers) -> None:
        """Put everything back: the triggers look at their events once more."""
        for watch, tally in self._before.values():
            watch.tally = tally
            triggers.wake_up(watch)

    def put_off(self, triggers: Triggers, why: str, now: Instant) -> None:
        """Let the triggers wait a little, once everything was put back: the disk is full."""
        for watch, _ in self._before.values():
            if triggers.find(watch.trigger.name) is watch:
                _hold(triggers, watch, why, now)


class Cursor(Struct, frozen=True):
    """Go on where the trigger of this name stands; if there was none, with what is new."""


# --- firing --------------------------------------------------------------------------------------


def fire_all(
    turn: FiringTurn,
    triggers: Triggers,
    submit: Submit,
    *,
    now: Instant,
    payload_bytes_max: int = PAYLOAD_BYTES_MAX,
) -> Fired:
    """Show all triggers the events that they have not seen, each in the order of its stream.

    A job that is submitted may make an event of its life in the same turn, which is shown, too.
    How much one turn does is bounded: `Triggers.wants_turn` says whether there is more.
    """
    showing = _Showing(turn, triggers, submit, now, payload_bytes_max)
    if len(triggers):
        triggers.wake_due(now)
        while showing.round():
            pass
        for watch in showing.later:
            triggers.wake_up(watch)
        turn.undo_log.add(lambda: showing.fired.undo(triggers))
    return showing.fired


class _Showing:
    """One call of `fire_all`."""

    def __init__(
        self,
        turn: FiringTurn,
        triggers: Triggers,
        submit: Submit,
        now: Instant,
        payload_bytes_max: int,
    ) -> None:
        self._turn = turn
        self._triggers = triggers
        self._submit = submit
        self._now = now
        self._payload_bytes_max = payload_bytes_max
        self._bytes = 0  # Of the payloads of jobs.
        self._shows_count = 0
        self._shown_bytes = 0
        self._shown: dict[str, int] = {}
        self.fired = Fired()
        self.later: list[Watch] = []  # They have had enough of this turn.

    def round(self) -> bool:
        """Let all look who may have events; say whether jobs were submitted, so that more may."""
        jobs_count = self.fired.jobs_count
        for stream in self._turn.stirred_streams:
            self._triggers.wake(stream)
        while self.has_room and (watch := self._triggers.take_awake()) is not None:
            self._look(watch)
        return self.fired.jobs_count > jobs_count

    @property
    def has_room(self) -> bool:
        return (
            self.fired.jobs_count < TRIGGER_JOBS_MAX
            and self._bytes < TRIGGER_BYTES_MAX
            and self._shows_count < TRIGGER_SHOWS_MAX
            and self._shown_bytes < TRIGGER_SHOWN_BYTES_MAX
        )

    def _look(self, watch: Watch) -> None:
        """Show a trigger its next events, until there are none, or enough, or it has to wait."""
        name = watch.trigger.name
        left = TRIGGER_EVENTS_MAX - self._shown.get(name, 0)
        if left == 0:
            self.later.append(watch)
            return
        self.fired.remember(watch)
        try:
            # Who waits looks whether there is room for one: as a rule there is not.
            events = self._upcoming(watch, left if watch.tally.retry_at is None else 1)
        except Unsettled:
            self.later.append(watch)
            return
        except Refused as problem:
            self._wait(watch, problem)
            return
        if not events:
            _go_on(watch)
        elif self._show_all(watch, events):
            self._triggers.wake_up(watch)

    def _upcoming(self, watch: Watch, events_max: int) -> Sequence[Event]:
        """Return the next events; a stream that was deleted with its groups begins anew."""
        stream, group = watch.trigger.stream, group_of(watch.trigger.name)
        try:
            return self._turn.upcoming(stream, group, events_max)
        except Refused:
            self._turn.create_group(stream, group, ID_MIN, makes_stream=True)
            return self._turn.upcoming(stream, group, events_max)

    def _show_all(self, watch: Watch, events: Sequence[Event]) -> bool:
        """Show events one by one and move the cursor; say whether the trigger goes on."""
        trigger = watch.trigger
        seen: Event | None = None
        for event in events:
            if not self.has_room or not self._show(watch, event):
                break
            _go_on(watch)
            seen = event
            self._shown[trigger.name] = self._shown.get(trigger.name, 0) + 1
        if seen is not None:
            group = group_of(trigger.name)
            self._turn.advance(trigger.stream, group, seen.id, seen.offset)
        return watch.tally.retry_at is None

    def _show(self, watch: Watch, event: Event) -> bool:
        """Show one event; say whether the trigger is done with it."""
        trigger = watch.trigger
        self._shows_count += 1
        self._shown_bytes += event.size
        depth = depth_of(trigger.stream, event.fields)
        firing = decide_firing(trigger, event, depth, payload_bytes_max=self._payload_bytes_max)
        match firing:
            case NoMatch():
                watch.tally = replace(watch.tally, skipped=watch.tally.skipped + 1)
                self.fired.skipped_count += 1
            case TooDeep():
                watch.tally = replace(watch.tally, loops=watch.tally.loops + 1)
                self._give_up(watch, event, _TOO_DEEP, is_loop=True)
            case Unservable(reason):
                self._refuse(watch, event, reason)
            case SubmitRequest():
                return self._fire(watch, event, firing)
        return True

    def _fire(self, watch: Watch, event: Event, request: SubmitRequest) -> bool:
        try:
            self._submit(request)
        except PASSING as problem:
            self._wait(watch, problem)
            return False
        except Refused as problem:
            self._refuse(watch, event, str(problem))
            return True
        watch.tally = replace(watch.tally, fired=watch.tally.fired + 1)
        self.fired.jobs_count += 1
        self._bytes += len(request.payload)
        return True

    def _wait(self, watch: Watch, problem: Refused) -> None:
        _hold(self._triggers, watch, str(problem), self._now)

    def _refuse(self, watch: Watch, event: Event, reason: str) -> None:
        tally = watch.tally
        watch.tally = replace(tally, refused=tally.refused + 1, last_error=reason)
        self._give_up(watch, event, reason)

    def _give_up(self, watch: Watch, event: Event, reason: str, *, is_loop: bool = False) -> None:
        trigger = watch.trigger
        self.fired.unfired.append(Unfired(trigger.name, trigger.stream, event.id, reason, is_loop))


def _hold(triggers: Triggers, watch: Watch, why: str, now: Instant) -> None:
    """Have a trigger try again later."""
    tally = watch.tally
    since = now if tally.waiting_since is None else tally.waiting_since
    pause_ms = min(max(TRIGGER_RETRY_MS, (now - since) // 4), TRIGGER_RETRY_MS_MAX)
    watch.tally = replace(
        tally, waiting_since=since, waiting_for=why, retry_at=Instant(now + pause_ms)
    )
    triggers.wait(watch)


def _go_on(watch: Watch) -> None:
    """Note that a trigger waits no more, whatever became of the event that it waited with."""
    if watch.tally.retry_at is not None:
        watch.tally = replace(watch.tally, waiting_since=None, waiting_for=None, retry_at=None)


# --- setting -------------------------------------------------------------------------------------


def set_trigger(
    turn: SettingTurn, triggers: Triggers, trigger: Trigger, start: EventId | Last | Cursor
) -> None:
    """Let a trigger be, from the events after *start* on.

    One of this name is replaced; where it followed another stream it leaves that.

    Raises:
        Refused, Unsettled: nothing happened.
    """
    old = triggers.find(trigger.name)
    undo = triggers.set(trigger)
    group = group_of(trigger.name)
    try:
        _place_cursor(turn, trigger.stream, group, start)
    except (Refused, Unsettled):
        undo()
        raise
    turn.undo_log.add(undo)
    if old is not None and old.trigger.stream != trigger.stream:
        _destroy(turn, old.trigger.stream, group)
    put_trigger(turn.writes, triggers.watch(trigger.name).record)


def delete_trigger(turn: SettingTurn, triggers: Triggers, name: str, *, keep: bool) -> bool:
    """Let a trigger be no more; say whether there was one.

    To *keep* its cursor leaves the group, for a trigger of this name that is set later.
    """
    watch = triggers.find(name)
    if watch is None:
        return False
    turn.undo_log.add(triggers.delete(name))
    if not keep:
        _destroy(turn, watch.trigger.stream, group_of(name))
    drop_trigger(turn.writes, name)
    return True


def _place_cursor(
    turn: SettingTurn, stream: StreamName, group: GroupName, start: EventId | Last | Cursor
) -> None:
    try:
        first = LAST if isinstance(start, Cursor) else start
        turn.create_group(stream, group, first, makes_stream=True)
    except GroupExists:
        if not isinstance(start, Cursor):
            turn.set_group_id(stream, group, start)


def _destroy(turn: SettingTurn, stream: StreamName, group: GroupName) -> None:
    with suppress(Refused):  # The stream was deleted, and its groups with it.
        turn.destroy_group(stream, group)
