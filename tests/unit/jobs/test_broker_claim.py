"""Claiming: the most urgent first, now or when something comes."""

import pytest

from penstock.config.limits import CLAIM_WRITE_MS, LEASE_GRACE_MS
from penstock.jobs.effects import Delivery, Overdue
from penstock.jobs.errors import LeaseLost
from penstock.jobs.model import Instant, State
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claim, ConsumerId
from tests.unit.jobs.desk import DEFAULT, NOW, Desk, request


def test_the_most_urgent_job_is_claimed_first_and_the_oldest_among_equals() -> None:
    desk = Desk()
    for priority in (5, 5, 1):
        desk.submit(request(priority=priority))

    assert [job.id for job in desk.claim(jobs_max=9)] == [3, 1, 2]


def test_a_claim_is_in_effect_at_once() -> None:
    desk = Desk()
    desk.submit(request(b"[1]"))

    [claim] = desk.ask_claim()

    assert (claim.job.state, claim.job.attempt, claim.job.claimed_at) == (State.CLAIMED, 1, NOW)
    assert claim.payload == b"[1]"
    assert desk.broker.take_changes() == []
    assert desk.claim() == []


def test_a_claim_that_does_not_wait_is_answered_with_nothing() -> None:
    assert Desk().claim() == []


def test_claims_are_counted() -> None:
    desk = Desk()
    desk.submit()
    desk.now = Instant(NOW + 40)

    desk.claim()

    queue = desk.broker.queue(DEFAULT)
    assert (queue.ready_count, queue.claimed_count, queue.counters.claimed) == (0, 1, 1)
    assert queue.wait_seconds.total == pytest.approx(0.04)
    assert desk.broker.claimed_count == 1


# --- waiting for a job ---------------------------------------------------------------------------


def test_a_claim_that_waits_is_answered_when_a_job_comes() -> None:
    desk = Desk()
    claimant = desk.park()
    job = desk.submit()

    desk.broker.match(desk.now)

    [delivery] = desk.effects()
    assert isinstance(delivery, Delivery)
    assert delivery.claimant is claimant
    assert [claim.job.id for claim in delivery.claims] == [job.id]


def test_a_claim_that_was_answered_does_not_end_again() -> None:
    desk = Desk()
    desk.park(wait_ms=50)
    desk.submit()
    desk.broker.match(desk.now)
    desk.effects()

    desk.pass_time(50)

    assert desk.effects() == []


def test_a_claim_that_waited_in_vain_is_answered_with_nothing() -> None:
    desk = Desk()
    claimant = desk.park(wait_ms=50)

    desk.pass_time(49)
    before = desk.effects()
    desk.pass_time(1)

    assert before == []
    assert desk.effects() == [Delivery(claimant, [])]
    assert desk.broker.parked_claims(DEFAULT) == 0


def test_a_claimant_that_has_gone_gets_no_job() -> None:
    desk = Desk()
    claimant = desk.park()

    desk.broker.unclaim(claimant)
    desk.submit()
    desk.broker.match(desk.now)

    assert desk.effects() == []
    assert desk.broker.next_at(desk.now) is None


def test_unclaiming_what_never_waited_is_harmless() -> None:
    desk = Desk()

    desk.broker.unclaim(desk.claimant())

    assert desk.effects() == []


def test_a_claim_can_be_ended_early() -> None:
    desk = Desk()
    claimant = desk.park()

    desk.broker.end_claim(claimant)
    desk.broker.end_claim(claimant)

    assert desk.effects() == [Delivery(claimant, [])]
    assert desk.broker.next_at(desk.now) is None


def test_claims_that_wait_are_counted_by_queue() -> None:
    desk = Desk()
    desk.park("a", "b")
    desk.park("a")

    assert desk.broker.parked_claims(desk.submit(request(queue="a")).queue) == 2


# --- how long a claim lasts ----------------------------------------------------------------------


def test_a_claim_is_written_if_its_job_still_runs_after_a_moment() -> None:
    desk = Desk()
    job = desk.claimed()

    desk.pass_time(CLAIM_WRITE_MS - 1)
    before = desk.broker.take_changes()
    desk.pass_time(1)

    assert before == []
    [change] = desk.broker.take_changes()
    assert (change.cause, change.job) == (Cause.CLAIM, job)


def test_a_claim_is_written_once() -> None:
    desk = Desk()
    desk.claimed()
    desk.pass_time(CLAIM_WRITE_MS)
    desk.commit()

    desk.pass_time(CLAIM_WRITE_MS)

    assert desk.broker.take_changes() == []


def test_the_claim_of_a_short_job_is_never_written() -> None:
    desk = Desk()
    desk.complete(desk.claimed())
    desk.commit()

    desk.pass_time(CLAIM_WRITE_MS)

    assert desk.broker.take_changes() == []


def test_a_lease_that_runs_out_is_reported() -> None:
    desk = Desk()
    job = desk.claimed()

    desk.pass_time(job.timeout_ms + LEASE_GRACE_MS)

    assert desk.effects() == [Overdue(ConsumerId(1), "worker-1", job.id, 1)]


def test_a_lease_that_was_extended_runs_out_later() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.pass_time(job.timeout_ms)

    lasts_ms = desk.broker.extend(job.id, 1, None, now=desk.now)
    desk.pass_time(job.timeout_ms + LEASE_GRACE_MS - 1)
    before = desk.effects()
    desk.pass_time(1)

    assert lasts_ms == job.timeout_ms + LEASE_GRACE_MS
    assert before == []
    assert len(desk.effects()) == 1


def test_a_lease_can_be_extended_for_as_long_as_asked() -> None:
    desk = Desk()
    job = desk.claimed()

    assert desk.broker.extend(job.id, 1, 500, now=desk.now) == 500 + LEASE_GRACE_MS


def test_a_lease_that_is_ending_is_not_extended() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.complete(job)

    with pytest.raises(LeaseLost):
        desk.broker.extend(job.id, 1, None, now=desk.now)


def test_the_record_of_a_held_job_is_that_of_its_lease() -> None:
    """The store may not have been told of the claim."""
    desk = Desk()
    ready = desk.submit()
    before = desk.broker.current(ready)

    [claimed] = desk.claim()

    assert before is ready
    assert desk.broker.current(ready) == claimed


def test_a_consumer_sees_what_it_holds() -> None:
    desk = Desk()
    first, second = desk.claimed(), desk.claimed()
    desk.claimed(consumer=2)

    assert desk.broker.held_by(ConsumerId(1)) == [first.id, second.id]


def test_a_claim_is_a_job_with_its_payload() -> None:
    desk = Desk()
    desk.submit(request(b"p"))

    [claim] = desk.ask_claim()

    assert claim == Claim(claim.job, b"p")
