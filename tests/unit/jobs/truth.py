"""What memory says about the jobs of a shop, held against what the store has."""

from collections import Counter

from penstock.jobs.model import WAITING, Job, JobId, State
from penstock.jobs.window import Entry, Position, Window
from tests.unit.jobs.shop import Shop


async def check_memory(made: Shop) -> None:
    """When nothing is on its way, memory and store agree about every job."""
    broker = made.broker
    jobs = [_as_it_is(made, job) for job in await made.store.all_jobs()]
    assert broker.revisions.job_ids == set(), "nothing is on its way"
    assert broker._schedule.falling_due == {}
    for queue in broker._ready.queues.values():
        mine = [job for job in jobs if job.queue == queue.name]
        counts = Counter(job.state for job in mine)
        for state in State:
            assert queue.count(state) == counts[state], f"{state} in {queue.name}"
        assert (queue.admitted_count, queue.admitted_bytes) == (0, 0)
        waiting_bytes = sum(job.payload_bytes for job in mine if job.state in WAITING)
        if queue.terms.bytes_max is not None:
            assert queue.waiting_bytes == waiting_bytes
        ready = [job for job in mine if job.state is State.READY and not queue.is_purged(job)]
        window = queue.ready.jobs
        if isinstance(window, Window):
            _check_window(window, {(job.rank, job.id): job.id for job in ready})
    scheduled = {
        (int(job.due_at), int(job.id)): job.id
        for job in jobs
        if job.state is State.SCHEDULED and not broker._is_purged(job)
    }
    _check_window(broker._schedule._window, scheduled)


def _as_it_is(made: Shop, job: Job) -> Job:
    lease = made.broker.lease(job.id)
    return job if lease is None else lease.job


def _check_window(window: Window, expected: dict[Position, JobId]) -> None:
    horizon = window.horizon
    here = {
        position: job_id
        for position, job_id in expected.items()
        if window.complete or (horizon is not None and position <= horizon)
    }
    entries: list[Entry] = list(window)
    positions = [entry[:2] for entry in entries]
    assert positions == sorted(here), f"{positions} is not the front {sorted(here)}"
    assert all(entry[2].state in (State.READY, State.SCHEDULED) for entry in entries)
    assert window.complete or len(window) or not expected, "nobody asks for what is there"
