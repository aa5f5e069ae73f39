"""Between jobs and the rows and JSON that the statements take and give for them.

This is most of the Python that runs for each row, and it holds the interpreter lock while it does.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Final

import msgspec

from penstock.jobs.model import Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.retry_policy import RetryPolicy
from penstock.jobs.store.port import KeyHolder, Submission
from penstock.jobs.store.sqlite.many_rows import Row

# Never change a number: they are in everybody's files.
STATES: Final = (
    State.SCHEDULED,
    State.READY,
    State.CLAIMED,
    State.COMPLETED,
    State.DEAD,
    State.BLOCKED,
    State.CANCELLED,
    State.EXPIRED,
)
STATE_CODES: Final[Mapping[State, int]] = {state: code for code, state in enumerate(STATES)}

# What few jobs have: tenant, group, producer, expires_at, keep_ms, retry, cancel_asked_at, reason,
# key_expires_at.
_RareRow = tuple[
    str | None,
    str | None,
    str | None,
    int | None,
    int | None,
    str | None,
    int | None,
    str | None,
    int | None,
]
_JobRow = tuple[
    int,
    int,
    str,
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    str | None,
    int,
    int,
    int | None,
    int | None,
    int | None,
    int,
    int,
    _RareRow | None,
]
# What stands for NULL where a text or a blob, and where a number may stand (queries.sql).
NO_TEXT: Final = 0
NO_NUMBER: Final = ""

_HolderRow = tuple[int, _JobRow, int]

_encode: Final = msgspec.json.Encoder().encode
_decode_jobs: Final = msgspec.json.Decoder(list[_JobRow]).decode
_decode_holders: Final = msgspec.json.Decoder(list[_HolderRow]).decode
_decode_retry: Final = msgspec.json.Decoder(RetryPolicy).decode


# --- in ------------------------------------------------------------------------------------------


def is_plain(job: Job) -> bool:
    """Say whether a new job has nothing of what insert_jobs leaves out."""
    return (
        job.key is None
        and job.tenant is None
        and job.group is None
        and job.producer is None
        and job.expires_at is None
        and job.keep_ms is None
        and job.retry is None
    )


def plain_rows(submissions: Iterable[Submission], queue_ids: Mapping[QueueName, int]) -> list[Row]:
    """Return the rows of insert_jobs."""
    ready = State.READY
    return [
        (
            job.id,
            queue_ids[job.queue],
            job.task,
            1 if job.state is ready else 0,
            job.rank,
            job.priority,
            job.attempts_max,
            job.timeout_ms,
            job.submitted_at,
            job.due_at,
            job.payload_bytes,
        )
        for submission in submissions
        for job in (submission.job,)
    ]


def special_rows(
    submissions: Iterable[Submission],
    queue_ids: Mapping[QueueName, int],
    blocked: Container[JobId],
) -> list[Row]:
    """Return the rows of insert_special_jobs."""
    return [
        (
            job.id,
            queue_ids[job.queue],
            job.task,
            STATE_CODES[State.BLOCKED if job.id in blocked else job.state],
            job.rank,
            job.priority,
            job.attempts_max,
            job.timeout_ms,
            job.submitted_at,
            job.due_at,
            job.payload_bytes,
            NO_TEXT if job.key is None else job.key,
            NO_TEXT if job.key is None else bytearray(submission.fingerprint),
            NO_NUMBER if job.key_expires_at is None else job.key_expires_at,
            NO_TEXT if job.tenant is None else job.tenant,
            NO_TEXT if job.group is None else job.group,
            NO_TEXT if job.producer is None else job.producer,
            NO_NUMBER if job.expires_at is None else job.expires_at,
            NO_NUMBER if job.keep_ms is None else job.keep_ms,
            NO_TEXT if job.retry is None else _encode(job.retry).decode(),
        )
        for submission in submissions
        for job in (submission.job,)
    ]


def update_rows(jobs: Iterable[Job]) -> list[Row]:
    """Return the rows of update_jobs."""
    codes = STATE_CODES
    return [
        (
            job.id,
            codes[job.state],
            job.due_at,
            job.attempt,
            job.failures,
            NO_NUMBER if job.claimed_at is None else job.claimed_at,
            NO_NUMBER if job.finished_at is None else job.finished_at,
            NO_NUMBER if job.remove_at is None else job.remove_at,
            job.rank,
            job.releases,
        )
        for job in jobs
    ]


def rewrite_rows(jobs: Iterable[Job]) -> list[Row]:
    """Return the rows of rewrite_jobs."""
    return [
        (
            *row,
            job.priority,
            job.attempts_max,
            job.timeout_ms,
            NO_TEXT if job.tenant is None else job.tenant,
            NO_TEXT if job.producer is None else job.producer,
            NO_NUMBER if job.expires_at is None else job.expires_at,
            NO_NUMBER if job.keep_ms is None else job.keep_ms,
            NO_TEXT if job.retry is None else _encode(job.retry).decode(),
            NO_NUMBER if job.cancel_asked_at is None else job.cancel_asked_at,
            NO_TEXT if job.reason is None else storable(job.reason),
            job.key is not None,
            NO_NUMBER if job.key_expires_at is None else job.key_expires_at,
        )
        for job in jobs
        for row in update_rows((job,))
    ]


def storable(text: str) -> str:
    """Replace what UTF-8 cannot hold: lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


# --- out -----------------------------------------------------------------------------------------


def decode_jobs(rows: str, queue_names: Mapping[int, QueueName]) -> list[Job]:
    return [_job(row, queue_names) for row in _decode_jobs(rows)]


def decode_holders(rows: str, queue_names: Mapping[int, QueueName]) -> dict[JobId, KeyHolder]:
    return {
        JobId(job_id): KeyHolder(_job(row, queue_names), same == 1)
        for job_id, row, same in _decode_holders(rows)
    }


def _job(row: _JobRow, queue_names: Mapping[int, QueueName]) -> Job:
    claimed_at, finished_at, remove_at, payload_bytes, releases, rare = row[13:]
    job = Job(
        JobId(row[0]),
        queue_names[row[1]],
        TaskName(row[2]),
        STATES[row[3]],
        row[4],
        row[5],
        row[6],
        row[7],
        Instant(row[8]),
        Instant(row[9]),
        row[10],
        row[11],
        row[12],
        None if claimed_at is None else Instant(claimed_at),
        None if finished_at is None else Instant(finished_at),
        None if remove_at is None else Instant(remove_at),
        None,  # From here on to the next number: what few jobs have.
        None,
        None,
        None,
        None,
        None,
        payload_bytes,
        releases,
    )
    return job if rare is None else _with_rare(job, rare)


def _with_rare(job: Job, rare: _RareRow) -> Job:
    tenant, group, producer, expires_at, keep_ms, retry, cancel_asked_at, reason, key_until = rare
    return msgspec.structs.replace(
        job,
        tenant=tenant,
        group=group,
        producer=producer,
        expires_at=_instant(expires_at),
        keep_ms=keep_ms,
        retry=None if retry is None else _decode_retry(retry),
        cancel_asked_at=_instant(cancel_asked_at),
        reason=reason,
        key_expires_at=_instant(key_until),
    )


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)
