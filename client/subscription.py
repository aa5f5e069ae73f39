"""The blocking subscription: an iterator of events over a connection of its own."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from penstock.client.backoff import Backoff
from penstock.client.blocking_connection import BlockingConnection
from penstock.client.errors import PenstockError
from penstock.client.event import Event
from penstock.client.reading import EventReader, Step, passes
from penstock.client.requests import Request
from penstock.client.subscribed_event import SubscribedEvent


class Subscription:
    """Events of a stream, one after the other, waited for as long as it takes.

    To ask for the next one says that the one before is finished: only then it is acknowledged. So
    it is by the end of a `with` block that is left without an exception. Where the loop is left in
    another way, by an exception, or by `break` without a `with` block, the event that it was at is
    not, and comes again.

    The first connection is tried once. When it is lost later another one is made, however long
    that takes, and reading goes on where it was: no event is skipped. One may be seen twice that
    was finished and not acknowledged.

    It belongs to one thread; `stop` may be called by any.
    """

    def __init__(
        self,
        stream: str,
        connection: BlockingConnection,
        reader: EventReader,
        perform: Callable[[Request[Any]], Any],
        wait_ms: int | None,
    ) -> None:
        self.stream = stream
        self._connection = connection
        self._reader = reader
        self._perform = perform
        self._wait_ms = wait_ms
        self._backoff = Backoff()
        self._stopped = threading.Event()
        self._has_talked = False
        self._entered = False
        self._closed = False

    def __iter__(self) -> Iterator[SubscribedEvent]:
        """Go through the events; outside a `with` block the end of the loop closes all."""
        try:
            while (event := self._next()) is not None:
                yield event
        finally:
            if not self._entered:
                self.close()

    def __next__(self) -> SubscribedEvent:
        event = self._next()
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        """Make the group, if it is not there, so that nothing published from now on is missed."""
        self._entered = True
        try:
            while not (self._reader.is_ready or self._stopped.is_set()):
                self._exchange(self._reader.steps(time.monotonic(), None), None)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._reader.finish(time.monotonic())
        self.close()

    def stop(self) -> None:
        """Let the iteration end as if there were no more events. From any thread."""
        self._stopped.set()
        self._connection.abort()

    def close(self) -> None:
        """Acknowledge what is finished, give back what is not, and close the connection."""
        if self._closed:
            return
        self._closed = True
        self._stopped.set()
        try:
            if self._has_talked:
                # Should it fail, what was finished is seen again.
                with contextlib.suppress(PenstockError):
                    while steps := self._reader.leaving(time.monotonic()):
                        self._talk(steps)
        finally:
            self._connection.close()

    def hold(self) -> None:
        """Say that the event that was given last is still worked on, so that nobody takes it over.

        It is not needed for what takes much less than `take_over_ms`.
        """
        while not self._stopped.is_set() and (steps := self._reader.holding(time.monotonic())):
            self._exchange(steps, None)

    # --- inside ----------------------------------------------------------------------------------

    def _next(self) -> SubscribedEvent | None:
        now = time.monotonic()
        self._reader.finish(now)
        self._reader.wait.reset()
        until = None if self._wait_ms is None else now + self._wait_ms / 1000
        waited = False
        while not self._stopped.is_set():
            now = time.monotonic()
            wait_ms = None if until is None else max(0, round((until - now) * 1000))
            steps = self._reader.steps(now, wait_ms)
            if not steps:
                return self._given(self._reader.pop(now))
            if waited and wait_ms == 0:
                return None
            self._exchange(steps, until)
            waited = self._reader.wait.in_vain
        return None

    def _given(self, event: Event) -> SubscribedEvent:
        return SubscribedEvent(event, self._reader.group, self._perform, self._reader.settle)

    def _exchange(self, steps: Sequence[Step], until: float | None) -> None:
        """Take steps; what fails for now is left to be tried again after a pause."""
        try:
            self._talk(steps)
        except PenstockError as error:
            if self._stopped.is_set():
                return
            is_over = until is not None and time.monotonic() >= until
            if is_over or not self._has_talked or not passes(error):
                raise
            self._stopped.wait(self._backoff.next_seconds())
        else:
            self._has_talked = True
            if self._reader.wait.cut_short:
                self._stopped.wait(self._backoff.next_seconds())
            else:
                self._backoff.reset()

    def _talk(self, steps: Sequence[Step]) -> None:
        try:
            slots = self._connection.perform_all([step.request for step in steps])
            for step, slot in zip(steps, slots, strict=True):
                if slot.error is not None:
                    raise slot.error
                step.take(step.request.read(slot.reply), time.monotonic())
        except BaseException:
            self._reader.lost()
            raise
