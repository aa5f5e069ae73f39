"""Those who look after queues: they cancel, redrive and discard jobs, and set what queues do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from penstock.jobs.errors import Finished, Invalid, NoJob, NoQueue, Overloaded
from penstock.jobs.model import FINISHED, WAITING, Instant, Job, JobId, QueueName, State
from penstock.jobs.revisions import REDRIVABLE, Cancelling
from penstock.jobs.store.port import (
    ExpiringQuestion,
    JobEnd,
    Removal,
    StoreError,
    StoreFailed,
)
from tests.simulation.asked import Asked
from tests.simulation.ledger import Purge

if TYPE_CHECKING:
    from tests.simulation.world import World

_TRIES = 20


class People:
    """Calls are made by name; each leaves the world in order."""

    def __init__(self, world: World) -> None:
        self._world = world

    # --- jobs ----------------------------------------------------------------------------------

    def cancel(self, job_id: int) -> None:
        self._about(job_id, "cancel", self._cancel)

    def redrive(self, job_id: int) -> None:
        self._about(job_id, "redrive", self._redrive)

    def discard(self, job_id: int) -> None:
        self._about(job_id, "discard", self._discard)

    def _about(self, job_id: int, what: str, do: Callable[[Job, Asked], bool]) -> None:
        """Read a job, and do something to it; again and again while it is busy."""
        world = self._world
        asked = world.ask(f"wish to {what} job {job_id}")
        tries = _TRIES

        def read(end: JobEnd | StoreError | None) -> None:
            nonlocal tries
            if isinstance(end, StoreError):
                asked.told(end)
            elif end is None:
                assert world.durable.job(JobId(job_id)) is None
                asked.told("no job")
            elif not do(world.broker.current(end.job), asked):
                tries -= 1
                if tries:
                    world.journal.read_end(JobId(job_id), read)
                else:
                    asked.told("busy")
            world.collect()

        world.journal.read_end(JobId(job_id), read)
        world.turn()

    def _cancel(self, job: Job, asked: Asked) -> bool:
        world, cancels = self._world, self._world.ledger.cancels
        cancels[job.id] = cancels.get(job.id, 0) + 1

        def settled(problem: StoreError | None) -> None:
            if not isinstance(problem, StoreFailed):
                # Until then the broker may say so once more.
                cancels[job.id] -= problem is None
            asked.told(problem)
            now_is = world.durable.job(job.id)
            if problem is None and now_is is not None and now_is.state not in FINISHED:
                assert now_is.cancel_asked_at is not None, f"job {job.id} was to be cancelled"
                assert job.id in world.ledger.holds

        try:
            came = world.broker.revisions.cancel(job, "unwanted", now=world.now, settled=settled)
        except Finished:
            assert job.state in FINISHED - {State.CANCELLED}
            asked.told("finished")
        except NoJob:
            assert world.ledger.is_purged(job)
            asked.told("purged")
        else:
            if came is Cancelling.BUSY:
                world.collect()
                happens = job.id in world.ledger.on_way or world.ledger.is_purged(job)
                assert happens, f"nothing happens to job {job.id}"
                cancels[job.id] -= 1
                return False
            assert (came is Cancelling.TOLD) is (job.id in world.ledger.holds)
        return True

    def _redrive(self, job: Job, asked: Asked) -> bool:
        world = self._world
        if job.state not in REDRIVABLE:
            asked.told("not to be redriven")
            return True

        def settled(problem: StoreError | None) -> None:
            if not isinstance(problem, StoreFailed):
                world.ledger.redrives.discard(job.id)
            asked.told(problem)
            if problem is None:
                now_is = world.durable.job(job.id)
                assert now_is is None or now_is.state in WAITING
                assert now_is is None or now_is.failures == 0

        world.ledger.redrives.add(job.id)
        is_purged = world.ledger.is_purged(job)
        try:
            done = world.broker.revisions.redrive(job, now=world.now, settled=settled)
        except NoJob:
            self._check_going(job)
            asked.told("going")
            return True
        if is_purged and not done:
            asked.told("being purged")
            return True
        assert done or job.id in world.ledger.on_way
        return done

    def _discard(self, job: Job, asked: Asked) -> bool:
        world = self._world
        if job.state not in FINISHED:
            asked.told("not finished")
            return True
        try:
            done = world.broker.revisions.discard(job)
        except NoJob:
            self._check_going(job)
            asked.told("going")
            return True
        if not done:
            assert job.id in world.ledger.on_way
            return False
        world.ledger.discards.add(job.id)

        def forgotten(count: int | StoreError) -> None:
            world.ledger.discards.discard(job.id)
            asked.told(count)
            if not isinstance(count, StoreError):
                assert world.durable.job(job.id) is None, f"job {job.id} was discarded"

        world.journal.forget([job.id], forgotten)
        return True

    def _check_going(self, job: Job) -> None:
        assert job.remove_at is not None
        is_over = job.remove_at <= self._world.removed_until
        assert is_over or job.id in self._world.ledger.discards, f"job {job.id} is there"

    # --- queues --------------------------------------------------------------------------------

    def set(
        self,
        queue: QueueName,
        changes: Mapping[str, object],
        weights: Mapping[str, int | None] | None = None,
    ) -> None:
        """Change what is set for a queue."""
        world = self._world
        asked = Asked(f"settings of {queue}: {changes}")
        try:
            world.broker.administration.set(queue, changes, weights or {}, asked.told)
        except (Invalid, Overloaded):
            pass
        else:
            world.asked.append(asked)
        world.turn()

    def pause(self, queue: QueueName, *, paused: bool) -> None:
        world = self._world
        asked = Asked(f"pause of {queue}")
        try:
            world.broker.administration.pause(queue, paused=paused, settled=asked.told)
        except Overloaded:
            pass
        else:
            world.asked.append(asked)
        world.turn()

    def purge(self, queue: QueueName) -> None:
        world, ledger = self._world, self._world.ledger
        asked = Asked(f"purge of {queue}")
        until = JobId(world.last_id)
        purge = Purge(until, frozenset(hold.job.id for hold in ledger.held(queue)))

        def settled(problem: StoreError | None) -> None:
            purge.is_on_record = problem is None
            if problem is not None and not isinstance(problem, StoreFailed):
                ledger.purges[queue].remove(purge)
            asked.told(problem)

        try:
            world.broker.purge(queue, settled)
        except NoQueue:
            pass
        else:
            world.asked.append(asked)
            ledger.purges.setdefault(queue, []).append(purge)
        world.turn()

    # --- what comes with time ------------------------------------------------------------------

    def remove(self, jobs_max: int) -> None:
        """Have finished jobs removed whose time is over."""
        world = self._world
        world.removed_until = max(world.removed_until, world.now)
        world.journal.remove_finished(Removal(world.now, jobs_max))
        world.turn()

    def look_for_expired(self, jobs_max: int) -> None:
        """Have waiting jobs expire whose deadline has passed."""
        world = self._world
        if world.broker.expires_before(world.now):
            world.journal.look_for_expired(ExpiringQuestion(_NEVER, jobs_max))
        world.turn()


_NEVER = Instant(2**63 - 1)
