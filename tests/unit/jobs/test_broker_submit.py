"""Submitting: checked, numbered, and there once it is stored."""

import pytest

from penstock.config.limits import DELAY_MS_MAX
from penstock.jobs.bounds import Bounds
from penstock.jobs.errors import Draining, NoQueue, Overloaded, Refused
from penstock.jobs.policy import Policy, SubmitRequest
from penstock.jobs.store.port import KeyHolder
from tests.unit.jobs.desk import DEFAULT, NOW, Desk, request


def test_ids_grow() -> None:
    desk = Desk()

    assert [desk.broker.submit(request(), NOW).job.id for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("asked", [request(b"1234"), request(delay_ms=DELAY_MS_MAX + 1)])
def test_a_refused_submission_takes_no_id(asked: SubmitRequest) -> None:
    desk = Desk(policy=Policy(payload_bytes_max=3))
    with pytest.raises(Refused):
        desk.broker.submit(asked, NOW)

    assert desk.broker.submit(request(), NOW).job.id == 1


@pytest.mark.parametrize("asked", [request(b"1234"), request(delay_ms=DELAY_MS_MAX + 1)])
def test_a_refused_submission_takes_no_place_among_the_queues(asked: SubmitRequest) -> None:
    desk = Desk(policy=Policy(payload_bytes_max=3), bounds=Bounds(queues_max=1))
    with pytest.raises(Refused):
        desk.broker.submit(asked, NOW)

    assert desk.submit(request(queue="other")).queue == "other"


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

    desk.broker.duplicate(again, KeyHolder(first, same=True))

    queue = desk.broker.queue(DEFAULT)
    assert (queue.ready_count, queue.counters.submitted, queue.counters.duplicates) == (1, 1, 1)


def test_a_duplicate_makes_no_queue() -> None:
    desk = Desk()
    first = desk.submit(request(key="k"))
    again = desk.broker.submit(request(queue="other", key="k"), NOW)

    desk.broker.duplicate(again, KeyHolder(first, same=False))

    assert [queue.name for queue in desk.broker.queues()] == [DEFAULT]


def test_a_submission_that_was_not_stored_makes_room_for_another_queue() -> None:
    desk = Desk(bounds=Bounds(queues_max=1))
    refused = desk.broker.submit(request(queue="a"), NOW)
    with pytest.raises(Overloaded):
        desk.broker.submit(request(queue="b"), NOW)

    desk.broker.withdraw(refused)

    assert desk.submit(request(queue="b")).queue == "b"


def test_a_key_may_be_taken_by_a_job_that_was_decided_later() -> None:
    """One of a transaction with events, say, which is stored with the batch that decides it."""
    desk = Desk()
    overtaken = desk.broker.submit(request(key="k"), NOW)
    first = desk.submit(request(key="k"))

    desk.broker.duplicate(overtaken, KeyHolder(first, same=True))

    assert first.id > overtaken.job.id
    assert desk.broker.queue(DEFAULT).counters.duplicates == 1
