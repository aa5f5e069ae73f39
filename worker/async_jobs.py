"""Runs async tasks side by side on the I/O thread's loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from penstock.config import limits
from penstock.worker.captured import Capture
from penstock.worker.claims import Claim
from penstock.worker.current import RUNNING
from penstock.worker.descriptors import StandardStreams
from penstock.worker.errors import Cancelled, HopelessError, SoftTimeout
from penstock.worker.executor import cancelled_message, encoded, timeout_message
from penstock.worker.forks import ForkGuard
from penstock.worker.note import Note
from penstock.worker.outcomes import Outcome, failed, hopeless, released
from penstock.worker.reports import Attempt
from penstock.worker.runnable import Runnable

_NS_PER_MS = 1_000_000


class AsyncJobs:
    """The async jobs of one process. Each is a task in the group that was given."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        note: Note,
        guard: ForkGuard,
        streams: StandardStreams,
        capture: Capture,
    ) -> None:
        self._tasks = tasks
        self._note = note
        self._guard = guard
        self._streams = streams
        self._capture = capture
        self._deadlines: dict[Attempt, int] = {}
        self._unbegun: set[Attempt] = set()
        self._cancelled: set[Attempt] = set()  # Told to stop, and running.
        self._outbox: deque[Outcome] = deque()
        self._running: dict[Attempt, asyncio.Task[None]] = {}
        self._on_ended: Callable[[], None] = _nobody

    def tell(self, on_ended: Callable[[], None]) -> None:
        """Say who is called when a job has ended."""
        self._on_ended = on_ended

    @property
    def running(self) -> int:
        return len(self._running)

    def start(self, claim: Claim, runnable: Runnable) -> None:
        """Begin a job; its outcome is among the finished ones when its end is told."""
        attempt = (claim.id, claim.attempt)
        self._unbegun.add(attempt)
        task = self._tasks.create_task(self._run(claim, runnable))
        self._running[attempt] = task
        task.add_done_callback(partial(self._ended, claim))

    def finished(self) -> Iterator[Outcome]:
        """Take the outcomes so far."""
        while self._outbox:
            yield self._outbox.popleft()

    def cancel(self) -> None:
        """Cancel all jobs; what they return is of no use any more."""
        for task in self._running.values():
            task.cancel()

    def cancel_job(self, job_id: int, attempt: int) -> bool:
        """Cancel a job that its owner cancelled, once; tell whether it is here."""
        key = (job_id, attempt)
        task = self._running.get(key)
        if task is None:
            return False
        if key not in self._cancelled:
            self._cancelled.add(key)
            task.cancel(f"job {job_id} was cancelled")
            if key in self._deadlines:
                grace_end_ns = time.monotonic_ns() + limits.CANCEL_GRACE_MS * _NS_PER_MS
                self._deadlines[key] = min(self._deadlines[key], grace_end_ns)
                self._note_deadline()
        return True

    def _ended(self, claim: Claim, task: asyncio.Task[None]) -> None:
        attempt = (claim.id, claim.attempt)
        self._running.pop(attempt, None)
        self._cancelled.discard(attempt)
        if attempt in self._unbegun:  # Another job cancelled it before its first step.
            self._unbegun.remove(attempt)
            self._outbox.append(released(claim))
        self._on_ended()

    async def _run(self, claim: Claim, runnable: Runnable) -> None:
        started_ns = time.monotonic_ns()
        deadline_ns = started_ns + claim.timeout_ms * _NS_PER_MS
        attempt = (claim.id, claim.attempt)
        self._unbegun.discard(attempt)
        self._deadlines[attempt] = deadline_ns + limits.LEASE_GRACE_MS * _NS_PER_MS
        self._note.async_job_started()
        self._note_deadline()
        RUNNING.set(self._capture.job(claim, deadline_ns))
        outcome = await self._call(claim, runnable)
        self._streams.flush()
        self._outbox.append(outcome)
        # Not on any other way out: then the process dies, and the job must count as begun.
        del self._deadlines[attempt]
        self._note_deadline()

    async def _call(self, claim: Claim, runnable: Runnable) -> Outcome:
        try:
            args, kwargs = runnable.arguments(claim.payload)
        except HopelessError as error:
            return hopeless(claim, error)
        except BaseException as error:  # Converting arguments may run the task's code, too.
            return failed(claim, error, runnable.retries)
        scope = asyncio.timeout(claim.timeout_ms / 1000)
        try:
            async with scope:
                value = await runnable.fn(*args, **kwargs)
        except BaseException as error:  # SystemExit, MemoryError and all: the attempt failed.
            self._guard.exit_if_forked()
            if scope.expired() and isinstance(error, TimeoutError):
                error = SoftTimeout(timeout_message(claim)).with_traceback(error.__traceback__)
            elif isinstance(error, asyncio.CancelledError) and self._was_told(claim):
                error = Cancelled(cancelled_message(claim))
            return failed(claim, error, runnable.retries)
        self._guard.exit_if_forked()
        return encoded(claim, runnable, value)

    def _was_told(self, claim: Claim) -> bool:
        return (claim.id, claim.attempt) in self._cancelled

    def _note_deadline(self) -> None:
        self._note.async_deadline(min(self._deadlines.values(), default=0))


def _nobody() -> None:
    """Stand in until somebody wants to be told."""
