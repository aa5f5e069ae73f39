"""Finding out why a job waits: what memory knows of it, and what the store has to be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock.config.limits import LIST_SCAN_MAX, PLACE_COUNT_MAX
from penstock.jobs.errors import NoQueue
from penstock.jobs.model import Job, JobId, State
from penstock.jobs.reasons import Place, Reason, why_blocked, why_not_due, why_ready
from penstock.jobs.store.port import (
    JobFilter,
    JobRecord,
    Listing,
    ListQuestion,
    PositionQuestion,
    StoreError,
)
from penstock.server.engine import Engine

Told = Callable[[Reason | StoreError | None], None]

# What the one job of a group whose turn it is may be; asked for one by one, which an index answers.
_HOLDING: Final = (State.CLAIMED, State.READY, State.SCHEDULED)


def find_reason(engine: Engine, job: Job, record: JobRecord, told: Told) -> None:
    """Say why a job waits whose record was just read; None if it does not."""
    if job.state is State.SCHEDULED:
        failed = record.failed_attempts
        told(why_not_due(job, failed[-1] if failed else None, engine.clock.now_ms()))
    elif job.state is State.BLOCKED:
        _find_holder(engine, job, told)
    elif job.state is State.READY:
        _find_place(engine, job, told)
    else:
        told(None)


def _find_place(engine: Engine, job: Job, told: Told) -> None:
    broker = engine.broker
    try:
        queue = broker.queue(job.queue)
    except NoQueue:
        told(None)  # It was deleted with all its jobs since.
        return

    def counted(count: int | StoreError) -> None:
        if isinstance(count, StoreError):
            told(count)
            return
        place = Place(count, is_least=count >= PLACE_COUNT_MAX)
        now = engine.clock.now_ms()
        parked = broker.parked_claims(job.queue)
        told(why_ready(job, queue, place, parked_claims=parked, now=now))

    position = (job.rank, job.id)
    known = queue.ready.index(position)
    if known is None:
        question = PositionQuestion(job.queue, position, PLACE_COUNT_MAX)
        engine.journal.count_before(question, counted)
    else:
        counted(known)


def _find_holder(engine: Engine, job: Job, told: Told) -> None:
    found: list[Job] = []
    to_come = len(_HOLDING)

    def listed(listing: Listing | StoreError) -> None:
        nonlocal to_come
        to_come -= 1
        if isinstance(listing, Listing):
            found.extend(listing.jobs)
        if to_come:
            return
        if isinstance(listing, StoreError):
            told(listing)
            return
        holder = engine.broker.current(found[0]) if found else None
        told(why_blocked(job, holder, engine.clock.now_ms()))

    for state in _HOLDING:
        wanted = JobFilter(queue=job.queue, states=frozenset({state}), group=job.group)
        engine.journal.list_jobs(ListQuestion(wanted, JobId(0), 1, LIST_SCAN_MAX), listed)
