"""A lock between processes, of which the outbox has two: for writing and for sending."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_NONE: Final = -1


class FileLock:
    """Held until it is released or the process is gone, however that ends.

    It is a file of its own: opening and closing one of SQLite's files would drop SQLite's locks.
    The file stays: removing it would let two processes hold two files of the same name.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, and hold it within the block."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def take(self) -> bool:
        """Take the lock if nobody holds it; say whether that is so."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let others have it, and close the file. Doing so twice is harmless.

        In a process that was forked this takes nothing from the parent, which holds it on.
        """
        fd, self._fd = self._fd, _NONE
        if fd != _NONE:
            os.close(fd)
