"""What the store in memory answers."""

from collections.abc import Mapping, Sequence
from itertools import islice

from penstock.jobs.model import Job, JobId, QueueName
from penstock.jobs.store.memory_jobs import KeptJob, KeptJobs
from penstock.jobs.store.port import (
    Batch,
    Commit,
    HeadQuestion,
    JobEnd,
    JobFilter,
    JobRecord,
    Listing,
    ListQuestion,
    PositionQuestion,
)


def answer(kept: KeptJobs, batch: Batch, commit: Commit) -> None:
    """Answer the questions of a batch."""
    by_id = kept.by_id
    commit.heads = [_head(kept, question) for question in batch.heads]
    commit.tails = [
        list(kept.jobs(kept.ready(asked.queue).after(None)))[: -asked.jobs_max - 1 : -1]
        for asked in batch.tails
    ]
    if batch.due is not None:
        due = kept.scheduled.after(batch.due.after)
        commit.due = list(kept.jobs(islice(due, batch.due.jobs_max)))
    if batch.expiring is not None:
        expiring = kept.expiring.up_to(batch.expiring.until)
        commit.expiring = list(kept.jobs(islice(expiring, batch.expiring.jobs_max)))
    commit.payloads = {i: by_id[i].payload for i in batch.payloads if i in by_id}
    commit.records = {i: _record_of(by_id[i]) for i in batch.records if i in by_id}
    commit.outcomes = {i: _end_of(by_id[i]) for i in batch.outcomes if i in by_id}
    commit.peeks = [_head(kept, question) for question in batch.peeks]
    commit.positions = [_position(kept, question) for question in batch.positions]
    commit.listings = [_list(kept, question) for question in batch.listings]
    commit.tags = {queue: _tags(kept, queue) for queue in batch.tags}
    commit.sizes = {
        queue: sum(job.payload_bytes for job in kept.waiting(queue)) for queue in batch.sizes
    }


def _head(kept: KeptJobs, question: HeadQuestion) -> Sequence[Job]:
    ready = kept.jobs(kept.ready(question.queue).after(question.after))
    if question.tenant is not None:
        ready = (job for job in ready if job.tenant == question.tenant)
    wanted = (job for job in ready if job.tenant not in question.without)
    return list(islice(wanted, question.jobs_max))


def _position(kept: KeptJobs, question: PositionQuestion) -> int:
    count = 0
    for job in kept.jobs(kept.ready(question.queue).after(None)):
        if count == question.count_max or (job.rank, job.id) >= question.before:
            break
        count += 1
    return count


def _tags(kept: KeptJobs, queue: QueueName) -> Mapping[str, int]:
    tags: dict[str, int] = {}
    for job in kept.jobs(kept.ready(queue).after(None)):
        if job.tenant is not None:
            tags[job.tenant] = max(job.rank, tags.get(job.tenant, job.rank))
    return tags


def _record_of(kept: KeptJob) -> JobRecord:
    failed_attempts = sorted(kept.failed_attempts, key=lambda failed: failed.attempt)
    return JobRecord(kept.job, kept.payload, kept.result, tuple(failed_attempts))


def _end_of(kept: KeptJob) -> JobEnd:
    record = _record_of(kept)
    last_failed = record.failed_attempts[-1] if record.failed_attempts else None
    return JobEnd(kept.job, kept.result, last_failed)


def _list(kept: KeptJobs, question: ListQuestion) -> Listing:
    jobs: list[Job] = []
    errors: dict[JobId, str] = {}
    looked_at = kept.all.after((question.after, question.after))
    last_id = question.after
    for job_id in islice(looked_at, question.scan_max):
        last_id = JobId(job_id)
        found = _record_of(kept.by_id[last_id])
        if _passes(found, question.filter):
            jobs.append(found.job)
            if found.failed_attempts:
                errors[last_id] = found.failed_attempts[-1].error.split("\n", 1)[0]
            if len(jobs) == question.jobs_max:
                break
    is_end = next(kept.all.after((last_id, last_id)), None) is None
    return Listing(jobs, errors, None if is_end else last_id)


def _passes(found: JobRecord, wanted: JobFilter) -> bool:
    job = found.job
    pairs = (
        (wanted.queue, job.queue),
        (wanted.task, job.task),
        (wanted.tenant, job.tenant),
        (wanted.group, job.group),
        (wanted.key, job.key),
        (wanted.producer, job.producer),
    )
    if any(value is not None and value != actual for value, actual in pairs):
        return False
    if wanted.states is not None and job.state not in wanted.states:
        return False
    if wanted.since is not None and job.submitted_at < wanted.since:
        return False
    if wanted.until is not None and job.submitted_at >= wanted.until:
        return False
    error = wanted.error
    return error is None or any(error in failed.error for failed in found.failed_attempts)
