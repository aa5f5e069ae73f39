"""The writes of a batch, inside its transaction."""

import sqlite3
from typing import Final

from penstock.jobs.events.life import is_life_stream
from penstock.jobs.store.port import Batch, Commit, Purged
from penstock.jobs.store.sqlite.event_writing import write_events, writes_any_event
from penstock.jobs.store.sqlite.groups import find_promoted, groups_of
from penstock.jobs.store.sqlite.job_rows import rewrite_rows, update_rows
from penstock.jobs.store.sqlite.many_rows import ManyRows
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.removing import purge, remove
from penstock.jobs.store.sqlite.rows import Group, failed_attempt_rows
from penstock.jobs.store.sqlite.statements import SQL
from penstock.jobs.store.sqlite.submitting import submit, write_blobs

_INSERT_RESULTS: Final = ManyRows(SQL["insert_results"])
_UPDATE_JOBS: Final = ManyRows(SQL["update_jobs"])
_REWRITE_JOBS: Final = ManyRows(SQL["rewrite_jobs"])
_INSERT_FAILED_ATTEMPTS: Final = ManyRows(SQL["insert_failed_attempts"])


def writes_anything(batch: Batch) -> bool:
    return bool(
        batch.submissions
        or batch.updates
        or batch.rewrites
        or batch.results
        or batch.failed_attempts
        or batch.removal is not None
        or batch.forgets
        or batch.purges
        or batch.settings
        or (batch.events is not None and writes_any_event(batch.events))
    )


def brings_new(batch: Batch) -> bool:
    """Say whether a batch brings what nobody is waiting for yet: the full disk is not for that.

    The life of jobs is no such thing: it is written with what happens to them.
    """
    if batch.submissions:
        return True
    if batch.events is None or not batch.events.appended:
        return False
    life = {stream.number for stream in batch.events.streams if is_life_stream(stream.name)}
    return any(number not in life for number, _ in batch.events.appended)


def write(
    connection: sqlite3.Connection, queues: QueueNumbers, batch: Batch, commit: Commit
) -> int:
    """Write a batch and note in *commit* what became of it.

    Return about how many bytes of events were written, or removed.
    """
    groups: set[Group] = set()  # Those in which somebody's turn may have come.
    if batch.removal is not None or batch.forgets:
        commit.removed = remove(connection, queues, batch.removal, batch.forgets)
    if batch.purges:
        commit.purged = _purge(connection, queues, batch, groups)
    if batch.rewrites:
        rewritten_count = _REWRITE_JOBS.execute(connection, rewrite_rows(batch.rewrites))
        assert rewritten_count == len(batch.rewrites), "rewritten jobs are known"
        groups |= groups_of(batch.rewrites, queues.ids)
    if batch.submissions:
        submit(connection, queues, batch.submissions, batch.now, commit)
    if batch.updates:
        updated_count = _UPDATE_JOBS.execute(connection, update_rows(batch.updates))
        assert updated_count == len(batch.updates), "updated jobs are known"
        finished = (job for job in batch.updates if job.finished_at is not None)
        groups |= groups_of(finished, queues.ids)
    if batch.results:
        write_blobs(connection, _INSERT_RESULTS, batch.results)
    if batch.failed_attempts:
        _INSERT_FAILED_ATTEMPTS.execute(connection, failed_attempt_rows(batch.failed_attempts))
    if batch.settings:
        _set(connection, queues, batch)
    if groups:
        commit.promoted = find_promoted(connection, queues, sorted(groups), batch.now)
        _UPDATE_JOBS.execute(connection, update_rows(commit.promoted))
    if batch.events is None:
        return 0
    return write_events(connection, batch, batch.events, commit)


def _purge(
    connection: sqlite3.Connection, queues: QueueNumbers, batch: Batch, groups: set[Group]
) -> list[Purged]:
    purged: list[Purged] = []
    for asked in batch.purges:
        answer, shortened = purge(connection, queues, asked)
        purged.append(answer)
        groups |= shortened
    return purged


def _set(connection: sqlite3.Connection, queues: QueueNumbers, batch: Batch) -> None:
    queues.number(connection, {name for name, settings in batch.settings if settings is not None})
    for name, settings in batch.settings:
        if name in queues.ids:
            connection.execute(SQL["update_settings"], (queues.ids[name], settings))
