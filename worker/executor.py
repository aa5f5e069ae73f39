"""Runs synchronous tasks on the main thread, one at a time."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from penstock.config import limits
from penstock.worker.alarm import Alarm
from penstock.worker.captured import Capture
from penstock.worker.claims import Claim
from penstock.worker.current import RUNNING
from penstock.worker.descriptors import StandardStreams
from penstock.worker.endings import Ending
from penstock.worker.errors import Cancelled, HopelessError, SoftTimeout
from penstock.worker.forks import ForkGuard
from penstock.worker.note import Note
from penstock.worker.outcomes import Outcome, Verdict, failed, hopeless
from penstock.worker.reports import Attempt
from penstock.worker.runnable import Runnable

_NS_PER_MS = 1_000_000
# A signal that arrives as the main thread goes to wait does not end the wait, and Python looks at
# it afterwards only: so a wait is short. SIGTERM mostly comes to a worker that just went idle.
_WAIT_SECONDS: Final = 0.2


class Job(NamedTuple):
    """A claim and the task it asks for."""

    claim: Claim
    runnable: Runnable


class Executor:
    """Takes batches of jobs from the thread that has the connection and leaves outcomes for it.

    That one calls `submit`, `take_back` and `finished`, the main thread `run`. What they
    share is two deques, whose appends and pops are atomic; a job is in one of them, or running.
    """

    def __init__(
        self, note: Note, guard: ForkGuard, streams: StandardStreams, capture: Capture
    ) -> None:
        self._note = note
        self._guard = guard
        self._streams = streams
        self._capture = capture
        self._alarm = Alarm()
        self._inbox: deque[Job] = deque()
        self._outbox: deque[Outcome] = deque()
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._running: Claim | None = None
        # Attempts that were told to stop, by the thread that has the connection; those of a batch
        # are forgotten with it.
        self._cancelled: set[Attempt] = set()
        self.batches = 0  # Begun so far.
        self.running_since_ns = 0  # 0: nothing runs.
        self.jobs_run = 0
        self.run_ns = 0

    def submit(self, jobs: Iterable[Job]) -> None:
        """Hand over a batch. The one before must have ended."""
        self._inbox.extend(jobs)
        self._wake.put(True)

    def take_back(self) -> list[Claim]:
        """Take away the jobs that have not begun."""
        claims = []
        while True:
            try:
                claims.append(self._inbox.pop().claim)
            except IndexError:
                return claims

    def finished(self) -> Iterator[Outcome]:
        """Take the outcomes so far, those of a batch that still runs included."""
        while True:
            try:
                yield self._outbox.popleft()
            except IndexError:
                return

    def interrupt(self, reason: str) -> None:
        """Raise SoftTimeout in the job that runs."""
        self._alarm.ring_now(SoftTimeout(reason))

    def cancel(self, job_id: int, attempt: int) -> None:
        """Raise Cancelled in a job: now if it runs, or as soon as it begins."""
        key = (job_id, attempt)
        if key in self._cancelled:
            return
        self._cancelled.add(key)
        claim = self._running
        if claim is None or (claim.id, claim.attempt) != key:
            return
        self._alarm.ring_now(Cancelled(cancelled_message(claim)), claim)
        grace_ns = limits.CANCEL_GRACE_MS * _NS_PER_MS
        self._note.sync_job_stopped(job_id, time.monotonic_ns() + grace_ns)
        if self._running is not claim:  # It ended meanwhile, and may have seen no note to clear.
            self._note.no_sync_job_stopped()

    def stop(self) -> None:
        """Let `run` return once the batches before are done."""
        self._wake.put(False)

    def run(self, on_idle: Callable[[], None]) -> None:
        """Run batches until stopped; *on_idle* is called after each."""
        self._alarm.install()
        while self._wait():
            self._run_inbox()
            self._alarm.install()
            self._streams.restore()
            on_idle()

    def _wait(self) -> bool:
        """Wait for a batch; tell whether to go on."""
        while True:
            with suppress(Empty):
                return self._wake.get(timeout=_WAIT_SECONDS)

    def _run_inbox(self) -> None:
        self.batches += 1
        while True:
            try:
                claim, runnable = self._inbox.popleft()
            except IndexError:
                if self._cancelled:
                    self._cancelled.clear()
                return
            started_ns = time.monotonic_ns()
            self.running_since_ns = started_ns
            self._alarm.install()
            self._outbox.append(self._run_job(claim, runnable, started_ns))
            # Only now: if anything but an outcome comes of the job, the process dies, and the note
            # tells the supervisor of what. Cleared earlier, the job would count as never begun.
            self._note.sync_job_ended()
            self._running = None
            if self._cancelled:
                self._note.no_sync_job_stopped()
            self.running_since_ns = 0
            self.run_ns += time.monotonic_ns() - started_ns
            self.jobs_run += 1

    def _run_job(self, claim: Claim, runnable: Runnable, started_ns: int) -> Outcome:
        deadline_ns = started_ns + claim.timeout_ms * _NS_PER_MS
        self._note.sync_job_started(claim.id, deadline_ns + limits.LEASE_GRACE_MS * _NS_PER_MS)
        job = self._capture.job(claim, deadline_ns)
        token = RUNNING.set(job)
        self._running = claim
        self._capture.sync_job = job
        try:
            return self._call(claim, runnable)
        except (SoftTimeout, Cancelled) as late:  # It rang after the function had ended.
            return failed(claim, late, runnable.retries)
        finally:
            self._alarm.disarm()
            self._streams.flush()
            self._capture.sync_job = None
            RUNNING.reset(token)

    def _call(self, claim: Claim, runnable: Runnable) -> Outcome:
        try:
            args, kwargs = runnable.arguments(claim.payload)
        except HopelessError as error:
            return hopeless(claim, error)
        except BaseException as error:  # Converting arguments may run the task's code, too.
            return failed(claim, error, runnable.retries)
        try:
            self._alarm.arm(claim.timeout_ms / 1000, timeout_message(claim), claim)
            if self._cancelled and (claim.id, claim.attempt) in self._cancelled:
                raise Cancelled(cancelled_message(claim))
            value = runnable.fn(*args, **kwargs)
            self._alarm.disarm()
        except BaseException as error:  # SystemExit, MemoryError and all: the attempt failed.
            self._alarm.disarm()
            self._guard.exit_if_forked()
            return failed(claim, error, runnable.retries)
        self._guard.exit_if_forked()
        return encoded(claim, runnable, value)


def encoded(claim: Claim, runnable: Runnable, value: object) -> Outcome:
    """Make the outcome of a call that returned."""
    if isinstance(value, Ending):
        return failed(claim, value, runnable.retries)
    try:
        return Outcome(claim, Verdict.COMPLETED, runnable.result(value))
    except HopelessError as error:
        return hopeless(claim, error)
    except BaseException as error:  # The value's own code may raise anything while it is read.
        return failed(claim, error, runnable.retries)


def timeout_message(claim: Claim) -> str:
    """Say what SoftTimeout says."""
    return f"{claim.task}() ran longer than its timeout of {claim.timeout_ms} ms"


def cancelled_message(claim: Claim) -> str:
    """Say what Cancelled says."""
    return f"job {claim.id} was cancelled"
