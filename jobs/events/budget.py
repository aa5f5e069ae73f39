"""Memory for all streams or groups together: who was quiet longest is forgotten first."""

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
        counted = self._counted
        self.bytes_count += kept.bytes_count - counted.pop(kept, 0)
        if kept.bytes_count:
            counted[kept] = kept.bytes_count
        while self.bytes_count > self._bytes_max and len(counted) > 1:
            quiet = next(iter(counted))
            self.forget(quiet)
            quiet.clear()

    def forget(self, kept: Kept) -> None:
        """Count it no more."""
        self.bytes_count -= self._counted.pop(kept, 0)
