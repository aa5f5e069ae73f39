"""A handler at run time: a coroutine function that is called with each event in a block."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from penstock.client.async_subscription import AsyncSubscription
from penstock.client.backoff import Backoff
from penstock.client.subscribed_event import AsyncSubscribedEvent
from penstock.config import limits

_LOG: Final = logging.getLogger("penstock.client.handler")
# Of the time after which events are taken over: so often we say that we are still there.
_WORDS: Final = 4


class AsyncHandler:
    """Calls a coroutine function with one event after the other, beside its block.

    Entering makes the group. An event is acknowledged when the function has returned. When it
    raised, it is called again, with growing pauses, before any later event; after so many
    *attempts* its error cancels the block and is raised from it. Leaving waits for a call that is
    under way, but not for another attempt.

    Cancelling the block cancels the call; its event is not acknowledged and comes again.
    """

    def __init__(
        self,
        subscription: AsyncSubscription,
        function: Callable[[AsyncSubscribedEvent], Awaitable[object]],
        *,
        attempts: int | None,
        take_over_ms: int,
    ) -> None:
        self._subscription = subscription
        self._function = function
        self._attempts = attempts
        self._word_seconds = take_over_ms / 1000 / _WORDS
        self._leaving = False
        self._calls = False  # Whether the function is under way.
        self._tasks: asyncio.TaskGroup | None = None
        self._runner: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._subscription.__aenter__()
        try:
            self._tasks = await asyncio.TaskGroup().__aenter__()
        except BaseException:
            await self._subscription.close()
            raise
        self._runner = self._tasks.create_task(self._run())
        self._keeper = self._tasks.create_task(self._keep())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._tasks is not None
        assert self._runner is not None
        self._leaving = True
        if kind is not None or not self._calls:
            self._runner.cancel()
        is_cancelled = isinstance(error, asyncio.CancelledError)
        try:
            # An error of the block passes as it is; the group would wrap it.
            await self._tasks.__aexit__(*((kind, error, trace) if is_cancelled else (None,) * 3))
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            raise group.exceptions[0] from None
        finally:
            await self._subscription.close()

    async def _run(self) -> None:
        assert self._keeper is not None
        async with AsyncExitStack() as stack:
            # It was entered before; left without an error it acknowledges the last event.
            stack.push_async_exit(self._subscription)
            stack.callback(self._keeper.cancel)
            while not self._leaving:
                event = await anext(self._subscription, None)
                if event is None:
                    return
                await self._handle(event)

    async def _handle(self, event: AsyncSubscribedEvent) -> None:
        backoff = Backoff(
            limits.CLIENT_HANDLER_BACKOFF_BASE_SECONDS, limits.CLIENT_HANDLER_BACKOFF_CAP_SECONDS
        )
        failures = 0
        while True:
            self._calls = True
            try:
                await self._function(event)
                return
            except Exception as error:
                failures += 1
                if self._attempts is not None and failures >= self._attempts:
                    raise
                _LOG.warning("%r could not be handled and will be again: %r", event, error)
            finally:
                self._calls = False
            await self._pause(backoff.next_seconds())

    async def _pause(self, seconds: float) -> None:
        if self._leaving:
            # As the block does that is left in the pause: the event is not finished.
            raise asyncio.CancelledError
        await asyncio.sleep(seconds)

    async def _keep(self) -> None:
        """Say of an event that takes long that it is still worked on."""
        while True:
            await asyncio.sleep(self._word_seconds)
            if self._subscription.is_at_work:
                await self._subscription.hold()
