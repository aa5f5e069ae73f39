"""A worker that was killed and hangs in the kernel: it holds its jobs and its name until it dies.

A process that no signal ends cannot be had for the asking. Here one is stopped, and what would
kill it is made to spare it.
"""

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.worker import process as processes
from penstock.worker import supervisor as supervisors
from penstock.worker.process import WorkerProcess
from penstock.worker.process_tree import kill_tree
from tests.integration.job_source import GivenJob
from tests.integration.workers import Workers, hosted, running_workers

ROOT = Path(__file__).resolve().parents[2]
HANGS = "a killed worker hangs in the kernel; its jobs go to others when it is dead"

pytestmark = pytest.mark.integration


@dataclass
class Hanging:
    """A worker that hangs, and the job that it held when it was killed."""

    workers: Workers
    process: WorkerProcess
    job: GivenJob
    spared: set[int]

    def die(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)

    def names(self) -> list[str]:
        return sorted(process.name for process in self.workers.supervisor.processes)


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    monkeypatch.chdir(ROOT)
    async with hosted(running_workers()) as running:
        yield running


@pytest.fixture
async def hanging(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hanging]:
    (process,) = workers.supervisor.processes
    job = workers.source.add("sleep", b"[60]")
    await workers.events.wait_for_line("sleeping")

    spared = {process.pid}

    def kill_others(root: int, cookie: str) -> None:
        if root not in spared:
            kill_tree(root, cookie)

    monkeypatch.setattr(processes, "kill_tree", kill_others)
    with monkeypatch.context() as impatience:
        impatience.setattr(supervisors, "_KILL_SECONDS", 0.05)
        workers.supervisor.kill("worker-1", "HardTimeout: too long")
        await workers.events.wait_for(HANGS)
    yield Hanging(workers, process, job, spared)
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)
    await job.ended.wait()


async def test_it_keeps_its_job_until_it_is_dead(hanging: Hanging) -> None:
    await hanging.workers.source.run("echo")
    verdict_while_it_hung = hanging.job.verdict

    hanging.die()
    await hanging.job.ended.wait()

    assert verdict_while_it_hung == ""
    assert (hanging.job.verdict, hanging.job.data) == ("lost", b"HardTimeout: too long")


async def test_another_takes_its_place_under_another_name(hanging: Hanging) -> None:
    job = await hanging.workers.source.run("echo")

    assert job.worker == "worker-2"
    assert hanging.names() == ["worker-1", "worker-2"]


async def test_killing_it_once_more_harms_nobody(hanging: Hanging) -> None:
    await hanging.workers.source.run("echo")

    hanging.workers.supervisor.kill("worker-1", "HardTimeout: still there")
    hanging.die()
    await hanging.job.ended.wait()

    assert hanging.job.data == b"HardTimeout: too long"
    assert hanging.names() == ["worker-2"]


async def test_its_name_is_free_again_when_it_is_dead(hanging: Hanging) -> None:
    await hanging.workers.source.run("echo")
    hanging.die()
    await hanging.job.ended.wait()

    hanging.workers.supervisor.kill("worker-2", "HardTimeout: for its name")
    job = await hanging.workers.source.run("echo")

    assert job.worker == "worker-1"


async def test_a_drain_does_not_wait_for_it(hanging: Hanging) -> None:
    await hanging.workers.source.run("echo")

    await hanging.workers.supervisor.drain()

    assert hanging.names() == ["worker-1"]


async def test_only_so_many_may_hang_and_be_replaced(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hanging.workers.source.run("echo")
    second = next(p for p in hanging.workers.supervisor.processes if p.name == "worker-2")
    hanging.spared.add(second.pid)

    with monkeypatch.context() as impatience:
        impatience.setattr(supervisors, "_KILL_SECONDS", 0.05)
        hanging.workers.supervisor.kill("worker-2", "HardTimeout: it hangs too")
        await hanging.workers.events.wait_for("no worker is started: too many hang")

    assert hanging.names() == ["worker-1", "worker-2"]
    os.kill(second.pid, signal.SIGKILL)
    await hanging.workers.events.wait_for("worker ended")
