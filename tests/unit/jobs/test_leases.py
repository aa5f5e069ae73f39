"""Who holds which job, until when."""

import pytest

from penstock.config.limits import LEASE_GRACE_MS
from penstock.jobs.changes import Change
from penstock.jobs.errors import LeaseLost
from penstock.jobs.leases import Lease, Leases
from penstock.jobs.model import Instant, JobId
from penstock.jobs.records import with_claim, with_release
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import ConsumerId
from tests.unit.jobs.desk import NOW
from tests.unit.jobs.jobs import a_job

ENDS_AT = Instant(NOW + 1_000 + LEASE_GRACE_MS)
ME = ConsumerId(7)


def held(leases: Leases, job_id: int = 1, consumer: ConsumerId = ME) -> Lease:
    job = with_claim(a_job(job_id), NOW)
    leases.grant(job, consumer, "worker-1", NOW)
    return leases.find(job.id, job.attempt)


def test_a_lease_is_found_by_its_attempt() -> None:
    leases = Leases()

    lease = held(leases)

    assert (lease.job.id, lease.consumer, lease.worker) == (1, ME, "worker-1")


@pytest.mark.parametrize(("job_id", "attempt"), [(1, 0), (1, 2), (2, 1)])
def test_another_attempt_has_no_lease(job_id: int, attempt: int) -> None:
    leases = Leases()
    held(leases)

    with pytest.raises(LeaseLost, match=f"attempt {attempt} does not hold job {job_id}"):
        leases.find(JobId(job_id), attempt)


def test_a_job_has_one_lease() -> None:
    leases = Leases()
    held(leases)

    with pytest.raises(AssertionError):
        held(leases, consumer=ConsumerId(8))


def test_what_a_consumer_holds_is_in_the_order_it_was_claimed() -> None:
    leases = Leases()
    for job_id in (3, 1, 2):
        held(leases, job_id)
    held(leases, 4, ConsumerId(8))

    assert [lease.job.id for lease in leases.held_by(ME)] == [3, 1, 2]
    assert leases.held_by(ConsumerId(9)) == []


def test_a_lease_runs_out_after_the_timeout_and_the_grace() -> None:
    leases = Leases()
    lease = held(leases)

    early = list(leases.pop_overdue(Instant(ENDS_AT - 1)))

    assert early == []
    assert list(leases.pop_overdue(ENDS_AT)) == [lease]


def test_a_lease_that_ran_out_is_told_once_but_stays_held() -> None:
    leases = Leases()
    lease = held(leases)
    list(leases.pop_overdue(ENDS_AT))

    assert list(leases.pop_overdue(ENDS_AT)) == []
    assert leases.find(lease.job.id, 1) is lease


def test_an_extended_lease_runs_out_later() -> None:
    leases = Leases()
    lease = held(leases)

    leases.extend(lease, Instant(ENDS_AT + 50))

    assert list(leases.pop_overdue(ENDS_AT)) == []
    assert leases.timers.next_at() == ENDS_AT + 50


def test_a_lease_that_ran_out_can_be_extended() -> None:
    leases = Leases()
    lease = held(leases)
    list(leases.pop_overdue(ENDS_AT))

    leases.extend(lease, Instant(ENDS_AT + 50))

    assert list(leases.pop_overdue(Instant(ENDS_AT + 50))) == [lease]


def test_a_lease_that_is_being_settled_does_not_run_out() -> None:
    leases = Leases()
    lease = held(leases)
    lease.settling = Change(Cause.RELEASE, with_release(lease.job, NOW, rank=1))

    assert list(leases.pop_overdue(ENDS_AT)) == []


def test_nothing_is_left_of_a_lease_that_ended() -> None:
    leases = Leases()

    leases.end(held(leases, 1))
    leases.end(held(leases, 2))

    assert leases.by_job == {}
    assert leases._by_consumer == {}
    assert leases.timers.next_at() is None


def test_ending_one_lease_leaves_the_others_of_its_consumer() -> None:
    leases = Leases()
    first, second = held(leases, 1), held(leases, 2)

    leases.end(first)

    assert leases.held_by(ME) == [second]
