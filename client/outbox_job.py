"""A submission of an outbox, as a handle on its job."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from penstock.client.info import JobInfo
from penstock.client.job import AsyncJob, Job
from penstock.client.outbox import Outbox
from penstock.client.outbox_entry import EntryState
from penstock.client.outbox_fates import Fate
from penstock.client.requests import Request
from penstock.client.tasks import Decode
from penstock.config.limits import CALL_WAIT_MS_DEFAULT

R = TypeVar("R")


class OutboxJob(Job[R]):
    """A submission that is in the outbox, and a job once the server has it.

    `entry_id` is its number in the outbox and `key` its idempotency key: with either it can be
    found again after a restart.
    """

    __slots__ = ("_fate", "_outbox")

    def __init__(
        self,
        outbox: Outbox,
        fate: Fate,
        perform: Callable[[Request[Any]], Any],
        wait_ms: int | None,
        decode: Decode,
    ) -> None:
        self._outbox = outbox
        self._fate = fate
        self._perform = perform
        self._wait_ms = wait_ms
        self._decode = decode

    @property
    def id(self) -> int | None:  # type: ignore[override] # The one difference: it comes later.
        """The job's id, None until the server has acknowledged it."""
        return _job_id(self._outbox, self._fate)

    @property
    def entry_id(self) -> int:
        """Its number in the outbox."""
        return self._fate.id

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self._fate.key

    @property
    def state(self) -> EntryState:
        """Whether it is pending, acknowledged or refused."""
        return _state(self._outbox, self._fate)

    def wait_acknowledged(self, wait_ms: int | None = None) -> int:
        """Wait until the server has it, and return the job's id.

        Raises:
            Refused: the server declined it; it stays in the outbox as refused.
            NotAcknowledged: *wait_ms* went by; it stays in the outbox and is sent.
        """
        self._outbox.wait_for(self._fate, None if wait_ms is None else wait_ms / 1000)
        return self._outbox.job_id_of(self._fate)

    def result(self, wait_ms: int | None = None) -> R:
        """Wait until the job was acknowledged and finished, and return its result.

        Raises:
            NotAcknowledged, Refused: as for `wait_acknowledged`.
            JobFailed, WaitTimeout: as for every job.
        """
        total_ms = _total_ms(self._wait_ms if wait_ms is None else wait_ms)
        began = time.monotonic()
        job_id = self.wait_acknowledged(total_ms)
        job: Job[R] = Job(job_id, self._perform, None, self._decode)
        return job.result(_rest_ms(total_ms, began))

    def show(self) -> JobInfo:
        """Return everything the server knows of it; raises as `wait_acknowledged(0)` does."""
        return Job(self.wait_acknowledged(0), self._perform, None, self._decode).show()

    def __repr__(self) -> str:
        return _described(self._outbox, self._fate)


class AsyncOutboxJob(AsyncJob[R]):
    """A submission that is in the outbox, and a job once the server has it.

    `entry_id` is its number in the outbox and `key` its idempotency key: with either it can be
    found again after a restart.
    """

    __slots__ = ("_fate", "_outbox")

    def __init__(
        self,
        outbox: Outbox,
        fate: Fate,
        perform: Callable[[Request[Any]], Awaitable[Any]],
        wait_ms: int | None,
        decode: Decode,
    ) -> None:
        self._outbox = outbox
        self._fate = fate
        self._perform = perform
        self._wait_ms = wait_ms
        self._decode = decode

    @property
    def id(self) -> int | None:  # type: ignore[override] # The one difference: it comes later.
        """The job's id, None until the server has acknowledged it."""
        return _job_id(self._outbox, self._fate)

    @property
    def entry_id(self) -> int:
        """Its number in the outbox."""
        return self._fate.id

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self._fate.key

    @property
    def state(self) -> EntryState:
        """Whether it is pending, acknowledged or refused."""
        return _state(self._outbox, self._fate)

    async def wait_acknowledged(self, wait_ms: int | None = None) -> int:
        """Wait until the server has it, and return the job's id. Cancelling ends the wait only.

        Raises:
            Refused: the server declined it; it stays in the outbox as refused.
            NotAcknowledged: *wait_ms* went by; it stays in the outbox and is sent.
        """
        loop = asyncio.get_running_loop()
        settled = asyncio.Event()

        def tell() -> None:
            # Called by the outbox's thread, which may outlive the loop.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settled.set)

        fate = self._fate
        fate.listeners.append(tell)
        try:
            self._outbox.look_up(fate)
            if not fate.is_known:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if wait_ms is None else wait_ms / 1000):
                        await settled.wait()
        finally:
            fate.listeners.remove(tell)
        return self._outbox.job_id_of(fate)

    async def result(self, wait_ms: int | None = None) -> R:
        """Wait until the job was acknowledged and finished, and return its result.

        Raises:
            NotAcknowledged, Refused: as for `wait_acknowledged`.
            JobFailed, WaitTimeout: as for every job.
        """
        total_ms = _total_ms(self._wait_ms if wait_ms is None else wait_ms)
        began = time.monotonic()
        job_id = await self.wait_acknowledged(total_ms)
        job: AsyncJob[R] = AsyncJob(job_id, self._perform, None, self._decode)
        return await job.result(_rest_ms(total_ms, began))

    async def show(self) -> JobInfo:
        """Return everything the server knows of it; raises as `wait_acknowledged(0)` does."""
        job_id = await self.wait_acknowledged(0)
        return await AsyncJob[R](job_id, self._perform, None, self._decode).show()

    def __repr__(self) -> str:
        return _described(self._outbox, self._fate)


def _job_id(outbox: Outbox, fate: Fate) -> int | None:
    outbox.look_up(fate)
    return None if fate.entry is None else fate.entry.job_id


def _state(outbox: Outbox, fate: Fate) -> EntryState:
    outbox.look_up(fate)
    if fate.is_gone:
        outbox.job_id_of(fate)  # It says that this is not known any more.
    return EntryState.PENDING if fate.entry is None else fate.entry.state


def _described(outbox: Outbox, fate: Fate) -> str:
    entry = fate.entry
    if entry is None:
        return f"<entry {fate.id} of the outbox {outbox.path}>"
    return f"<job {entry.job_id}>" if entry.code is None else f"<refused: {entry.code}>"


def _total_ms(wait_ms: int | None) -> int:
    return CALL_WAIT_MS_DEFAULT if wait_ms is None else wait_ms


def _rest_ms(total_ms: int, began: float) -> int:
    return max(0, total_ms - round((time.monotonic() - began) * 1000))
