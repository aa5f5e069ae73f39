"""The commands of those who want work done: submit, call, wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.jobs.broker import Broker
from penstock.jobs.errors import Refused
from penstock.jobs.model import JobId
from penstock.jobs.store.port import KeyHolder, Submission
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.job_arguments import parse_wait
from penstock.protocol.submit_arguments import parse_call, parse_submit
from penstock.server.responses import Slot
from penstock.server.session import Handler, Session
from penstock.server.submissions import (
    Submitting,
    key_reused,
    plain_request,
    replaces,
    request_of,
)
from penstock.server.wait_replies import wait_for_known, wait_for_new


def submit(session: Session, arguments: list[bytes]) -> None:
    if len(arguments) == 3 and not session.client_name:
        request = plain_request(arguments)
    else:
        request = request_of(parse_submit(arguments), session.client_name)
    if session.transaction is not None:
        if replaces(request):
            raise ArgumentError(
                ErrorCode.ERR,
                "REPLACE is not allowed between MULTI and EXEC, whose jobs are stored all or none",
            )
        session.queue_submission(request)
        return
    slot = Slot(session.responses)
    submitting = Submitting(session.engine, request, slot)
    if submitting.begin():
        _wait_for_room(session, submitting)
    session.responses.append(slot)


def call(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_call(arguments)
    request = request_of(parsed.submit, session.client_name, is_call=True)
    # A place among those who wait, first: once the job is stored it is too late to refuse.
    engine = session.engine
    engine.broker.reserve_wait()
    slot = _CallSlot(session.responses, broker=engine.broker)
    calling = _Calling(engine, request, slot=slot, session=session, wait_ms=parsed.wait_ms)
    try:
        if calling.begin():
            _wait_for_room(session, calling)
    except Refused:
        slot.release()
        raise
    session.responses.append(slot)


def wait(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_wait(arguments)
    wait_for_known(session, session.reserve(), JobId(parsed.job_id), parsed.wait_ms)


def _wait_for_room(session: Session, submitting: Submitting) -> None:
    session.now_waits(submitting)
    submitting.no_longer_parked = lambda: session.waits_no_more(submitting)


class _CallSlot(Slot, kw_only=True, eq=False):
    """The slot of a call: it holds a place among those who wait until the job is stored."""

    broker: Broker
    holds_place: bool = True

    def release(self) -> None:
        """Give the place back, for the waiter itself or for somebody else."""
        if self.holds_place:
            self.holds_place = False
            self.broker.unreserve_wait()

    def fill(self, reply: bytes) -> None:
        self.release()
        Slot.fill(self, reply)


class _Calling(Submitting, kw_only=True, eq=False):
    """A submission whose result somebody waits for."""

    slot: _CallSlot
    session: Session
    wait_ms: int

    def accepted(self, submission: Submission, holder: KeyHolder | None) -> None:
        self.slot.release()
        if holder is None:
            wait_for_new(self.session, self.slot, submission.job.id, self.wait_ms)
        elif holder.same:
            # Somebody waits for it now: it is as urgent as this call is.
            self.engine.broker.revisions.lift(holder.job, submission.job.priority)
            wait_for_known(self.session, self.slot, holder.job_id, self.wait_ms)
        else:
            self.slot.fill(key_reused(submission, holder))


SUBMIT_HANDLERS: Final[Mapping[str, Handler]] = {
    "JOB.SUBMIT": submit,
    "JOB.CALL": call,
    "JOB.WAIT": wait,
}
