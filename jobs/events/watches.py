"""The triggers of a server: which there are, which have events to look at, what came of them."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from penstock.config.limits import TRIGGERS_MAX
from penstock.jobs.counters import TriggerCounters
from penstock.jobs.errors import Overloaded, Refused
from penstock.jobs.events.log import TRIGGER_PREFIX
from penstock.jobs.events.model import GroupName, StreamName
from penstock.jobs.events.triggers import (
    Trigger,
    check_trigger,
    decode_trigger,
    encode_trigger,
)
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import TriggerRecord
from penstock.jobs.timers import soonest

Undo: TypeAlias = Callable[[], None]


class NoTrigger(Refused):
    code = "NOTRIGGER"

    def __init__(self, name: str) -> None:
        super().__init__(f"trigger {name} is not known: it was never set, or it was deleted")


class Tally(Struct, frozen=True):
    """What a trigger did since the server started, or since it was set.

    `waiting_since` is when the job of its next event was refused first, for `waiting_for`; it is
    tried again at `retry_at`. `last_error` is why the last event that was refused for ever was.
    """

    fired: int = 0
    skipped: int = 0  # Events that did not match.
    refused: int = 0
    loops: int = 0
    last_error: str | None = None
    waiting_since: Instant | None = None
    waiting_for: str | None = None
    retry_at: Instant | None = None


class Watch:
    """One trigger at work."""

    __slots__ = ("tally", "trigger")

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.tally = Tally()

    @property
    def record(self) -> TriggerRecord:
        return TriggerRecord(self.trigger.name, encode_trigger(self.trigger))


class Triggers:
    """All triggers, by name and by stream.

    A trigger is awake if its stream may have events that it has not seen. `wake` says so of a
    stream that is appended to; at the start, and when a commit failed, all might have.
    """

    def __init__(
        self, records: Iterable[TriggerRecord] = (), *, triggers_max: int = TRIGGERS_MAX
    ) -> None:
        self._triggers_max = triggers_max
        self.counters = TriggerCounters()
        self._watches: dict[str, Watch] = {}
        self._by_stream: dict[StreamName, dict[str, Watch]] = {}
        self._awake: dict[str, None] = {}  # In the order of their turns.
        self._waiting: dict[str, None] = {}  # Of those that wait, each has a `retry_at`.
        for record in records:
            self._put(Watch(decode_trigger(record.name, record.definition)))

    def __len__(self) -> int:
        return len(self._watches)

    @property
    def waiting_count(self) -> int:
        """How many wait, as the job of their next event was refused for now."""
        return len(self._waiting)

    def watch(self, name: str) -> Watch:
        """Return a trigger. Raises NoTrigger."""
        watch = self._watches.get(name)
        if watch is None:
            raise NoTrigger(name)
        return watch

    def find(self, name: str) -> Watch | None:
        return self._watches.get(name)

    def all(self) -> list[Watch]:
        """Return all triggers by name."""
        return [self._watches[name] for name in sorted(self._watches)]

    def of_stream(self, stream: StreamName) -> list[Watch]:
        return list(self._by_stream.get(stream, {}).values())

    def own(self, stream: StreamName, group: GroupName) -> bool:
        """Say whether a group of a stream is the cursor of a trigger that is there."""
        if not group.startswith(TRIGGER_PREFIX):
            return False
        watch = self._watches.get(group.removeprefix(TRIGGER_PREFIX))
        return watch is not None and watch.trigger.stream == stream

    # --- setting -------------------------------------------------------------------------------

    def set(self, trigger: Trigger) -> Undo:
        """Add a trigger, or put it in the place of the one of its name; return the inverse.

        One that is set as it was keeps its tally: workers set theirs whenever they start.

        Raises:
            Invalid, Overloaded: nothing happened.
        """
        check_trigger(trigger)
        old = self._watches.get(trigger.name)
        if old is None and len(self._watches) >= self._triggers_max:
            raise Overloaded("triggers", self._triggers_max)
        watch = Watch(trigger)
        if old is not None:
            if old.trigger == trigger:
                watch.tally = replace(old.tally, retry_at=None)
            self._remove(old)
        self._put(watch)

        def undo() -> None:
            self._remove(watch)
            if old is not None:
                self._put(old)

        return undo

    def delete(self, name: str) -> Undo:
        """Forget a trigger; return the inverse. Raises NoTrigger."""
        watch = self.watch(name)
        self._remove(watch)
        return lambda: self._put(watch)

    def _put(self, watch: Watch) -> None:
        trigger = watch.trigger
        self._watches[trigger.name] = watch
        self._by_stream.setdefault(trigger.stream, {})[trigger.name] = watch
        self._awake[trigger.name] = None

    def _remove(self, watch: Watch) -> None:
        trigger = watch.trigger
        del self._watches[trigger.name]
        followers = self._by_stream[trigger.stream]
        del followers[trigger.name]
        if not followers:
            del self._by_stream[trigger.stream]
        self._awake.pop(trigger.name, None)
        self._waiting.pop(trigger.name, None)

    # --- whose turn it is ----------------------------------------------------------------------

    @property
    def wants_turn(self) -> bool:
        """Say whether triggers have events to look at, as far as is known."""
        return bool(self._awake)

    def next_at(self) -> Instant | None:
        """Return when a trigger that waits is to try again."""
        return soonest(*map(self._retry_at, self._waiting))

    def wake(self, stream: StreamName) -> None:
        """Take note that events were appended; who waits goes on waiting."""
        for name in self._by_stream.get(stream, ()):
            if name not in self._waiting:
                self._awake[name] = None

    def wake_up(self, watch: Watch) -> None:
        """Have a trigger look again, whatever it waits for."""
        name = watch.trigger.name
        if self._watches.get(name) is watch:
            self._waiting.pop(name, None)
            self._awake[name] = None

    def wake_due(self, now: Instant) -> None:
        """Have those try again that waited for it."""
        for name in [name for name in self._waiting if self._retry_at(name) <= now]:
            self.wake_up(self._watches[name])

    def clock_stepped(self) -> None:
        """Have all try again that wait: their instants are of another time."""
        for name in list(self._waiting):
            self.wake_up(self._watches[name])

    def take_awake(self) -> Watch | None:
        """Return who is next to look at its stream, and is not awake then until it is woken."""
        for name in self._awake:
            del self._awake[name]
            return self._watches[name]
        return None

    def wait(self, watch: Watch) -> None:
        """Let a trigger wait until its `retry_at`."""
        name = watch.trigger.name
        self._awake.pop(name, None)
        self._waiting[name] = None

    def _retry_at(self, name: str) -> Instant:
        retry_at = self._watches[name].tally.retry_at
        assert retry_at is not None
        return retry_at
