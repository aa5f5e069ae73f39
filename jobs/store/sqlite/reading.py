"""The questions of a batch."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from penstock.jobs.model import FailedAttempt, Job, JobId, QueueName
from penstock.jobs.store.port import (
    Batch,
    Commit,
    DueQuestion,
    ExpiringQuestion,
    JobEnd,
    JobRecord,
    PositionQuestion,
)
from penstock.jobs.store.sqlite.event_reading import answer_about_events, asks_about_events
from penstock.jobs.store.sqlite.heads import START, head, tail
from penstock.jobs.store.sqlite.job_rows import decode_jobs
from penstock.jobs.store.sqlite.listing import list_jobs
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import (
    SHARED_BLOB_BYTES_MAX,
    decode_blobs,
    decode_failed_attempts,
    decode_ranks,
    encode_ids,
)
from penstock.jobs.store.sqlite.statements import SQL


def asks_anything(batch: Batch) -> bool:
    return bool(
        batch.heads
        or batch.tails
        or batch.due is not None
        or batch.expiring is not None
        or batch.payloads
        or batch.records
        or batch.outcomes
        or batch.peeks
        or batch.positions
        or batch.listings
        or batch.tags
        or batch.sizes
        or (batch.events is not None and asks_about_events(batch.events))
    )


def answer(
    connection: sqlite3.Connection, queues: QueueNumbers, batch: Batch, commit: Commit
) -> None:
    """Answer the questions of a batch."""
    if batch.payloads:
        commit.payloads = _blobs(connection, "payload", batch.payloads)
    if batch.records:
        commit.records = _records(connection, queues.names, batch.records)
    if batch.outcomes:
        commit.outcomes = _outcomes(connection, queues.names, batch.outcomes)
    if batch.due is not None:
        commit.due = _due(connection, queues, batch.due)
    if batch.expiring is not None:
        commit.expiring = _expiring(connection, queues, batch.expiring)
    _answer_about_queues(connection, queues, batch, commit)
    if batch.events is not None:
        answer_about_events(connection, batch.events, batch.now, commit.events)


def _answer_about_queues(
    connection: sqlite3.Connection, queues: QueueNumbers, batch: Batch, commit: Commit
) -> None:
    if batch.heads:
        commit.heads = [head(connection, queues, question) for question in batch.heads]
    if batch.tails:
        commit.tails = [tail(connection, queues, question) for question in batch.tails]
    if batch.peeks:
        commit.peeks = [head(connection, queues, question) for question in batch.peeks]
    if batch.positions:
        commit.positions = [_position(connection, queues, asked) for asked in batch.positions]
    if batch.listings:
        commit.listings = [list_jobs(connection, queues, question) for question in batch.listings]
    if batch.tags:
        commit.tags = {name: _tags(connection, queues.ids.get(name)) for name in batch.tags}
    if batch.sizes:
        commit.sizes = {name: _size(connection, queues.ids.get(name)) for name in batch.sizes}


def _due(
    connection: sqlite3.Connection, queues: QueueNumbers, question: DueQuestion
) -> Sequence[Job]:
    asked = (*(question.after or START), question.jobs_max)
    (rows,) = connection.execute(SQL["select_due"], asked).fetchone()
    return decode_jobs(rows, queues.names)


def _expiring(
    connection: sqlite3.Connection, queues: QueueNumbers, question: ExpiringQuestion
) -> Sequence[Job]:
    asked = (question.until, question.jobs_max)
    (rows,) = connection.execute(SQL["select_expiring"], asked).fetchone()
    return decode_jobs(rows, queues.names)


def _position(
    connection: sqlite3.Connection, queues: QueueNumbers, question: PositionQuestion
) -> int:
    asked = (queues.ids.get(question.queue), *question.before, question.count_max)
    (count,) = connection.execute(SQL["count_before"], asked).fetchone()
    return int(count)


def _tags(connection: sqlite3.Connection, queue_id: int | None) -> Mapping[str, int]:
    (rows,) = connection.execute(SQL["select_tags"], (queue_id,)).fetchone()
    return decode_ranks(rows)


def _size(connection: sqlite3.Connection, queue_id: int | None) -> int:
    (size,) = connection.execute(SQL["sum_payload_bytes"], (queue_id,)).fetchone()
    return int(size)


def _blobs(
    connection: sqlite3.Connection, noun: Literal["payload", "result"], job_ids: Sequence[JobId]
) -> dict[JobId, bytes]:
    """Read small blobs with one step, and the large ones one by one."""
    asked = dict.fromkeys(job_ids)
    lengths, blob = connection.execute(
        SQL[f"select_{noun}s"], (encode_ids(asked), SHARED_BLOB_BYTES_MAX)
    ).fetchone()
    found = dict(decode_blobs(lengths, blob))
    for job_id in asked:
        if job_id not in found:
            row = connection.execute(SQL[f"select_{noun}"], (job_id,)).fetchone()
            if row is not None:
                found[job_id] = row[0]
    return found


def _records(
    connection: sqlite3.Connection, queue_names: Mapping[int, QueueName], job_ids: Sequence[JobId]
) -> Mapping[JobId, JobRecord]:
    asked = encode_ids(dict.fromkeys(job_ids))
    (rows,) = connection.execute(SQL["select_jobs"], (asked,)).fetchone()
    jobs = decode_jobs(rows, queue_names)
    if not jobs:
        return {}
    payloads = _blobs(connection, "payload", [job.id for job in jobs])
    results = _blobs(connection, "result", [job.id for job in jobs if job.finished_at is not None])
    failed_attempts: defaultdict[JobId, list[FailedAttempt]] = defaultdict(list)
    (rows,) = connection.execute(SQL["select_failed_attempts"], (asked,)).fetchone()
    for failed in decode_failed_attempts(rows):
        failed_attempts[failed.job_id].append(failed)
    return {
        job.id: JobRecord(
            job, payloads[job.id], results.get(job.id), tuple(failed_attempts[job.id])
        )
        for job in jobs
    }


def _outcomes(
    connection: sqlite3.Connection, queue_names: Mapping[int, QueueName], job_ids: Sequence[JobId]
) -> Mapping[JobId, JobEnd]:
    asked = encode_ids(dict.fromkeys(job_ids))
    (rows,) = connection.execute(SQL["select_jobs"], (asked,)).fetchone()
    jobs = decode_jobs(rows, queue_names)
    results = _blobs(connection, "result", [job.id for job in jobs if job.finished_at is not None])
    (rows,) = connection.execute(SQL["select_last_failed_attempts"], (asked,)).fetchone()
    last_failed = {failed.job_id: failed for failed in decode_failed_attempts(rows)}
    return {job.id: JobEnd(job, results.get(job.id), last_failed.get(job.id)) for job in jobs}
