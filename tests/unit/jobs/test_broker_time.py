"""When something is due next, and what a tick does; draining; starting again."""

import pytest

from penstock.config.limits import CLAIM_WRITE_MS, LEASE_GRACE_MS
from penstock.jobs.bounds import Bounds
from penstock.jobs.effects import Delivery
from penstock.jobs.errors import NoQueue
from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.store.port import Batch, Commit, DueQuestion, HeadQuestion, Snapshot
from penstock.jobs.transitions import Cause
from tests.unit.jobs.desk import DEFAULT, NOW, Desk, request

SMALL = Bounds(window_jobs_max=4, window_jobs_min=4, schedule_jobs_max=4)


def test_an_idle_broker_has_no_next_time() -> None:
    assert Desk().broker.next_at(NOW) is None


def test_the_next_time_is_that_of_the_first_scheduled_job() -> None:
    desk = Desk()
    desk.submit(request(delay_ms=700))
    desk.submit(request(delay_ms=300))

    assert desk.broker.next_at(desk.now) == NOW + 300


def test_the_next_time_may_be_that_of_a_wait() -> None:
    desk = Desk()
    desk.submit(request(delay_ms=300))
    desk.wait(1, wait_ms=200)
    desk.park(wait_ms=100)

    assert desk.broker.next_at(desk.now) == NOW + 100


def test_the_next_time_may_be_that_of_a_claim_to_write_or_of_a_lease() -> None:
    desk = Desk()
    job = desk.claimed()

    claim_at = desk.broker.next_at(desk.now)
    desk.pass_time(CLAIM_WRITE_MS)

    assert claim_at == NOW + CLAIM_WRITE_MS
    assert desk.broker.next_at(desk.now) == NOW + job.timeout_ms + LEASE_GRACE_MS


def test_a_scheduled_job_is_ready_once_its_fall_is_durable() -> None:
    desk = Desk()
    job = desk.submit(request(delay_ms=50))

    desk.pass_time(50)
    before = desk.claim()
    desk.commit()

    assert before == []
    assert [claimed.id for claimed in desk.claim()] == [job.id]


def test_a_job_that_falls_due_is_counted_as_ready_once_that_is_durable() -> None:
    desk = Desk()
    desk.submit(request(delay_ms=50))
    queue = desk.broker.queue(DEFAULT)

    desk.pass_time(50)
    before = (queue.scheduled_count, queue.ready_count)
    desk.commit()

    assert before == (1, 0)
    assert (queue.scheduled_count, queue.ready_count) == (0, 1)


def test_a_tick_too_early_does_nothing() -> None:
    desk = Desk()
    desk.submit(request(delay_ms=50))

    desk.pass_time(49)

    assert desk.commit() == []


# --- a clock that was set ------------------------------------------------------------------------


def test_a_lease_lasts_as_long_though_the_clock_was_set() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.pass_time(CLAIM_WRITE_MS)

    desk.broker.clock_stepped(-3_600_000)

    assert desk.broker.next_at(desk.now) == NOW + job.timeout_ms + LEASE_GRACE_MS - 3_600_000


def test_a_wait_lasts_as_long_though_the_clock_was_set() -> None:
    desk = Desk()
    desk.wait(desk.submit().id, wait_ms=200)

    desk.broker.clock_stepped(3_600_000)

    assert desk.broker.next_at(desk.now) == NOW + 200 + 3_600_000


def test_a_delay_follows_a_clock_that_was_set() -> None:
    desk = Desk()
    desk.submit(request(delay_ms=500))

    desk.broker.clock_stepped(3_600_000)

    assert desk.broker.next_at(desk.now) == NOW + 500


def test_claims_are_written_when_the_clock_was_set() -> None:
    """How old they are cannot be told any more."""
    desk = Desk()
    job = desk.claimed()

    desk.broker.clock_stepped(-3_600_000)

    assert [change.job for change in desk.commit()] == [job]
    desk.pass_time(CLAIM_WRITE_MS)
    assert desk.commit() == []


# --- draining ------------------------------------------------------------------------------------


def test_a_server_that_drains_ends_the_claims_that_wait() -> None:
    desk = Desk()
    claimant = desk.park("a", "b")

    desk.broker.drain()

    assert desk.effects() == [Delivery(claimant, [])]


def test_a_server_that_drains_hands_out_no_more() -> None:
    desk = Desk()
    desk.submit()
    desk.broker.drain()

    assert desk.broker.claim(desk.claimant(), wait_ms=1000, now=NOW) == []


def test_a_server_that_drains_takes_the_ends_of_what_runs() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.broker.drain()

    listener = desk.complete(job)
    desk.commit()

    assert listener.told == [None]


# --- starting again ------------------------------------------------------------------------------


def started() -> Desk:
    counts = {
        (DEFAULT, State.READY): 5,
        (DEFAULT, State.SCHEDULED): 4,
        (DEFAULT, State.COMPLETED): 3,
        (DEFAULT, State.DEAD): 2,
        (QueueName("other"), State.DEAD): 1,
    }
    return Desk(snapshot=Snapshot(JobId(77), counts, 0), bounds=SMALL)


def test_a_start_knows_the_counts_of_every_queue() -> None:
    queue = started().broker.queue(DEFAULT)

    assert (queue.ready_count, queue.scheduled_count) == (5, 4)
    assert (queue.completed_count, queue.dead_count) == (3, 2)


def test_a_start_continues_with_the_next_id() -> None:
    assert started().submit().id == 77


def test_a_start_asks_for_the_front_of_what_waits() -> None:
    batch = started().ask()

    assert batch.heads == [HeadQuestion(DEFAULT, None, 4)]
    assert batch.due == DueQuestion(None, 4)


def test_a_start_does_not_know_queues_without_jobs() -> None:
    with pytest.raises(NoQueue):
        started().broker.queue(QueueName("nowhere"))


def test_a_snapshot_has_no_claimed_jobs() -> None:
    with pytest.raises(AssertionError, match="the store ends the leases of the last run"):
        Desk(snapshot=Snapshot(JobId(1), {(DEFAULT, State.CLAIMED): 1}, 0))


def test_a_job_of_the_last_run_skips_the_number_that_may_have_been_given_out() -> None:
    """An attempt of the last run, whose number was not written, must not pass for the next one."""
    desk, source = started(), Desk()
    desk.answer(desk.ask(), [source.submit()])

    [job] = desk.claim()

    assert job.attempt == 2
    assert [(change.cause, change.job) for change in desk.commit()] == [(Cause.CLAIM, job)]


# --- questions -----------------------------------------------------------------------------------


def test_answers_are_taken_in() -> None:
    desk, source = started(), Desk()
    ready, scheduled = source.submit(), source.submit(request(delay_ms=9))
    claimant = desk.park()

    desk.answer(desk.ask(), [ready], due=[scheduled])

    assert not desk.broker.has_questions
    assert desk.broker.next_at(desk.now) == NOW + 9
    [delivery] = desk.effects()
    assert isinstance(delivery, Delivery)
    assert delivery.claimant is claimant
    assert [claim.job.id for claim in delivery.claims] == [ready.id]


def test_a_batch_without_questions_is_answered_with_nothing() -> None:
    desk = Desk()
    batch = desk.ask()

    desk.answer(batch)

    assert (batch.heads, batch.due) == ([], None)


def test_questions_of_a_batch_that_failed_are_asked_again() -> None:
    desk = started()
    failed = desk.ask()
    nothing_new = desk.broker.has_questions

    desk.broker.ask_again(failed)
    again = desk.ask()

    assert not nothing_new
    assert (again.heads, again.due) == (failed.heads, failed.due)


def test_a_batch_without_questions_that_failed_asks_nothing() -> None:
    desk = Desk()

    desk.broker.ask_again(desk.ask())

    assert not desk.broker.has_questions


def test_jobs_that_were_removed_are_no_longer_counted() -> None:
    desk = started()
    removed = {(DEFAULT, State.COMPLETED): 2, (DEFAULT, State.DEAD): 1}

    desk.broker.answer(Batch(), Commit(removed=removed))

    queue = desk.broker.queue(DEFAULT)
    assert (queue.completed_count, queue.dead_count) == (1, 1)
