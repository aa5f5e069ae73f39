"""The asynchronous subscription: an iterator of events over a connection of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import anyio

from penstock.client.async_connection import AsyncConnection
from penstock.client.backoff import Backoff
from penstock.client.errors import PenstockError
from penstock.client.event import Event
from penstock.client.reading import EventReader, Step, passes
from penstock.client.requests import Request
from penstock.client.subscribed_event import AsyncSubscribedEvent
from penstock.config.limits import CLIENT_CLOSE_SECONDS


class AsyncSubscription:
    """Events of a stream, one after the other, waited for as long as it takes.

    To ask for the next one says that the one before is finished: only then it is acknowledged. So
    it is by the end of an `async with` block that is left without an exception. Where the loop is
    left in another way, by an exception, a cancellation, or by `break` without such a block, the
    event that it was at is not, and comes again.

    The first connection is tried once. When it is lost later another one is made, however long
    that takes, and reading goes on where it was: no event is skipped. One may be seen twice that
    was finished and not acknowledged.

    It belongs to one task. Cancelling the wait for an event loses none: within its block one can
    ask again.
    """

    def __init__(
        self,
        stream: str,
        connect: Callable[[], AsyncConnection],
        reader: EventReader,
        perform: Callable[[Request[Any]], Awaitable[Any]],
        wait_ms: int | None,
    ) -> None:
        self.stream = stream
        self._connect = connect
        self._connection: AsyncConnection | None = None
        self._reader = reader
        self._perform = perform
        self._wait_ms = wait_ms
        self._backoff = Backoff()
        self._turn = asyncio.Lock()
        self._has_talked = False
        self._at_work = False
        self._entered = False
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[AsyncSubscribedEvent]:
        """Go through the events; outside an `async with` block the end of the loop closes all."""
        try:
            while (event := await self._next()) is not None:
                yield event
        finally:
            if not self._entered:
                await self.close()

    async def __anext__(self) -> AsyncSubscribedEvent:
        event = await self._next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        """Make the group, if it is not there, so that nothing published from now on is missed."""
        self._entered = True
        try:
            async with self._turn:
                while not self._reader.is_ready:
                    await self._exchange(self._reader.steps(_now(), None), None)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._reader.finish(_now())
        await self.close()

    async def close(self) -> None:
        """Acknowledge what is finished, give back what is not, and close the connection.

        This takes a second at most, and cancelling does not stop it.
        """
        if self._closed:
            return
        self._closed = True
        try:
            # Should it fail, what was finished is seen again.
            with (
                contextlib.suppress(PenstockError),
                anyio.move_on_after(CLIENT_CLOSE_SECONDS, shield=True),
            ):
                async with self._turn:
                    while self._has_talked and (steps := self._reader.leaving(_now())):
                        await self._talk(steps)
        finally:
            if self._connection is not None:
                with anyio.CancelScope(shield=True):
                    await self._connection.close()

    @property
    def is_at_work(self) -> bool:
        """Whether an event was given and the next is not asked for yet."""
        return self._at_work

    async def hold(self) -> None:
        """Say that the event that was given last is still worked on, so that nobody takes it over.

        It is not needed for what takes much less than `take_over_ms`.
        """
        async with self._turn:
            while not self._closed and (steps := self._reader.holding(_now())):
                await self._exchange(steps, None)

    # --- inside ----------------------------------------------------------------------------------

    async def _next(self) -> AsyncSubscribedEvent | None:
        self._at_work = False
        async with self._turn:
            now = _now()
            self._reader.finish(now)
            self._reader.wait.reset()
            until = None if self._wait_ms is None else now + self._wait_ms / 1000
            waited = False
            while not self._closed:
                now = _now()
                wait_ms = None if until is None else max(0, round((until - now) * 1000))
                steps = self._reader.steps(now, wait_ms)
                if not steps:
                    self._at_work = True
                    return self._given(self._reader.pop(now))
                if waited and wait_ms == 0:
                    return None
                await self._exchange(steps, until)
                waited = self._reader.wait.in_vain
            return None

    def _given(self, event: Event) -> AsyncSubscribedEvent:
        return AsyncSubscribedEvent(event, self._reader.group, self._perform, self._reader.settle)

    async def _exchange(self, steps: Sequence[Step], until: float | None) -> None:
        """Take steps; what fails for now is left to be tried again after a pause."""
        try:
            await self._talk(steps)
        except PenstockError as error:
            if self._closed:
                return
            is_over = until is not None and _now() >= until
            if is_over or not self._has_talked or not passes(error):
                raise
            await asyncio.sleep(self._backoff.next_seconds())
        else:
            self._has_talked = True
            if self._reader.wait.cut_short:
                await asyncio.sleep(self._backoff.next_seconds())
            else:
                self._backoff.reset()

    async def _talk(self, steps: Sequence[Step]) -> None:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.open_later()
        try:
            outcomes = await self._connection.perform_all([step.request for step in steps])
            for step, outcome in zip(steps, outcomes, strict=True):
                if isinstance(outcome, PenstockError):
                    raise outcome
                step.take(step.request.read(outcome), _now())
        except BaseException as error:
            self._reader.lost()
            if not isinstance(error, PenstockError):
                # Replies are due that nobody waits for: the next steps have another connection.
                self._connection.abandon()
                self._connection = None
            raise


def _now() -> float:
    return asyncio.get_running_loop().time()
