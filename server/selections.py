"""The dead jobs of a queue that a filter finds: redriven or removed a slice at a time.

Only jobs that were dead already when it was asked: one that dies again is left, or a redrive at a
rate would never end. Each job is decided about in the moment its record is read, when nothing
else can have happened to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from penstock.config.limits import LIST_SCAN_MAX, SLICE_JOBS_MAX
from penstock.jobs.errors import Refused
from penstock.jobs.model import Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.store.port import JobFilter, Listing, ListQuestion, StoreError, StoreFull
from penstock.protocol.list_arguments import SelectionArguments
from penstock.server.chores import Answer, forget, list_and_decide
from penstock.server.engine import Engine

_NO_LIMIT: Final = 2**63


class Selection:
    """Jobs of one command. `count` says how many were dealt with."""

    def __init__(self, engine: Engine, asked: SelectionArguments) -> None:
        assert asked.queue is not None
        self._engine = engine
        self._filter = JobFilter(
            queue=QueueName(asked.queue),
            states=frozenset({State.DEAD}),
            task=None if asked.task is None else TaskName(asked.task),
            since=None if asked.submitted_from is None else Instant(asked.submitted_from),
            until=None if asked.submitted_until is None else Instant(asked.submitted_until),
            error=asked.error,
        )
        self._dead_until = engine.clock.now_ms()
        self._jobs_max = _NO_LIMIT if asked.jobs_max is None else asked.jobs_max
        self._after: JobId | None = JobId(0)  # None at the end.
        self.count = 0

    @property
    def is_done(self) -> bool:
        return self._after is None or self.count >= self._jobs_max

    async def find(self) -> int:
        """Count the jobs, and deal with at most so many from now on. Raises StoreError."""
        found = 0
        while not self.is_done:
            async with self._engine.chores.turn:
                found += len(await self._page(SLICE_JOBS_MAX, lambda jobs: None))
            self.count = found
        self._after, self.count, self._jobs_max = JobId(0), 0, found
        return found

    async def redrive(self, slice_jobs_max: int = SLICE_JOBS_MAX) -> None:
        """Let the next jobs run again, at most so many, and wait until that is durable.

        Raises:
            StoreFull: some of them were not, and are met again.
            StoreError: it is not known which were.
        """
        redriving = _Redriving(self._engine)
        before = self._after
        async with self._engine.chores.turn:
            await self._page(slice_jobs_max, redriving.begin)
            try:
                await redriving.end()
            except StoreFull:
                self._after = before
                raise
            finally:
                self.count += redriving.done_count

    async def discard(self) -> None:
        """Remove the next jobs. Raises StoreError."""
        discarded: list[JobId] = []

        def decide(jobs: Sequence[Job]) -> None:
            discarded.extend(job.id for job in jobs if _is_discarded(self._engine, job))

        async with self._engine.chores.turn:
            await self._page(SLICE_JOBS_MAX, decide)
            if discarded:
                self.count += await forget(self._engine.journal, discarded)

    async def _page(
        self, slice_jobs_max: int, decide: Callable[[Sequence[Job]], None]
    ) -> Sequence[Job]:
        """Find the next jobs, decide about them at once, and return them."""
        assert self._after is not None
        jobs_max = min(slice_jobs_max, self._jobs_max - self.count)
        jobs: list[Job] = []

        def listed(listing: Listing) -> None:
            self._after = listing.next_after
            jobs.extend(filter(self._was_dead, listing.jobs))
            decide(jobs)

        question = ListQuestion(self._filter, self._after, jobs_max, LIST_SCAN_MAX)
        await list_and_decide(self._engine.journal, question, listed)
        return jobs

    def _was_dead(self, job: Job) -> bool:
        return job.finished_at is not None and job.finished_at <= self._dead_until


class _Redriving:
    """One slice of jobs on their way to the store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begun_count = 0
        self._settled_count = 0
        self._problem: StoreError | None = None
        self._all_settled: Answer[None] = Answer()
        self.done_count = 0

    def begin(self, jobs: Sequence[Job]) -> None:
        """Decide about jobs as they were just read; those that are being changed are left."""
        broker, now = self._engine.broker, self._engine.clock.now_ms()
        for job in jobs:
            try:
                self._begun_count += broker.revisions.redrive(job, now=now, settled=self._settled)
            except Refused:
                continue

    async def end(self) -> None:
        """Wait for those that were begun. Raises StoreError."""
        if self._begun_count:
            await self._all_settled.wait()
        if self._problem is not None:
            raise self._problem

    def _settled(self, problem: StoreError | None) -> None:
        self._settled_count += 1
        self.done_count += problem is None
        self._problem = problem or self._problem
        if self._settled_count == self._begun_count:
            self._all_settled(None)


def _is_discarded(engine: Engine, job: Job) -> bool:
    try:
        return engine.broker.revisions.discard(job)
    except Refused:
        return False
