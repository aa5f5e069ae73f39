"""Deciding about one job that is known by its id: it is read first, as the store has it."""

from __future__ import annotations

from collections.abc import Callable

from penstock.jobs.errors import NoJob, Refused
from penstock.jobs.model import Job, JobId
from penstock.jobs.store.port import JobEnd, StoreError
from penstock.server.engine import Engine
from penstock.server.refusals import refusal, store_error
from penstock.server.responses import Slot

# Decides about a job and sees to the answer; says whether it could: not while another change of the
# job is on its way. Raises Refused.
Decide = Callable[[Job], bool]


def decide_about(engine: Engine, job_id: JobId, slot: Slot, decide: Decide) -> None:
    """Have a job read and decided about; again when a change that was on its way is durable.

    A refusal is the answer.
    """

    def read(end: JobEnd | StoreError | None) -> None:
        if isinstance(end, StoreError):
            slot.fill(store_error(end))
            return
        try:
            if end is None:
                raise NoJob(job_id)
            if not decide(end.job):
                engine.journal.read_end(job_id, read)
        except Refused as problem:
            slot.fill(refusal(problem))

    engine.journal.read_end(job_id, read)
