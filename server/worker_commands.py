"""The commands of those who do the work: claim, complete, fail, extend, release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from penstock.config.limits import ERROR_BYTES_MAX
from penstock.jobs.changes import Settled
from penstock.jobs.errors import LeaseLost, Refused
from penstock.jobs.leases import Progress
from penstock.jobs.model import JobId, QueueName
from penstock.jobs.outcomes import was_completed
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import JobEnd, StoreError
from penstock.jobs.waits import Claim, Claimant
from penstock.protocol.errors import ErrorCode
from penstock.protocol.replies import EMPTY_ARRAY, OK, array, claimed_job, error, integer
from penstock.protocol.worker_arguments import (
    parse_claim,
    parse_complete,
    parse_extend,
    parse_fail,
    parse_lease,
    parse_output,
    parse_progress,
)
from penstock.server.refusals import store_error
from penstock.server.responses import Slot
from penstock.server.session import Handler, Session

_LEASE_LOST: Final = ErrorCode.LEASELOST
_CUT: Final = b"\n  [...]\n"


def claim(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_claim(arguments)
    if session.is_retired:
        session.reply(EMPTY_ARRAY)
        return
    reply = _ClaimReply(session, session.reserve())
    claimant = Claimant(
        consumer=session.consumer,
        worker=session.worker,
        queues=tuple(QueueName(name) for name in parsed.queues),
        jobs_max=parsed.jobs_max,
        token=reply,
    )
    session.now_waits(claimant)
    session.now_claims()
    try:
        session.engine.claim(claimant, wait_ms=parsed.wait_ms)
    except Refused as refusal:
        reply.refuse(claimant, error(ErrorCode(refusal.code), str(refusal)))


def complete(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_complete(arguments)
    job_id, attempt = JobId(parsed.job_id), parsed.attempt
    engine = session.engine
    slot = session.new_slot()
    try:
        engine.broker.complete(
            job_id, attempt, parsed.result, now=engine.clock.now_ms(), settled=_answer_ok(slot)
        )
    except LeaseLost as lost:
        _answer_late_completion(session, slot, job_id, attempt, error(_LEASE_LOST, str(lost)))
    session.responses.append(slot)


def fail(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_fail(arguments)
    engine = session.engine
    slot = session.new_slot()
    engine.broker.fail(
        JobId(parsed.job_id),
        parsed.attempt,
        Failure(
            clip_error(parsed.error),
            final=parsed.dead,
            cancels=parsed.cancel,
            after_ms=parsed.after_ms,
        ),
        now=engine.clock.now_ms(),
        jitter=engine.random.random(),
        settled=_answer_ok(slot),
    )
    session.responses.append(slot)


def release(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_lease(arguments)
    engine = session.engine
    slot = session.new_slot()
    engine.broker.release(
        JobId(parsed.job_id),
        parsed.attempt,
        delay_ms=parsed.delay_ms,
        now=engine.clock.now_ms(),
        settled=_answer_ok(slot),
    )
    session.responses.append(slot)


def progress(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_progress(arguments)
    engine = session.engine
    told = Progress(parsed.percent, parsed.note or "", engine.clock.now_ms())
    engine.broker.progress(JobId(parsed.job_id), parsed.attempt, told)
    session.reply(OK)


def output(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_output(arguments)
    session.engine.broker.output(JobId(parsed.job_id), parsed.attempt, parsed.text)
    session.reply(OK)


def extend(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_extend(arguments)
    engine = session.engine
    lasts_ms = engine.broker.extend(
        JobId(parsed.job_id), parsed.attempt, parsed.ms, now=engine.clock.now_ms()
    )
    session.reply(integer(lasts_ms))


class _ClaimReply(Struct, eq=False):
    """The token of a claimant: fills the slot of its request."""

    session: Session
    slot: Slot

    def deliver(self, claimant: Claimant, claims: Sequence[Claim]) -> None:
        self.session.waits_no_more(claimant)
        if claims:
            self.slot.when_taken = partial(self.session.delivered, claimant, claims)
        self.slot.fill(array([_claimed(claim) for claim in claims]))

    def fail(self, claimant: Claimant, problem: StoreError) -> None:
        self.refuse(claimant, store_error(problem))

    def refuse(self, claimant: Claimant, reply: bytes) -> None:
        self.session.waits_no_more(claimant)
        self.slot.fill(reply)


def clip_error(text: str, bytes_max: int = ERROR_BYTES_MAX) -> str:
    """Cut the middle out of an error that is too long; its first line and its end tell most."""
    raw = text.encode(errors="replace")
    if len(raw) <= bytes_max:
        return text
    half = (bytes_max - len(_CUT)) // 2
    return (raw[:half] + _CUT + raw[-half:]).decode(errors="replace")


def _claimed(claim: Claim) -> bytes:
    job = claim.job
    assert claim.payload is not None
    return claimed_job(
        job.id,
        job.attempt,
        job.queue,
        job.task,
        claim.payload,
        job.timeout_ms,
        (job.failures, job.releases),
    )


def _answer_ok(slot: Slot) -> Settled:
    def settled(problem: StoreError | None) -> None:
        slot.fill(OK if problem is None else store_error(problem))

    return settled


def _answer_late_completion(
    session: Session, slot: Slot, job_id: JobId, attempt: int, refusal: bytes
) -> None:
    """Say OK to an attempt that completed its job before: its first reply may have been lost."""

    def read(end: JobEnd | StoreError | None) -> None:
        if isinstance(end, StoreError):
            slot.fill(store_error(end))
        else:
            slot.fill(OK if was_completed(end, attempt) else refusal)

    session.engine.journal.read_end(job_id, read)


WORKER_HANDLERS: Final[Mapping[str, Handler]] = {
    "JOB.CLAIM": claim,
    "JOB.COMPLETE": complete,
    "JOB.FAIL": fail,
    "JOB.RELEASE": release,
    "JOB.EXTEND": extend,
    "JOB.PROGRESS": progress,
    "JOB.OUTPUT": output,
}
