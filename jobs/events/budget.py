"""Memory for all streams or groups together: who was quiet longest is forgotten first."""

from collections.abc import Container
from typing import Protocol


class Kept(Protocol):
    """Something that takes memory and could be read again."""

    bytes_count: int

    def clear(self) -> None:
        """Forget all of it."""
        ...


class Budget:
    """Holds what is kept to a maximum; what was used last always stays."""

    __slots__ = ("_bytes_max", "_counted", "bytes_count")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        # What takes memory, with how much it was counted for; the quietest first.
        self._counted: dict[Kept, int] = {}
        self.bytes_count = 0

    def changed(self, kept: Kept) -> None:
        """Count what was used just now."""
        self.bytes_count += kept.bytes_count - self._counted.pop(kept, 0)
        if kept.bytes_count:
            self._counted[kept] = kept.bytes_count

    def recount(self, kept: Kept) -> None:
        """Count what has become less, which is no use of it."""
        counted = self._counted.get(kept)
        if counted is not None:
            self.bytes_count += kept.bytes_count - counted
            self._counted[kept] = kept.bytes_count

    def shrink(self, needed: Container[Kept]) -> None:
        """Forget what is too much, but not what somebody waits with who needs all of it at once."""
        if self.bytes_count <= self._bytes_max:
            return
        for quiet in list(self._counted)[:-1]:
            if quiet not in needed:
                self.forget(quiet)
                quiet.clear()
            if self.bytes_count <= self._bytes_max:
                break

    def forget(self, kept: Kept) -> None:
        """Count it no more."""
        self.bytes_count -= self._counted.pop(kept, 0)
