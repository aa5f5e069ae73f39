"""The front of a queue's ready jobs: of all, of one tenant, of all but some; and their end."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from penstock.jobs.model import Job
from penstock.jobs.store.port import HeadQuestion, TailQuestion
from penstock.jobs.store.sqlite.job_rows import decode_jobs
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import Front, decode_fronts, encode_ids, encode_texts
from penstock.jobs.store.sqlite.statements import SQL

# Before every position: ids start at 1.
START: Final = (-(2**63), 0)
# How many jobs of each tenant are looked at first.
_FRONT_JOBS: Final = 4


def head(
    connection: sqlite3.Connection, queues: QueueNumbers, question: HeadQuestion
) -> Sequence[Job]:
    """Answer a head question."""
    queue_id = queues.ids.get(question.queue)
    if queue_id is None:
        return ()
    if question.without:
        statement = "select_jobs"
        asked: tuple[object, ...] = (_ids_without(connection, queue_id, question),)
    else:
        place = (queue_id, *(question.after or START), question.jobs_max)
        if question.tenant is None:
            statement, asked = "select_head", place
        else:
            statement, asked = "select_head_of_tenant", (*place, question.tenant)
    (rows,) = connection.execute(SQL[statement], asked).fetchone()
    return decode_jobs(rows, queues.names)


def tail(
    connection: sqlite3.Connection, queues: QueueNumbers, question: TailQuestion
) -> Sequence[Job]:
    """Answer a tail question."""
    queue_id = queues.ids.get(question.queue)
    if queue_id is None:
        return ()
    (rows,) = connection.execute(SQL["select_tail"], (queue_id, question.jobs_max)).fetchone()
    return decode_jobs(rows, queues.names)


def _ids_without(connection: sqlite3.Connection, queue_id: int, question: HeadQuestion) -> str:
    """Find the first jobs of all but some tenants, whose jobs may be thousands in front of theirs.

    Some of each tenant are taken, and certain are those up to where the first tenant may have
    more; from there it goes on, with more of each.
    """
    found: list[int] = []
    position = question.after or START
    without = encode_texts(question.without)
    jobs_each = _FRONT_JOBS
    while len(found) < question.jobs_max:
        asked = (queue_id, *position, jobs_each, without)
        (rows,) = connection.execute(SQL["select_fronts"], asked).fetchone()
        fronts = decode_fronts(rows)
        last = _last_certain(fronts, jobs_each)
        found += [job_id for _, _, job_id in fronts[:last]]
        if last is None:
            break
        position = fronts[last - 1][1:]
        jobs_each *= 2
    return encode_ids(found[: question.jobs_max])


def _last_certain(fronts: Sequence[Front], jobs_each: int) -> int | None:
    """Return how many come before any that was not taken; None if nothing was left."""
    counts: dict[str | None, int] = {}
    for number, (tenant, _, _) in enumerate(fronts, start=1):
        counts[tenant] = counts.get(tenant, 0) + 1
        if counts[tenant] == jobs_each:
            return number
    return None
