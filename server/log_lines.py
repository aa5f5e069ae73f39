"""Log lines of what may come in storms: a few a second, and of the others how many they were."""

from collections.abc import Callable
from typing import Final

import structlog

_SPAN_SECONDS: Final = 1.0


class LogLines:
    """Lines of one logger. Each counts as one of what is *counted*, a word such as jobs."""

    __slots__ = ("_counted", "_lines", "_lines_max", "_log", "_seconds", "_since", "_suppressed")

    def __init__(
        self,
        log: structlog.typing.FilteringBoundLogger,
        counted: str,
        lines_max: int,
        seconds: Callable[[], float],
    ) -> None:
        """Take a clock that never goes back, and how many lines there may be in a second."""
        self._log = log
        self._counted = counted
        self._lines_max = lines_max
        self._seconds = seconds
        self._since = seconds()
        self._lines = 0
        self._suppressed: dict[str, int] = {}

    def have_room(self, event: str) -> bool:
        """Say whether a line may be written now; if not, it is summed up later."""
        self.sum_up()
        if self._lines >= self._lines_max:
            self._suppressed[event] = self._suppressed.get(event, 0) + 1
            return False
        self._lines += 1
        return True

    def sum_up(self) -> None:
        """Log how many had no line of their own, if their second is over."""
        now = self._seconds()
        if now - self._since < _SPAN_SECONDS:
            return
        self._since = now
        self._lines = 0
        suppressed, self._suppressed = self._suppressed, {}
        for event, count in suppressed.items():
            about = {self._counted: count}
            self._log.warning(f"{event}: more than are logged one by one", **about)
