"""Submitting: checked, numbered, and there once it is stored."""

import pytest

from penstock.config.limits import DELAY_MS_MAX
from penstock.jobs.bounds import Bounds
from penstock.jobs.errors import Draining, Invalid, NoQueue, Overloaded, TooLarge
from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.policy import Policy, SubmitRequest, fingerprint
from penstock.jobs.store.port import KeyHolder
from tests.unit.jobs.desk import DEFAULT, NOW, Desk, request

YEAR_AHEAD = NOW + DELAY_MS_MAX


def test_what_is_not_given_comes_from_the_policy() -> None:
    desk = Desk(policy=Policy(priority=7, attempts_max=2, timeout_ms=99))

    job = desk.broker.submit(request(), NOW).job

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

    submission = Desk().broker.submit(asked, NOW)

    job = submission.job
    assert (job.queue, job.priority, job.timeout_ms, job.attempts_max) == ("q", 3, 5, 9)
    assert (job.key, submission.payload) == ("k", b"x")
    assert submission.fingerprint == fingerprint(asked)


def test_without_a_key_there_is_no_fingerprint() -> None:
    assert Desk().broker.submit(request(), NOW).fingerprint == b""


def test_ids_grow() -> None:
    desk = Desk()

    assert [desk.broker.submit(request(), NOW).job.id for _ in range(3)] == [1, 2, 3]


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
    job = Desk().broker.submit(asked, NOW).job

    assert (job.state, job.due_at, job.submitted_at) == (state, due_at, NOW)


@pytest.mark.parametrize("asked", [request(delay_ms=DELAY_MS_MAX + 1), request(at=YEAR_AHEAD + 1)])
def test_a_job_more_than_a_year_ahead_is_refused(asked: SubmitRequest) -> None:
    with pytest.raises(Invalid, match="a job may be scheduled"):
        Desk().broker.submit(asked, NOW)


def test_a_payload_over_the_limit_is_refused() -> None:
    desk = Desk(policy=Policy(payload_bytes_max=3))

    desk.broker.submit(request(b"123"), NOW)
    with pytest.raises(TooLarge, match="the payload has 4 bytes, 3 are allowed"):
        desk.broker.submit(request(b"1234"), NOW)


def test_one_queue_too_many_is_refused() -> None:
    desk = Desk(bounds=Bounds(queues_max=1))
    desk.submit(request(queue="a"))

    desk.broker.submit(request(queue="a"), NOW)
    with pytest.raises(Overloaded, match="queue b"):
        desk.broker.submit(request(queue="b"), NOW)


def test_a_server_that_drains_takes_no_more() -> None:
    desk = Desk()
    desk.broker.drain()

    with pytest.raises(Draining, match="shutting down"):
        desk.broker.submit(request(), NOW)


def test_a_job_is_not_there_before_it_is_stored() -> None:
    desk = Desk()

    desk.broker.submit(request(), NOW)

    assert desk.claim() == []
    with pytest.raises(NoQueue, match="queue default is not known"):
        desk.broker.queue(DEFAULT)


def test_a_stored_job_can_be_claimed() -> None:
    desk = Desk()

    job = desk.submit()

    assert [claimed.id for claimed in desk.claim()] == [job.id]


def test_stored_jobs_are_counted_by_their_state() -> None:
    desk = Desk()

    desk.submit()
    desk.submit(request(delay_ms=10))

    [queue] = desk.broker.queues()
    assert (queue.ready_count, queue.scheduled_count, queue.counters.submitted) == (1, 1, 2)


def test_a_duplicate_makes_no_job() -> None:
    desk = Desk()
    first = desk.submit(request(key="k"))
    again = desk.broker.submit(request(key="k"), NOW)

    desk.broker.duplicate(again, KeyHolder(first.id, same=True))

    queue = desk.broker.queue(DEFAULT)
    assert (queue.ready_count, queue.counters.submitted, queue.counters.duplicates) == (1, 1, 1)


def test_a_duplicate_makes_no_queue() -> None:
    desk = Desk()
    first = desk.submit(request(key="k"))
    again = desk.broker.submit(request(queue="other", key="k"), NOW)

    desk.broker.duplicate(again, KeyHolder(first.id, same=False))

    assert [queue.name for queue in desk.broker.queues()] == [DEFAULT]


def test_a_submission_that_was_not_stored_makes_room_for_another_queue() -> None:
    desk = Desk(bounds=Bounds(queues_max=1))
    refused = desk.broker.submit(request(queue="a"), NOW)
    with pytest.raises(Overloaded):
        desk.broker.submit(request(queue="b"), NOW)

    desk.broker.withdraw(refused)

    assert desk.submit(request(queue="b")).queue == "b"


def test_a_duplicate_cannot_be_older_than_the_first() -> None:
    desk = Desk()
    submission = desk.broker.submit(request(key="k"), NOW)

    with pytest.raises(AssertionError):
        desk.broker.duplicate(submission, KeyHolder(JobId(2), same=True))
