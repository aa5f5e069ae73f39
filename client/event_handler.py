"""A handler at run time: a function that is called with each event while its block lasts."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from penstock.client.backoff import Backoff
from penstock.client.subscribed_event import SubscribedEvent
from penstock.client.subscription import Subscription
from penstock.config import limits

_LOG: Final = logging.getLogger("penstock.client.handler")
# Of the time after which events are taken over: so often we say that we are still there.
_WORDS: Final = 4


class Handler:
    """Calls a function with one event after the other, in a thread of its own.

    Entering makes the group. An event is acknowledged when the function has returned. When it
    raised, it is called again, with growing pauses, before any later event; after so many
    *attempts* the handler has failed: its thread ends, and its error is raised at the end of the
    block, or by `join`. Leaving waits for a call that is under way, but not for another attempt.
    """

    def __init__(
        self,
        subscription: Subscription,
        function: Callable[[SubscribedEvent], object],
        *,
        attempts: int | None,
        take_over_ms: int,
    ) -> None:
        self._subscription = subscription
        self._function = function
        self._attempts = attempts
        self._word_seconds = take_over_ms / 1000 / _WORDS
        self._leaving = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="penstock handler", daemon=True)

    def __enter__(self) -> Self:
        self._subscription.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.set()
        while self._thread.is_alive():
            # Again and again: it may be connecting this moment, which nothing can end.
            self._subscription.stop()
            self._thread.join(limits.CLIENT_CLOSE_SECONDS)
        if kind is None:
            self._raise()

    def join(self, wait_ms: int | None = None) -> None:
        """Wait until the handler has failed, and raise its error; or until the time is over."""
        self._thread.join(None if wait_ms is None else wait_ms / 1000)
        self._raise()

    def _raise(self) -> None:
        if self._error is not None and not self._thread.is_alive():
            raise self._error

    def _run(self) -> None:
        try:
            while (event := next(self._subscription, None)) is not None:
                if not self._handle(event):
                    break
        except BaseException as error:
            _LOG.error("the handler of %s has failed: %r", self._subscription.stream, error)
            self._error = error
        finally:
            self._subscription.close()

    def _handle(self, event: SubscribedEvent) -> bool:
        """Call the function until it succeeds; say whether it did before the block was left."""
        backoff = _backoff()
        failures = 0
        while True:
            try:
                self._function(event)
            except Exception as error:
                failures += 1
                if self._attempts is not None and failures >= self._attempts:
                    raise
                _LOG.warning("%r could not be handled and will be again: %r", event, error)
            else:
                return True
            if not self._pause(backoff.next_seconds()):
                return False

    def _pause(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._leaving.wait(min(left, self._word_seconds)):
                return False
            self._subscription.hold()
        return not self._leaving.is_set()


def _backoff() -> Backoff:
    return Backoff(
        limits.CLIENT_HANDLER_BACKOFF_BASE_SECONDS, limits.CLIENT_HANDLER_BACKOFF_CAP_SECONDS
    )
