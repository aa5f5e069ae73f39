"""Submissions of many tasks to an outbox: those that come while one is written go together."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from penstock.client.errors import OutboxFull, OutboxUnusable, PenstockError
from penstock.client.outbox import Outbox
from penstock.client.outbox_entry import Entry, NewEntry
from penstock.client.outbox_fates import Fate
from penstock.config import limits

Written: TypeAlias = "asyncio.Future[Fate]"
Batch: TypeAlias = list[tuple[NewEntry, Written]]


class OutboxBatches:
    """Writes to the outbox from a thread, one batch at a time, in the order of submission."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[NewEntry, Written]] = deque()
        self._is_busy = False

    async def open(self) -> None:
        """Open the outbox; its callbacks are called on this loop. Raises OutboxUnusable."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._outbox.open, self._tell)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="penstock outbox writer")

    async def add(self, entry: NewEntry) -> Fate:
        """Write one submission; it is on disk when this returns.

        Cancelling leaves open whether it is written.
        """
        if self._thread is None:
            raise OutboxUnusable("the client is not open, or closed: use it with `async with`")
        written: Written = self._loop.create_future()
        self._waiting.append((entry, written))
        if not self._is_busy:
            self._begin()
        return await written

    async def close(self) -> None:
        """Fail those who wait for their turn, and close the outbox."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False)
        while self._waiting:
            _, written = self._waiting.popleft()
            if not written.done():
                written.set_exception(OutboxUnusable("the client was closed; nothing was written"))
        try:
            await asyncio.to_thread(self._outbox.stop)
        finally:
            # What is left is short, and calls the application back on its loop.
            self._outbox.close()

    def _tell(self, callback: Callable[[Entry], object], entry: Entry) -> None:
        self._loop.call_soon_threadsafe(callback, entry)

    def _begin(self) -> None:
        batch: Batch = []
        size = 0
        while self._waiting and len(batch) < limits.OUTBOX_WINDOW_ENTRIES_MAX:
            entry, written = self._waiting[0]
            size += len(entry.command)
            if batch and size > limits.OUTBOX_WINDOW_BYTES_MAX:
                break
            self._waiting.popleft()
            if not written.done():
                batch.append((entry, written))
        self._is_busy = bool(batch)
        if batch and self._thread is not None:
            entries = [entry for entry, _ in batch]
            future = self._loop.run_in_executor(self._thread, _add, self._outbox, entries)
            future.add_done_callback(partial(self._end, batch))

    def _end(self, batch: Batch, finished: "asyncio.Future[list[Fate | PenstockError]]") -> None:
        for (_, written), outcome in zip(batch, finished.result(), strict=True):
            if written.done():
                continue
            if isinstance(outcome, Fate):
                written.set_result(outcome)
            else:
                written.set_exception(outcome)
        self._begin()


def _add(outbox: Outbox, entries: list[NewEntry]) -> list[Fate | PenstockError]:
    """Write entries together; where there is no room for all of them, one by one."""
    try:
        return [*outbox.add(entries)]
    except OutboxFull as error:
        if len(entries) == 1:
            return [error]
    except PenstockError as error:
        return [type(error)(str(error)) for _ in entries]
    outcomes: list[Fate | PenstockError] = []
    for entry in entries:
        outcomes += _add(outbox, [entry])
    return outcomes
