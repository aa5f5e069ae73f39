"""An event log over a store, with commits that fail and servers that die, held to a model.

A list of calls is a run, and repeats exactly. Requests wait and are decided as the journal has it:
one that is unsettled waits for the next turn, and with it all later ones about its stream.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from penstock.jobs.errors import Refused
from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.log import EventLog
from penstock.jobs.events.model import Event, EventId, StreamName
from penstock.jobs.events.readers import Reader
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.store.event_port import EventAnswers
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch, Submission
from tests.simulation import event_checks
from tests.simulation.event_groups import GroupClients
from tests.simulation.event_model import Model, ModelGroup, ModelStream
from tests.simulation.event_streams import StreamClients

T = TypeVar("T")

# Small, so that all of them are met.
BOUNDS: Final = EventBounds(
    streams_max=4,
    groups_max=3,
    consumers_max=3,
    group_pending_max=12,
    pending_max=40,
    recent_events_max=4,
    recent_bytes_max=40,
    recent_total_bytes_max=60,
    ahead_events_max=3,
    ahead_bytes_max=30,
    ahead_total_bytes_max=50,
    event_bytes_max=12,
    range_events_max=9,
    range_bytes_max=60,
    pick_events_max=3,
    reads_bytes_max=150,
    trim_events_max=3,
    sweep_rows_max=2,
    readers_max=12,
)
_HELD_MAX: Final = 60  # Turns in a row that a request may be held.
_CALM_MAX: Final = 2_000


@dataclass
class Asked:
    """A request that was not decided yet: it asks the turn and tells the model."""

    what: str
    streams: tuple[StreamName, ...]
    decide: Callable[[Turn], None]
    held: int = 0


class EventWorld:
    """One store and the logs that run over it, one after the other."""

    def __init__(self, bounds: EventBounds = BOUNDS) -> None:
        self.bounds = bounds
        self.now = Instant(10)
        self.store = MemoryStore()
        self.durable = Model()
        self.model = Model()  # Of the turn that is open.
        self.waiting: deque[Asked] = deque()
        # Readers, with the ids after which they wait.
        self.parked: dict[Reader, dict[StreamName, EventId]] = {}
        # Of the turn that is open: what is checked once it is durable.
        self.checks: list[Callable[[EventAnswers], bool]] = []
        self.trimming: set[StreamName] = set()  # Of which a trim was decided in this turn.
        self.removed: set[tuple[StreamName, EventId]] = set()  # By the last commit.
        # What was appended in this turn: to a stream of this name, and to one made after it.
        self.appended: dict[StreamName, list[list[Event]]] = {}
        self.clients = StreamClients(self)
        self.groups = GroupClients(self)
        self.trace: list[str] = []  # What was decided, for who looks for a mistake.
        self._jobs_count = 0
        self._start()

    def _start(self) -> None:
        self.log = EventLog(at_once(self.store.load()).events, self.bounds)

    # --- requests ------------------------------------------------------------------------------

    def ask(self, what: str, *streams: StreamName, decide: Callable[[Turn], None]) -> None:
        """Have something decided about streams."""
        self.waiting.append(Asked(what, streams, decide))

    def check_later(self, check: Callable[[EventAnswers], bool]) -> None:
        """Have something checked once the turn is durable, if it will be."""
        self.checks.append(check)

    def trimmed(self, count: int) -> None:
        """Be told what was trimmed."""
        assert count >= 0

    def room_of(self, group: ModelGroup) -> int:
        """Return how many more events may be pending for a group."""
        room = self.bounds.group_pending_max - len(group.pending)
        return min(room, self.bounds.pending_max - self.model.pending_count)

    def append(self, name: StreamName, event: Event) -> None:
        """Let the model append an event."""
        self.model.stream(name).append(event)
        self.appended.setdefault(name, [[]])[-1].append(event)

    def park(self, turn: Turn, reader: Reader) -> None:
        try:
            turn.park(reader)
        except Refused:
            assert len(self.parked) >= self.bounds.readers_max
        else:
            self.parked[reader] = self._after(reader)

    def _after(self, reader: Reader) -> dict[StreamName, EventId]:
        """Return after which events a reader waits that came just now."""
        return {
            name: after
            if isinstance(after, tuple)
            else self.model.streams.get(name, ModelStream()).last_id
            for name, after in reader.streams
        }

    # --- turns ---------------------------------------------------------------------------------

    def commit(self, *, tells_life: bool = False) -> None:
        """Decide what waits, and have it written."""
        turn = self._decide(tells_life=tells_life)
        batch = Batch(now=turn.now, events=turn.writes)
        if tells_life:
            batch.submissions.append(self._submission())
        answers = at_once(self.store.commit(batch)).events
        self._take_late(answers)
        self.log.applied(turn, answers)
        event_checks.check_removed(self)
        self._drop_removed()
        for check in self.checks:
            assert check(answers)
        self.durable = self.model
        event_checks.check_served(self, self.log.take_served())
        event_checks.check_memory(self)

    def fail(self) -> None:
        """Decide what waits, and find no room for it: the requests are refused."""
        before = event_checks.dump(self.log)
        turn = self._decide()
        self.log.undone(turn)
        self.model = self.durable
        for reader in turn.parked:
            self.parked[reader] = self._after(reader)  # What it took for the last never was.
        assert event_checks.dump(self.log) == before, "a turn is undone without a trace"
        self.appended.clear()
        event_checks.check_served(self, self.log.take_served())
        event_checks.check_memory(self)

    def crash(self, *, written: bool) -> None:
        """Die in the middle of a commit, and start again."""
        turn = self._decide()
        if written:
            at_once(self.store.commit(Batch(now=turn.now, events=turn.writes)))
            event_checks.check_removed(self)
            self._drop_removed()
            self.durable = self.model
        self.waiting.clear()
        self.parked.clear()
        self._start()
        event_checks.check_memory(self)

    def _decide(self, *, tells_life: bool = False) -> Turn:
        self.model = self.durable.copy()
        self.checks.clear()
        self.trimming.clear()
        self.appended.clear()
        turn = self.log.begin(self.now)
        held = set[StreamName]()
        kept: list[Asked] = []
        while self.waiting:
            asked = self.waiting.popleft()
            try:
                if held.intersection(asked.streams):
                    raise Unsettled
                asked.decide(turn)
                self.trace.append(asked.what)
            except Unsettled:
                held.update(asked.streams)
                asked.held += 1
                assert asked.held < _HELD_MAX, f"{asked.what} is never decided"
                kept.append(asked)
        self.waiting.extend(kept)
        if tells_life:
            for name in self.model.streams:
                if name.startswith("jobs:"):
                    turn.expect_life(name)
        turn.finish()
        event_checks.check_given(self, turn)
        return turn

    def calm_down(self) -> None:
        """Let everything be decided and done."""
        for _ in range(_CALM_MAX):
            if not self.waiting and not self.log.wants_turn:
                event_checks.check_calm(self)
                return
            self.commit()
        raise AssertionError("it never comes to rest")

    # --- time ----------------------------------------------------------------------------------

    def pass_time(self, ms: int) -> None:
        self.now = Instant(self.now + ms)
        due = {r for r in self.parked if r.until is not None and r.until <= self.now}
        self.log.tick(self.now)
        served = self.log.take_served()
        assert {one.reader for one in served} == due
        assert all(one.readings is None for one in served)
        for reader in due:
            del self.parked[reader]

    def housekeep(self) -> None:
        self.log.housekeep(self.now)

    def unpark(self, reader: Reader) -> None:
        assert self.log.unpark(reader)
        del self.parked[reader]

    # --- inside --------------------------------------------------------------------------------

    def _submission(self) -> Submission:
        """Return a job of which only the transaction knows what becomes of it."""
        self._jobs_count += 1
        job = Job(
            JobId(self._jobs_count),
            QueueName("q"),
            TaskName("t"),
            State.READY,
            rank=1,
            priority=1,
            attempts_max=1,
            timeout_ms=1_000,
            submitted_at=self.now,
            due_at=self.now,
            key=f"key-{self._jobs_count}",
        )
        return Submission(job, b"")

    def _take_late(self, answers: EventAnswers) -> None:
        names = {stream.number: name for name, stream in self.log.streams.items()}
        for number, event in answers.late:
            self.append(names[number], event)

    def _drop_removed(self) -> None:
        for name, event_id in self.removed:
            del self.model.streams[name].events[event_id]


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """Return what is answered without waiting for anything."""
    try:
        call.send(None)
    except StopIteration as answer:
        value: T = answer.value
        return value
    raise AssertionError("the store in memory waits for nothing")
