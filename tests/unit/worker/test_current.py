"""What a task may know about its job."""

import time

import pytest

from penstock.worker import CurrentJob, current_job
from penstock.worker.current import RUNNING


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
