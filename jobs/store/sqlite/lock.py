"""The lock that keeps a second server away from a data directory."""

import fcntl
import os
from pathlib import Path
from typing import Final

from penstock.jobs.store.port import StoreInUse

LOCK_NAME: Final = "penstock.lock"
_PID_BYTES_MAX: Final = 32


class DirectoryLock:
    """Hold a directory until released, or until the process is gone, however it ends.

    It is a file of its own: opening and closing one of SQLite's files would drop SQLite's locks.
    The file stays when the lock is released, as removing it would let two processes hold two
    files of the same name.
    """

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises StoreInUse."""
        self._fd = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise StoreInUse(
                f"{directory} is in use by another server (pid {holder or 'unknown'}); stop that "
                "one, or give this one a data directory of its own"
            ) from None
        try:
            # Always as long: on a full disk a file that was cut could not grow again.
            os.pwrite(self._fd, b"%-*d\n" % (_PID_BYTES_MAX - 1, os.getpid()), 0)
        except OSError:
            os.close(self._fd)
            raise

    def release(self) -> None:
        os.close(self._fd)
