"""The log of jobs that ended without success."""

from msgspec.structs import replace
from structlog.testing import capture_logs

from penstock.config.limits import JOB_LOG_LINES_MAX
from penstock.jobs.changes import Change
from penstock.jobs.model import FailedAttempt, Job, State
from penstock.jobs.rooms import DROPPED
from penstock.jobs.transitions import Cause
from penstock.server.job_log import JobLog
from tests.unit.jobs.desk import NOW
from tests.unit.jobs.jobs import a_job
from tests.unit.server.desk import FakeClock


def death(job: Job) -> Change:
    failed = FailedAttempt(job.id, 3, "worker-1", NOW, NOW, "ValueError: boom\n  trace")
    return Change(Cause.GIVE_UP, replace(job, failures=3), failed_attempt=failed)


def ending(cause: Cause, reason: str) -> Change:
    return Change(cause, replace(a_job(2), state=State.EXPIRED, reason=reason))


def test_a_job_that_died_is_logged_with_the_first_line_of_its_error() -> None:
    with capture_logs() as logs:
        JobLog(FakeClock().monotonic).note(death(a_job(1)))

    assert logs == [
        {
            "event": "job died",
            "log_level": "warning",
            "job": 1,
            "queue": "default",
            "task": "echo",
            "failures": 3,
            "error": "ValueError: boom",
        }
    ]


def test_jobs_that_expired_or_were_dropped_are_logged_with_the_reason() -> None:
    log = JobLog(FakeClock().monotonic)

    with capture_logs() as logs:
        log.note(ending(Cause.EXPIRE, "too late"))
        log.note(ending(Cause.CANCEL, DROPPED))

    assert [(line["event"], line["log_level"], line["reason"]) for line in logs] == [
        ("job expired", "info", "too late"),
        ("job dropped", "info", DROPPED),
    ]


def test_a_job_that_somebody_cancelled_is_not_logged() -> None:
    with capture_logs() as logs:
        JobLog(FakeClock().monotonic).note(ending(Cause.CANCEL, "ordered twice"))

    assert logs == []


def test_a_storm_is_summed_up_when_its_second_is_over() -> None:
    clock = FakeClock()
    log = JobLog(clock.monotonic)

    with capture_logs() as logs:
        for number in range(JOB_LOG_LINES_MAX + 5):
            log.note(death(a_job(number + 1)))
        log.sum_up()
        within = len(logs)
        clock.seconds = 1.0
        log.sum_up()
        log.sum_up()
        log.note(death(a_job(1)))

    assert within == JOB_LOG_LINES_MAX
    (summary, later) = logs[within:]
    assert summary == {
        "event": "job died: more than are logged one by one",
        "log_level": "warning",
        "jobs": 5,
    }
    assert later["event"] == "job died"
