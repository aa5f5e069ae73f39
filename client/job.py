"""A submitted job, as a handle on its result."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from penstock.client import job_requests, requests
from penstock.client.info import JobInfo
from penstock.client.job_requests import Cancellation
from penstock.client.outbox_entry import EntryState
from penstock.client.requests import Request
from penstock.client.tasks import Decode

R = TypeVar("R")


class Job(Generic[R]):
    """A job that was accepted. It holds no result: `result` asks the server each time."""

    __slots__ = ("_decode", "_perform", "_wait_ms", "id")

    def __init__(
        self,
        job_id: int,
        perform: Callable[[Request[Any]], Any],
        wait_ms: int | None,
        decode: Decode,
    ) -> None:
        self.id = job_id
        self._perform = perform
        self._wait_ms = wait_ms
        self._decode = decode

    @property
    def state(self) -> EntryState:
        """Whether the server has it: always so, unless it was submitted through an outbox."""
        return EntryState.ACKNOWLEDGED

    def wait_acknowledged(self, wait_ms: int | None = None) -> int:
        """Return the id; of a job that was submitted through an outbox, wait for it."""
        return self.id

    def result(self, wait_ms: int | None = None) -> R:
        """Wait until the job finished and return its result.

        *wait_ms* is that of the client's options unless it is given, an hour if neither is.

        Raises:
            JobFailed: it used up its attempts. JobCancelled, JobExpired: as they say.
            WaitTimeout: it has not finished; the job goes on.
        """
        wait_ms = self._wait_ms if wait_ms is None else wait_ms
        result: R = self._perform(requests.wait(self.id, wait_ms, decode=self._decode))
        return result

    def show(self) -> JobInfo:
        """Return everything the server knows of it."""
        shown: JobInfo = self._perform(requests.show(self.id))
        return shown

    def cancel(self, reason: str | None = None) -> Cancellation:
        """Cancel it: waiting, it will not run; running, its worker is told to stop.

        Raises:
            Refused: with FINISHED, it finished already.
            NotAcknowledged: it is in an outbox still, and will be sent.
        """
        job_id = self.wait_acknowledged(0)
        cancellation: Cancellation = self._perform(job_requests.cancel(job_id, reason))
        return cancellation

    def __repr__(self) -> str:
        return f"<job {self.id}>"


class AsyncJob(Generic[R]):
    """A job that was accepted. It holds no result: `result` asks the server each time."""

    __slots__ = ("_decode", "_perform", "_wait_ms", "id")

    def __init__(
        self,
        job_id: int,
        perform: Callable[[Request[Any]], Awaitable[Any]],
        wait_ms: int | None,
        decode: Decode,
    ) -> None:
        self.id = job_id
        self._perform = perform
        self._wait_ms = wait_ms
        self._decode = decode

    @property
    def state(self) -> EntryState:
        """Whether the server has it: always so, unless it was submitted through an outbox."""
        return EntryState.ACKNOWLEDGED

    async def wait_acknowledged(self, wait_ms: int | None = None) -> int:
        """Return the id; of a job that was submitted through an outbox, wait for it."""
        return self.id

    async def result(self, wait_ms: int | None = None) -> R:
        """Wait until the job finished and return its result.

        *wait_ms* is that of the client's options unless it is given, an hour if neither is.
        Cancelling ends the wait; the job goes on.

        Raises:
            JobFailed: it used up its attempts. JobCancelled, JobExpired: as they say.
            WaitTimeout: it has not finished; the job goes on.
        """
        wait_ms = self._wait_ms if wait_ms is None else wait_ms
        result: R = await self._perform(requests.wait(self.id, wait_ms, decode=self._decode))
        return result

    async def show(self) -> JobInfo:
        """Return everything the server knows of it."""
        shown: JobInfo = await self._perform(requests.show(self.id))
        return shown

    async def cancel(self, reason: str | None = None) -> Cancellation:
        """Cancel it: waiting, it will not run; running, its worker is told to stop.

        Raises:
            Refused: with FINISHED, it finished already.
            NotAcknowledged: it is in an outbox still, and will be sent.
        """
        job_id = await self.wait_acknowledged(0)
        cancellation: Cancellation = await self._perform(job_requests.cancel(job_id, reason))
        return cancellation

    def __repr__(self) -> str:
        return f"<job {self.id}>"
