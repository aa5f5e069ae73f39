"""Ordering groups: of the jobs of one group of a queue only one at a time is not blocked."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, JobId, QueueName, State
from penstock.jobs.store.port import Submission
from penstock.jobs.store.sqlite.job_rows import decode_jobs
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import Group, decode_groups, encode_groups
from penstock.jobs.store.sqlite.statements import SQL


def groups_of(jobs: Iterable[Job], queue_ids: Mapping[QueueName, int]) -> set[Group]:
    return {(queue_ids[job.queue], job.group) for job in jobs if job.group is not None}


def occupied(connection: sqlite3.Connection, groups: Collection[Group]) -> set[Group]:
    """Return the groups that have an unfinished job."""
    if not groups:
        return set()
    asked = (encode_groups(groups),)
    (rows,) = connection.execute(SQL["select_occupied_groups"], asked).fetchone()
    return set(decode_groups(rows))


def blocked_of(
    submissions: Iterable[Submission], queue_ids: Mapping[QueueName, int], occupied: set[Group]
) -> frozenset[JobId]:
    """Return which submissions are blocked, if all of them are written."""
    taken = set(occupied)
    blocked: list[JobId] = []
    for submission in submissions:
        job = submission.job
        if job.group is not None:
            group = (queue_ids[job.queue], job.group)
            if group in taken:
                blocked.append(job.id)
            taken.add(group)
    return frozenset(blocked)


def find_promoted(
    connection: sqlite3.Connection, queues: QueueNumbers, groups: Collection[Group], now: Instant
) -> Sequence[Job]:
    """Return the first blocked job of each group in which nothing else is under way, promoted."""
    if not groups:
        return ()
    asked = (encode_groups(groups),)
    (rows,) = connection.execute(SQL["select_promotable"], asked).fetchone()
    return [
        replace(job, state=State.SCHEDULED if job.due_at > now else State.READY)
        for job in decode_jobs(rows, queues.names)
    ]
