"""The commands that let finished jobs run again or remove them: one by its id, or many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import anyio

from penstock.jobs.errors import Draining, Finished, Invalid
from penstock.jobs.model import FINISHED, Job, JobId, QueueName
from penstock.jobs.revisions import REDRIVABLE
from penstock.jobs.store.port import StoreError, StoreFull
from penstock.protocol.errors import ErrorCode
from penstock.protocol.list_arguments import SelectionArguments, parse_discard, parse_redrive
from penstock.protocol.replies import error, integer
from penstock.server.job_decisions import decide_about
from penstock.server.refusals import store_error
from penstock.server.selections import Selection
from penstock.server.session import Handler, Session

# Slices of a redrive at a rate in a second: more would be commits for a few jobs each.
_SLICES_PER_SECOND: Final = 10

_CUT_OFF: Final = error(
    ErrorCode.DRAINING,
    "cut off by the end of the server; some of the jobs may have been dealt with",
)


def redrive(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_redrive(arguments)
    if session.engine.broker.draining:
        raise Draining
    if parsed.job_id is not None:
        _redrive_one(session, JobId(parsed.job_id))
        return
    many = _Many(session, parsed)
    if parsed.per_second is None:
        many.start("redrive", many.redrive)
    else:
        many.start("redrive", partial(many.redrive_slowly, parsed.per_second))


def discard(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_discard(arguments)
    if parsed.job_id is not None:
        _discard_one(session, JobId(parsed.job_id))
        return
    many = _Many(session, parsed)
    many.start("discard", many.discard)


# --- one job -------------------------------------------------------------------------------------


def _redrive_one(session: Session, job_id: JobId) -> None:
    engine = session.engine
    slot = session.reserve()

    def settled(problem: StoreError | None) -> None:
        slot.fill(integer(1) if problem is None else store_error(problem))

    def decide(job: Job) -> bool:
        if job.state not in FINISHED:
            state = engine.broker.current(job).state
            raise Invalid(
                f"job {job_id} is {state.value}: it runs without being redriven; that is for jobs "
                "that are dead, cancelled or expired"
            )
        if job.state not in REDRIVABLE:
            raise Finished(job_id, job.state)
        return engine.broker.revisions.redrive(job, now=engine.clock.now_ms(), settled=settled)

    decide_about(engine, job_id, slot, decide)


def _discard_one(session: Session, job_id: JobId) -> None:
    engine = session.engine
    slot = session.reserve()

    def forgotten(count: int | StoreError) -> None:
        slot.fill(store_error(count) if isinstance(count, StoreError) else integer(count))

    def decide(job: Job) -> bool:
        if job.state not in FINISHED:
            state = engine.broker.current(job).state
            raise Invalid(
                f"job {job_id} is {state.value} and not finished; cancel it before it is discarded"
            )
        decided = engine.broker.revisions.discard(job)
        if decided:
            engine.journal.forget([job_id], forgotten)
        return decided

    decide_about(engine, job_id, slot, decide)


# --- many jobs -----------------------------------------------------------------------------------


class _Many:
    """One command about the dead jobs of a queue, and the place of its answer."""

    def __init__(self, session: Session, parsed: SelectionArguments) -> None:
        """Take the command. Raises NoQueue."""
        assert parsed.queue is not None
        self._engine = session.engine
        self._session = session
        self._queue = session.engine.broker.queue(QueueName(parsed.queue)).name
        self._selection = Selection(session.engine, parsed)
        self._slot = session.new_slot()

    def start(self, verb: str, work: Callable[[], Awaitable[None]]) -> None:
        """Begin the work. Raises Overloaded, Draining."""

        async def answered() -> int:
            try:
                await work()
            finally:
                if self._slot.reply is None:
                    self._answer(_CUT_OFF)
            return self._selection.count

        self._engine.chores.start(f"{verb} {self._queue}", answered)
        self._session.responses.append(self._slot)

    async def redrive(self) -> None:
        """Redrive all, and then answer."""
        await self._all(self._selection.redrive, "redriven")

    async def discard(self) -> None:
        """Remove all, and then answer."""
        await self._all(self._selection.discard, "removed")

    async def redrive_slowly(self, per_second: int) -> None:
        """Answer how many there are, and redrive so many of them a second."""
        selection = self._selection
        try:
            self._answer(integer(await selection.find()))
        except StoreError as problem:
            self._answer(store_error(problem))
            raise
        slice_jobs_max = max(1, per_second // _SLICES_PER_SECOND)
        while not selection.is_done:
            before, begun = selection.count, anyio.current_time()
            with suppress(StoreFull):  # The journal pauses after it; the chore goes on.
                await selection.redrive(slice_jobs_max)
            ends = begun + (selection.count - before) / per_second
            await anyio.sleep(max(0.0, ends - anyio.current_time()))

    async def _all(self, deal_with_slice: Callable[[], Awaitable[None]], done: str) -> None:
        selection = self._selection
        try:
            while not selection.is_done:
                await deal_with_slice()
        except StoreError as problem:
            self._answer(_broken_off(problem, f"{selection.count} jobs were {done}"))
            raise
        self._answer(integer(selection.count))

    def _answer(self, reply: bytes) -> None:
        self._slot.fill(reply)
        self._engine.pump()


def _broken_off(problem: StoreError, what_was_done: str) -> bytes:
    if isinstance(problem, StoreFull):
        return error(ErrorCode.DISKFULL, f"{what_was_done}, and not the others: {problem}")
    return store_error(problem)


SELECTION_HANDLERS: Final[Mapping[str, Handler]] = {
    "JOB.REDRIVE": redrive,
    "JOB.DISCARD": discard,
}
