"""What becomes of a request for work: the record of a new job, or a refusal."""

from typing import Final

from penstock.config.limits import DELAY_MS_MAX
from penstock.jobs.errors import Invalid, TooLarge
from penstock.jobs.model import Instant, Job, JobId
from penstock.jobs.policy import Policy, SubmitRequest, fingerprint, strict_rank
from penstock.jobs.store.port import Submission
from penstock.jobs.transitions import Cause, next_state

_SUBMITTED: Final = next_state(None, Cause.SUBMIT)
_DELAYED: Final = next_state(None, Cause.SCHEDULE)


def decide_submission(
    request: SubmitRequest, policy: Policy, job_id: JobId, now: Instant
) -> Submission:
    """Make the record of a new job; what the request leaves open comes from the policy.

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
    job = Job(
        job_id,
        request.queue,
        request.task,
        _SUBMITTED if due_at <= now else _DELAYED,
        strict_rank(priority),
        priority,
        policy.attempts_max if request.attempts_max is None else request.attempts_max,
        policy.timeout_ms if request.timeout_ms is None else request.timeout_ms,
        now,
        due_at,
        request.key,
    )
    return Submission(job, payload, b"" if request.key is None else fingerprint(request))


def _due_at(request: SubmitRequest, now: Instant) -> Instant:
    at = now + request.delay_ms if request.delay_ms is not None else request.at
    assert at is not None
    if at - now > DELAY_MS_MAX:
        raise Invalid(
            f"a job may be scheduled {DELAY_MS_MAX} ms ahead (a year), not {at - now} ms; "
            "keep later work in a schedule of your own"
        )
    return Instant(max(at, now))
