"""What becomes of a request for work: a record, or a refusal."""

from typing import Final

import pytest

from penstock.config.limits import DELAY_MS_MAX
from penstock.jobs.errors import Invalid, TooLarge
from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.policy import Policy, SubmitRequest, fingerprint
from penstock.jobs.store.port import Submission
from penstock.jobs.submission import decide_submission
from tests.unit.jobs.desk import NOW, POLICY, request
from tests.unit.jobs.jobs import a_queue

ID: Final = JobId(1)
YEAR_AHEAD: Final = NOW + DELAY_MS_MAX


def decide(asked: SubmitRequest, policy: Policy = POLICY) -> Submission:
    return decide_submission(asked, policy, a_queue(policy=policy), ID, NOW)


def test_what_is_not_given_comes_from_the_policy() -> None:
    policy = Policy(priority=7, attempts_max=2, timeout_ms=99)

    job = decide(request(), policy).job

    assert (job.priority, job.rank, job.attempts_max, job.timeout_ms) == (7, 7, 2, 99)


def test_what_is_given_is_taken() -> None:
    asked = SubmitRequest(
        request().task,
        b"x",
        QueueName("q"),
        priority=3,
        timeout_ms=5,
        attempts_max=9,
        key="k",
    )

    submission = decide(asked)

    job = submission.job
    assert (job.queue, job.priority, job.timeout_ms, job.attempts_max) == ("q", 3, 5, 9)
    assert (job.key, submission.payload) == ("k", b"x")
    assert submission.fingerprint == fingerprint(asked)


def test_without_a_key_there_is_no_fingerprint() -> None:
    assert decide(request()).fingerprint == b""


@pytest.mark.parametrize(
    ("asked", "state", "due_at"),
    [
        (request(), State.READY, NOW),
        (request(delay_ms=0), State.READY, NOW),
        (request(delay_ms=1), State.SCHEDULED, NOW + 1),
        (request(delay_ms=DELAY_MS_MAX), State.SCHEDULED, YEAR_AHEAD),
        (request(at=0), State.READY, NOW),
        (request(at=NOW), State.READY, NOW),
        (request(at=NOW + 1), State.SCHEDULED, NOW + 1),
        (request(at=YEAR_AHEAD), State.SCHEDULED, YEAR_AHEAD),
    ],
)
def test_a_job_that_is_due_is_ready(asked: SubmitRequest, state: State, due_at: int) -> None:
    job = decide(asked).job

    assert (job.state, job.due_at, job.submitted_at) == (state, due_at, NOW)


@pytest.mark.parametrize("asked", [request(delay_ms=DELAY_MS_MAX + 1), request(at=YEAR_AHEAD + 1)])
def test_a_job_more_than_a_year_ahead_is_refused(asked: SubmitRequest) -> None:
    with pytest.raises(Invalid, match="a job may be scheduled"):
        decide(asked)


def test_a_payload_over_the_limit_is_refused() -> None:
    policy = Policy(payload_bytes_max=3)

    decide(request(b"123"), policy)
    with pytest.raises(TooLarge, match="the payload has 4 bytes, 3 are allowed"):
        decide(request(b"1234"), policy)
