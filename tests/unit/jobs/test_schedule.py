"""Jobs that are not due yet."""

from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, State
from penstock.jobs.schedule import Schedule
from penstock.jobs.store.port import DueQuestion
from tests.unit.jobs.desk import NOW
from tests.unit.jobs.jobs import a_job


def due(job_id: int, ms: int) -> Job:
    return replace(a_job(job_id), state=State.SCHEDULED, due_at=Instant(NOW + ms))


def popped(schedule: Schedule, ms: int) -> list[int]:
    return [job.id for job in schedule.pop_due(Instant(NOW + ms), gone=lambda job: False)]


def test_nothing_is_due_of_nothing() -> None:
    schedule = Schedule(4)

    assert schedule.next_at() is None
    assert popped(schedule, 10**6) == []


def test_jobs_fall_due_in_the_order_of_their_times() -> None:
    schedule = Schedule(4)
    for job in (due(1, 30), due(2, 10), due(3, 20)):
        schedule.add(job)

    assert popped(schedule, 20) == [2, 3]
    assert schedule.next_at() == NOW + 30


def test_a_job_that_fell_due_is_remembered_until_that_is_written() -> None:
    schedule = Schedule(4)
    job = due(1, 10)
    schedule.add(job)

    popped(schedule, 10)

    assert schedule.falling_due == {1: job}


def test_a_job_that_is_put_back_falls_due_again() -> None:
    schedule = Schedule(4)
    job = due(1, 10)
    schedule.add(job)
    popped(schedule, 10)

    schedule.put_back(job.id)

    assert schedule.falling_due == {}
    assert popped(schedule, 10) == [1]


def test_after_a_start_the_store_is_asked_for_the_first_jobs() -> None:
    schedule = Schedule(4)

    schedule.restore()

    assert schedule.has_questions
    assert schedule.question() == DueQuestion(None, 4)
    assert not schedule.has_questions


def test_a_schedule_that_runs_low_asks_for_what_comes_after() -> None:
    schedule = Schedule(4)
    for job_id in range(1, 7):
        schedule.add(due(job_id, 10 * job_id))

    before = schedule.has_questions
    popped(schedule, 30)

    assert not before
    assert schedule.has_questions
    assert schedule.question() == DueQuestion((NOW + 40, 4), 4)


def test_a_question_that_answered_itself_is_not_asked() -> None:
    schedule = Schedule(4)
    for job_id in range(1, 7):
        schedule.add(due(job_id, 10 * job_id))
    popped(schedule, 30)

    schedule.add(due(9, 35))

    assert schedule.question() is None


def test_an_answer_is_taken_in() -> None:
    schedule = Schedule(4)
    schedule.restore()
    question = schedule.question()
    assert question is not None

    schedule.answer(question, [due(1, 10), due(2, 20)], elsewhere=())

    assert not schedule.has_questions
    assert popped(schedule, 20) == [1, 2]


def test_an_answer_does_not_bring_back_what_is_falling_due() -> None:
    """It was pushed behind the horizon by earlier ones, and the store does not know of its fall."""
    schedule = Schedule(1)
    schedule.add(due(2, 20))
    popped(schedule, 20)
    schedule.add(due(3, 10))
    schedule.add(due(4, 15))
    popped(schedule, 10)
    question = schedule.question()
    assert question is not None

    schedule.answer(question, [due(4, 15)], elsewhere=())
    popped(schedule, 15)
    question = schedule.question()
    assert question is not None
    schedule.answer(question, [due(2, 20)], elsewhere=())

    assert schedule.next_at() is None


def test_a_question_whose_batch_failed_is_asked_again() -> None:
    schedule = Schedule(4)
    schedule.restore()
    question = schedule.question()

    schedule.ask_again()

    assert schedule.question() == question
