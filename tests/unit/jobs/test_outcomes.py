"""What the record of a job says about its end."""

from penstock.jobs.model import JobId, State
from penstock.jobs.outcomes import Completed, outcome_of, was_completed
from tests.unit.jobs.desk import Desk, end


def test_the_record_of_a_completed_job_knows_the_attempt() -> None:
    desk = Desk()
    desk.complete(desk.claimed())
    [change] = desk.commit()
    completed = end(change.job, result=b"5")

    assert was_completed(completed, 1)
    assert not was_completed(completed, 2)
    assert outcome_of(completed) == Completed(b"5")


def test_no_attempt_completed_a_job_that_is_not_there_or_not_completed() -> None:
    desk = Desk()
    job = desk.claimed()

    assert not was_completed(None, 1)
    assert not was_completed(end(job), 1)
    assert (job.id, job.state) == (JobId(1), State.CLAIMED)
