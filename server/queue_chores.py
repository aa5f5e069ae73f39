"""What is done to whole queues and takes several commits: a purge, a new order, a deletion.

The first two are on record in the queue's settings, and carried on after a start. A deletion is
not: cut off, it leaves a queue in which less is, and nobody was told that it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from penstock.config.limits import LIST_SCAN_MAX, SLICE_JOBS_MAX
from penstock.jobs.broker import Broker
from penstock.jobs.changes import Settled
from penstock.jobs.errors import NoJob, NoQueue, NotEmpty
from penstock.jobs.model import FINISHED, Job, JobId, QueueName, State
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import Terms
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.port import (
    JobFilter,
    Listing,
    ListQuestion,
    PurgeSlice,
    StoreFull,
)
from penstock.server.chores import Answer, Chores, caught_up, list_and_decide, purge_slice

_READY = frozenset({State.READY})


class QueueChores:
    """Carries on what is on record for queues, and deletes them."""

    __slots__ = ("_broker", "_chores", "_journal", "_pump")

    def __init__(
        self, broker: Broker, journal: Journal, chores: Chores, pump: Callable[[], None]
    ) -> None:
        """Take whom to call once something was decided."""
        self._broker = broker
        self._journal = journal
        self._chores = chores
        self._pump = pump

    def see_to(self, name: QueueName) -> None:
        """Carry on what is on record for a queue."""
        queue = self._find(name)
        if queue is None:
            return
        if queue.settings.purged_until:
            self._chores.carry_on(f"purge {name}", partial(self._purge, name))
        if not queue.settings.reordered:
            self._chores.carry_on(f"reorder {name}", partial(self._reorder, name))

    async def delete(self, queue: Queue, *, force: bool) -> int:
        """Remove all that is in a queue, and the queue; nothing can be submitted to it meanwhile.

        Return how many jobs that were.

        Cancelling leaves what was not removed yet.

        Raises:
            NotEmpty: jobs run, or wait and *force* does not say to remove them. Finished ones may
                have been removed.
            StoreError: the queue is still there.
        """
        queue.is_being_deleted = True
        try:
            removed_count = await self._empty(queue, force=force)
            async with self._chores.turn:  # So that no slice of a purge is under way.
                await self._durable(partial(self._broker.administration.delete, queue))
            return removed_count
        finally:
            queue.is_being_deleted = False

    # --- purging -------------------------------------------------------------------------------

    async def _purge(self, name: QueueName) -> int:
        """Remove slice after slice as long as a purge is on record; return how many jobs it was."""
        removed_count = 0
        while self._next_slice(name) is not None:
            async with self._chores.turn:
                removed_count += await self._purge_some(name)
        return removed_count

    def _next_slice(self, name: QueueName) -> PurgeSlice | None:
        queue = self._find(name)
        if queue is None:
            return None
        return self._broker.administration.purge_slice(queue, SLICE_JOBS_MAX)

    async def _purge_some(self, name: QueueName) -> int:
        asked = self._next_slice(name)
        if asked is None:
            return 0  # Another had the turn before, and ended it.
        try:
            purged = await purge_slice(self._journal, asked)
            if not purged.more:
                await caught_up(self._journal)  # Its end was decided, and is durable then.
        except StoreFull:
            return 0  # The journal pauses after it. Purging makes room, so it is tried again.
        return sum(map(len, purged.job_ids.values()))

    # --- a new order ---------------------------------------------------------------------------

    async def _reorder(self, name: QueueName) -> int:
        """Rank all ready jobs as long as it is on record that they are not of the order in force.

        Return how many jobs were looked at.
        """
        seen_count = 0
        while (queue := self._find(name)) is not None and not queue.settings.reordered:
            terms = queue.terms
            self._broker.administration.begin_reordering(queue)
            self._pump()
            try:
                seen_count += await self._rank_all(queue, terms)
                if queue.terms is terms:
                    self._broker.administration.end_reordering(queue)
                    self._pump()
                await caught_up(self._journal)
            except StoreFull:
                continue  # As above; the ranks that are written already stay as they are.
        return seen_count

    async def _rank_all(self, queue: Queue, terms: Terms) -> int:
        """Go through the ready jobs, in the order they came; to the end unless the terms change."""
        seen_count = 0
        after: JobId | None = JobId(0)
        while (
            after is not None
            and queue.terms is terms
            and (queue.ready_count or queue.admitted_count)
        ):
            async with self._chores.turn:
                listing = await self._rank_some(queue, after)
            after = listing.next_after
            seen_count += len(listing.jobs)
        return seen_count

    async def _rank_some(self, queue: Queue, after: JobId) -> Listing:
        wanted = JobFilter(queue=queue.name, states=_READY)
        ranked: Answer[None] = Answer()

        def decide(listing: Listing) -> None:
            self._broker.administration.reorder(queue, listing.jobs, ranked)

        listing = await list_and_decide(self._journal, _page(wanted, after), decide)
        await ranked.wait()
        return listing

    # --- deleting ------------------------------------------------------------------------------

    async def _empty(self, queue: Queue, *, force: bool) -> int:
        """Remove all jobs of a queue; when it returns there are none just then."""
        removed_count = 0
        while True:
            if queue.claimed_count or (queue.is_in_use and not force):
                raise NotEmpty(queue.name, queue.waiting_count, queue.claimed_count)
            if queue.is_in_use:
                removed_count += queue.waiting_count
                await self._durable(partial(self._broker.purge, queue.name))
                await self._purge(queue.name)
                removed_count -= queue.waiting_count
            elif queue.finished_count:
                removed_count += await self._remove_finished(queue)
            else:
                return removed_count

    async def _remove_finished(self, queue: Queue) -> int:
        removed_count = 0
        wanted = JobFilter(queue=queue.name, states=FINISHED)
        after: JobId | None = JobId(0)
        while after is not None and queue.finished_count:
            async with self._chores.turn:
                removed: Answer[int] = Answer()
                decide = partial(self._forget, removed)
                listing = await list_and_decide(self._journal, _page(wanted, after), decide)
                removed_count += await removed.wait()
            after = listing.next_after
        return removed_count

    def _forget(self, removed: Answer[int], listing: Listing) -> None:
        job_ids = [job.id for job in listing.jobs if self._is_discarded(job)]
        if job_ids:
            self._journal.forget(job_ids, removed)
        else:
            removed(0)

    def _is_discarded(self, job: Job) -> bool:
        try:
            return self._broker.revisions.discard(job)
        except NoJob:
            return False  # It is being removed already.

    # --- inside --------------------------------------------------------------------------------

    def _find(self, name: QueueName) -> Queue | None:
        try:
            return self._broker.administration.queue(name)
        except NoQueue:
            return None

    async def _durable(self, decide: Callable[[Settled], object]) -> None:
        """Decide something, and wait until it is durable. Raises StoreError."""
        answer: Answer[None] = Answer()
        decide(answer)
        self._pump()
        await answer.wait()


def _page(wanted: JobFilter, after: JobId) -> ListQuestion:
    return ListQuestion(wanted, after, SLICE_JOBS_MAX, LIST_SCAN_MAX)
