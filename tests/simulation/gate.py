"""A store whose commits end when, and as, the test says."""

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, TypeVar

from penstock.jobs.model import Instant
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import EPOCH, Batch, Commit, Snapshot, StoreFailed, StoreFull

T = TypeVar("T")


class End(Enum):
    """How a commit ends."""

    WRITTEN = "written"
    FULL = "full"  # Nothing of it was written.
    FAILED = "failed"  # Nothing of it was written, which nobody knows.
    FAILED_LATE = "failed late"  # It was written, which nobody knows.


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("it waits")


class GatedStore:
    """The memory store behind a gate: `batch` waits before it until `end` is called."""

    def __init__(
        self, inner: MemoryStore, before: Callable[[], None], after: Callable[[Batch], None]
    ) -> None:
        """Take whom to call before and after each batch that is written."""
        self._inner = inner
        self._before = before
        self._after = after
        self._ended: asyncio.Future[Commit] | None = None
        self.batch: Batch | None = None

    async def load(self, now: Instant = EPOCH, cancelled_keep_ms: int = 0) -> Snapshot:
        return await self._inner.load(now, cancelled_keep_ms)

    async def commit(self, batch: Batch) -> Commit:
        assert self.batch is None, "one commit at a time"
        self.batch = batch
        self._ended = asyncio.get_running_loop().create_future()
        return await self._ended

    async def rest(self) -> None:
        assert self.batch is None, "no rest during a commit"

    async def close(self) -> None:
        await self._inner.close()

    def end(self, end: End) -> None:
        """Let the commit in flight end."""
        assert self.batch is not None
        assert self._ended is not None
        batch, self.batch = self.batch, None
        if end is End.FULL:
            self._ended.set_exception(StoreFull("no room"))
            return
        if end is End.FAILED:
            self._ended.set_exception(StoreFailed("input/output error"))
            return
        commit = self._write(batch)
        if end is End.WRITTEN:
            self._ended.set_result(commit)
        else:
            self._ended.set_exception(StoreFailed("input/output error"))

    def write(self) -> None:
        """Write what is in flight, of which nobody will be told."""
        assert self.batch is not None
        self._write(self.batch)

    def _write(self, batch: Batch) -> Commit:
        self._before()
        commit = at_once(self._inner.commit(batch))
        self._after(batch)
        return commit
