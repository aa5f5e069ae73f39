"""Jobs that somebody cancels while a worker has them: what their tasks notice, and what is said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.workers import Workers, hosted, running_workers

ROOT = Path(__file__).resolve().parents[2]
TASKS = "tests.integration.outcome_tasks"

pytestmark = pytest.mark.integration


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    monkeypatch.chdir(ROOT)
    async with hosted(running_workers(TASKS)) as running:
        yield running


async def assert_serves_on(workers: Workers) -> None:
    job = await workers.source.run("sleep", b"[0]")
    assert (job.verdict, job.data) == ("completed", b"0.0")
    assert workers.supervisor.restarts_total == 0


@pytest.mark.parametrize(
    ("task", "says", "verdict", "data"),
    [
        ("sleep", "sleeping", "cancelled", b"Cancelled: job 1 was cancelled"),
        ("be_busy", "busy", "cancelled", b"Cancelled: job 1 was cancelled"),
        ("swallow_exceptions", "swallowing", "cancelled", b"Cancelled: job 1 was cancelled"),
        ("finish_what_is_begun", "working", "completed", b'"done though job 1 was cancelled"'),
        ("nap", "napping", "cancelled", b"Cancelled: job 1 was cancelled"),
        ("clean_up", "working", "cancelled", b"Cancelled: job 1 was cancelled"),
    ],
)
async def test_a_task_is_stopped_and_its_worker_serves_on(
    workers: Workers, task: str, says: str, verdict: str, data: bytes
) -> None:
    job = workers.source.add(task, b"[60]")
    await workers.events.wait_for_line(says)

    workers.source.cancel(job)
    await job.ended.wait()

    assert job.verdict == verdict
    assert job.data.startswith(data)
    await assert_serves_on(workers)


async def test_an_async_task_can_clean_up_and_knows_why(workers: Workers) -> None:
    job = workers.source.add("clean_up", b"[60]")
    await workers.events.wait_for_line("working")

    workers.source.cancel(job)

    await workers.events.wait_for_line("cleaning up: job 1 was cancelled")


async def test_only_the_job_that_was_cancelled_is_stopped(workers: Workers) -> None:
    cancelled, other = (workers.source.add("clean_up", seconds) for seconds in (b"[60]", b"[0.3]"))
    await cancelled.given.wait()
    await other.given.wait()

    workers.source.cancel(cancelled)
    await cancelled.ended.wait()
    await other.ended.wait()

    assert (cancelled.verdict, other.verdict) == ("cancelled", "completed")


async def test_a_cancel_that_comes_late_stops_no_other_job(workers: Workers) -> None:
    done = await workers.source.run("sleep", b"[0]")
    (connection,) = workers.source.connections
    connection.cancel(done)
    job = workers.source.add("sleep", b"[0.2]")
    await job.given.wait()
    connection.cancel(done)
    await job.ended.wait()

    assert job.verdict == "completed"


async def test_a_job_that_was_given_back_and_came_again_is_not_stopped_by_the_old_cancel(
    workers: Workers,
) -> None:
    job = workers.source.add("sleep", b"[0.2]")
    await job.given.wait()
    (connection,) = workers.source.connections
    connection.transport.write(b">3\r\n$6\r\ncancel\r\n:1\r\n:7\r\n")
    await job.ended.wait()

    assert job.verdict == "completed"


async def test_a_report_that_is_refused_stops_the_task_as_well(workers: Workers) -> None:
    workers.source.refused_reports.add(1)
    job = await workers.source.run("count_up", b"[1000, 0.05]")

    assert job.verdict == "cancelled"


async def test_a_job_that_has_not_begun_never_does(workers: Workers) -> None:
    """Short jobs are claimed many at a time; the last of them is cancelled as they arrive."""
    workers.source.keep_commands = False
    for _ in range(64):
        await workers.source.run("sleep", b"[0]")
    jobs = []
    (connection,) = workers.source.connections
    connection.hold_claims()
    jobs = [workers.source.add("sleep", b"[0.01]") for _ in range(16)]
    connection.give_claims()
    held = [job for job in jobs if job.id in connection.held]
    assert len(held) > 1
    connection.cancel(held[-1])
    for job in jobs:
        await job.ended.wait()

    assert held[-1].verdict == "cancelled"
    assert {job.verdict for job in jobs if job is not held[-1]} == {"completed"}


async def test_a_remote_worker_that_ignores_everything_is_killed_after_the_grace(
    workers: Workers,
) -> None:
    """Where the server does not end it, its supervisor does."""
    job = workers.source.add("ignore_everything", b"[60]")
    await workers.events.wait_for_line("ignoring")

    workers.source.cancel(job)
    await job.ended.wait()

    assert job.verdict == "lost"
    assert job.data.startswith(b"HardTimeout: ")
