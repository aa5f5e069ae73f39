"""The commands of those who want work done: submit, call, wait, show; and MULTI with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.jobs.errors import KeyReused, NoJob, Refused
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, TaskName
from penstock.jobs.outcomes import Completed, Died, Outcome, ServerLeaves
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.port import JobRecord, KeyHolder, StoreError, StoreFull, Submission
from penstock.jobs.waits import Waiter
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.job_arguments import parse_job_id, parse_wait
from penstock.protocol.replies import OK, Value, array, bulk, encode, error, integer
from penstock.protocol.submit_arguments import SubmitArguments, parse_call, parse_submit
from penstock.server.responses import Slot
from penstock.server.session import Handler, Session, Transaction


def submit(session: Session, arguments: list[bytes]) -> None:
    request = _request(parse_submit(arguments))
    if session.queue_submission(request):
        return
    engine = session.engine
    submission = engine.broker.submit(request, engine.clock.now_ms())
    engine.journal.submit(submission, _answer_id(submission, session.reserve().fill))


def call(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_call(arguments)
    engine = session.engine
    broker = engine.broker
    # A place among those who wait, first: once the job is stored it is too late to refuse.
    broker.reserve_wait()
    try:
        submission = broker.submit(_request(parsed.submit), engine.clock.now_ms())
    except Refused:
        broker.unreserve_wait()
        raise
    slot = session.reserve()

    def settled(outcome: KeyHolder | StoreError | None) -> None:
        broker.unreserve_wait()
        if outcome is None:
            _wait_for_new(session, slot, submission.job.id, parsed.wait_ms)
        elif isinstance(outcome, KeyHolder) and outcome.same:
            _wait_for_known(session, slot, outcome.job_id, parsed.wait_ms)
        else:
            slot.fill(_not_stored(submission, outcome))

    engine.journal.submit(submission, settled)


def wait(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_wait(arguments)
    _wait_for_known(session, session.reserve(), JobId(parsed.job_id), parsed.wait_ms)


def show(session: Session, arguments: list[bytes]) -> None:
    job_id = JobId(parse_job_id(arguments))
    slot = session.reserve()
    resp3 = session.resp3
    broker = session.engine.broker

    def read(record: JobRecord | StoreError | None) -> None:
        if isinstance(record, JobRecord):
            slot.fill(encode(_shown(broker.current(record.job), record), resp3))
        elif record is None:
            slot.fill(_refusal(NoJob(job_id)))
        else:
            slot.fill(store_error(record))

    session.engine.journal.read_record(job_id, read)


def multi(session: Session, arguments: list[bytes]) -> None:
    if session.transaction is not None:
        raise ArgumentError(ErrorCode.ERR, "MULTI calls can not be nested")
    session.responses.add(OK)
    session.transaction = Transaction([])


def discard(session: Session, arguments: list[bytes]) -> None:
    _end_transaction(session, "DISCARD")
    session.reply(OK)


def execute(session: Session, arguments: list[bytes]) -> None:
    """Store all submissions since MULTI with one commit, or none."""
    transaction = _end_transaction(session, "EXEC")
    if transaction.is_spoiled:
        raise ArgumentError(
            ErrorCode.EXECABORT, "Transaction discarded because of previous errors."
        )
    engine = session.engine
    now = engine.clock.now_ms()
    decided: list[Submission | bytes] = []
    try:
        decided.extend(
            step if isinstance(step, bytes) else engine.broker.submit(step, now)
            for step in transaction.steps
        )
    except Refused as refusal:
        for submission in decided:
            if isinstance(submission, Submission):
                engine.broker.withdraw(submission)
        raise ArgumentError(
            ErrorCode.EXECABORT, f"Transaction discarded: {refusal.code} {refusal}"
        ) from refusal
    replies = _Replies(session.reserve(), len(decided))
    together = []
    for index, outcome in enumerate(decided):
        if isinstance(outcome, bytes):
            replies.put(index, outcome)
        else:
            together.append((outcome, _answer_id(outcome, replies.filler(index))))
    engine.journal.submit_together(together)


class _Replies:
    """The replies of a transaction; the slot is filled when the last is known."""

    def __init__(self, slot: Slot, count: int) -> None:
        self._slot = slot
        self._replies = [b""] * count
        self._missing_count = count
        if not count:
            slot.fill(array([]))

    def put(self, index: int, reply: bytes) -> None:
        self._replies[index] = reply
        self._missing_count -= 1
        if not self._missing_count:
            self._slot.fill(array(self._replies))

    def filler(self, index: int) -> Callable[[bytes], None]:
        return lambda reply: self.put(index, reply)


class _WaitReply:
    """The token of a waiter: fills the slot of its request."""

    __slots__ = ("_session", "_slot", "waiter")

    def __init__(self, session: Session, slot: Slot) -> None:
        self._session = session
        self._slot = slot
        self.waiter: Waiter | None = None

    @classmethod
    def waiter_of(cls, session: Session, slot: Slot, job_id: JobId, wait_ms: int) -> Waiter:
        """Make a waiter whose answer goes into a slot."""
        token = cls(session, slot)
        waiter = token.waiter = Waiter(job_id=job_id, wait_ms=wait_ms, token=token)
        return waiter

    def finish(self, job_id: JobId, wait_ms: int, outcome: Outcome) -> None:
        assert self.waiter is not None
        self._session.waits_no_more(self.waiter)
        if isinstance(outcome, Completed):
            self._slot.fill(bulk(outcome.result))
        elif isinstance(outcome, Died):
            text = (
                f"job {job_id} failed {outcome.failures} of {outcome.attempts_max} attempts: "
                f"{outcome.error}"
            )
            self._slot.fill(error(ErrorCode.DEAD, text))
        elif isinstance(outcome, ServerLeaves):
            text = f"the server is shutting down; job {job_id} goes on when it is back"
            self._slot.fill(error(ErrorCode.DRAINING, text))
        else:
            text = f"job {job_id} did not finish within {wait_ms} ms; JOB.WAIT {job_id} waits on"
            self._slot.fill(error(ErrorCode.TIMEOUT, text))


def _wait_for_new(session: Session, slot: Slot, job_id: JobId, wait_ms: int) -> None:
    """Fill a slot when a job finishes that was stored just now."""
    if session.is_closed:
        return
    engine = session.engine
    waiter = _WaitReply.waiter_of(session, slot, job_id, wait_ms)
    engine.broker.wait(waiter, engine.clock.now_ms())
    session.now_waits(waiter)


def _wait_for_known(session: Session, slot: Slot, job_id: JobId, wait_ms: int) -> None:
    """Fill a slot when a job finishes, or had finished already, or is not there."""
    if session.is_closed:
        return
    engine = session.engine
    waiter = _WaitReply.waiter_of(session, slot, job_id, wait_ms)
    try:
        engine.broker.wait_unless_finished(waiter, engine.clock.now_ms())
    except Refused as refusal:
        slot.fill(_refusal(refusal))
        return
    session.now_waits(waiter)

    def read(record: JobRecord | StoreError | None) -> None:
        if isinstance(record, StoreError):
            engine.broker.unwait(waiter)
            session.waits_no_more(waiter)
            slot.fill(store_error(record))
            return
        try:
            engine.broker.settle_wait(waiter, record)
        except Refused as refusal:
            session.waits_no_more(waiter)
            slot.fill(_refusal(refusal))

    engine.journal.read_record(job_id, read)


def _refusal(refusal: Refused) -> bytes:
    return error(ErrorCode(refusal.code), str(refusal))


def store_error(problem: StoreError) -> bytes:
    """Say whether nothing was stored, or nobody knows."""
    if isinstance(problem, StoreFull):
        return error(ErrorCode.DISKFULL, f"nothing was stored: {problem}")
    return error(
        ErrorCode.UNKNOWN,
        f"it is not known whether this was stored: {problem}; send it again under the same key",
    )


def _request(parsed: SubmitArguments) -> SubmitRequest:
    return SubmitRequest(
        TaskName(parsed.task),
        parsed.payload,
        QueueName(parsed.queue),
        parsed.priority,
        parsed.delay_ms,
        parsed.at,
        parsed.timeout_ms,
        parsed.attempts_max,
        parsed.key,
    )


def _answer_id(
    submission: Submission, fill: Callable[[bytes], None]
) -> Callable[[KeyHolder | StoreError | None], None]:
    def settled(outcome: KeyHolder | StoreError | None) -> None:
        if outcome is None:
            fill(integer(submission.job.id))
        elif isinstance(outcome, KeyHolder) and outcome.same:
            fill(integer(outcome.job_id))
        else:
            fill(_not_stored(submission, outcome))

    return settled


def _not_stored(submission: Submission, problem: KeyHolder | StoreError) -> bytes:
    if isinstance(problem, StoreError):
        return store_error(problem)
    assert submission.job.key is not None
    return _refusal(KeyReused(submission.job.key, problem.job_id))


def _end_transaction(session: Session, name: str) -> Transaction:
    transaction, session.transaction = session.transaction, None
    if transaction is None:
        raise ArgumentError(ErrorCode.ERR, f"{name} without MULTI")
    return transaction


def _shown(job: Job, record: JobRecord) -> dict[str, Value]:
    return {
        "id": job.id,
        "queue": job.queue,
        "task": job.task,
        "state": job.state.value,
        "priority": job.priority,
        "attempt": job.attempt,
        "failures": job.failures,
        "attempts_max": job.attempts_max,
        "timeout_ms": job.timeout_ms,
        "submitted_at": job.submitted_at,
        "due_at": job.due_at,
        "claimed_at": job.claimed_at,
        "finished_at": job.finished_at,
        "remove_at": job.remove_at,
        "key": job.key,
        "payload": record.payload,
        "result": record.result,
        "errors": [_shown_error(attempt) for attempt in record.failed_attempts],
    }


def _shown_error(attempt: FailedAttempt) -> dict[str, Value]:
    return {
        "attempt": attempt.attempt,
        "worker": attempt.worker,
        "claimed_at": _number(attempt.claimed_at),
        "failed_at": _number(attempt.failed_at),
        "error": attempt.error,
    }


def _number(instant: Instant) -> int:
    return instant


JOB_HANDLERS: Final[Mapping[str, Handler]] = {
    "JOB.SUBMIT": submit,
    "JOB.CALL": call,
    "JOB.WAIT": wait,
    "JOB.SHOW": show,
    "MULTI": multi,
    "DISCARD": discard,
    "EXEC": execute,
}
