"""The writes of a batch, inside its transaction."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.store.port import Batch, Commit, KeyHolder, Removal, Submission
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import (
    SHARED_BLOB_BYTES_MAX,
    STATES,
    decode_holders,
    decode_removable,
    encode_blobs,
    encode_failed_attempts,
    encode_ids,
    encode_keyed_submissions,
    encode_submissions,
    encode_updates,
)
from penstock.jobs.store.sqlite.statements import SQL


def writes_anything(batch: Batch) -> bool:
    return bool(
        batch.submissions
        or batch.updates
        or batch.results
        or batch.failed_attempts
        or batch.removal is not None
    )


def write(
    connection: sqlite3.Connection, queues: QueueNumbers, batch: Batch, commit: Commit
) -> None:
    """Write a batch and note in *commit* what became of it."""
    if batch.removal is not None:
        commit.removed = _remove(connection, queues.names, batch.removal)
    if batch.submissions:
        commit.duplicates = _submit(connection, queues, batch.submissions)
    if batch.updates:
        updated = connection.execute(SQL["update_jobs"], (encode_updates(batch.updates),))
        assert updated.rowcount == len(batch.updates), "updated jobs are known"
    if batch.results:
        _write_blobs(connection, "result", batch.results)
    if batch.failed_attempts:
        connection.execute(
            SQL["insert_failed_attempts"], (encode_failed_attempts(batch.failed_attempts),)
        )


def _submit(
    connection: sqlite3.Connection, queues: QueueNumbers, submissions: Sequence[Submission]
) -> Mapping[JobId, KeyHolder]:
    queues.number(connection, {submission.job.queue for submission in submissions})
    duplicates: Mapping[JobId, KeyHolder] = {}
    if all(submission.job.key is None for submission in submissions):
        connection.execute(SQL["insert_jobs"], (encode_submissions(submissions, queues.ids),))
    else:
        rows = encode_keyed_submissions(submissions, queues.ids)
        inserted = connection.execute(SQL["insert_keyed_jobs"], rows)
        if inserted.rowcount < len(submissions):
            (holders,) = connection.execute(SQL["select_key_holders"], rows).fetchone()
            duplicates = decode_holders(holders)
        assert inserted.rowcount + len(duplicates) == len(submissions), "each is written or not"
    written = (
        (submission.job.id, submission.payload)
        for submission in submissions
        if submission.job.id not in duplicates
    )
    _write_blobs(connection, "payload", written)
    return duplicates


def _write_blobs(
    connection: sqlite3.Connection, noun: str, blobs: Iterable[tuple[JobId, bytes]]
) -> None:
    shared = []
    for job_id, blob in blobs:
        if len(blob) <= SHARED_BLOB_BYTES_MAX:
            shared.append((job_id, blob))
        else:
            connection.execute(SQL[f"insert_{noun}"], (job_id, blob))
    if shared:
        connection.execute(SQL[f"insert_{noun}s"], encode_blobs(shared))


def _remove(
    connection: sqlite3.Connection, queue_names: Mapping[int, QueueName], removal: Removal
) -> Mapping[tuple[QueueName, State], int]:
    (rows,) = connection.execute(
        SQL["select_removable"], (removal.until, removal.jobs_max)
    ).fetchone()
    removable = decode_removable(rows)
    if not removable:
        return {}
    connection.execute(SQL["save_next_id"])
    ids = (encode_ids(job_id for job_id, _, _ in removable),)
    for table in ("jobs", "payloads", "results", "failed_attempts"):
        connection.execute(SQL[f"delete_{table}"], ids)
    return Counter((queue_names[queue_id], STATES[code]) for _, queue_id, code in removable)
