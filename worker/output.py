"""What tasks print: drained always, logged up to a limit."""

import asyncio
import os
from collections.abc import Callable
from typing import Final, TypeAlias

from penstock.config import limits
from penstock.worker.marks import MarkReader

OnLine: TypeAlias = Callable[[str, int | None], None]  # The job is told where that is certain.
OnDropped: TypeAlias = Callable[[int], None]

_READ_BYTES: Final = 64 * limits.KIB
_LINE_BYTES_MAX: Final = 8 * limits.KIB
# What a line costs at least: many empty lines are as dear to a log as few long ones.
_LINE_BYTES_MIN: Final = 64


class LineQuota:
    """Cuts a stream into lines and lets `bytes_max` of them pass in each second.

    Pure: time is an argument. The bytes dropped in a second are told once it is over.
    """

    def __init__(self, bytes_max: int = limits.WORKER_OUTPUT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._second = 0
        self._used = 0
        self._partial = b""
        self.dropped = 0

    def feed(self, data: bytes, now: float) -> list[str]:
        """Take what was printed; give the lines that may be logged."""
        if int(now) != self._second:
            self._second = int(now)
            self._used = 0
        if self._used >= self._bytes_max:
            self._drop(data)
            return []
        *lines, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > _LINE_BYTES_MAX:
            lines.append(self._partial)
            self._partial = b""
        return [text for line in lines if (text := self._pass(line)) is not None]

    def end(self) -> list[str]:
        """Give the last line, which had no end."""
        partial, self._partial = self._partial, b""
        return [_shown(partial)] if partial else []

    def take_dropped(self) -> int:
        """Tell how many bytes were dropped since the last time."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def _pass(self, line: bytes) -> str | None:
        if self._used >= self._bytes_max:
            self.dropped += len(line) + 1
            return None
        self._used += max(len(line), _LINE_BYTES_MIN)
        if len(line) > _LINE_BYTES_MAX:
            self.dropped += len(line) - _LINE_BYTES_MAX
        return _shown(line[:_LINE_BYTES_MAX])

    def _drop(self, data: bytes) -> None:
        # The line that was begun is dropped with its end, however many pieces it comes in.
        self.dropped += len(self._partial) + len(data)
        self._partial = b""


class OutputDrain:
    """Reads one output pipe of a worker process whenever something is in it."""

    def __init__(self, fd: int, on_line: OnLine, on_dropped: OnDropped) -> None:
        self._fd: int | None = fd
        self._quota = LineQuota()
        self._marks = MarkReader()
        self._on_line = on_line
        self._on_dropped = on_dropped
        self._loop = asyncio.get_running_loop()
        self._telling: asyncio.TimerHandle | None = None
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    def close(self) -> None:
        """Read what is left and stop; a process that lives on has nobody to print to."""
        # A pipe holds little, but a survivor could fill it for ever.
        for _ in range(2 * limits.MIB // _READ_BYTES):
            if self._fd is None or not self._read():
                break
        self._close()

    def _read(self) -> bool:
        """Read once; return whether there may be more."""
        if self._fd is None:
            return False
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._close()
            return False
        for line in self._quota.feed(data, self._loop.time()):
            self._give(line)
        if self._quota.dropped:
            self._marks.forget()
        if self._quota.dropped and self._telling is None:
            self._telling = self._loop.call_later(1.0, self._tell)
        return True

    def _give(self, line: str) -> None:
        for job, text in self._marks.read(line):
            self._on_line(text, job)

    def _tell(self) -> None:
        self._telling = None
        if dropped := self._quota.take_dropped():
            self._on_dropped(dropped)

    def _close(self) -> None:
        if self._fd is None:
            return
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = None
        for line in self._quota.end():
            self._give(line)
        if self._telling is not None:
            self._telling.cancel()
        self._tell()


def _shown(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
