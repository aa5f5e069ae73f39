"""A store without room: what was decided is forgotten, and nothing of it is left."""

from penstock.config.limits import CLAIM_WRITE_MS, LEASE_GRACE_MS
from penstock.jobs.effects import Overdue
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import ConsumerId
from tests.unit.jobs.desk import DEFAULT, FULL, NOW, Desk, request


def test_an_attempt_whose_end_could_not_be_written_still_holds_its_job() -> None:
    desk = Desk()
    job = desk.claimed()

    refused = desk.complete(job)
    desk.refuse()
    accepted = desk.complete(job)
    desk.commit()

    assert refused.told == [FULL]
    assert accepted.told == [None]


def test_an_end_that_could_not_be_written_is_not_counted() -> None:
    desk = Desk()
    job = desk.claimed()

    desk.fail(job)
    desk.refuse()

    queue = desk.broker.queue(DEFAULT)
    assert (queue.claimed_count, queue.scheduled_count, queue.counters.failed) == (1, 0, 0)


def test_the_claim_behind_an_end_that_could_not_be_written_is_written() -> None:
    """Else a restart would not know of the attempt, however long it runs."""
    desk = Desk()
    job = desk.claimed()
    desk.complete(job)

    desk.refuse()

    [change] = desk.commit()
    assert (change.cause, change.job) == (Cause.CLAIM, job)


def test_a_lease_runs_out_soon_after_its_end_could_not_be_written() -> None:
    """Nobody may ask again: the worker may be gone, which was what was to be written."""
    desk = Desk()
    job = desk.claimed()
    desk.lose()
    desk.refuse()

    desk.pass_time(LEASE_GRACE_MS)

    assert desk.effects() == [Overdue(ConsumerId(1), "worker-1", job.id, 1)]


def test_a_claim_that_could_not_be_written_stands() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.pass_time(CLAIM_WRITE_MS)

    desk.refuse()

    [change] = desk.commit()
    assert (change.cause, change.job) == (Cause.CLAIM, job)
    assert desk.broker.held_by(ConsumerId(1)) == [job.id]


def test_a_claim_that_could_not_be_written_is_dropped_if_its_attempt_is_ending() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.pass_time(CLAIM_WRITE_MS)
    [claim] = desk.broker.take_changes()
    desk.complete(job)

    desk.broker.undo(claim, desk.now)

    assert [change.cause for change in desk.broker.take_changes()] == [Cause.COMPLETE]


def test_a_claim_that_could_not_be_written_is_dropped_if_its_attempt_ended() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.pass_time(CLAIM_WRITE_MS)
    [claim] = desk.broker.take_changes()
    desk.complete(job)
    desk.commit()

    desk.broker.undo(claim, desk.now)

    assert desk.broker.take_changes() == []


def test_a_job_whose_fall_could_not_be_written_falls_due_again() -> None:
    desk = Desk()
    job = desk.submit(request(delay_ms=50))
    desk.pass_time(50)

    [refused] = desk.refuse()
    next_at = desk.broker.next_at(desk.now)
    desk.pass_time(0)
    [fallen] = desk.commit()

    assert refused.cause is fallen.cause is Cause.FALL_DUE
    assert next_at == NOW + 50
    assert [claimed.id for claimed in desk.claim()] == [job.id]
