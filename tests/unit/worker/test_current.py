"""What a task may know about its job."""

import time

import pytest

from penstock.worker import CurrentJob, current_job
from penstock.worker.current import RUNNING
from penstock.worker.reports import Reports, progress_command


def test_outside_a_worker_there_is_no_job() -> None:
    with pytest.raises(LookupError, match="called as a plain function a task has no job"):
        current_job()


def test_inside_a_task_it_is_the_job_that_runs() -> None:
    job = CurrentJob(7, 2, "default", "echo", time.monotonic() + 60)
    token = RUNNING.set(job)

    assert current_job() is job
    assert 59 < current_job().seconds_left <= 60
    RUNNING.reset(token)


def test_no_time_is_left_after_the_deadline() -> None:
    assert CurrentJob(7, 2, "default", "echo", time.monotonic() - 1).seconds_left == 0


@pytest.mark.parametrize(
    ("percent", "whole"),
    [(0, 0), (41.9, 41), (100, 100), (-1, 0), (250, 100), (float("nan"), 0), (float("inf"), 100)],
)
def test_progress_is_a_whole_percentage(percent: float, whole: int) -> None:
    reports = Reports()

    CurrentJob(7, 2, "default", "echo", 0.0, reports).progress(percent, "half way")

    (report,) = reports.take()
    assert report.command == progress_command((7, 2), whole, "half way")


def test_progress_of_a_job_that_a_test_made_goes_nowhere() -> None:
    CurrentJob(7, 2, "default", "echo", 0.0).progress(50)


def test_progress_that_is_no_number_is_a_mistake() -> None:
    with pytest.raises(TypeError, match=r"progress\(\) takes a number from 0 to 100, not '50 %'"):
        CurrentJob(7, 2, "default", "echo", 0.0).progress("50 %")  # type: ignore[arg-type]
