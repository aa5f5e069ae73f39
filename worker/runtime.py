"""The worker's conversation: claims jobs, has them run, tells the server what became of them.

Two threads take turns at it. The I/O thread's loop has it while nothing is to do, while async jobs
run, while a sync job runs long, and whenever anything is out of the ordinary. As long as short sync
jobs come one after the other it lends the connection to the main thread, which runs them anyway:
to hand each job over and back would cost more than the job.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from penstock.config import limits
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import INCOMPLETE, Push, Reply
from penstock.protocol.replies import ErrorReply, Simple
from penstock.worker.answers import Answers
from penstock.worker.async_jobs import AsyncJobs
from penstock.worker.claims import Claim, MalformedClaim, read_claims
from penstock.worker.errors import UnknownTask
from penstock.worker.executor import Executor, Job
from penstock.worker.link import Link
from penstock.worker.outcomes import hopeless, released
from penstock.worker.prefetch import (
    SHORT_TASK_NS,
    Kind,
    RunTimes,
    async_jobs_to_claim,
    sync_jobs_to_claim,
)
from penstock.worker.registrations import Registrations
from penstock.worker.reports import Attempt, Reports
from penstock.worker.runnable import Runnables

OpenLink: TypeAlias = Callable[[Callable[[str], None]], Awaitable[Link]]
Say: TypeAlias = Callable[[str], None]

CLAIM_WAIT_MS: Final = limits.CLAIM_WAIT_MS_DEFAULT
# The main thread is looked at this often. From a batch that runs as long as that the connection is
# taken back: finished jobs are answered, and if one job runs this long already, those behind it go
# back for others to run.
_LOOK_SECONDS: Final = 0.02
# The main thread gives the connection back when nothing has come for so long.
_QUIET_MS: Final = 100
# After a claim that was refused, or answered with nothing before its time.
_PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Claiming:
    """What this process claims."""

    queues: tuple[str, ...]
    concurrency: int  # Async jobs at once.
    # Whether short sync jobs may be held that have not begun. Only our own server learns from the
    # supervisor which had begun when a process died; to any other all of them would have failed.
    prefetches: bool


class Runtime:
    """Lives on the I/O thread's loop; the main thread calls `batch_ended`, any one `drain_soon`."""

    def __init__(
        self,
        *,
        claiming: Claiming,
        runnables: Runnables,
        executor: Executor,
        async_jobs: AsyncJobs,
        reports: Reports,
        say: Say,
    ) -> None:
        self._claiming = claiming
        self._runnables = runnables
        self._executor = executor
        self._async_jobs = async_jobs
        self._reports = reports
        self._registrations = Registrations(runnables.handlers, say)
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._times = RunTimes()
        self._commands: dict[int, bytes] = {}
        self._executor_busy = False
        self._jobs_counted = 0
        self._ns_counted = 0
        self._looking = False
        self._batch_seen = 0
        self._pump_planned = False
        self.drain_asked = asyncio.Event()
        self._idle = asyncio.Event()
        self._begin_session()
        async_jobs.tell(self._async_job_ended)
        reports.start(self._report)

    def _begin_session(self) -> None:
        self._link: Link | None = None
        self._answers: Answers | None = None
        self._claim_sent_at: float | None = None
        self._paused = False
        self._ended: asyncio.Future[str | None] = self._loop.create_future()
        # Outcomes of a connection that was lost: their leases went with it.
        for _ in (*self._executor.finished(), *self._async_jobs.finished()):
            pass

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._executor_busy or self._async_jobs.running > 0

    async def session(self, open_link: OpenLink) -> str | None:
        """Work over one connection; return why it was lost, or None when all work is drained."""
        self._begin_session()
        self._link = await open_link(self._lost)
        self._link.on_push = self._pushed
        self._answers = Answers(self._link, self._reports, self._say, self._end_if_drained)
        self._registrations.start(self._link)
        self._pump()
        self._end_if_drained()
        try:
            return await self._ended
        finally:
            self._registrations.stop()
            self._answers.stop()
            self._link.close()
            self._link = self._answers = None

    async def abandon(self, reason: str, grace_seconds: float) -> bool:
        """Interrupt what runs, its lease being lost; tell whether it ended within the grace."""
        self._executor.take_back()
        self._executor.interrupt(reason)
        self._async_jobs.cancel()
        self._idle.clear()
        if self.busy:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_seconds):
                    await self._idle.wait()
        return not self.busy

    def drain_soon(self) -> None:
        """Stop claiming, finish what runs, give the rest back. From any thread, often."""
        self._loop.call_soon_threadsafe(self._drain)

    def _lost(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)

    def _drain(self) -> None:
        self.drain_asked.set()
        if self._link is not None and not self._link.take_back():
            return  # The main thread will see it and give the connection back.
        self._give_back(self._executor.take_back())
        self._pump()
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if not self.drain_asked.is_set() or self.busy or self._claim_sent_at is not None:
            return
        if self._link is not None and self._link.lent:
            return
        if self._answers is not None and self._answers.unanswered == 0 and not self._ended.done():
            self._ended.set_result(None)

    # --- claims ---------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Ask for what can be run and send what has finished, in one write.

        The claim goes first: its answer need not wait behind those of the outcomes, which come
        after a commit. Nothing is waiting for theirs.
        """
        if self._link is None or self._answers is None:
            return
        self._prepare(self._link, self._answers)
        self._link.flush()

    def _prepare(self, link: Link, answers: Answers) -> None:
        jobs_max = self._jobs_to_claim()
        if jobs_max:
            self._claim_sent_at = time.monotonic()
            link.send(self._claim_command(jobs_max), self._claimed)
        for outcome in self._executor.finished():
            answers.send(outcome)
        for outcome in self._async_jobs.finished():
            answers.send(outcome)

    def _jobs_to_claim(self) -> int:
        if self.drain_asked.is_set() or self._paused or self._claim_sent_at is not None:
            return 0
        free = async_jobs_to_claim(self._async_jobs.running, self._claiming.concurrency)
        if self._runnables.kind is Kind.ASYNC:
            return free
        # What a claim brings may be synchronous: a busy main thread could only give it back.
        if self._executor_busy:
            return 0
        count = sync_jobs_to_claim(self._times) if self._claiming.prefetches else 1
        return min(count, free) if self._runnables.kind is Kind.MIXED else count

    def _claim_command(self, jobs_max: int) -> bytes:
        if jobs_max not in self._commands:
            self._commands[jobs_max] = encode_command(
                ["JOB.CLAIM", *self._claiming.queues, "COUNT", jobs_max, "WAIT", CLAIM_WAIT_MS]
            )
        return self._commands[jobs_max]

    def _claimed(self, reply: Reply) -> None:
        assert self._claim_sent_at is not None
        waited = time.monotonic() - self._claim_sent_at
        self._claim_sent_at = None
        if isinstance(reply, ErrorReply):
            if reply.code != "DRAINING":
                self._say(f"the server refused a claim: {reply.code} {reply.text}")
            self._pause()
            return
        try:
            claims = read_claims(reply)
        except MalformedClaim as error:
            self._lost(str(error))
            return
        if claims:
            self._start(claims)
        elif waited < CLAIM_WAIT_MS / 2000:
            self._pause()  # The server hands out nothing at present; asking at once would spin.
        self._pump()
        self._end_if_drained()

    def _pause(self) -> None:
        self._paused = True
        self._loop.call_later(_PAUSE_SECONDS, self._resume)
        self._end_if_drained()

    def _resume(self) -> None:
        self._paused = False
        self._pump()

    # --- jobs -----------------------------------------------------------------------------------

    def _start(self, claims: list[Claim]) -> None:
        assert self._answers is not None
        if self.drain_asked.is_set():
            self._give_back(claims)
            return
        batch = []
        for claim in claims:
            try:
                runnable = self._runnables.get(claim.task)
            except UnknownTask as error:
                self._answers.send(hopeless(claim, error))
                continue
            if runnable.is_async:
                self._async_jobs.start(claim, runnable)
            else:
                batch.append(Job(claim, runnable))
        if batch:
            self._submit(batch)
            self._loop.call_soon(self._lend)
            if not self._looking:
                self._looking = True
                self._loop.call_later(_LOOK_SECONDS, self._look)

    def _submit(self, batch: list[Job]) -> None:
        self._executor_busy = True
        self._executor.submit(batch)

    def _look(self) -> None:
        if not self._executor_busy and (self._link is None or not self._link.lent):
            self._looking = False
            return
        self._loop.call_later(_LOOK_SECONDS, self._look)
        seen, self._batch_seen = self._batch_seen, self._executor.batches
        since_ns = self._executor.running_since_ns
        if not since_ns or seen != self._batch_seen:
            return
        if self._link is not None and not self._link.take_back():
            return
        if time.monotonic_ns() - since_ns > _LOOK_SECONDS * 1e9:
            self._give_back(self._executor.take_back())
        self._pump()

    def _give_back(self, claims: list[Claim]) -> None:
        if self._answers is None:
            return
        for claim in claims:
            self._answers.send(released(claim))

    def _batch_ended(self) -> None:
        if self._link is not None:
            self._link.take_back()
        self._count_batch()
        self._job_ended()

    def _count_batch(self) -> None:
        self._executor_busy = False
        jobs = self._executor.jobs_run - self._jobs_counted
        run_ns = self._executor.run_ns - self._ns_counted
        if jobs:
            self._times.add(jobs, run_ns)
            self._jobs_counted += jobs
            self._ns_counted += run_ns

    def _async_job_ended(self) -> None:
        # Jobs that end in one turn of the loop are answered with one write.
        if not self._pump_planned:
            self._pump_planned = True
            self._loop.call_soon(self._async_jobs_ended)

    def _async_jobs_ended(self) -> None:
        self._pump_planned = False
        self._job_ended()

    def _job_ended(self) -> None:
        if not self.busy:
            self._idle.set()
        self._pump()
        self._end_if_drained()

    # --- jobs that run --------------------------------------------------------------------------

    def _pushed(self, push: Push) -> None:
        """Take what the server says on its own account; of what is unknown, nothing."""
        match push:
            case [b"cancel" | "cancel", int(job_id), int(attempt)]:
                self._cancel((job_id, attempt))

    def _cancel(self, attempt: Attempt) -> None:
        if not self._async_jobs.cancel_job(*attempt):
            self._executor.cancel(*attempt)

    def _report(self) -> None:
        """Send what jobs tell about themselves."""
        if self._link is None:
            self._reports.take()  # Their leases went with the connection.
        elif not self._reports.pending:
            return
        elif not self._link.take_back() or self._link.is_congested:
            self._reports.later()
        else:
            for report in self._reports.take():
                self._link.send(report.command, partial(self._reported, report.attempt))
            self._link.flush()

    def _reported(self, attempt: Attempt, reply: Reply) -> None:
        if isinstance(reply, ErrorReply) and reply.code == "CANCELLED":
            self._cancel(attempt)

    # --- the main thread's turn -----------------------------------------------------------------

    def _lend(self) -> None:
        """Let the main thread go on by itself, if all there is to do are short sync jobs."""
        if self._link is None or self._answers is None or self._answers.repeating:
            return
        if self._async_jobs.running or self._pump_planned or self._paused:
            return
        if not self.drain_asked.is_set() and self._times.mean_ns < SHORT_TASK_NS:
            self._link.lend()

    def batch_ended(self) -> None:
        """Go on with the next batch, or leave that to the loop. For the main thread."""
        link, answers = self._link, self._answers
        if link is None or answers is None or self.drain_asked.is_set() or not link.borrow():
            self._loop.call_soon_threadsafe(self._batch_ended)
            return
        self._count_batch()
        self._prepare(link, answers)
        batch = self._next_batch(link)
        if batch:
            self._claim_sent_at = None
            self._submit(batch)
        link.give_back()
        if not batch:
            self._loop.call_soon_threadsafe(self._batch_ended)

    def _next_batch(self, link: Link) -> list[Job]:
        """Wait for jobs; return none if that, or what the server says before, is for the loop."""
        if not link.flush_borrowed():
            return []
        while (reply := link.receive_borrowed(_QUIET_MS)) is not INCOMPLETE:
            batch = self._batch_of(reply)
            if not batch and type(reply) is not Simple:
                link.leave_borrowed(reply)
                break
            on_reply = link.next_awaited()
            if batch:
                return batch
            on_reply(reply)
        return []

    def _batch_of(self, reply: Reply) -> list[Job]:
        """Read what a claim brought; return none unless all of it can be run by the main thread."""
        if type(reply) is not list or self.drain_asked.is_set():
            return []
        try:
            batch = [Job(claim, self._runnables.get(claim.task)) for claim in read_claims(reply)]
        except (MalformedClaim, UnknownTask):
            return []
        return [] if any(job.runnable.is_async for job in batch) else batch
