"""Chores: work on many jobs that takes several commits, a slice of jobs with each.

What a chore has to do is on record in the store, or its end is somebody's answer; so it may be cut
off at any commit. Slices take turns: of all chores together one is written with a commit, so that
whoever else waits for that commit waits for no more than one slice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import anyio
import structlog
from anyio.abc import TaskGroup, TaskStatus

from penstock.config.limits import CHORES_MAX
from penstock.jobs.errors import Draining, Overloaded
from penstock.jobs.model import JobId
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.port import (
    JobEnd,
    Listing,
    ListQuestion,
    Purged,
    PurgeSlice,
    StoreError,
)

_log = structlog.get_logger("penstock.chores")

Work = Callable[[], Awaitable[int | None]]  # Returns how many jobs it was about, for the log.
Told = TypeVar("Told")

_NO_JOB: Final = JobId(0)


class Chores:
    """All chores of one server. They are cut off when it shuts down."""

    def __init__(self, chores_max: int = CHORES_MAX) -> None:
        self._chores_max = chores_max
        self._tasks: TaskGroup | None = None
        self._early: list[tuple[str, Work]] = []  # Started before there was a task group.
        self._on_record: set[str] = set()
        self._is_stopped = False
        self.count = 0
        # Held while a slice is chosen, written and waited for.
        self.turn = anyio.Lock()

    def check_room(self) -> None:
        """Raise Overloaded if as many chores are under way as there may be."""
        if self.count >= self._chores_max:
            raise Overloaded("purges, redrives and the like that are under way", self._chores_max)

    def start(self, name: str, work: Work) -> None:
        """Start a chore that somebody asks for; the name is for the log.

        Raises:
            Overloaded: too many are under way; nothing happened.
            Draining: none is begun any more.
        """
        if self._is_stopped:
            raise Draining
        self.check_room()
        self._begin(name, work)

    def carry_on(self, name: str, work: Work) -> None:
        """Start a chore that is on record, unless one of this name is under way.

        There is one for each queue at most, and it is never refused. Work of this kind ends when
        nothing of it is on record any more, so what is put on record meanwhile is done as well.
        """
        if name not in self._on_record:
            self._on_record.add(name)
            self._begin(name, work)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Do chores as they are started. Cancelling cuts them off."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            early, self._early = self._early, []
            for name, work in early:
                tasks.start_soon(self._do, name, work)
            task_status.started()
            await anyio.sleep_forever()

    def stop(self) -> None:
        """Cut off all chores, and begin no more: the server shuts down."""
        self._is_stopped = True
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def _begin(self, name: str, work: Work) -> None:
        self.count += 1
        if self._tasks is None:
            self._early.append((name, work))
        elif not self._is_stopped:
            self._tasks.start_soon(self._do, name, work)

    async def _do(self, name: str, work: Work) -> None:
        _log.info("chore started", chore=name)
        try:
            jobs_count = await work()
        except StoreError as error:
            _log.warning("chore cut off by the store", chore=name, reason=str(error))
        except Exception:
            # Our mistake, and no reason to stop serving: what is on record is tried at the start.
            _log.exception("chore failed", chore=name)
        else:
            _log.info("chore ended", chore=name, jobs=jobs_count)
        finally:
            self.count -= 1
            self._on_record.discard(name)


# --- questions to the journal, awaited -----------------------------------------------------------


class Answer(Generic[Told]):
    """What the journal will say: give it to the journal as the one to be told, then wait."""

    __slots__ = ("_event", "_told")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._told: list[Told | StoreError] = []

    def __call__(self, told: Told | StoreError) -> None:
        self._told.append(told)
        self._event.set()

    async def wait(self) -> Told:
        """Wait until the journal has said it. Cancelling forgets the answer, and undoes nothing.

        Raises:
            StoreError: there is no answer, or what was to be written was not.
        """
        await self._event.wait()
        told = self._told[-1]
        if isinstance(told, StoreError):
            raise told
        return told


async def list_and_decide(
    journal: Journal, question: ListQuestion, decide: Callable[[Listing], None]
) -> Listing:
    """List jobs, and decide about them before anything else can happen to them.

    When this returns they may have changed. Raises StoreError: there was nothing to decide about.
    """
    answer: Answer[Listing] = Answer()

    def listed(listing: Listing | StoreError) -> None:
        if not isinstance(listing, StoreError):
            decide(listing)
        answer(listing)

    journal.list_jobs(question, listed)
    return await answer.wait()


async def forget(journal: Journal, job_ids: list[JobId]) -> int:
    """Remove finished jobs that were discarded. Raises StoreError: they are still there."""
    answer: Answer[int] = Answer()
    journal.forget(job_ids, answer)
    return await answer.wait()


async def purge_slice(journal: Journal, asked: PurgeSlice) -> Purged:
    """Remove some waiting jobs of a queue. Raises StoreError: they are still there."""
    answer: Answer[Purged] = Answer()
    journal.purge(asked, answer)
    return await answer.wait()


async def caught_up(journal: Journal) -> None:
    """Wait until all that was given to the journal before is durable, or was given up."""
    answer: Answer[JobEnd | None] = Answer()
    journal.read_end(_NO_JOB, answer)
    await answer.wait()
