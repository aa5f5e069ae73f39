"""Reading a stream without a group: the position is remembered here and nowhere else."""

from collections import deque

from penstock.client import event_requests
from penstock.client.event import Event
from penstock.client.patterns import Patterns
from penstock.client.position import FIRST, NOW
from penstock.client.reading import Step, Wait, step
from penstock.config import limits


class PlainReader:
    """Reads what comes behind an id. After a lost connection it asks for the same once more."""

    def __init__(self, stream: str, start: str, batch: int, patterns: Patterns | None) -> None:
        self.group: str | None = None
        self._stream = stream
        self._after = start
        self._batch = batch
        self._patterns = patterns
        self._found: deque[Event] = deque()
        self.wait = Wait()

    # --- what the shells use: see `reading.EventReader` ------------------------------------------

    @property
    def is_ready(self) -> bool:
        return self._after != NOW

    def steps(self, now: float, wait_ms: int | None) -> list[Step]:
        if self._found:
            return []
        if self._after == NOW:
            # As an id: after a lost connection "now" would be another place.
            return [step(event_requests.last_id(self._stream), self._begin)]
        block_ms = self.wait.begin(now, wait_ms, limits.CLIENT_READ_WAIT_MS)
        request = event_requests.read(self._stream, self._after, self._batch, block_ms)
        return [step(request, self._read)]

    def pop(self, now: float) -> Event:
        return self._found.popleft()

    def finish(self, now: float) -> None:
        pass

    def settle(self, event_id: str) -> None:
        pass

    def lost(self) -> None:
        pass

    def holding(self, now: float) -> list[Step]:
        return []

    def leaving(self, now: float) -> list[Step]:
        return []

    # --- replies ---------------------------------------------------------------------------------

    def _begin(self, last_id: str | None, now: float) -> None:
        self._after = FIRST if last_id is None else last_id

    def _read(self, events: list[Event], now: float) -> None:
        self.wait.end(now, bool(events))
        if events:
            self._after = events[-1].id
        patterns = self._patterns
        self._found.extend(
            event for event in events if patterns is None or patterns.matches(event.raw)
        )
