"""Reading a stream as a consumer of a group: what it was given is its own until acknowledged.

Whatever is lost on the way is found again: a reply that did not arrive leaves its events pending
for this consumer, which reads those before it asks for new ones.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeAlias

from penstock.client import event_requests
from penstock.client.event import Event
from penstock.client.event_requests import TakenOver, Undelivered
from penstock.client.patterns import Patterns
from penstock.client.position import FIRST, order_of
from penstock.client.reading import Step, Wait, step
from penstock.config import limits

# Parts of the time to take over: so often it is looked for what others left, and after so long
# without a word of ours we say that we are there.
_LOOKS: Final = 2
_WORDS: Final = 3
# Pending events that are listed beyond those that are asked about.
_MARGIN: Final = 1_000

_TakeUndelivered: TypeAlias = Callable[[list[Undelivered], float], None]


class GroupReader:
    """One consumer. The group is made, where it is not there, with the first step.

    With *is_fresh* nothing can be pending for it: nobody had its name before. Then it is forgotten
    by the group when it leaves nothing behind.
    """

    def __init__(
        self,
        stream: str,
        group: str,
        consumer: str,
        *,
        start: str,
        is_fresh: bool,
        batch: int,
        take_over_ms: int,
        patterns: Patterns | None,
    ) -> None:
        self.group: str | None = group
        self._group = group
        self._stream = stream
        self._consumer = consumer
        self._start: str | None = start  # None: the group is there.
        self._is_fresh = is_fresh
        self._batch = batch
        self._take_over_ms = take_over_ms
        self._patterns = patterns
        self.wait = Wait()
        # Behind this id lies what is pending here and was not looked at; None: nothing does.
        self._pending_after: str | None = None if is_fresh else FIRST
        self._take_over_at = 0.0
        self._take_over_from = FIRST
        # Pending events whose deliveries are not known; then what is to be handed out.
        self._uncounted: list[Event] = []
        self._found: deque[Event] = deque()
        # What was handed out last; of one that is settled nothing is left to say.
        self._current: str | None = None
        self._is_settled = False
        self._finished: list[str] = []
        self._acknowledged_at = 0.0
        self._touched_at = 0.0  # When the server last heard that all of this is held here.
        self._owned: list[str] = []
        # How long an event takes; how many are read with one request depends on it.
        self._popped_at = 0.0
        self._seconds_each: float | None = None
        self._leaving: list[Step] | None = None

    # --- what the shells use: see `reading.EventReader` ------------------------------------------

    @property
    def is_ready(self) -> bool:
        return self._start is None

    def steps(self, now: float, wait_ms: int | None) -> list[Step]:
        if self._start is not None:
            request = event_requests.create_group(self._stream, self._group, self._start)
            return [step(request, self._made)]
        steps = self._finishing(now)
        if self._found:
            return steps or self.holding(now)
        steps.append(self._looking(now, wait_ms))
        return steps

    def pop(self, now: float) -> Event:
        event = self._found.popleft()
        self._current = event.id
        self._is_settled = False
        self._popped_at = now
        return event

    def finish(self, now: float) -> None:
        if self._current is None:
            return
        if not self._is_settled:
            self._finished.append(self._current)
        self._current = None
        seconds, before = now - self._popped_at, self._seconds_each
        self._seconds_each = seconds if before is None else (3 * before + seconds) / 4

    def settle(self, event_id: str) -> None:
        self._is_settled = self._is_settled or self._current == event_id

    def lost(self) -> None:
        self._pending_after = FIRST
        self._uncounted = []
        self._owned = []

    def holding(self, now: float) -> list[Step]:
        """Ask first what is still held: another consumer may have taken it for left."""
        if self._owned:
            request = event_requests.hold(self._stream, self._group, self._consumer, self._owned)
            return [step(request, self._held)]
        ids = self._unfinished()
        if not ids or now - self._touched_at < self._take_over_ms / 1000 / _WORDS:
            return []
        return [self._ask_of(ids, self._own)]

    def leaving(self, now: float) -> list[Step]:
        if self._start is not None:
            return []
        if self._leaving is None:
            self._leaving = []
            return self._last_words(now)
        return self._leaving

    # --- what to ask -----------------------------------------------------------------------------

    def _finishing(self, now: float) -> list[Step]:
        """Acknowledge, when there is nothing else to hand out or enough has come together."""
        ids = self._finished
        if not ids:
            return []
        is_due = (
            not self._found
            or len(ids) >= limits.CLIENT_FINISHED_EVENTS_MAX
            or now - self._acknowledged_at >= limits.CLIENT_FINISHED_SECONDS
        )
        return [self._acknowledging()] if is_due else []

    def _acknowledging(self) -> Step:
        ids = self._finished[: limits.CLIENT_READ_EVENTS_MAX]
        request = event_requests.finished(self._stream, self._group, ids)
        return step(request, partial(self._acknowledged, len(ids)))

    def _looking(self, now: float, wait_ms: int | None) -> Step:
        """Look for events: first those that were given already, then others' leavings, then new."""
        stream, group, consumer = self._stream, self._group, self._consumer
        if self._uncounted:
            return self._ask_of([event.id for event in self._uncounted], self._counted)
        if self._pending_after is not None:
            request = event_requests.read_own(
                stream, group, consumer, self._batch, self._pending_after
            )
            return step(request, self._read_own)
        count = self._count()
        if now >= self._take_over_at:
            at_least = max(count, limits.CLIENT_TAKE_OVER_EVENTS_MIN)
            taking = event_requests.take_over(
                stream, group, consumer, self._take_over_ms, self._take_over_from, at_least
            )
            return step(taking, self._taken_over)
        until_ms = min(limits.CLIENT_READ_WAIT_MS, int((self._take_over_at - now) * 1000))
        block_ms = self.wait.begin(now, wait_ms, until_ms)
        return step(
            event_requests.read_new(stream, group, consumer, count, block_ms), self._read_new
        )

    def _count(self) -> int:
        """Return how many events to read: no more than are handled in the time to hold them."""
        seconds = self._seconds_each
        if seconds is None:
            return 1
        if seconds * self._batch <= limits.CLIENT_HOLD_SECONDS:
            return self._batch
        return max(1, int(limits.CLIENT_HOLD_SECONDS / seconds))

    def _ask_of(self, ids: Sequence[str], take: _TakeUndelivered) -> Step:
        """Ask which events are pending here, and how often each was delivered."""
        first, last = min(ids, key=order_of), max(ids, key=order_of)
        # Among them may be some that are finished, or that were deleted.
        count = 2 * (len(ids) + len(self._finished)) + _MARGIN
        return self._pending(first, last, count, take)

    def _pending(self, first: str, last: str, count: int, take: _TakeUndelivered) -> Step:
        request = event_requests.read_undelivered(
            self._stream, self._group, self._consumer, first, last, count
        )
        return step(request, take)

    def _last_words(self, now: float) -> list[Step]:
        """Acknowledge what is finished and let others have the rest at once."""
        stream, group, consumer = self._stream, self._group, self._consumer
        steps = [self._acknowledging()] if self._finished else []
        ids = self._unfinished()
        if ids and now - self._touched_at < self._take_over_ms / 1000:
            given_back_ms = limits.CLIENT_GIVEN_BACK_MS
            request = event_requests.hold(stream, group, consumer, ids, given_back_ms)
            steps.append(step(request, self._held))
        if self._is_fresh and not ids:
            self._leaving = [self._pending("-", "+", 1, self._left)]
        return steps or self._leaving or []

    # --- replies ---------------------------------------------------------------------------------

    def _made(self, done: None, now: float) -> None:
        self._start = None

    def _acknowledged(self, asked: int, count: int, now: float) -> None:
        del self._finished[:asked]
        self._acknowledged_at = now

    def _read_own(self, events: list[Event], now: float) -> None:
        self._pending_after = events[-1].id if events else None
        self._touched_at = now
        self._take_in(events)

    def _taken_over(self, taken: TakenOver, now: float) -> None:
        self._take_over_from = taken.cursor
        if taken.cursor == FIRST:
            self._take_over_at = now + self._take_over_ms / 1000 / _LOOKS
        self._touched_at = now
        self._take_in(taken.events)

    def _take_in(self, events: Iterable[Event]) -> None:
        """Keep what was pending and is not finished already, as what was deleted is."""
        finished = set(self._finished)
        for event in events:
            if event.id in finished:
                continue
            if event.raw:
                self._uncounted.append(event)
            else:
                self._finished.append(event.id)

    def _counted(self, undelivered: list[Undelivered], now: float) -> None:
        """Learn how often each was delivered; what is not ours any more is not handed out."""
        deliveries = dict(undelivered)
        uncounted, self._uncounted = self._uncounted, []
        for event in uncounted:
            if event.id in deliveries:
                event.deliveries = deliveries[event.id]
                self._admit(event)

    def _read_new(self, events: list[Event], now: float) -> None:
        self.wait.end(now, bool(events))
        self._touched_at = now
        for event in events:
            self._admit(event)

    def _admit(self, event: Event) -> None:
        if self._patterns is None or self._patterns.matches(event.raw):
            self._found.append(event)
        else:
            self._finished.append(event.id)

    def _own(self, undelivered: list[Undelivered], now: float) -> None:
        owned = dict(undelivered)
        self._found = deque(event for event in self._found if event.id in owned)
        if self._current not in owned:
            self._current = None
        self._owned = self._unfinished()
        self._touched_at = now

    def _held(self, done: None, now: float) -> None:
        self._owned = []

    def _left(self, undelivered: list[Undelivered], now: float) -> None:
        self._leaving = []
        if not undelivered:
            request = event_requests.drop_consumer(self._stream, self._group, self._consumer)
            self._leaving = [step(request, self._dropped)]

    def _dropped(self, count: int, now: float) -> None:
        self._leaving = []

    def _unfinished(self) -> list[str]:
        ids = [event.id for event in (*self._found, *self._uncounted)]
        if self._current is None or self._is_settled:
            return ids
        return [self._current, *ids]
