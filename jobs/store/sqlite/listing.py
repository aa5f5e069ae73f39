"""Lists of jobs for people: by id, along an index where there is one for what they look for."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from msgspec.json import encode as json_encode

from penstock.jobs.model import FINISHED, JobId, State
from penstock.jobs.store.port import JobFilter, Listing, ListQuestion
from penstock.jobs.store.sqlite.job_rows import STATE_CODES, decode_jobs, storable
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import decode_texts, encode_ids
from penstock.jobs.store.sqlite.statements import SQL

_DEAD: Final = frozenset({State.DEAD})
# What the statements are written with, and what stands in its place.
_WAY: Final = "INDEXED BY jobs_tenant WHERE tenant = ?1 AND id"
_WAYS: Final = {
    "tenant": _WAY,
    "key": "INDEXED BY jobs_key_unique WHERE key = ?1 AND id",
    "group": "INDEXED BY jobs_group WHERE group_key = ?1 AND id",
    # In one state, unfinished: the finished jobs of a group may be many.
    "group in state": (
        "INDEXED BY jobs_group_unfinished WHERE queue_id = ?1 ->> 0 AND group_key = ?1 ->> 1 "
        "AND state = ?1 ->> 2 AND finished_at IS NULL AND id"
    ),
    "producer": (
        "INDEXED BY jobs_producer_unfinished WHERE producer = ?1 AND finished_at IS NULL AND id"
    ),
    "dead": "INDEXED BY jobs_aside WHERE queue_id = ?1 AND state = 4 AND id",
    "all": "NOT INDEXED WHERE ?1 IS NULL AND id",
}


def _along(sql: str) -> Mapping[str, str]:
    assert sql.count(_WAY) == 1, "one way stands for all"
    return {name: sql.replace(_WAY, way) for name, way in _WAYS.items()}


END_OF_PAGE: Final = _along(SQL["select_end_of_page"])
LIST_JOBS: Final = _along(SQL["list_jobs"])


def list_jobs(
    connection: sqlite3.Connection, queues: QueueNumbers, question: ListQuestion
) -> Listing:
    """Answer a list question."""
    wanted = question.filter
    queue_id = None if wanted.queue is None else queues.ids.get(wanted.queue)
    if wanted.queue is not None and queue_id is None:
        return Listing((), {}, None)
    way, value = _way(wanted, queue_id)
    at = (value, question.after, question.scan_max)
    row = connection.execute(END_OF_PAGE[way], at).fetchone()
    end = None if row is None else JobId(row[0])
    (rows,) = connection.execute(
        LIST_JOBS[way],
        (
            value,
            question.after,
            2**63 - 1 if end is None else end,
            question.jobs_max,
            queue_id,
            _bits(wanted.states),
            wanted.task,
            wanted.tenant,
            wanted.group,
            wanted.key,
            wanted.producer,
            wanted.since,
            wanted.until,
            None if wanted.error is None else storable(wanted.error),
        ),
    ).fetchone()
    jobs = decode_jobs(rows, queues.names)
    asked = (encode_ids(job.id for job in jobs),)
    (errors,) = connection.execute(SQL["select_last_errors"], asked).fetchone()
    if len(jobs) == question.jobs_max:
        end = jobs[-1].id
    return Listing(jobs, decode_texts(errors), end)


def _way(wanted: JobFilter, queue_id: int | None) -> tuple[str, str | int | None]:
    """Return the way that has the fewest jobs to look at, and what to look for along it."""
    if wanted.key is not None:
        return "key", wanted.key
    if wanted.group is not None:
        states = wanted.states or FINISHED
        if queue_id is None or len(states) > 1 or not states.isdisjoint(FINISHED):
            return "group", wanted.group
        (state,) = states
        place = (queue_id, wanted.group, STATE_CODES[state])
        return "group in state", json_encode(place).decode()
    if wanted.producer is not None and wanted.states and wanted.states.isdisjoint(FINISHED):
        return "producer", wanted.producer
    if queue_id is not None and wanted.states == _DEAD:
        return "dead", queue_id
    if wanted.tenant is not None:
        return "tenant", wanted.tenant
    return "all", None


def _bits(states: frozenset[State] | None) -> int | None:
    return None if states is None else sum(1 << STATE_CODES[state] for state in states)
