"""Waiting for a job to finish: every waiter is answered once, with what became of its job."""

import pytest
from msgspec.structs import replace

from penstock.jobs.bounds import Bounds
from penstock.jobs.effects import Finish
from penstock.jobs.errors import NoJob, Overloaded
from penstock.jobs.model import JobId, State
from penstock.jobs.outcomes import Completed, Died, ServerLeaves, WaitEnded
from penstock.jobs.waits import Waiter
from tests.unit.jobs.desk import NOW, Desk, end, request


def asked(desk: Desk, job_id: int, wait_ms: int) -> Waiter:
    """Have somebody wait for a job of which nothing is known."""
    waiter = Waiter(job_id=JobId(job_id), wait_ms=wait_ms, token=None)
    desk.broker.wait_unless_finished(waiter, desk.now)
    return waiter


def test_a_waiter_gets_the_result_once_it_is_durable() -> None:
    desk = Desk()
    job = desk.claimed()
    waiter = desk.wait(job.id)

    desk.complete(job, b"result")
    before = desk.effects()
    desk.commit()

    assert before == []
    assert desk.effects() == [Finish(waiter, Completed(b"result"))]


def test_all_who_wait_for_a_job_are_answered() -> None:
    desk = Desk()
    job = desk.claimed()
    waiters = [desk.wait(job.id), desk.wait(job.id)]

    desk.complete(job, b"1")
    desk.commit()

    assert desk.effects() == [Finish(waiter, Completed(b"1")) for waiter in waiters]
    assert desk.broker.waiter_count == 0


def test_a_waiter_learns_the_first_line_of_the_last_error() -> None:
    desk = Desk()
    job = desk.claimed(request(attempts_max=1))
    waiter = desk.wait(job.id)

    desk.fail(job, "ValueError: boom\n  File task.py")
    desk.commit()

    assert desk.effects() == [Finish(waiter, Died(1, 1, "ValueError: boom", 1))]


def test_a_failure_that_is_tried_again_answers_nobody() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.wait(job.id)

    desk.fail(job)
    desk.commit()

    assert desk.effects() == []


def test_a_wait_ends_at_its_time() -> None:
    desk = Desk()
    waiter = desk.wait(desk.submit().id, wait_ms=1000)

    desk.pass_time(999)
    before = desk.effects()
    desk.pass_time(1)

    assert before == []
    assert desk.effects() == [Finish(waiter, WaitEnded())]
    assert desk.broker.waiter_count == 0


def test_a_wait_that_ended_is_not_answered_by_the_job() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.wait(job.id, wait_ms=10)
    desk.pass_time(10)
    desk.effects()

    desk.complete(job)
    desk.commit()

    assert desk.effects() == []


def test_a_wait_of_no_time_still_finds_the_result_that_is_there() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.complete(job)
    [done] = desk.commit()
    waiter = asked(desk, job.id, wait_ms=0)

    desk.pass_time(1)
    before = desk.effects()
    desk.broker.settle_wait(waiter, end(done.job, result=b"5"))

    assert before == []
    assert desk.effects() == [Finish(waiter, Completed(b"5"))]


def test_a_wait_whose_time_is_over_when_its_record_comes_ends_with_the_next_tick() -> None:
    desk = Desk()
    job = desk.submit()
    waiter = asked(desk, job.id, wait_ms=5)
    desk.pass_time(10)

    desk.broker.settle_wait(waiter, end(job))

    assert desk.broker.next_at(desk.now) == NOW + 5
    desk.pass_time(0)
    assert desk.effects() == [Finish(waiter, WaitEnded())]


def test_a_record_of_a_dead_job_answers_with_its_last_error() -> None:
    desk = Desk()
    job = desk.claimed(request(attempts_max=1))
    desk.fail(job, "KeyError: 'x'")
    [dead] = desk.commit()
    waiter = asked(desk, job.id, wait_ms=1000)

    assert dead.failed_attempt is not None
    desk.broker.settle_wait(waiter, end(dead.job, last_failed=dead.failed_attempt))

    assert desk.effects() == [Finish(waiter, Died(1, 1, "KeyError: 'x'", 1))]


def test_a_record_answers_nobody_a_second_time() -> None:
    """The job finishes between the question and its answer."""
    desk = Desk()
    job = desk.claimed()
    waiter = asked(desk, job.id, wait_ms=1000)
    desk.complete(job)
    [done] = desk.commit()
    desk.effects()

    desk.broker.settle_wait(waiter, end(done.job, result=b"5"))

    assert desk.effects() == []


def test_a_record_that_comes_after_the_answer_starts_no_timer() -> None:
    desk = Desk()
    job = desk.claimed()
    waiter = asked(desk, job.id, wait_ms=1000)
    desk.complete(job)
    desk.commit()

    desk.broker.settle_wait(waiter, end(replace(job, state=State.CLAIMED)))

    assert desk.broker.next_at(desk.now) is None


def test_waiting_for_a_job_that_is_not_there_is_refused() -> None:
    desk = Desk()
    waiter = asked(desk, 99, wait_ms=1000)

    with pytest.raises(NoJob, match="job 99 is not known"):
        desk.broker.settle_wait(waiter, None)

    assert desk.broker.waiter_count == 0


def test_a_waiter_that_has_gone_is_not_told_that_there_is_no_job() -> None:
    desk = Desk()
    waiter = asked(desk, 99, wait_ms=1000)
    desk.broker.unwait(waiter)

    desk.broker.settle_wait(waiter, None)

    assert desk.effects() == []


def test_a_waiter_that_has_gone_is_forgotten() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.broker.unwait(desk.wait(job.id))

    desk.complete(job)
    desk.commit()

    assert desk.effects() == []
    assert desk.broker.next_at(desk.now) is None


def test_a_call_keeps_its_place_before_its_job_is_stored() -> None:
    desk = Desk(bounds=Bounds(waiters_max=1))
    job = desk.submit()
    desk.broker.reserve_wait()

    with pytest.raises(Overloaded):
        desk.wait(job.id)
    desk.broker.unreserve_wait()
    desk.wait(job.id)

    assert desk.broker.waiter_count == 1


def test_more_waiters_than_allowed_are_refused() -> None:
    desk = Desk(bounds=Bounds(waiters_max=1))
    job = desk.submit()
    desk.wait(job.id)

    with pytest.raises(Overloaded, match="the limit of 1 is reached"):
        desk.wait(job.id)


def test_all_waiters_are_told_when_the_server_leaves() -> None:
    desk = Desk()
    first, second = desk.submit(), desk.submit()
    waiters = [desk.wait(first.id), asked(desk, second.id, wait_ms=1)]

    desk.broker.end_waits()

    assert desk.effects() == [Finish(waiter, ServerLeaves()) for waiter in waiters]
    assert desk.broker.waiter_count == 0
    assert desk.broker.next_at(desk.now) is None
