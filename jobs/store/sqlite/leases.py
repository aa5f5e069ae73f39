"""Ending the leases that the last run left behind."""

import sqlite3
from typing import Final

from penstock.jobs.events.life import leases_ended
from penstock.jobs.model import Instant, Job
from penstock.jobs.store.sqlite.event_loading import followed_life
from penstock.jobs.store.sqlite.event_writing import tell_start
from penstock.jobs.store.sqlite.groups import find_promoted
from penstock.jobs.store.sqlite.job_rows import decode_jobs, update_rows
from penstock.jobs.store.sqlite.many_rows import ManyRows
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import decode_groups
from penstock.jobs.store.sqlite.statements import SQL

_UPDATE_JOBS: Final = ManyRows(SQL["update_jobs"])


def end_leases(
    connection: sqlite3.Connection, queues: QueueNumbers, now: Instant, cancelled_keep_ms: int
) -> int:
    """Make claimed jobs ready, or cancelled if they were told to stop; then their groups go on.

    Who follows the life of jobs is told. Return about how many bytes of events were written.
    """
    streams = followed_life(connection)
    claimed = _claimed(connection, queues) if streams else []
    (rows,) = connection.execute(SQL["select_groups_of_cancelled"]).fetchone()
    connection.execute(SQL["end_leases"], (now, cancelled_keep_ms))
    promoted = find_promoted(connection, queues, decode_groups(rows), now)
    _UPDATE_JOBS.execute(connection, update_rows(promoted))
    return tell_start(connection, streams, leases_ended(claimed, promoted, now), now)


def _claimed(connection: sqlite3.Connection, queues: QueueNumbers) -> list[Job]:
    (rows,) = connection.execute(SQL["select_claimed"]).fetchone()
    return decode_jobs(rows, queues.names)
