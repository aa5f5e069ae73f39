"""Marks within what a worker prints that say which job printed it.

Its supervisor reads the lines some time after they were printed, when other jobs run. So a worker
puts a mark with the job's number before what a job prints through Python, and an empty one after.
What comes from elsewhere, such as from a program that a task started, has none.
"""

import re
from typing import Final

_MARK: Final = re.compile("\x1e([0-9]{0,19})\x1f")


def marked(job_id: int, data: bytes) -> bytes:
    """Say that a job printed this."""
    return b"\x1e%d\x1f%b\x1e\x1f" % (job_id, data)


class MarkReader:
    """Takes the marks out of the lines of one stream."""

    def __init__(self) -> None:
        self._job: int | None = None

    def read(self, line: str) -> list[tuple[int | None, str]]:
        """Give the pieces of a line, which several jobs may have printed, with the job of each."""
        text, *rest = _MARK.split(line)
        pieces = [(self._job, text)] if text else []
        # A line that begins with a mark has nothing of whoever printed before.
        seen = self._job if text or not rest else None
        for number, text in zip(rest[::2], rest[1::2], strict=True):
            self._job = int(number) if number else None
            seen = self._job or seen
            if text:
                pieces.append((self._job, text))
        return pieces or [(seen, "")]

    def forget(self) -> None:
        """Take note that something was left out, in which marks may have been."""
        self._job = None
