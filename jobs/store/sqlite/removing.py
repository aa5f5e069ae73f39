"""Removing jobs, each with all its rows: when their time is over, on demand, by the queue."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.store.port import Purged, PurgeSlice, Removal
from penstock.jobs.store.sqlite.job_rows import STATES
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import (
    Group,
    decode_purgeable,
    decode_removable,
    encode_ids,
)
from penstock.jobs.store.sqlite.statements import SQL


def remove(
    connection: sqlite3.Connection,
    queues: QueueNumbers,
    removal: Removal | None,
    forgets: Sequence[JobId],
) -> Counter[tuple[QueueName, State]]:
    """Remove finished jobs: those whose time is over, and those that are to be forgotten."""
    removed: list[tuple[int, int, int]] = []
    if removal is not None:
        asked: tuple[object, ...] = (removal.until, removal.jobs_max)
        (rows,) = connection.execute(SQL["select_removable"], asked).fetchone()
        removed = decode_removable(rows)
    if forgets:
        asked = (encode_ids(dict.fromkeys(forgets)),)
        (rows,) = connection.execute(SQL["select_forgettable"], asked).fetchone()
        removed = list(dict.fromkeys(removed + decode_removable(rows)))
    _delete(connection, [job_id for job_id, _, _ in removed])
    return Counter((queues.names[queue_id], STATES[code]) for _, queue_id, code in removed)


def purge(
    connection: sqlite3.Connection, queues: QueueNumbers, purge: PurgeSlice
) -> tuple[Purged, set[Group]]:
    """Remove waiting jobs of a queue; return the groups of which some were removed, too."""
    queue_id = queues.ids.get(purge.queue)
    if queue_id is None:
        return Purged(purge.queue, {}, more=False), set()
    asked = (queue_id, purge.until, encode_ids(purge.spared), purge.jobs_max)
    (rows,) = connection.execute(SQL["select_purgeable"], asked).fetchone()
    purged = decode_purgeable(rows)
    _delete(connection, [job_id for job_id, _, _ in purged])
    job_ids: defaultdict[State, list[JobId]] = defaultdict(list)
    for job_id, code, _ in purged:
        job_ids[STATES[code]].append(JobId(job_id))
    groups = {(queue_id, group) for _, _, group in purged if group is not None}
    return Purged(purge.queue, dict(job_ids), len(purged) >= purge.jobs_max), groups


def _delete(connection: sqlite3.Connection, job_ids: Iterable[int]) -> None:
    ids = encode_ids(job_ids)
    if ids == "[]":
        return
    connection.execute(SQL["save_next_id"])
    for table in ("jobs", "payloads", "results", "failed_attempts"):
        connection.execute(SQL[f"delete_{table}"], (ids,))
