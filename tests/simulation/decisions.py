"""Whether what the broker decides is what was asked for, and the only change of its job."""

from penstock.config.limits import CANCEL_GRACE_MS, LEASE_GRACE_MS
from penstock.jobs.changes import Change
from penstock.jobs.model import FINISHED, WAITING, Instant, Job, State
from penstock.jobs.queue_settings import Terms
from penstock.jobs.store.port import StoreError
from penstock.jobs.transitions import Cause
from tests.simulation.asked import Ask
from tests.simulation.durable import Durable
from tests.simulation.ledger import ENDS, Ledger


class Decisions:
    """Follows every change from its decision until it is durable, or never will be."""

    def __init__(self, durable: Durable, ledger: Ledger) -> None:
        self._durable = durable
        self._ledger = ledger

    def decided(self, change: Change, now: Instant) -> None:
        """A change sets out."""
        ledger, job, cause = self._ledger, change.job, change.cause
        if cause is Cause.CLAIM:
            assert ledger.hold(job.id, job.attempt) is not None
            return
        before = self._durable.job(job.id)
        assert before is not None, f"{cause} of job {job.id}, and there is none"
        others = [other.cause for other in ledger.on_way.get(job.id, ())]
        is_held = job.id in ledger.holds
        # What runs may be told to stop, or lose its key, and end at once.
        allowed = {None} if is_held else {Cause.FALL_DUE}
        assert set(others) <= allowed, f"job {job.id} has changes on their way: {others}, {cause}"
        if is_held:
            self._decided_of_held(change, now)
        elif cause is Cause.FALL_DUE:
            assert before.state is State.SCHEDULED
            assert before.due_at <= now
            assert not ledger.is_purged(before), f"job {job.id} falls due, and is purged"
        elif cause in (Cause.REDRIVE, Cause.REJOIN):
            assert before.state in FINISHED - {State.COMPLETED}
            assert job.id in ledger.redrives
        else:
            self._decided_of_idle(before, change, now)
        ledger.on_way.setdefault(job.id, []).append(change)

    def _decided_of_idle(self, before: Job, change: Change, now: Instant) -> None:
        job, cause = change.job, change.cause
        if cause is None:
            if change.freed_key is None:
                assert before.state is State.READY, f"job {job.id} is moved while {before.state}"
                assert job.priority <= before.priority
            return
        assert before.state in WAITING, f"{cause} of job {job.id} that is {before.state}"
        assert not self._ledger.is_purged(before), f"{cause} of job {job.id}, which is purged"
        if cause is Cause.EXPIRE:
            assert before.expires_at is not None
            assert before.expires_at <= now, f"job {job.id} expires early"
            assert before.attempt == 0, f"job {job.id} expires, and was started before"
            return
        assert cause is Cause.CANCEL
        if _is_drop(change):
            self._check_drop(before)
        elif change.freed_key is None:
            assert self._ledger.cancels.get(job.id), f"nobody asked to cancel job {job.id}"

    def _check_drop(self, job: Job) -> None:
        """A job is dropped if its queue holds too much, without those that go already."""
        terms = self._durable.terms(job.queue)
        ledger = self._ledger
        staying = [
            other
            for other in ledger.waiting(job.queue)
            if not any(_is_drop(change) for change in ledger.on_way.get(other.id, ()))
        ]
        too_many = terms.length_max is not None and len(staying) > terms.length_max
        size = sum(other.payload_bytes for other in staying)
        too_large = terms.bytes_max is not None and size > terms.bytes_max
        assert too_many or too_large, f"job {job.id} is dropped beside {len(staying)} others"
        last = max(ledger.eligible(job.queue), key=lambda other: (other.rank, other.id))
        assert last.id == job.id, f"job {job.id} is dropped before job {last.id}"
        assert job.state is State.READY

    def _decided_of_held(self, change: Change, now: Instant) -> None:
        job, cause = change.job, change.cause
        hold = self._ledger.hold(job.id, job.attempt)
        assert hold is not None
        if cause is None:
            is_told = job.cancel_asked_at is not None
            if not is_told and change.freed_key is None:
                terms = self._durable.terms(job.queue)
                assert not terms.reordered, f"job {job.id} runs, and gets another rank"
            elif is_told and not hold.is_to_stop:
                assert self._ledger.cancels.get(job.id), f"nobody asked to cancel job {job.id}"
                hold.is_to_stop = True
                ends_at = now + CANCEL_GRACE_MS
                # One whose lease ran out already is overdue once more.
                hold.ends_at = ends_at if hold.ends_at is None else min(hold.ends_at, ends_at)
            return
        assert cause in ENDS
        ask = self._ledger.asks.pop(job.id)
        if ask.kind is Cause.COMPLETE:
            assert cause is Cause.COMPLETE
        elif hold.is_to_stop or ask.cancels:
            assert cause is Cause.CANCEL, f"{cause} of job {job.id}, which was to stop"
        elif ask.kind is Cause.RELEASE:
            assert cause is (Cause.SNOOZE if ask.delay_ms else Cause.RELEASE)
            assert job.due_at == now + ask.delay_ms
        else:
            before = self._durable.job(job.id)
            assert before is not None
            check_retry(before, change, ask, self._durable.terms(job.queue), now)

    def settled(self, change: Change, problem: StoreError | None, now: Instant) -> None:
        """A change is durable, or will never be."""
        ledger, job_id = self._ledger, change.job.id
        if change.cause is Cause.CLAIM:
            return
        changes = ledger.on_way[job_id]
        changes.remove(change)
        if not changes:
            del ledger.on_way[job_id]
        hold = ledger.holds.get(job_id)
        if hold is None or change.cause not in ENDS:
            return
        if problem is None:
            attempt = (job_id, change.job.attempt)
            assert attempt not in ledger.ended, f"attempt {attempt} ended twice"
            assert change.cause is not None
            ledger.ended[attempt] = change.cause
            del ledger.holds[job_id]
        else:
            hold.ends_at = now + LEASE_GRACE_MS


def _is_drop(change: Change) -> bool:
    return change.cause is Cause.CANCEL and (change.job.reason or "").startswith("dropped")


def check_retry(before: Job, change: Change, ask: Ask, terms: Terms, now: Instant) -> None:
    """A failure is tried again as its policy says, or was the last."""
    job = change.job
    failures = before.failures + 1
    assert job.failures == failures
    if ask.final or failures >= before.attempts_max:
        assert change.cause is Cause.GIVE_UP
        return
    assert change.cause is Cause.RETRY
    wait_ms = job.due_at - now
    policy = before.retry or terms.retry
    if ask.lost and failures == 1:
        assert wait_ms == 0
    elif ask.after_ms is not None and before.retry is None:
        assert wait_ms == ask.after_ms
    elif policy.delays_ms:
        assert wait_ms == policy.delays_ms[min(failures, len(policy.delays_ms)) - 1]
    else:
        ceiling = min(policy.cap_ms, policy.base_ms * 2 ** (failures - 1))
        assert 0 <= wait_ms <= ceiling
        assert policy.jitter or wait_ms == ceiling
