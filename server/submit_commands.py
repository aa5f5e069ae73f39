"""The commands of those who want work done: submit, call, wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.jobs.errors import Refused
from penstock.jobs.model import JobId
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.port import KeyHolder, Submission
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.job_arguments import parse_wait
from penstock.protocol.submit_arguments import parse_call, parse_submit
from penstock.server.responses import Slot
from penstock.server.session import Handler, Session
from penstock.server.submissions import Submitting, key_reused, replaces, request_of
from penstock.server.wait_replies import wait_for_known, wait_for_new


def submit(session: Session, arguments: list[bytes]) -> None:
    request = request_of(parse_submit(arguments), session.client_name)
    if session.transaction is not None and replaces(request):
        raise ArgumentError(
            ErrorCode.ERR,
            "REPLACE is not allowed between MULTI and EXEC, whose jobs are stored all or none",
        )
    if session.queue_submission(request):
        return
    slot = session.new_slot()
    submitting = Submitting(session.engine, request, slot)
    if submitting.begin():
        _wait_for_room(session, submitting)
    session.responses.append(slot)


def call(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_call(arguments)
    request = request_of(parsed.submit, session.client_name, is_call=True)
    # A place among those who wait, first: once the job is stored it is too late to refuse.
    session.engine.broker.reserve_wait()
    calling = _Calling(session, request, parsed.wait_ms)
    try:
        if calling.begin():
            _wait_for_room(session, calling)
    except Refused:
        calling.slot.release()
        raise
    session.responses.append(calling.slot)


def wait(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_wait(arguments)
    wait_for_known(session, session.reserve(), JobId(parsed.job_id), parsed.wait_ms)


def _wait_for_room(session: Session, submitting: Submitting) -> None:
    session.now_waits(submitting)
    submitting.no_longer_parked = lambda: session.waits_no_more(submitting)


class _CallSlot(Slot):
    """The slot of a call: it holds a place among those who wait until the job is stored."""

    __slots__ = ("_holds_place", "_session")

    def __init__(self, session: Session) -> None:
        super().__init__(session.responses)
        self._session = session
        self._holds_place = True

    def release(self) -> None:
        """Give the place back, for the waiter itself or for somebody else."""
        if self._holds_place:
            self._holds_place = False
            self._session.engine.broker.unreserve_wait()

    def fill(self, reply: bytes) -> None:
        self.release()
        super().fill(reply)


class _Calling(Submitting):
    """A submission whose result somebody waits for."""

    __slots__ = ("_session", "_wait_ms", "slot")

    slot: _CallSlot

    def __init__(self, session: Session, request: SubmitRequest, wait_ms: int) -> None:
        super().__init__(session.engine, request, _CallSlot(session))
        self._session = session
        self._wait_ms = wait_ms

    def accepted(self, submission: Submission, holder: KeyHolder | None) -> None:
        self.slot.release()
        if holder is None:
            wait_for_new(self._session, self.slot, submission.job.id, self._wait_ms)
        elif holder.same:
            # Somebody waits for it now: it is as urgent as this call is.
            self._engine.broker.revisions.lift(holder.job, submission.job.priority)
            wait_for_known(self._session, self.slot, holder.job_id, self._wait_ms)
        else:
            self.slot.fill(key_reused(submission, holder))


SUBMIT_HANDLERS: Final[Mapping[str, Handler]] = {
    "JOB.SUBMIT": submit,
    "JOB.CALL": call,
    "JOB.WAIT": wait,
}
