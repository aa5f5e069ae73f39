"""The store that keeps jobs in memory: for tests, and for servers that may forget.

It passes the same suite as the others, so it is a fake that may be trusted; what it does not do
is survive the process. A batch is checked whole before anything of it is written.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from msgspec.structs import replace

from penstock.jobs.events.life import leases_ended
from penstock.jobs.model import FINISHED, Instant, Job, JobId, QueueName, State
from penstock.jobs.store.memory_answers import answer
from penstock.jobs.store.memory_event_answers import answer_of_events
from penstock.jobs.store.memory_event_rules import check_events
from penstock.jobs.store.memory_events import MemoryEvents
from penstock.jobs.store.memory_jobs import Group, KeptJobs
from penstock.jobs.store.memory_rules import check, with_changes_of, with_rewrite_of
from penstock.jobs.store.port import EPOCH, Batch, Commit, KeyHolder, Purged, PurgeSlice, Snapshot


class MemoryStore:
    """Keep jobs for as long as this object lives."""

    def __init__(self) -> None:
        self._kept = KeptJobs()
        self._settings: dict[QueueName, bytes] = {}
        self._events = MemoryEvents()

    async def load(self, now: Instant = EPOCH, cancelled_keep_ms: int = 0) -> Snapshot:
        """Return what the broker starts from, after ending the leases of the last run."""
        jobs = [kept.job for kept in self._kept.by_id.values()]
        claimed = [job for job in jobs if job.state is State.CLAIMED]
        for job in claimed:
            self._kept.change(_lease_ended(job, now, cancelled_keep_ms))
        promoted = self._promote(_groups_of(claimed), now)
        self._events.tell_start(leases_ended(claimed, promoted, now), now)
        counts = Counter((kept.job.queue, kept.job.state) for kept in self._kept.by_id.values())
        return Snapshot(
            JobId(self._kept.next_id),
            dict(counts),
            len(claimed),
            dict(self._settings),
            self._events.load(),
        )

    async def commit(self, batch: Batch) -> Commit:
        """Write a batch and answer its questions."""
        check(self._kept, batch)
        if batch.events is not None:
            check_events(self._events, batch.events)
        commit = Commit()
        groups: set[Group] = set()  # Those in which somebody's turn may have come.
        commit.removed = self._remove(batch)
        commit.purged = [self._purge(purge, groups) for purge in batch.purges]
        for job in batch.rewrites:
            self._kept.change(with_rewrite_of(self._kept.by_id[job.id].job, job))
        self._submit(batch, commit)
        for job in batch.updates:
            self._kept.change(with_changes_of(self._kept.by_id[job.id].job, job))
        for job_id, result in batch.results:
            self._kept.by_id[job_id].result = result
        for failed in batch.failed_attempts:
            self._kept.by_id[failed.job_id].failed_attempts.append(failed)
        for queue, settings in batch.settings:
            if settings is None:
                self._settings.pop(queue, None)
            else:
                self._settings[queue] = settings
        groups |= _groups_of((*batch.updates, *batch.rewrites))
        commit.promoted = self._promote(groups, batch.now)
        if batch.events is not None:
            self._events.write(batch, commit)
            answer_of_events(self._events, batch.events, batch.now, commit.events)
        answer(self._kept, batch, commit)
        return commit

    async def rest(self) -> None:
        """Do nothing: there is no housekeeping."""

    async def close(self) -> None:
        """Do nothing: what was committed stays as long as this object."""

    # --- writing -------------------------------------------------------------------------------

    def _remove(self, batch: Batch) -> Mapping[tuple[QueueName, State], int]:
        removed: Counter[tuple[QueueName, State]] = Counter()
        kept = self._kept
        over: list[int] = []
        if batch.removal is not None:
            over = list(islice(kept.finished.up_to(batch.removal.until), batch.removal.jobs_max))
        for job_id in dict.fromkeys([*over, *batch.forgets]):
            known = kept.by_id.get(JobId(job_id))
            if known is not None and known.job.state in FINISHED:
                job = kept.remove(known.job.id)
                removed[job.queue, job.state] += 1
        return dict(removed)

    def _purge(self, purge: PurgeSlice, groups: set[Group]) -> Purged:
        waiting = (
            job
            for job in self._kept.waiting(purge.queue)
            if job.id <= purge.until and job.id not in purge.spared
        )
        purged = list(islice(waiting, purge.jobs_max))
        job_ids: defaultdict[State, list[JobId]] = defaultdict(list)
        for job in purged:
            self._kept.remove(job.id)
            job_ids[job.state].append(job.id)
        groups |= _groups_of(purged)
        return Purged(purge.queue, dict(job_ids), more=len(purged) >= purge.jobs_max)

    def _submit(self, batch: Batch, commit: Commit) -> None:
        duplicates: dict[JobId, KeyHolder] = {}
        blocked: list[JobId] = []
        first_id = min((submission.job.id for submission in batch.submissions), default=0)
        for submission in batch.submissions:
            job = submission.job
            holder = self._kept.holder_of(submission)
            if holder is not None:
                until = holder.job.key_expires_at
                if until is None or until > batch.now or holder.job_id >= first_id:
                    duplicates[job.id] = holder
                    continue
                self._kept.change(replace(holder.job, key=None, key_expires_at=None))
            if job.group is not None and self._kept.first_of((job.queue, job.group)) is not None:
                job = replace(job, state=State.BLOCKED)
                blocked.append(job.id)
            self._kept.add(submission, job)
        commit.duplicates = duplicates
        commit.blocked = frozenset(blocked)

    def _promote(self, groups: set[Group], now: Instant) -> Sequence[Job]:
        promoted: list[Job] = []
        for group in sorted(groups):
            job = self._kept.first_of(group)
            if job is not None and job.state is State.BLOCKED:
                state = State.SCHEDULED if job.due_at > now else State.READY
                promoted.append(replace(job, state=state))
                self._kept.change(promoted[-1])
        return promoted


def _groups_of(jobs: Iterable[Job]) -> set[Group]:
    return {(job.queue, job.group) for job in jobs if job.group is not None}


def _lease_ended(job: Job, now: Instant, cancelled_keep_ms: int) -> Job:
    if job.cancel_asked_at is None:
        return replace(job, state=State.READY, claimed_at=None)
    keep_ms = cancelled_keep_ms if job.keep_ms is None else job.keep_ms
    return replace(job, state=State.CANCELLED, finished_at=now, remove_at=Instant(now + keep_ms))
