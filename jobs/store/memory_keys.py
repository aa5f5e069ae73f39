"""Keys that are kept for a time, as the store in memory keeps them: of groups, or of streams."""

from collections.abc import Iterable
from itertools import islice
from typing import Generic, TypeVar

from penstock.jobs.model import Instant

Value = TypeVar("Value")


class MemoryKeys(Generic[Value]):
    """Keep a value for each key of an owner. The keys of who was dropped stay until forgotten."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], tuple[Instant, Value]] = {}
        self._dropped: set[int] = set()

    def put(self, owner: int, key: str, value: Value, remove_at: Instant) -> None:
        self._kept[owner, key] = (remove_at, value)

    def find(self, owner: int, key: str, now: Instant) -> Value | None:
        """Return the value of a key whose time is not over."""
        remove_at, value = self._kept.get((owner, key), (now, None))
        return value if remove_at > now else None

    def drop(self, owners: Iterable[int]) -> None:
        self._dropped |= set(owners)

    @property
    def has_dropped(self) -> bool:
        return any(owner in self._dropped for owner, _ in self._kept)

    def forget_over(self, now: Instant, keys_max: int) -> int:
        """Forget keys whose time is over, the oldest first; return how many."""
        over = sorted((at, key) for key, (at, _) in self._kept.items() if at <= now)
        return self._forget([key for _, key in over], keys_max)

    def forget_dropped(self, keys_max: int) -> int:
        """Forget keys of those who were dropped; return how many."""
        return self._forget([key for key in self._kept if key[0] in self._dropped], keys_max)

    def _forget(self, keys: Iterable[tuple[int, str]], keys_max: int) -> int:
        forgotten = list(islice(keys, keys_max))
        for key in forgotten:
            del self._kept[key]
        return len(forgotten)
