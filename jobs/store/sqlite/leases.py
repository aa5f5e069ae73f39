"""Ending the leases that the last run left behind."""

import sqlite3
from typing import Final

from penstock.jobs.model import Instant
from penstock.jobs.store.sqlite.groups import find_promoted
from penstock.jobs.store.sqlite.job_rows import update_rows
from penstock.jobs.store.sqlite.many_rows import ManyRows
from penstock.jobs.store.sqlite.queues import QueueNumbers
from penstock.jobs.store.sqlite.rows import decode_groups
from penstock.jobs.store.sqlite.statements import SQL

_UPDATE_JOBS: Final = ManyRows(SQL["update_jobs"])


def end_leases(
    connection: sqlite3.Connection, queues: QueueNumbers, now: Instant, cancelled_keep_ms: int
) -> None:
    """Make claimed jobs ready, or cancelled if they were told to stop; then their groups go on."""
    (rows,) = connection.execute(SQL["select_groups_of_cancelled"]).fetchone()
    connection.execute(SQL["end_leases"], (now, cancelled_keep_ms))
    promoted = find_promoted(connection, queues, decode_groups(rows), now)
    _UPDATE_JOBS.execute(connection, update_rows(promoted))
