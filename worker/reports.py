"""What running jobs tell about themselves: how far they are, and what they print."""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.encoding import encode_command

Attempt: TypeAlias = tuple[int, int]  # A job's id and the number of the attempt.

# A job that has something to tell waits so long first: most jobs have ended by then, and what they
# would have told is of no use any more.
_FIRST_SECONDS: Final = 0.1
# From one time to the next; between them the last is kept.
_EVERY_SECONDS: Final = 1.0
_TEXT_BYTES_MAX: Final = limits.JOB_OUTPUT_BYTES_MAX
# What is held before all but the end is dropped: rarely, as a task may print very much.
_HELD_BYTES_MAX: Final = 8 * _TEXT_BYTES_MAX
_PIECES_MAX: Final = 1_024
_CONTINUATION: Final = bytes(range(0x80, 0xC0))  # Of a character in UTF-8, after its first byte.


class Report(Struct, frozen=True):
    """One command about a job that runs."""

    attempt: Attempt
    command: bytes


class _Tail:
    """The end of what a job printed since it was last told, and how much there was."""

    __slots__ = ("_held", "_pieces", "_printed")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._printed = 0

    def add(self, data: bytes) -> None:
        self._printed += len(data)
        self._pieces.append(data)
        self._held += len(data)
        if self._held > _HELD_BYTES_MAX or len(self._pieces) > _PIECES_MAX:
            self._pieces = [self._end(_TEXT_BYTES_MAX)]
            self._held = len(self._pieces[0])

    def text(self) -> bytes:
        """Give it as UTF-8 that is no longer than the server keeps."""
        if self._printed <= _TEXT_BYTES_MAX:
            return self._end(_TEXT_BYTES_MAX).decode(errors="replace").encode()
        mark = b"[%d bytes left out]\n"
        kept = self._end(_TEXT_BYTES_MAX - len(mark) - len(str(self._printed)))
        kept = kept.lstrip(_CONTINUATION)
        text = kept.decode(errors="replace").encode()
        return mark % (self._printed - len(kept)) + text

    def _end(self, bytes_max: int) -> bytes:
        return b"".join(self._pieces)[-bytes_max:]


class Reports:
    """Collects from all threads, for the I/O thread, which sends it at most once a second.

    Telling costs a task next to nothing, never waits for the server and never fails.
    """

    def __init__(self) -> None:
        # A signal handler of the task's may print while its thread is in here: hence no plain lock.
        self._lock = threading.RLock()
        self._tails: dict[Attempt, _Tail] = {}
        self._progress: dict[Attempt, tuple[int, str]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_due: Callable[[], None] = lambda: None
        self._planned = False
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self._forked = False
        os.register_at_fork(after_in_child=self._in_child)

    def start(self, on_due: Callable[[], None]) -> None:
        """Have *on_due* called on this loop when there is something to send."""
        self._loop = asyncio.get_running_loop()
        self._on_due = on_due

    # --- for any thread -------------------------------------------------------------------------

    def progress(self, attempt: Attempt, percent: int, note: str) -> None:
        if self._forked:
            return
        with self._lock:
            self._progress[attempt] = (percent, note)
        self._plan_soon()

    def printed(self, attempt: Attempt, data: bytes) -> None:
        if self._forked:
            return
        with self._lock:
            tail = self._tails.get(attempt)
            if tail is None:
                tail = self._tails[attempt] = _Tail()
            tail.add(data)
        if not self._planned:
            self._plan_soon()

    def end(self, attempt: Attempt) -> bytes:
        """Forget an attempt that ended; give what it printed and was not sent."""
        if not self._tails and not self._progress:
            return b""
        self._progress.pop(attempt, None)
        with self._lock:
            tail = self._tails.pop(attempt, None)
        return b"" if tail is None else tail.text()

    # --- for the I/O thread ---------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        return bool(self._tails or self._progress)

    def take(self) -> list[Report]:
        """Take what there is to send."""
        with self._lock:
            tails, self._tails = self._tails, {}
            progress, self._progress = self._progress, {}
        return [
            *(Report(key, output_command(key, tail.text())) for key, tail in tails.items()),
            *(Report(key, progress_command(key, *told)) for key, told in progress.items()),
        ]

    def later(self) -> None:
        """Ask again: it could not be sent."""
        self._planned = True
        self._plan()

    # --- inside ---------------------------------------------------------------------------------

    def _plan_soon(self) -> None:
        if self._planned or self._loop is None:
            return
        with suppress(RuntimeError):  # The loop is closed: the process ends.
            self._loop.call_soon_threadsafe(self._plan)
        self._planned = True

    def _plan(self) -> None:
        if self._timer is None:
            assert self._loop is not None
            delay = max(_FIRST_SECONDS, self._not_before - self._loop.time())
            self._timer = self._loop.call_later(delay, self._due)

    def _due(self) -> None:
        assert self._loop is not None
        self._timer = None
        self._planned = False
        self._not_before = self._loop.time() + _EVERY_SECONDS
        self._on_due()

    def _in_child(self) -> None:
        # The connection is the parent's, and another thread may have had the lock.
        self._forked = True


def progress_command(attempt: Attempt, percent: int, note: str) -> bytes:
    """Encode JOB.PROGRESS; the start of a long note is kept."""
    raw = note.encode(errors="backslashreplace")[: limits.NOTE_BYTES_MAX]
    raw = raw.decode(errors="ignore").encode()
    return encode_command(["JOB.PROGRESS", *attempt, percent, *([raw] if raw else [])])


def output_command(attempt: Attempt, text: bytes) -> bytes:
    """Encode JOB.OUTPUT."""
    return encode_command(["JOB.OUTPUT", *attempt, text])
