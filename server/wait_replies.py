"""The replies to those who wait for a job's end."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from penstock.jobs.errors import Refused
from penstock.jobs.model import JobId
from penstock.jobs.outcomes import (
    Cancelled,
    Completed,
    Died,
    Expired,
    Outcome,
    ServerLeaves,
    WaitEnded,
)
from penstock.jobs.store.port import JobEnd, StoreError
from penstock.jobs.waits import Waiter
from penstock.protocol.errors import ErrorCode
from penstock.protocol.replies import bulk, error
from penstock.server.refusals import refusal, store_error
from penstock.server.responses import Slot
from penstock.server.session import Session


def wait_for_new(session: Session, slot: Slot, job_id: JobId, wait_ms: int) -> None:
    """Fill a slot when a job finishes that was stored just now."""
    if session.is_closed:
        return
    engine = session.engine
    waiter = Waiter(job_id=job_id, wait_ms=wait_ms, token=_WaitReply(session, slot))
    engine.broker.wait(waiter, engine.clock.now_ms())
    session.now_waits(waiter)


def wait_for_known(session: Session, slot: Slot, job_id: JobId, wait_ms: int) -> None:
    """Fill a slot when a job finishes, or had finished already, or is not there."""
    if session.is_closed:
        return
    engine = session.engine
    waiter = Waiter(job_id=job_id, wait_ms=wait_ms, token=_WaitReply(session, slot))
    try:
        engine.broker.wait_unless_finished(waiter, engine.clock.now_ms())
    except Refused as problem:
        slot.fill(refusal(problem))
        return
    session.now_waits(waiter)

    def read(end: JobEnd | StoreError | None) -> None:
        if isinstance(end, StoreError):
            engine.broker.unwait(waiter)
            session.waits_no_more(waiter)
            slot.fill(store_error(end))
            return
        try:
            engine.broker.settle_wait(waiter, end)
        except Refused as problem:
            session.waits_no_more(waiter)
            slot.fill(refusal(problem))

    engine.journal.read_end(job_id, read)


class _WaitReply(Struct, eq=False):
    """The token of a waiter: fills the slot of its request."""

    session: Session
    slot: Slot

    def finish(self, waiter: Waiter, outcome: Outcome) -> None:
        self.session.waits_no_more(waiter)
        self.slot.fill(_reply(waiter.job_id, waiter.wait_ms, outcome))


def _reply(job_id: JobId, wait_ms: int, outcome: Outcome) -> bytes:
    match outcome:
        case Completed(result):
            return bulk(result)
        case Died():
            return error(ErrorCode.DEAD, f"job {job_id} {_how_it_failed(outcome)}: {outcome.error}")
        case Cancelled(reason):
            return error(ErrorCode.CANCELLED, f"job {job_id} was cancelled: {reason}")
        case Expired(reason):
            return error(ErrorCode.EXPIRED, f"job {job_id} expired: {reason}")
        case ServerLeaves():
            text = f"the server is shutting down; job {job_id} goes on when it is back"
            return error(ErrorCode.DRAINING, text)
        case WaitEnded():
            text = f"job {job_id} did not finish within {wait_ms} ms; JOB.WAIT {job_id} waits on"
            return error(ErrorCode.TIMEOUT, text)
        case _:
            assert_never(outcome)


def _how_it_failed(died: Died) -> str:
    if died.failures < died.attempts_max:
        return f"failed for good at attempt {died.attempt}"
    return f"failed {died.failures} of {died.attempts_max} attempts"
