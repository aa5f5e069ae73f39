"""The store that keeps jobs in memory: for tests, and for servers that may forget.

It passes the same suite as the others, so it is a fake that may be trusted; what it does not do
is survive the process. A batch is checked whole before anything of it is written.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.jobs.model import FINISHED, FailedAttempt, Job, JobId, QueueName, State
from penstock.jobs.store.ordered import OrderedIds
from penstock.jobs.store.port import (
    Batch,
    Commit,
    DueQuestion,
    HeadQuestion,
    JobRecord,
    KeyHolder,
    Removal,
    Snapshot,
    Submission,
)


class _Kept(Struct):
    """What is kept of one job."""

    job: Job
    payload: bytes
    fingerprint: bytes
    result: bytes | None = None
    failed_attempts: list[FailedAttempt] = field(default_factory=list)


class MemoryStore:
    """Keep jobs for as long as this object lives."""

    def __init__(self) -> None:
        self._jobs: dict[JobId, _Kept] = {}
        self._keys: dict[str, JobId] = {}
        self._next_id = 1
        self._ready: dict[QueueName, OrderedIds] = {}
        self._scheduled = OrderedIds()
        self._finished = OrderedIds()

    async def load(self) -> Snapshot:
        """Return what the broker starts from, after ending the leases of the last run."""
        claimed = [kept.job for kept in self._jobs.values() if kept.job.state is State.CLAIMED]
        for job in claimed:
            self._update(replace(job, state=State.READY, claimed_at=None))
        counts = Counter((kept.job.queue, kept.job.state) for kept in self._jobs.values())
        return Snapshot(JobId(self._next_id), dict(counts), len(claimed))

    async def commit(self, batch: Batch) -> Commit:
        """Write a batch and answer its questions."""
        self._check(batch)
        commit = Commit()
        if batch.removal is not None:
            commit.removed = self._remove(batch.removal)
        commit.duplicates = self._submit(batch.submissions)
        for job in batch.updates:
            self._update(job)
        for job_id, result in batch.results:
            self._jobs[job_id].result = result
        for failed_attempt in batch.failed_attempts:
            self._jobs[failed_attempt.job_id].failed_attempts.append(failed_attempt)
        self._answer(batch, commit)
        return commit

    async def rest(self) -> None:
        """Do nothing: there is no housekeeping."""

    async def close(self) -> None:
        """Do nothing: what was committed stays as long as this object."""

    # --- writing -------------------------------------------------------------------------------

    def _check(self, batch: Batch) -> None:
        """Assert the port's rules, before anything changes."""
        submitted = {submission.job.id for submission in batch.submissions}
        assert len(submitted) == len(batch.submissions), "a job is submitted once"
        assert submitted.isdisjoint(self._jobs), "the ids of submitted jobs are new"
        for submission in batch.submissions:
            assert submission.job == _as_new(submission.job), "a submitted job is new"
        updated = {job.id for job in batch.updates}
        assert len(updated) == len(batch.updates), "a job is updated once a batch"
        for job in batch.updates:
            known = self._jobs[job.id].job
            assert known.state not in FINISHED, "a finished job does not change"
            assert job == _with_changes_of(known, job), "what a submission fixed does not change"
        for job_id, _ in batch.results:
            assert self._jobs[job_id].result is None, "a job has one result"
        attempts = [(failed.job_id, failed.attempt) for failed in batch.failed_attempts]
        assert len(set(attempts)) == len(attempts), "an attempt fails once"
        for job_id, attempt in attempts:
            failed_attempts = self._jobs[job_id].failed_attempts
            assert all(failed.attempt != attempt for failed in failed_attempts)

    def _submit(self, submissions: Iterable[Submission]) -> dict[JobId, KeyHolder]:
        duplicates: dict[JobId, KeyHolder] = {}
        for submission in submissions:
            job = submission.job
            if job.key is not None:
                holder_id = self._keys.setdefault(job.key, job.id)
                if holder_id != job.id:
                    same = self._jobs[holder_id].fingerprint == submission.fingerprint
                    duplicates[job.id] = KeyHolder(holder_id, same)
                    continue
            self._jobs[job.id] = _Kept(job, submission.payload, submission.fingerprint)
            self._index(job)
            self._next_id = max(self._next_id, job.id + 1)
        return duplicates

    def _update(self, job: Job) -> None:
        kept = self._jobs[job.id]
        self._unindex(kept.job)
        kept.job = job
        self._index(job)

    def _remove(self, removal: Removal) -> dict[tuple[QueueName, State], int]:
        removed: Counter[tuple[QueueName, State]] = Counter()
        finished = self._finished.up_to(removal.until)
        for job_id in list(islice(finished, removal.jobs_max)):
            job = self._jobs.pop(JobId(job_id)).job
            self._unindex(job)
            if job.key is not None:
                del self._keys[job.key]
            removed[job.queue, job.state] += 1
        return dict(removed)

    def _index(self, job: Job) -> None:
        order = self._order_of(job)
        if order is not None:
            order[0].add(order[1], job.id)

    def _unindex(self, job: Job) -> None:
        order = self._order_of(job)
        if order is not None:
            order[0].discard(order[1], job.id)

    def _order_of(self, job: Job) -> tuple[OrderedIds, int] | None:
        """Return the order in which a job of this state waits, and its place there."""
        match job.state:
            case State.READY:
                return self._ready.setdefault(job.queue, OrderedIds()), job.rank
            case State.SCHEDULED:
                return self._scheduled, job.due_at
            case State.COMPLETED | State.DEAD:
                assert job.remove_at is not None, "a finished job is removed some day"
                return self._finished, job.remove_at
            case State.CLAIMED:
                return None

    # --- answering -----------------------------------------------------------------------------

    def _answer(self, batch: Batch, commit: Commit) -> None:
        jobs = self._jobs
        commit.heads = [self._head(question) for question in batch.heads]
        if batch.due is not None:
            commit.due = self._due(batch.due)
        commit.payloads = {i: jobs[i].payload for i in batch.payloads if i in jobs}
        commit.records = {i: _record_of(jobs[i]) for i in batch.records if i in jobs}

    def _head(self, question: HeadQuestion) -> Sequence[Job]:
        ready = self._ready.get(question.queue)
        if ready is None:
            return []
        ids = islice(ready.after(question.after), question.jobs_max)
        return [self._jobs[JobId(job_id)].job for job_id in ids]

    def _due(self, question: DueQuestion) -> Sequence[Job]:
        ids = islice(self._scheduled.after(question.after), question.jobs_max)
        return [self._jobs[JobId(job_id)].job for job_id in ids]


def _as_new(job: Job) -> Job:
    state = State.READY if job.state is State.READY else State.SCHEDULED
    return replace(
        job,
        state=state,
        attempt=0,
        failures=0,
        claimed_at=None,
        finished_at=None,
        remove_at=None,
    )


def _with_changes_of(known: Job, job: Job) -> Job:
    """Return the known job with all that an update may change."""
    return replace(
        known,
        state=job.state,
        due_at=job.due_at,
        attempt=job.attempt,
        failures=job.failures,
        claimed_at=job.claimed_at,
        finished_at=job.finished_at,
        remove_at=job.remove_at,
    )


def _record_of(kept: _Kept) -> JobRecord:
    failed_attempts = sorted(kept.failed_attempts, key=lambda failed: failed.attempt)
    return JobRecord(kept.job, kept.payload, kept.result, tuple(failed_attempts))
