"""The questions of a batch."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from penstock.jobs.model import FailedAttempt, Job, JobId, QueueName
from penstock.jobs.store.port import Batch, Commit, DueQuestion, HeadQuestion, JobRecord
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import (
    SHARED_BLOB_BYTES_MAX,
    decode_blobs,
    decode_failed_attempts,
    decode_jobs,
    encode_ids,
)
from penstock.jobs.store.sqlite.statements import SQL

# Before every position: ids start at 1.
_START: Final = (-(2**63), 0)


def asks_anything(batch: Batch) -> bool:
    return bool(batch.heads or batch.due is not None or batch.payloads or batch.records)


def answer(
    connection: sqlite3.Connection, queues: QueueNumbers, batch: Batch, commit: Commit
) -> None:
    """Answer the questions of a batch."""
    if batch.heads:
        commit.heads = [_head(connection, queues, question) for question in batch.heads]
    if batch.due is not None:
        commit.due = _due(connection, queues, batch.due)
    if batch.payloads:
        commit.payloads = _blobs(connection, "payload", batch.payloads)
    if batch.records:
        commit.records = _records(connection, queues.names, batch.records)


def _head(
    connection: sqlite3.Connection, queues: QueueNumbers, question: HeadQuestion
) -> Sequence[Job]:
    queue_id = queues.ids.get(question.queue)
    if queue_id is None:
        return ()
    asked = (queue_id, *(question.after or _START), question.jobs_max)
    (rows,) = connection.execute(SQL["select_head"], asked).fetchone()
    return decode_jobs(rows, queues.names)


def _due(
    connection: sqlite3.Connection, queues: QueueNumbers, question: DueQuestion
) -> Sequence[Job]:
    asked = (*(question.after or _START), question.jobs_max)
    (rows,) = connection.execute(SQL["select_due"], asked).fetchone()
    return decode_jobs(rows, queues.names)


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
