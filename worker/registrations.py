"""What a worker tells the server of its handlers, over its connection, before it claims."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from penstock.client import event_requests, trigger_requests
from penstock.client.errors import PenstockError
from penstock.client.options import Options
from penstock.client.position import start_of
from penstock.client.reading import passes
from penstock.client.requests import Request
from penstock.protocol.reader import Reply
from penstock.worker.handler import Handler
from penstock.worker.link import Link

_Registration: TypeAlias = tuple[Handler[..., Any], Request[None]]

_AGAIN_SECONDS: Final = 1.0
# The group of a trigger, which has its cursor.
_GROUP: Final = "trigger:{}"


class Registrations:
    """Registers the handlers of an app with each connection; doing it again changes nothing.

    Workers go on without a handler that cannot be registered: it is said, and tried again where
    that may help.
    """

    def __init__(self, handlers: Sequence[Handler[..., Any]], say: Callable[[str], None]) -> None:
        self._wanted = [one for handler in handlers for one in _registrations(handler)]
        self._say = say
        self._link: Link | None = None
        self._failed: list[_Registration] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self, link: Link) -> None:
        """Send everything with the next write."""
        self._link = link
        self._send(self._wanted)

    def stop(self) -> None:
        """Forget the connection."""
        self._link = None
        self._failed.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self, registrations: Sequence[_Registration]) -> None:
        assert self._link is not None
        for registration in registrations:
            self._link.send(registration[1].stem, partial(self._answered, registration))

    def _answered(self, registration: _Registration, reply: Reply) -> None:
        handler, request = registration
        try:
            request.read(reply)
        except PenstockError as error:
            is_for_now = passes(error)
            then = "; it will be tried again" if is_for_now else ""
            self._say(f"{handler!r} could not be registered: {error}{then}")
            if is_for_now:
                self._failed.append(registration)
                self._later()

    def _later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._again)

    def _again(self) -> None:
        self._timer = None
        if self._link is None:
            return
        if not self._link.take_back():
            self._later()
            return
        failed, self._failed = self._failed, []
        self._send(failed)
        self._link.flush()


def _registrations(handler: Handler[..., Any]) -> Iterator[_Registration]:
    if handler.from_ != "cursor":
        # Made first, with the place to begin at, the group is the cursor that a trigger finds: so
        # a handler begins there once, and goes on from where it stands ever after.
        group = _GROUP.format(handler.name)
        start = start_of(handler.from_)
        yield handler, event_requests.create_group(handler.stream, group, start)
    options = Options(
        timeout_ms=handler.timeout_ms,
        attempts=None if handler.retry is None else handler.retry.attempts,
        group=None if handler.group_by is None else f"${{{handler.group_by}}}",
    )
    yield (
        handler,
        trigger_requests.set_trigger(
            handler.name, handler.stream, handler, options, match=handler.match
        ),
    )
