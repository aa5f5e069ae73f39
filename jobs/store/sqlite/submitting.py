"""Writing what is new: of keys and of ordering groups it is found here whether they are taken."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from penstock.jobs.model import Instant, JobId
from penstock.jobs.store.port import Commit, KeyHolder, Submission
from penstock.jobs.store.sqlite.groups import blocked_of, groups_of, occupied
from penstock.jobs.store.sqlite.job_rows import (
    decode_holders,
    is_plain,
    plain_rows,
    special_rows,
    update_rows,
)
from penstock.jobs.store.sqlite.many_rows import ManyRows, Row
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import SHARED_BLOB_BYTES_MAX, encode_ids, encode_keys
from penstock.jobs.store.sqlite.statements import SQL

_INSERT_JOBS: Final = ManyRows(SQL["insert_jobs"])
_INSERT_SPECIAL_JOBS: Final = ManyRows(SQL["insert_special_jobs"])
_INSERT_PAYLOADS: Final = ManyRows(SQL["insert_payloads"])
_UPDATE_JOBS: Final = ManyRows(SQL["update_jobs"])


def submit(
    connection: sqlite3.Connection,
    queues: QueueNumbers,
    submissions: Sequence[Submission],
    now: Instant,
    commit: Commit,
) -> None:
    """Write submissions, and note in *commit* which are left out or blocked."""
    queues.number(connection, {submission.job.queue for submission in submissions})
    plain = [submission for submission in submissions if is_plain(submission.job)]
    _INSERT_JOBS.execute(connection, plain_rows(plain, queues.ids))
    if len(plain) < len(submissions):
        special = [submission for submission in submissions if not is_plain(submission.job)]
        _submit_special(connection, queues, special, now, commit)
    duplicates = commit.duplicates
    payloads = (
        (submission.job.id, submission.payload)
        for submission in submissions
        if submission.job.id not in duplicates
    )
    write_blobs(connection, _INSERT_PAYLOADS, payloads)


def _submit_special(
    connection: sqlite3.Connection,
    queues: QueueNumbers,
    submissions: Sequence[Submission],
    now: Instant,
    commit: Commit,
) -> None:
    """Write submissions of which some may have keys that are taken, or belong to groups."""
    taken = occupied(
        connection, groups_of((submission.job for submission in submissions), queues.ids)
    )
    blocked = blocked_of(submissions, queues.ids, taken)
    rows = special_rows(submissions, queues.ids, blocked)
    written_count = _INSERT_SPECIAL_JOBS.execute(connection, rows)
    if written_count < len(submissions):
        holders = _holders(connection, queues, submissions)
        expired = _expired(holders, now, submissions)
        if expired:
            connection.execute(SQL["free_keys"], (encode_ids(expired),))
            again = [row for row in rows if _is_held_by(holders, row, expired)]
            written_count += _INSERT_SPECIAL_JOBS.execute(connection, again)
            holders = _holders(connection, queues, submissions)
        assert written_count + len(holders) == len(submissions), "each is written or not"
        commit.duplicates = holders
        written = [submission for submission in submissions if submission.job.id not in holders]
        assumed, blocked = blocked, blocked_of(written, queues.ids, taken)
        # Whoever was to wait for a job of its group that is not there after all.
        free = [submission.job for submission in written if submission.job.id in assumed - blocked]
        if free:
            _UPDATE_JOBS.execute(connection, update_rows(free))
            commit.duplicates = _holders(connection, queues, submissions)
    commit.blocked = blocked


def _holders(
    connection: sqlite3.Connection, queues: QueueNumbers, submissions: Sequence[Submission]
) -> Mapping[JobId, KeyHolder]:
    asked = encode_keys(submissions)
    (rows,) = connection.execute(SQL["select_key_holders"], asked).fetchone()
    return decode_holders(rows, queues.names)


def _expired(
    holders: Mapping[JobId, KeyHolder], now: Instant, submissions: Sequence[Submission]
) -> set[JobId]:
    """Return who held a key for its time, of those that were there before these submissions."""
    first_id = min(submission.job.id for submission in submissions)
    return {
        holder.job_id
        for holder in holders.values()
        if holder.job.key_expires_at is not None
        and holder.job.key_expires_at <= now
        and holder.job_id < first_id
    }


def _is_held_by(
    holders: Mapping[JobId, KeyHolder], row: Row, holder_ids: Collection[JobId]
) -> bool:
    assert isinstance(row[0], int), "a row begins with the id"
    holder = holders.get(JobId(row[0]))
    return holder is not None and holder.job_id in holder_ids


def write_blobs(
    connection: sqlite3.Connection, insert: ManyRows, blobs: Iterable[tuple[JobId, bytes]]
) -> None:
    """Write payloads or results: the small ones together, the large ones one by one."""
    shared: list[Row] = []
    for job_id, blob in blobs:
        if len(blob) <= SHARED_BLOB_BYTES_MAX:
            # Copied, as Python's sqlite3 takes longer to bind bytes than a bytearray.
            shared.append((job_id, bytearray(blob)))
        else:
            insert.execute(connection, [(job_id, blob)])
    insert.execute(connection, shared)
