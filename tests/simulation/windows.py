"""What memory may hold: the fronts of the orders, whole and in order, and nothing of the past."""

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.model import JobId, State
from penstock.jobs.window import Position, Window
from tests.simulation.model import Model


def check_windows(broker: Broker, model: Model) -> None:
    """A job is in its window exactly if it sorts at or before the horizon."""
    for queue in broker.queues():
        ready = {t.position: t.job.id for t in model.in_state(State.READY, queue.name)}
        assert entries(queue.ready) == within(queue.ready, ready), f"window of {queue.name}"
    waiting = {
        (int(t.due_at), int(t.job.id)): t.job.id
        for t in model.in_state(State.SCHEDULED)
        if t.on_its_way is None
    }
    window = broker._schedule._window
    assert entries(window) == within(window, waiting), "the schedule"


def entries(window: Window) -> list[tuple[Position, JobId]]:
    return [((rank, n), job.id) for rank, n, job in window._entries[window._front :]]


def within(window: Window, jobs: dict[Position, JobId]) -> list[tuple[Position, JobId]]:
    if window.complete:
        return sorted(jobs.items())
    horizon = window.horizon
    return sorted(item for item in jobs.items() if horizon is not None and item[0] <= horizon)


def check_memory(broker: Broker, bounds: Bounds) -> None:
    """No more is held than was agreed, and no payload of a job that is not."""
    held: set[JobId] = set()
    for queue in broker.queues():
        assert len(queue.ready) <= 2 * queue.ready.jobs_max
        assert queue.ready.jobs_max <= bounds.window_jobs_max
        held.update(job_id for _, job_id in entries(queue.ready))
    assert len(broker._schedule._window) <= 2 * bounds.schedule_jobs_max
    payloads = broker._ready._payloads
    assert payloads._payloads.keys() <= held
    assert payloads._bytes == sum(map(len, payloads._payloads.values()))
    assert payloads._bytes <= bounds.payloads_bytes_max


def nothing_is_left(broker: Broker) -> None:
    """When no job is unfinished and nobody waits, memory holds nothing of any job."""
    assert broker.next_at() is None
    assert broker._unwritten_claims == {}
    assert broker.take_changes() == []
    assert broker.take_effects() == []
    leases, waits = broker._leases, broker._waits
    assert leases.by_job == {}
    assert leases._by_consumer == {}
    assert len(leases.timers) == 0
    assert waits._by_job == {}
    assert waits.waiter_count == 0
    assert len(waits.timers) == 0
    assert broker._ready._parked == {}
    assert broker._ready._payloads._bytes == 0
    assert broker._schedule.falling_due == {}
