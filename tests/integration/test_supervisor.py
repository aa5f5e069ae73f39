"""Worker processes over their life: start, drain, death, and the end of their supervisor."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from penstock.worker import AppError
from tests.integration.job_source import JobSource
from tests.integration.workers import ASYNC, Workers, hosted, running_workers

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    async with hosted(running_workers(count=2)) as running:
        yield running


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_workers_are_there_when_the_supervisor_has_started(workers: Workers) -> None:
    names = [process.name for process in workers.supervisor.processes]

    assert names == ["worker-1", "worker-2"]
    assert workers.supervisor.alive_count == 2


async def test_a_killed_worker_is_replaced_under_its_name(workers: Workers) -> None:
    first = workers.supervisor.processes[0]
    await workers.events.wait_for("worker ready", 2)

    os.kill(first.pid, signal.SIGKILL)
    await workers.events.wait_for("worker ready", 3)

    assert {process.name for process in workers.supervisor.processes} == {"worker-1", "worker-2"}
    assert workers.supervisor.restarts_total == 1
    assert not lives(first.pid)


async def test_no_process_outlives_the_supervisor() -> None:
    async with running_workers(count=2) as workers:
        pids = [process.pid for process in workers.supervisor.processes]
        workers.source.add("ignore_sigterm", b"[60]")

    assert not any(lives(pid) for pid in pids)
    assert workers.supervisor.alive_count == 0


async def test_a_drain_lets_the_running_job_finish(workers: Workers) -> None:
    await workers.events.wait_for("worker ready", 2)
    job = workers.source.add("sleep", b"[0.3]")
    await workers.events.wait_for_line("sleeping")

    await workers.supervisor.drain()

    assert (job.verdict, job.data) == ("completed", b"0.3")
    assert workers.supervisor.alive_count == 0
    assert [fields["code"] for fields in workers.events.of("worker ended")] == [0, 0]
    assert workers.supervisor.restarts_total == 0


async def test_a_drained_worker_takes_no_further_job(workers: Workers) -> None:
    running = [workers.source.add("sleep", b"[0.3]") for _ in range(2)]
    await workers.events.wait_for("output", 2)
    waiting = workers.source.add("echo")

    await workers.supervisor.drain()

    assert [job.verdict for job in running] == ["completed", "completed"]
    assert waiting.attempt == 0


async def test_a_drain_that_is_cancelled_leaves_the_rest_to_be_killed() -> None:
    async with running_workers() as workers:
        job = workers.source.add("sleep", b"[60]")
        await workers.events.wait_for_line("sleeping")
        with anyio.move_on_after(0.1) as waiting:
            await workers.supervisor.drain()

    assert waiting.cancelled_caught
    assert job.verdict == "lost"
    assert job.data.decode().endswith("was stopped with its supervisor")


async def test_an_idle_worker_exits_when_the_server_closes_its_connection(
    workers: Workers,
) -> None:
    await workers.events.wait_for("worker ready", 2)

    workers.source.connections[0].transport.close()
    await workers.events.wait_for("worker ended")

    assert workers.events.of("worker ended")[0]["code"] == 0


async def test_a_busy_worker_exits_when_the_server_closes_its_connection(
    workers: Workers,
) -> None:
    workers.source.add("sleep", b"[60]")
    await workers.events.wait_for_line("sleeping")
    (holder,) = (other for other in workers.source.connections if other.held)

    holder.transport.close()
    await workers.events.wait_for("worker ended")

    assert workers.supervisor.restarts_total <= 1


async def test_async_jobs_run_side_by_side() -> None:
    async with running_workers(ASYNC) as workers:
        jobs = [workers.source.add("meet", b"[40]") for _ in range(40)]
        for job in jobs:
            await job.ended.wait()

    assert {job.data for job in jobs} == {b'"met"'}


async def test_async_jobs_finish_in_a_drain() -> None:
    async with running_workers(ASYNC) as workers:
        jobs = [workers.source.add("nap", b"[0.3]") for _ in range(5)]
        await workers.events.wait_for("output", 5)
        await workers.supervisor.drain()

    assert {job.verdict for job in jobs} == {"completed"}


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("tests.integration.nowhere", "there is no module 'tests.integration.nowhere'"),
        ("tests.integration.hostile_tasks:nothing", "has no attribute 'nothing'"),
        ("tests.integration.job_source", "no tasks there; decorate functions with @task"),
    ],
)
async def test_an_app_that_cannot_be_loaded_stops_the_start(app: str, message: str) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with running_workers(app):
            raise AssertionError("it must not start")

    (error,) = caught.value.exceptions
    assert isinstance(error, AppError)
    assert message in str(error)


async def test_without_an_app_there_are_no_workers() -> None:
    async with running_workers(None) as workers:
        assert workers.supervisor.alive_count == 0
        assert isinstance(workers.source, JobSource)
        await workers.supervisor.drain()
