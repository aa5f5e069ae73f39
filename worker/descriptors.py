"""Keeping our file descriptors out of the way of what tasks do with theirs."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO, TypeAlias

OpenStream: TypeAlias = Callable[[int], TextIO]

# Tasks, and daemons they start, close "all" descriptors up to some small number.
_LOW_FDS: Final = 64
_HIGH_FD_MIN: Final = 128
_STANDARD_FDS: Final = (0, 1, 2)


def lift(fd: int) -> int:
    """Move a descriptor to a high number that programs a task starts do not inherit."""
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD_MIN)
    except OSError:  # A process that may open few files has no high numbers.
        os.set_inheritable(fd, False)
        return fd
    os.close(fd)
    return high


@contextmanager
def low_numbers_taken() -> Iterator[None]:
    """Make descriptors that are opened meanwhile, such as an event loop's, get high numbers."""
    fillers = []
    try:
        while (fd := os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)) < _LOW_FDS:
            fillers.append(fd)
        os.close(fd)
    except OSError:  # Few files are allowed: then low numbers have to do.
        for filler in fillers:
            os.close(filler)
        fillers.clear()
    try:
        yield
    finally:
        for filler in fillers:
            os.close(filler)


class StandardStreams:
    """Descriptors 0 to 2 as they were, so that a task that closes them harms only itself."""

    def __init__(self) -> None:
        self._open_stream: OpenStream = _open_stream
        self._ours: tuple[TextIO, ...] = ()
        self._copies = {fd: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in _STANDARD_FDS}
        self._copies = {fd: lift(copy) for fd, copy in self._copies.items()}
        self._identities = {fd: _identity(fd) for fd in _STANDARD_FDS}

    def say(self, text: str) -> None:
        """Write a line of our own to the standard error as it was."""
        with contextlib.suppress(OSError):  # Nobody may be reading.
            os.write(
                self._copies[2], f"penstock worker: {text}\n".encode(errors="backslashreplace")
            )

    def open(self, open_stream: OpenStream) -> None:
        """Have Python's streams for output opened like this, now and when a task closed one."""
        self._open_stream = open_stream
        self._reopen()

    def flush(self) -> None:
        """Write what was printed without the end of a line."""
        try:
            for stream in self._ours:
                stream.flush()
        except (OSError, ValueError):  # Nobody reads it, or it is closed.
            pass

    def restore(self) -> None:
        """Put back what a task closed or redirected."""
        for fd in _STANDARD_FDS:
            if _identity(fd) != self._identities[fd]:
                os.dup2(self._copies[fd], fd)
        for stream in (sys.stdout, sys.stderr):
            if stream is None or stream.closed:
                self._reopen()
                return

    def _reopen(self) -> None:
        sys.stdout, sys.stderr = self._ours = self._open_stream(1), self._open_stream(2)


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _open_stream(fd: int) -> TextIO:
    # closefd=False: what a task closes next is again only its own object.
    return open(fd, "w", buffering=1, closefd=False)
