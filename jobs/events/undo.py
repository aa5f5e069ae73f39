"""What was done to a structure, and how to take it back."""

from collections.abc import Callable


class UndoLog:
    """Inverse steps; the last one is taken back first."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def add(self, step: Callable[[], object]) -> None:
        """Remember how to take back what was done just now."""
        self._steps.append(step)

    def undo(self) -> None:
        while self._steps:
            self._steps.pop()()
