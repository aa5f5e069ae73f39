"""What becomes of a request for work: the record of a new job, or a refusal."""

from typing import Final

from msgspec.structs import replace

from penstock.config.limits import DELAY_MS_MAX
from penstock.jobs.errors import Invalid, TooLarge
from penstock.jobs.model import Instant, Job, JobId
from penstock.jobs.policy import Policy, SubmitRequest, Wishes, fingerprint
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import Terms
from penstock.jobs.store.port import Submission
from penstock.jobs.transitions import Cause, next_state

_SUBMITTED: Final = next_state(None, Cause.SUBMIT)
_DELAYED: Final = next_state(None, Cause.SCHEDULE)


def decide_submission(
    request: SubmitRequest, policy: Policy, queue: Queue, job_id: JobId, now: Instant
) -> Submission:
    """Make the record of a new job; what the request leaves open comes from its queue's terms.

    Raises:
        TooLarge, Invalid: the request cannot be served.
    """
    payload = request.payload
    if len(payload) > policy.payload_bytes_max:
        raise TooLarge("payload", len(payload), policy.payload_bytes_max)
    due_at = now
    if request.delay_ms is not None or request.at is not None:
        due_at = _due_at(request, now)
    priority = policy.priority if request.priority is None else request.priority
    terms, wishes = queue.terms, request.wishes
    tenant = None if wishes is None else wishes.tenant
    is_ready = due_at <= now
    job = Job(
        job_id,
        request.queue,
        request.task,
        _SUBMITTED if is_ready else _DELAYED,
        queue.ranks.rank(priority, now, tenant, is_ready=is_ready),
        priority,
        terms.attempts_max if request.attempts_max is None else request.attempts_max,
        terms.timeout_ms if request.timeout_ms is None else request.timeout_ms,
        now,
        due_at,
        request.key,
        payload_bytes=len(payload),
    )
    if wishes is not None:
        job = _with_wishes(job, wishes, terms)
    return Submission(job, payload, b"" if request.key is None else fingerprint(request))


def _with_wishes(job: Job, wishes: Wishes, terms: Terms) -> Job:
    expires_at = _after(job, wishes.deadline_ms)
    if expires_at is not None and job.submitted_at < job.due_at and expires_at <= job.due_at:
        raise Invalid(
            f"the deadline, {wishes.deadline_ms} ms from now, is before the job is due, "
            f"{job.due_at - job.submitted_at} ms from now: it would never run"
        )
    return replace(
        job,
        tenant=wishes.tenant,
        group=wishes.group,
        producer=wishes.producer,
        expires_at=expires_at,
        keep_ms=wishes.keep_ms,
        retry=None if wishes.retry is None else wishes.retry.over(terms.retry),
        key_expires_at=_after(job, wishes.window_ms),
    )


def _after(job: Job, ms: int | None) -> Instant | None:
    return None if ms is None else Instant(job.submitted_at + ms)


def _due_at(request: SubmitRequest, now: Instant) -> Instant:
    at = now + request.delay_ms if request.delay_ms is not None else request.at
    assert at is not None
    if at - now > DELAY_MS_MAX:
        raise Invalid(
            f"a job may be scheduled {DELAY_MS_MAX} ms ahead (a year), not {at - now} ms; "
            "keep later work in a schedule of your own"
        )
    return Instant(max(at, now))
