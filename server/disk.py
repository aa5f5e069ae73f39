"""Looks at the disk once a second, and says when it has too little room for more jobs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskStatus
from msgspec import Struct

from penstock.config.limits import DISK_LOOK_SECONDS
from penstock.jobs.space import LowSpace, is_low

_log = structlog.get_logger("penstock.disk")

ReadFree = Callable[[Path], int]


class DiskState(Struct):
    """What was seen last. Of the memory store's disk there is nothing to see."""

    free_bytes: int | None = None
    low: LowSpace | None = None


def read_free_bytes(directory: Path) -> int:
    """Return how many bytes this user may still write beside *directory*."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


class DiskWatch:
    """Keeps a DiskState true, and tells the verdict to whoever decides about submissions.

    *min_bytes* is `disk_free_min`; None has it look only.
    """

    def __init__(
        self,
        directory: Path,
        min_bytes: int | None,
        state: DiskState,
        tell: Callable[[LowSpace | None], None],
        *,
        read_free: ReadFree = read_free_bytes,
    ) -> None:
        self._directory = directory
        self._min_bytes = min_bytes
        self._state = state
        self._tell = tell
        self._read_free = read_free
        # A disk of the network that is gone blocks who looks: one thread, and never the loop.
        self._limiter = CapacityLimiter(1)
        self._is_readable = True

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Look now, and then once a second until cancelled."""
        await self.look()
        task_status.started()
        while True:
            await anyio.sleep(DISK_LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Read what is free and decide. A disk that cannot be read changes nothing."""
        try:
            free = await to_thread.run_sync(
                self._read_free, self._directory, limiter=self._limiter, abandon_on_cancel=True
            )
        except OSError as error:
            if self._is_readable:
                _log.warning(
                    "the free space cannot be read; what was decided goes on",
                    directory=str(self._directory),
                    reason=error.strerror,
                )
            self._is_readable = False
            self._state.free_bytes = None
            return
        self._is_readable = True
        self._state.free_bytes = free
        if self._min_bytes is not None:
            self._decide(free, self._min_bytes)

    def _decide(self, free: int, min_bytes: int) -> None:
        before = self._state.low
        low = None
        if is_low(before is not None, free_bytes=free, min_bytes=min_bytes):
            low = LowSpace(str(self._directory), free, min_bytes)
        self._state.low = low
        self._tell(low)
        if low is not None and before is None:
            _log.warning(
                "the disk has too little room; submissions are refused, all else goes on",
                directory=low.directory,
                free_bytes=free,
                disk_free_min=min_bytes,
                enough_bytes=low.enough_bytes,
            )
        elif low is None and before is not None:
            _log.info(
                "the disk has room again; submissions are taken",
                directory=before.directory,
                free_bytes=free,
            )
