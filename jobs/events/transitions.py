"""The transitions that a batch makes, as far as memory knows them before it is committed.

What it does not know is made in the transaction, by `life.late_life`: whether a submission met its
key again or was blocked by its group, which blocked job goes on, what a purge removed.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change
from penstock.jobs.leases import Lease
from penstock.jobs.model import FailedAttempt, Job, JobId, State
from penstock.jobs.store.port import Submission
from penstock.jobs.transitions import Cause, state_before


class Transition(Struct, frozen=True, gc=False):
    """One step of a job's life; `before` is None for a job that is new."""

    job: Job
    before: State | None
    cause: Cause
    worker: str = ""
    failed_attempt: FailedAttempt | None = None


def known_transitions(
    broker: Broker, submissions: Iterable[Submission], changes: Iterable[Change]
) -> Iterator[Transition]:
    """Return what happens to jobs of followed queues, in the order in which it was decided."""
    followed = broker.followed
    for submission in submissions:
        job = submission.job
        if followed.covers(job.queue) and not _is_open(submission):
            cause = Cause.SUBMIT if job.state is State.READY else Cause.SCHEDULE
            yield Transition(job, None, cause)
    states: dict[JobId, State] = {}  # Of jobs of which several changes are written at once.
    for change in changes:
        job = change.job
        if not followed.covers(job.queue):
            continue
        lease = broker.lease(job.id)
        worker = "" if lease is None else lease.worker
        if lease is not None and job.id not in states and _is_news(lease, job):
            states[job.id] = State.CLAIMED
            yield Transition(lease.job, State.READY, Cause.CLAIM, worker)
        if change.cause in (None, Cause.CLAIM):
            continue
        before = states.get(job.id) or _before(broker, job.id, change.cause)
        states[job.id] = job.state
        yield Transition(job, before, change.cause, worker, change.failed_attempt)


def has_unknown(
    broker: Broker, submissions: Sequence[Submission], changes: Sequence[Change]
) -> bool:
    """Say whether the transaction may make transitions that nobody knows before it."""
    covers = broker.followed.covers
    return any(_is_open(each) and covers(each.job.queue) for each in submissions) or any(
        change.job.group is not None and covers(change.job.queue) for change in changes
    )


def _is_open(submission: Submission) -> bool:
    """Say whether only the store knows what becomes of a submission."""
    return submission.job.key is not None or submission.job.group is not None


def _is_news(lease: Lease, job: Job) -> bool:
    """Say whether a change is the first that is written of an attempt, and so tells of its claim.

    The change that says so may have been given up for want of room, or was not going to be written.
    """
    return not lease.is_written and lease.job.attempt == job.attempt


def _before(broker: Broker, job_id: JobId, cause: Cause) -> State:
    """Return the state that a job has until a change of it is durable."""
    state = state_before(cause)
    if state is not None:
        return state
    job = broker.revisions.before(job_id)
    return State.CLAIMED if job is None else job.state
