"""Publishing under a key, so that an event which is sent again is not appended again."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from penstock.jobs.events.model import EventId, StreamName, StreamNumber

PublishKey: TypeAlias = tuple[StreamNumber, str]


class Publications:
    """What the store said about keys that are being published under.

    Whether a key was used is known to the store alone, and asked before the event is appended. An
    answer is kept for two turns: its request comes in the first, unless it is held up.
    """

    __slots__ = ("_fresh", "_old", "_wanted")

    def __init__(self) -> None:
        self._wanted: dict[tuple[StreamName, str], None] = {}
        self._fresh: dict[PublishKey, EventId | None] = {}
        self._old: dict[PublishKey, EventId | None] = {}

    def want(self, stream: StreamName, key: str) -> None:
        """Have the store asked about a key with the turn that ends next."""
        self._wanted[stream, key] = None

    def answer(self, key: PublishKey) -> EventId | None:
        """Return the event that a key was used for; None if it was not. Raises KeyError."""
        return self._fresh[key] if key in self._fresh else self._old[key]

    def take_wanted(self) -> list[tuple[StreamName, str]]:
        """Return what the store is to be asked now."""
        wanted, self._wanted = self._wanted, {}
        return list(wanted)

    def is_known(self, key: PublishKey) -> bool:
        """Say whether the answer will still be here in the next turn."""
        return key in self._fresh

    def take(self, answers: Mapping[PublishKey, EventId | None]) -> None:
        """Take the answers of a turn that was committed."""
        self._old, self._fresh = self._fresh, dict(answers)

    def forget(self, keys: Iterable[PublishKey]) -> None:
        """Forget answers that are not true any more."""
        for key in keys:
            self._fresh.pop(key, None)
            self._old.pop(key, None)
