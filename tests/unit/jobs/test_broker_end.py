"""The end of an attempt: completed, failed or released, by the attempt that holds the job."""

from collections.abc import Callable

import pytest

from penstock.config.limits import RETRY_BASE_MS
from penstock.jobs.errors import LeaseLost, TooLarge
from penstock.jobs.model import FailedAttempt, Job
from penstock.jobs.policy import Policy
from penstock.jobs.transitions import Cause
from tests.unit.jobs.desk import DEFAULT, NOW, Desk, Listener, request

End = Callable[[Desk, Job], Listener]

ENDS: dict[str, End] = {
    "complete": lambda desk, job: desk.complete(job),
    "fail": lambda desk, job: desk.fail(job),
    "release": lambda desk, job: desk.release(job),
}
every_end = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)


def counts(desk: Desk) -> tuple[int, int, int, int, int]:
    queue = desk.broker.queue(DEFAULT)
    return (
        queue.ready_count,
        queue.scheduled_count,
        queue.claimed_count,
        queue.completed_count,
        queue.dead_count,
    )


# --- complete ------------------------------------------------------------------------------------


def test_a_completed_job_keeps_its_result() -> None:
    desk = Desk()

    desk.complete(desk.claimed(), b"result")
    [change] = desk.commit()

    assert (change.cause, change.result) == (Cause.COMPLETE, b"result")
    assert change.job.remove_at == NOW + Policy().result_keep_ms
    assert counts(desk) == (0, 0, 0, 1, 0)
    assert desk.broker.queue(DEFAULT).counters.completed == 1


def test_the_time_of_a_run_is_observed() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.pass_time(2_000)

    desk.complete(job)
    desk.commit()

    assert desk.broker.queue(DEFAULT).run_seconds.total == pytest.approx(2.0)


def test_a_result_over_the_limit_is_refused_after_which_the_attempt_goes_on() -> None:
    desk = Desk(policy=Policy(result_bytes_max=3))
    job = desk.claimed()

    with pytest.raises(TooLarge, match="the result has 4 bytes, 3 are allowed"):
        desk.complete(job, b"1234")

    desk.complete(job, b"123")


# --- fail ----------------------------------------------------------------------------------------


def test_a_failed_attempt_is_tried_again_later() -> None:
    desk = Desk()
    job = desk.claimed()

    desk.fail(job, "ValueError: boom\n  line 1", jitter=0.5)
    [change] = desk.commit()

    assert (change.cause, change.job.failures) == (Cause.RETRY, 1)
    assert change.job.due_at == NOW + RETRY_BASE_MS // 2
    assert change.failed_attempt == FailedAttempt(
        job.id, 1, "worker-1", NOW, NOW, "ValueError: boom\n  line 1"
    )
    assert counts(desk) == (0, 1, 0, 0, 0)


def test_a_job_runs_again_when_its_retry_is_due() -> None:
    desk = Desk()
    job = desk.claimed()
    desk.fail(job)
    desk.commit()

    desk.pass_time(RETRY_BASE_MS)
    desk.commit()

    [again] = desk.claim()
    assert (again.id, again.attempt, again.failures) == (job.id, 2, 1)


def test_a_job_is_dead_after_its_last_attempt() -> None:
    desk = Desk()

    desk.fail(desk.claimed(request(attempts_max=1)))
    [change] = desk.commit()

    assert change.cause is Cause.GIVE_UP
    assert change.job.remove_at == NOW + Policy().dead_keep_ms
    assert counts(desk) == (0, 0, 0, 0, 1)
    counters = desk.broker.queue(DEFAULT).counters
    assert (counters.failed, counters.retried, counters.dead) == (1, 0, 1)


def test_a_final_failure_is_the_last() -> None:
    desk = Desk()

    desk.fail(desk.claimed(), final=True)

    assert [change.cause for change in desk.commit()] == [Cause.GIVE_UP]


# --- release -------------------------------------------------------------------------------------


def test_a_released_job_is_ready_without_a_failure() -> None:
    desk = Desk()
    job = desk.claimed()

    desk.release(job)
    desk.commit()

    assert counts(desk) == (1, 0, 0, 0, 0)
    assert desk.broker.queue(DEFAULT).counters.released == 1
    [again] = desk.claim()
    assert (again.attempt, again.failures) == (2, 0)


# --- all of them ---------------------------------------------------------------------------------


@every_end
def test_an_end_is_told_once_it_is_durable(end: End) -> None:
    desk = Desk()

    listener = end(desk, desk.claimed())
    before = list(listener.told)
    desk.commit()

    assert before == []
    assert listener.told == [None]


@every_end
def test_until_the_end_is_durable_the_job_belongs_to_its_attempt(end: End) -> None:
    desk = Desk()

    end(desk, desk.claimed())

    assert counts(desk) == (0, 0, 1, 0, 0)
    assert desk.claim() == []


@every_end
def test_an_end_that_is_asked_for_twice_is_one(end: End) -> None:
    desk = Desk()
    job = desk.claimed()

    listeners = [end(desk, job), end(desk, job)]

    assert len(desk.commit()) == 1
    assert [listener.told for listener in listeners] == [[None], [None]]


@pytest.mark.parametrize(
    ("first", "second"), [(a, b) for a in ENDS for b in ENDS if a != b], ids="-".join
)
def test_an_attempt_ends_in_one_way(first: str, second: str) -> None:
    desk = Desk()
    job = desk.claimed()
    ENDS[first](desk, job)

    with pytest.raises(LeaseLost):
        ENDS[second](desk, job)


@every_end
def test_an_attempt_that_ended_holds_the_job_no_longer(end: End) -> None:
    desk = Desk()
    job = desk.claimed()
    end(desk, job)
    desk.commit()

    with pytest.raises(LeaseLost, match="attempt 1 does not hold job 1"):
        end(desk, job)


@every_end
def test_a_late_answer_of_an_earlier_attempt_is_refused(end: End) -> None:
    desk = Desk()
    first = desk.claimed()
    desk.release(first)
    desk.commit()
    desk.claim()

    with pytest.raises(LeaseLost):
        end(desk, first)


@every_end
def test_nobody_holds_a_job_that_is_not_there(end: End) -> None:
    desk = Desk()
    job = desk.claimed()

    with pytest.raises(LeaseLost):
        end(Desk(), job)


def test_a_submission_is_not_a_change() -> None:
    desk = Desk()
    desk.complete(desk.claimed())
    [change] = desk.broker.take_changes()
    change.cause = Cause.SUBMIT

    with pytest.raises(AssertionError, match="SUBMIT is not a change of the broker"):
        desk.broker.apply(change)
