"""What must be true of the broker, whatever happened: held against the store after every call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock.config.limits import CLAIM_WRITE_MS
from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.lanes import Lanes
from penstock.jobs.model import FINISHED, WAITING, Instant, Job, JobId, QueueName, State
from penstock.jobs.outcomes import Cancelled, Completed, Died, Expired, Outcome, WaitEnded
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import Order
from penstock.jobs.window import Position, Window
from tests.simulation.asked import Wait
from tests.simulation.ledger import is_outdated

if TYPE_CHECKING:
    from tests.simulation.world import World

# Counted as they happen; `dropped` ones are counted among the cancelled, too.
COUNTERS = (
    "submitted", "duplicates", "claimed", "completed", "failed", "retried", "dead", "released",
    "cancelled", "outdated", "redriven", "expired",
)  # fmt: skip


def check_counts(world: World) -> None:
    """Every queue counts what the store has."""
    counts: Counter[tuple[QueueName, State]] = Counter()
    for job in world.durable.all():
        counts[job.queue, world.ledger.state(job)] += 1
    queues = {queue.name: queue for queue in world.broker.queues()}
    assert world.durable.queues() <= queues.keys()
    for queue in queues.values():
        for state in State:
            count, expected = queue.count(state), counts[queue.name, state]
            if count != expected and state in WAITING:
                # Those that a purge takes may be counted no longer.
                jobs = world.durable.in_state(state, queue.name)
                expected -= sum(
                    world.ledger.is_purged(j) and j.id not in world.ledger.holds for j in jobs
                )
            assert count == expected, f"{count} jobs of {queue.name} are {state}, not {expected}"
        assert queue.claimed_count == len(world.ledger.held(queue.name))
        assert queue.admitted_count == sum(
            request.queue == queue.name for request in world.ledger.admitted.values()
        )
        if queue.terms.bytes_max is not None and not world.is_measuring(queue.name):
            size = sum(job.payload_bytes for job in world.ledger.waiting(queue.name))
            assert queue.waiting_bytes == size, f"bytes of {queue.name}"
        for name in COUNTERS:
            counted = world.counters_of(queue)[queue.name, name]
            assert getattr(queue.counters, name) == counted, f"{name} of {queue.name}"


def check_waits(world: World) -> None:
    """Those who wait are known, and none of them for a job that has finished."""
    waits = world.clients.waits
    assert world.broker.waiter_count == len(waits)
    for wait in waits:
        assert wait.waiter is not None
        job = world.durable.job(wait.waiter.job_id)
        if wait.ends_at is not None and job is not None:
            assert job.state not in FINISHED, f"{wait.what} was not answered"


def check_outcome(world: World, wait: Wait, outcome: Outcome) -> None:
    """A waiter is told what became of its job, or that its own time is over."""
    assert wait.waiter is not None
    job_id = wait.waiter.job_id
    job = world.durable.job(job_id)
    if isinstance(outcome, WaitEnded):
        assert wait.ends_at is not None
        assert wait.ends_at <= world.now
        assert job is None or job.state not in FINISHED
    elif isinstance(outcome, Completed):
        assert job is None or job.state is State.COMPLETED
        assert outcome.result == b"%d" % job_id
    elif isinstance(outcome, Died):
        assert job is not None
        assert job.state is State.DEAD
        assert outcome.failures == job.failures
        assert outcome.error == world.durable.last_error(job_id)
    elif isinstance(outcome, Cancelled):
        assert job is None or job.state is State.CANCELLED
    else:
        assert isinstance(outcome, Expired)
        assert job is not None
        assert job.state is State.EXPIRED


def check_times(world: World) -> None:
    """Whatever has a time, the broker wants to be called by then."""
    times = [*world.clients.waits_end_at(), *world.workers.parked.values()]
    times += [
        hold.ends_at
        for hold in world.ledger.holds.values()
        if world.ledger.ending(hold.job.id) is None and hold.ends_at is not None
    ]
    next_at = world.broker.next_at(world.now)
    if times:
        assert next_at is not None, "nothing is to come"
        assert next_at <= min(times), f"{next_at} is too late for {min(times)}"


def check_nobody_waits_beside_jobs(world: World) -> None:
    """No worker waits beside a job that may run, as far as memory knows of it."""
    named = {name for claimant in world.workers.parked for name in claimant.queues}
    for queue in world.broker.queues():
        if queue.name not in named:
            continue
        terms = world.durable.terms(queue.name)
        jobs = world.claims.may_run(queue.name, world.now)
        room = terms.concurrency_max is None or queue.claimed_count < terms.concurrency_max
        if not jobs or terms.paused or not terms.reordered or not room:
            continue
        first = queue.ready.jobs.first()
        if first is None or first[1] != jobs[0].id:
            continue
        assert terms.rate is not None, f"a worker waits beside job {jobs[0].id}"
        next_at = world.broker.next_at(world.now)
        assert next_at is not None, f"nobody looks after the rate of {queue.name}"


def check_claims_are_written(world: World) -> None:
    """When all is calm, the store knows of every attempt that has lasted a while."""
    for hold in world.ledger.holds.values():
        if hold.since + CLAIM_WRITE_MS <= world.now:
            job = world.durable.job(hold.job.id)
            assert job is not None
            assert job.state is State.CLAIMED, f"the claim of job {job.id} is not written"
            assert job.attempt == hold.job.attempt


def check_calm(world: World) -> None:
    """Nothing is left to do without workers or time."""
    broker, ledger = world.broker, world.ledger
    assert not broker.has_questions
    assert ledger.on_way == {}
    open_ones = [asked.what for asked in world.asked if not asked.answers]
    waiting = [wait.what for wait in world.clients.waits]
    parked = [str(claimant.token) for claimant in world.workers.parked]
    in_line = [submitting.what for submitting in world.clients.parked]
    assert len(open_ones) == len(waiting + parked + in_line), f"not answered: {open_ones}"
    world.asked = [asked for asked in world.asked if not asked.answers]
    for queue in broker.queues():
        settings = world.durable.settings(queue.name)
        assert settings.reordered, f"{queue.name} is still being reordered"
        assert not settings.purged_until, f"{queue.name} is still being purged"
        ledger.purges.pop(queue.name, None)
        jobs = world.claims.may_run(queue.name, world.now)
        # Of tenants that are limited the store is asked when somebody comes for their jobs.
        is_asked = world.workers.asks_for(queue.name) or isinstance(queue.ready.jobs, Window)
        is_known = queue.ready.jobs.first() is not None
        assert not jobs or is_known or not is_asked, f"{queue.name} was not refilled"
        check_places(world, queue)
    for job in world.durable.all():
        assert job.state is not State.SCHEDULED or job.due_at > world.now
    for submitting in world.clients.parked:
        is_next = broker.rooms.parked.next_for(submitting.queue) is submitting
        assert not is_next or not submitting.has_room, f"{submitting.what} waits beside room"
    check_claims_are_written(world)


def check_places(world: World, queue: Queue) -> None:
    """Ranks are those of the order in force."""
    terms = world.durable.terms(queue.name)
    for job in ledger_ready(world, queue.name):
        if terms.order is Order.STRICT:
            assert job.rank == job.priority, f"rank of job {job.id}"
        elif terms.order is Order.AGEING:
            rank = job.submitted_at + job.priority * terms.ageing_ms
            assert job.rank == rank, f"rank of job {job.id}"


def ledger_ready(world: World, queue: QueueName) -> Iterator[Job]:
    ready = world.durable.in_state(State.READY, queue)
    return (j for j in ready if world.ledger.is_free(j) and not world.ledger.is_stray(j))


def check_all_expired(world: World) -> None:
    """When all is calm and the store was asked, nothing waits whose deadline has passed."""
    for job in world.durable.all():
        if job.state in (State.SCHEDULED, State.BLOCKED, State.READY):
            outdated = is_outdated(job, world.now) and world.ledger.is_free(job)
            assert not outdated, f"job {job.id} has not expired"


def check_windows(world: World) -> None:
    """A job is in its window exactly if it sorts at or before the horizon."""
    for queue in world.broker.queues():
        ready = {(j.rank, int(j.id)): j for j in world.ledger.eligible(queue.name)}
        held = {entry[1]: entry for window, _, _ in windows(queue) for entry in entries(window)}
        for window, tenant, others in windows(queue):
            mine = {
                position: job.id
                for position, job in ready.items()
                if (job.tenant == tenant if tenant is not None else job.tenant not in others)
            }
            found, expected = entries(window), within(window, mine)
            name = f"window of {queue.name} for {tenant}"
            assert found == expected, f"{name} has {found}, not {expected}"
        assert len(held) == sum(len(window) for window, _, _ in windows(queue)), "held twice"
    waiting = {
        (int(j.due_at), int(j.id)): j.id
        for j in world.durable.in_state(State.SCHEDULED)
        if world.ledger.is_free(j) and not world.ledger.is_purged(j)
    }
    window = world.broker._schedule._window
    # Of purged jobs the schedule need not know that they are gone, until it meets them.
    found = [entry for entry in entries(window) if not is_going(world, entry[1])]
    assert found == within(window, waiting), "the schedule"


def is_going(world: World, job_id: JobId) -> bool:
    job = world.durable.job(job_id)
    return job is None or world.ledger.is_purged(job)


def windows(queue: Queue) -> list[tuple[Window, str | None, frozenset[str]]]:
    """Return the windows of a queue, and whose jobs each of them is for."""
    jobs = queue.ready.jobs
    if isinstance(jobs, Window):
        return [(jobs, None, frozenset())]
    assert isinstance(jobs, Lanes)
    lanes = [(lane, tenant, frozenset[str]()) for tenant, lane in jobs._lanes.items()]
    return [(jobs._main, None, frozenset(jobs._lanes)), *lanes]


def entries(window: Window) -> list[tuple[Position, JobId]]:
    return [((rank, n), job.id) for rank, n, job in window]


def within(window: Window, jobs: dict[Position, JobId]) -> list[tuple[Position, JobId]]:
    if window.complete:
        return sorted(jobs.items())
    horizon = window.horizon
    return sorted(item for item in jobs.items() if horizon is not None and item[0] <= horizon)


def check_memory(broker: Broker, bounds: Bounds) -> None:
    """No more is held than was agreed, and no payload of a job that is not."""
    held: set[JobId] = set()
    for queue in broker.queues():
        for window, _, _ in windows(queue):
            assert len(window) <= 2 * window.jobs_max
            assert window.jobs_max <= bounds.window_jobs_max
            held.update(job_id for _, job_id in entries(window))
    assert len(broker._schedule._window) <= 2 * bounds.schedule_jobs_max
    payloads = broker._ready._payloads
    left = payloads._payloads.keys() - held
    assert not left, f"payloads of {left} are held"
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
    assert broker.revisions._by_job == {}
    assert broker.revisions._forgetting == set()
    assert len(broker.rooms.parked) == 0
    assert broker.administration._decided == {}
