"""What must be true of the broker, whatever happened: held against the model after every call."""

from collections.abc import Sequence

from penstock.config.limits import CLAIM_WRITE_MS
from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.model import FINISHED, Instant, JobId, QueueName, State
from penstock.jobs.outcomes import Completed, Died, Outcome, WaitEnded
from penstock.jobs.queue import Queue
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch
from penstock.jobs.window import Position, Window
from tests.simulation.asked import Wait
from tests.simulation.gate import at_once
from tests.simulation.model import Model


def check_counts(broker: Broker, model: Model) -> None:
    """Every queue counts what the model counts."""
    counts = model.counts()
    assert {queue.name for queue in broker.queues()} == model.known_queues()
    for queue in broker.queues():
        counters = queue.counters
        assert queue.ready_count == counts[queue.name, State.READY]
        assert queue.scheduled_count == counts[queue.name, State.SCHEDULED]
        assert queue.claimed_count == counts[queue.name, State.CLAIMED]
        assert queue.completed_count == counts[queue.name, State.COMPLETED]
        assert queue.dead_count == counts[queue.name, State.DEAD]
        for name in counters.__struct_fields__:
            assert getattr(counters, name) == model.counters[queue.name, name], name


def check_waits(broker: Broker, model: Model, waits: Sequence[Wait]) -> None:
    """Those who wait are known, and none of them for a job that has finished."""
    assert broker.waiter_count == len(waits)
    for wait in waits:
        assert wait.waiter is not None
        truth = model.jobs.get(wait.waiter.job_id)
        if wait.ends_at is not None and truth is not None:
            assert truth.state not in FINISHED, f"{wait.what} was not answered"


def check_outcome(model: Model, wait: Wait, outcome: Outcome, now: int) -> None:
    """A waiter is told what became of its job, or that its own time is over."""
    assert wait.waiter is not None
    job_id = wait.waiter.job_id
    truth = model.jobs.get(job_id)
    if isinstance(outcome, WaitEnded):
        assert wait.ends_at is not None
        assert wait.ends_at <= now
        assert truth is None or truth.state not in FINISHED
    elif isinstance(outcome, Completed):
        assert truth is None or truth.state is State.COMPLETED
        assert outcome.result == b"%d" % job_id
    else:
        assert isinstance(outcome, Died)
        assert truth is not None
        assert truth.state is State.DEAD
        last_attempt = truth.attempt
        assert outcome == Died(truth.failures, truth.job.attempts_max, truth.error, last_attempt)


def check_times(broker: Broker, model: Model, waits_end_at: Sequence[int], now: Instant) -> None:
    """Whatever has a time, the broker wants to be called by then."""
    times = list(waits_end_at)
    times += [
        truth.lease_ends_at
        for truth in model.in_state(State.CLAIMED)
        if truth.on_its_way is None and truth.lease_ends_at is not None
    ]
    next_at = broker.next_at(now)
    assert not times or (next_at is not None and next_at <= min(times))


def most_urgent(broker: Broker, model: Model, queues: Sequence[QueueName]) -> JobId | None:
    """Return the job that must be claimed first, if all heads of these queues are known."""
    heads = [model.ready(queue)[0] for queue in queues if model.ready(queue)]
    if not heads or any(not len(front(broker.queue(truth.job.queue))) for truth in heads):
        return None
    return min(heads, key=lambda truth: truth.position).job.id


def check_claims_are_written(store: MemoryStore, model: Model, now: int) -> None:
    """When all is calm, the store knows of every attempt that has lasted a while."""
    old = [
        truth for truth in model.in_state(State.CLAIMED) if truth.claimed_at + CLAIM_WRITE_MS <= now
    ]
    commit = at_once(store.commit(Batch(records=[truth.job.id for truth in old])))
    for truth in old:
        written = commit.records[truth.job.id].job
        assert written.state is State.CLAIMED, f"the claim of job {written.id} is not written"
        assert written.attempt == truth.attempt


def check_windows(broker: Broker, model: Model) -> None:
    """A job is in its window exactly if it sorts at or before the horizon."""
    for queue in broker.queues():
        ready = {t.position: t.job.id for t in model.in_state(State.READY, queue.name)}
        assert entries(front(queue)) == within(front(queue), ready), f"window of {queue.name}"
    waiting = {
        (int(t.due_at), int(t.job.id)): t.job.id
        for t in model.in_state(State.SCHEDULED)
        if t.on_its_way is None
    }
    window = broker._schedule._window
    assert entries(window) == within(window, waiting), "the schedule"


def front(queue: Queue) -> Window:
    window = queue.ready.jobs
    assert isinstance(window, Window)
    return window


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
        window = front(queue)
        assert len(window) <= 2 * window.jobs_max
        assert window.jobs_max <= bounds.window_jobs_max
        held.update(job_id for _, job_id in entries(window))
    assert len(broker._schedule._window) <= 2 * bounds.schedule_jobs_max
    payloads = broker._ready._payloads
    assert payloads._payloads.keys() <= held
    assert payloads._bytes == sum(map(len, payloads._payloads.values()))
    assert payloads._bytes <= bounds.payloads_bytes_max


def nothing_is_left(broker: Broker, now: Instant) -> None:
    """When no job is unfinished and nobody waits, memory holds nothing of any job."""
    assert broker.next_at(now) is None
    assert broker._attempts._unwritten_claims == {}
    assert broker.take_changes() == []
    assert broker.take_effects() == []
    leases, waits = broker._attempts._leases, broker._waits
    assert leases.by_job == {}
    assert leases._by_consumer == {}
    assert len(leases.timers) == 0
    assert waits._by_job == {}
    assert waits.waiter_count == 0
    assert len(waits.timers) == 0
    assert broker._ready._parked == {}
    assert broker._ready._payloads._bytes == 0
    assert broker._schedule.falling_due == {}
