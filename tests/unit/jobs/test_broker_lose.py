"""Workers that go: lost, timed out, or in good order."""

import pytest

from penstock.config.limits import LEASE_GRACE_MS
from penstock.jobs.errors import LeaseLost
from penstock.jobs.model import JobId
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import ConsumerId
from tests.unit.jobs.desk import DEFAULT, NOW, Desk, request


def causes(desk: Desk) -> dict[int, Cause | None]:
    return {change.job.id: change.cause for change in desk.commit()}


def test_the_jobs_of_a_lost_worker_have_failed() -> None:
    desk = Desk()
    desk.claimed()
    desk.claimed(request(attempts_max=1))

    desk.lose()

    assert causes(desk) == {1: Cause.RETRY, 2: Cause.GIVE_UP}


def test_a_job_that_lost_its_worker_for_the_first_time_is_due_at_once() -> None:
    desk = Desk()
    job = desk.claimed()

    desk.lose()
    desk.commit()
    desk.pass_time(0)
    desk.commit()

    assert [again.id for again in desk.claim(consumer=2)] == [job.id]


def test_the_loss_of_its_worker_is_a_failure_of_the_job() -> None:
    """Else a job that kills its workers would be tried for ever."""
    desk = Desk()
    desk.claimed()

    desk.lose()
    [change] = desk.commit()

    assert change.job.failures == 1
    assert change.failed_attempt is not None
    assert change.failed_attempt.error == "WorkerLost: gone"


def test_jobs_that_were_not_started_are_given_back() -> None:
    desk = Desk()
    desk.claimed()
    unstarted = desk.claimed()

    desk.lose(unstarted=[unstarted.id])

    assert causes(desk) == {1: Cause.RETRY, 2: Cause.RELEASE}


def test_the_jobs_of_others_stay() -> None:
    desk = Desk()
    desk.claimed(consumer=1)
    other = desk.claimed(consumer=2)

    desk.lose(1)
    desk.commit()

    assert desk.broker.held_by(ConsumerId(2)) == [other.id]


def test_an_end_that_is_on_its_way_is_not_undone_by_the_loss_of_its_worker() -> None:
    desk = Desk()
    desk.complete(desk.claimed())

    desk.lose()

    assert causes(desk) == {1: Cause.COMPLETE}


def test_a_worker_that_comes_back_too_late_has_lost_its_job() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.lose()

    with pytest.raises(LeaseLost):
        desk.complete(job)


def test_a_worker_that_leaves_in_order_gives_its_jobs_back() -> None:
    desk = Desk()
    desk.claimed()
    desk.complete(desk.claimed())

    desk.broker.give_back(ConsumerId(1), now=desk.now)

    assert causes(desk) == {1: Cause.RELEASE, 2: Cause.COMPLETE}
    assert desk.broker.claimed_count == 0


def test_an_attempt_that_expires_has_failed() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.pass_time(job.timeout_ms + LEASE_GRACE_MS)
    desk.commit()

    desk.broker.expire(job.id, 1, now=desk.now, jitter=0.5)
    [change] = desk.commit()

    assert change.cause is Cause.RETRY
    assert change.failed_attempt is not None
    assert change.failed_attempt.error == (
        "LeaseExpired: worker-1 neither finished nor extended attempt 1 within "
        "300000 ms and 10000 ms of grace"
    )
    counters = desk.broker.queue(DEFAULT).counters
    assert (counters.expired, counters.failed) == (1, 1)


@pytest.mark.parametrize(("job_id", "attempt"), [(1, 2), (9, 1)])
def test_an_attempt_that_holds_nothing_does_not_expire(job_id: int, attempt: int) -> None:
    desk = Desk()
    desk.claimed()

    desk.broker.expire(JobId(job_id), attempt, now=NOW, jitter=0.5)

    assert desk.commit() == []


def test_an_attempt_that_is_ending_does_not_expire() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.complete(job)

    desk.broker.expire(job.id, 1, now=NOW, jitter=0.5)

    assert causes(desk) == {1: Cause.COMPLETE}
