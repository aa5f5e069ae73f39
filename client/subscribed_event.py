"""An event and the group that it was given to, which knows what was handled."""

from collections.abc import Awaitable, Callable
from typing import Any

from penstock.client import event_requests
from penstock.client.event import Event
from penstock.client.requests import Request


class SubscribedEvent(Event):
    """An event that a subscription of a `Client` gave. *settle* learns that it needs no more."""

    __slots__ = ("_group", "_perform", "_settle")

    def __init__(
        self,
        event: Event,
        group: str | None,
        perform: Callable[[Request[Any]], Any],
        settle: Callable[[str], None],
    ) -> None:
        super().__init__(event.stream, event.id, event.raw, event.deliveries)
        self._group = group
        self._perform = perform
        self._settle = settle

    def handled(self, key: str) -> bool:
        """Say whether the group has confirmed this business key, and still keeps it.

        Raises:
            RuntimeError: the subscription has no group.
        """
        group = _of_a_group(self._group)
        known: bool = self._perform(event_requests.handled(self.stream, group, key))
        return known

    def record(self, key: str, *, keep_ms: int | None = None) -> None:
        """Note that the group has dealt with what a business key stands for: a step of its work.

        It is durable when this returns. `handled(key)` finds it for *keep_ms*, seven days unless
        given, also when the event comes again because its consumer died.

        Raises:
            RuntimeError: the subscription has no group.
        """
        group = _of_a_group(self._group)
        self._perform(event_requests.confirm(self.stream, group, key, keep_ms, None))

    def confirm(self, key: str, *, keep_ms: int | None = None) -> None:
        """Record a key and acknowledge the event, in one transaction: all of its work is done.

        Raises:
            RuntimeError: the subscription has no group.
        """
        group = _of_a_group(self._group)
        self._perform(event_requests.confirm(self.stream, group, key, keep_ms, self.id))
        self._settle(self.id)


class AsyncSubscribedEvent(Event):
    """An event that a subscription of an `AsyncClient` gave. *settle* as above."""

    __slots__ = ("_group", "_perform", "_settle")

    def __init__(
        self,
        event: Event,
        group: str | None,
        perform: Callable[[Request[Any]], Awaitable[Any]],
        settle: Callable[[str], None],
    ) -> None:
        super().__init__(event.stream, event.id, event.raw, event.deliveries)
        self._group = group
        self._perform = perform
        self._settle = settle

    async def handled(self, key: str) -> bool:
        """Say whether the group has confirmed this business key, and still keeps it.

        Raises:
            RuntimeError: the subscription has no group.
        """
        group = _of_a_group(self._group)
        known: bool = await self._perform(event_requests.handled(self.stream, group, key))
        return known

    async def record(self, key: str, *, keep_ms: int | None = None) -> None:
        """Note that the group has dealt with what a business key stands for: a step of its work.

        It is durable when this returns. `handled(key)` finds it for *keep_ms*, seven days unless
        given, also when the event comes again because its consumer died. Cancelling leaves open
        whether it was noted.

        Raises:
            RuntimeError: the subscription has no group.
        """
        group = _of_a_group(self._group)
        await self._perform(event_requests.confirm(self.stream, group, key, keep_ms, None))

    async def confirm(self, key: str, *, keep_ms: int | None = None) -> None:
        """Record a key and acknowledge the event, in one transaction: all of its work is done.

        Cancelling leaves open whether it was; if not, the event comes again.

        Raises:
            RuntimeError: the subscription has no group.
        """
        group = _of_a_group(self._group)
        await self._perform(event_requests.confirm(self.stream, group, key, keep_ms, self.id))
        self._settle(self.id)


def _of_a_group(group: str | None) -> str:
    if group is None:
        raise RuntimeError("what was handled is known of groups: subscribe with group=...")
    return group
