"""Room set aside for the day the disk is full.

Everything that SQLite writes needs room, also what makes room: on a full disk jobs could not even
be completed or removed. So some is set aside, given up when the disk is full, and new jobs are
refused until it could be set aside again. What is under way ends meanwhile.
"""

import os
import sys
from pathlib import Path
from typing import Final

from penstock.jobs.store.sqlite.checkpoints import PAGE_BYTES, WAL_PAGES_MAX

RESERVE_NAME: Final = "penstock.reserve"
# The log may grow to its full length once, and the database by as much.
RESERVE_BYTES: Final = 2 * WAL_PAGES_MAX * PAGE_BYTES
_BLOCK_BYTES: Final = 512  # The unit of st_blocks, whatever the file system.


class Reserve:
    """A file that takes up room and holds nothing."""

    def __init__(self, directory: Path, size: int = RESERVE_BYTES) -> None:
        self._path = directory / RESERVE_NAME
        self.size = size
        self._is_there = self._takes_its_room()

    def restore(self) -> bool:
        """Set the room aside if there is as much. Say whether it is set aside."""
        try:
            if not self._is_there and self._free_bytes() >= self.size:
                self._take_room()
        except OSError:
            self.release()
        return self._is_there

    def release(self) -> bool:
        """Give the room up. Say whether there was any."""
        was_there, self._is_there = self._is_there, False
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return False
        return was_there

    def _takes_its_room(self) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        return min(found.st_size, found.st_blocks * _BLOCK_BYTES) >= self.size

    def _free_bytes(self) -> int:
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def _take_room(self) -> None:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if sys.platform == "linux":
                os.posix_fallocate(fd, 0, self.size)
            else:
                os.write(fd, bytes(self.size))
        finally:
            os.close(fd)
        self._is_there = self._takes_its_room()
