"""The commands of those who look at jobs, and do something about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.jobs.errors import NoJob
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId
from penstock.jobs.store.port import JobRecord, StoreError
from penstock.protocol.job_arguments import parse_job_id
from penstock.protocol.replies import Value, encode
from penstock.server.refusals import refusal, store_error
from penstock.server.session import Handler, Session


def show(session: Session, arguments: list[bytes]) -> None:
    job_id = JobId(parse_job_id(arguments))
    slot = session.reserve()
    resp3 = session.resp3
    broker = session.engine.broker

    def read(record: JobRecord | StoreError | None) -> None:
        if isinstance(record, JobRecord):
            slot.fill(encode(_shown(broker.current(record.job), record), resp3))
        elif record is None:
            slot.fill(refusal(NoJob(job_id)))
        else:
            slot.fill(store_error(record))

    session.engine.journal.read_record(job_id, read)


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
    "JOB.SHOW": show,
}
