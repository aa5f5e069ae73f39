"""The writes of a batch, inside its transaction."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.store.port import Batch, Commit, KeyHolder, Removal, Submission
from penstock.jobs.store.sqlite.many_rows import ManyRows, Row
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import (
    SHARED_BLOB_BYTES_MAX,
    STATES,
    decode_holders,
    decode_removable,
    encode_ids,
    encode_keys,
    failed_attempt_rows,
    keyed_submission_rows,
    submission_rows,
    update_rows,
)
from penstock.jobs.store.sqlite.statements import SQL

_INSERT_JOBS: Final = ManyRows(SQL["insert_jobs"])
_INSERT_KEYED_JOBS: Final = ManyRows(SQL["insert_keyed_jobs"])
_INSERT_PAYLOADS: Final = ManyRows(SQL["insert_payloads"])
_INSERT_RESULTS: Final = ManyRows(SQL["insert_results"])
_UPDATE_JOBS: Final = ManyRows(SQL["update_jobs"])
_INSERT_FAILED_ATTEMPTS: Final = ManyRows(SQL["insert_failed_attempts"])


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
        updated_count = _UPDATE_JOBS.execute(connection, update_rows(batch.updates))
        assert updated_count == len(batch.updates), "updated jobs are known"
    if batch.results:
        _write_blobs(connection, _INSERT_RESULTS, batch.results)
    if batch.failed_attempts:
        _INSERT_FAILED_ATTEMPTS.execute(connection, failed_attempt_rows(batch.failed_attempts))


def _submit(
    connection: sqlite3.Connection, queues: QueueNumbers, submissions: Sequence[Submission]
) -> Mapping[JobId, KeyHolder]:
    queues.number(connection, {submission.job.queue for submission in submissions})
    duplicates: Mapping[JobId, KeyHolder] = {}
    if all(submission.job.key is None for submission in submissions):
        _INSERT_JOBS.execute(connection, submission_rows(submissions, queues.ids))
    else:
        rows = keyed_submission_rows(submissions, queues.ids)
        inserted_count = _INSERT_KEYED_JOBS.execute(connection, rows)
        if inserted_count < len(submissions):
            asked = encode_keys(submissions)
            (holders,) = connection.execute(SQL["select_key_holders"], asked).fetchone()
            duplicates = decode_holders(holders)
        assert inserted_count + len(duplicates) == len(submissions), "each is written or not"
    written = [
        (submission.job.id, submission.payload)
        for submission in submissions
        if submission.job.id not in duplicates
    ]
    _write_blobs(connection, _INSERT_PAYLOADS, written)
    return duplicates


def _write_blobs(
    connection: sqlite3.Connection, insert: ManyRows, blobs: Sequence[tuple[JobId, bytes]]
) -> None:
    shared: list[Row] = []
    for blob in blobs:
        if len(blob[1]) <= SHARED_BLOB_BYTES_MAX:
            shared.append(blob)
        else:
            insert.execute(connection, [blob])
    insert.execute(connection, shared)


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
