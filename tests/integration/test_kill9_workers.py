"""Worker processes that are killed with kill -9 under load cost attempts, never jobs."""

import os
import signal
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from penstock.config.address import Address
from penstock.loadtest.history import History, Outcome, check_history
from penstock.loadtest.processes import ServerProcess, child_pids, free_port
from penstock.loadtest.target import Target
from tests.integration.recorded_tasks import digest
from tests.integration.storm import Client, Storm, read_effects, settle
from tests.integration.test_kill9_server import recorded_server

KILLS = 10
CLIENTS = 4
ANSWERS_MAX = 300


async def kill_workers(storm: Storm, server: ServerProcess, killed: list[int]) -> None:
    """Kill a random worker at random moments; the server starts others by itself."""
    for _ in range(KILLS):
        await storm.until_answered(storm.random.randint(1, ANSWERS_MAX))
        workers = child_pids(server.pid)
        if workers:
            killed.append(storm.random.choice(workers))
            os.kill(killed[-1], signal.SIGKILL)
    await storm.until_answered(ANSWERS_MAX)
    storm.stopped = True


@pytest.mark.integration
async def test_killing_workers_breaks_no_promise(tmp_path: Path, seed: int) -> None:
    port = free_port()
    storm = Storm(Target(Address("127.0.0.1", port)), seed)
    killed: list[int] = []
    with recorded_server(tmp_path, f"127.0.0.1:{port}") as server:
        storm.server_is_up()
        async with anyio.create_task_group() as group:
            group.start_soon(kill_workers, storm, server, killed)
            for number in range(CLIENTS):
                group.start_soon(Client(storm, f"client{number}").run)
        jobs = await settle(storm.target, storm.operations)
        stopped = await to_thread.run_sync(server.stop)

    history = History(
        operations=storm.operations,
        effects=read_effects(tmp_path / "effects"),
        jobs=jobs,
        expected=digest,
        server_crashed=False,
    )
    assert check_history(history) == [], str(server.log)
    assert all(operation.outcome is not Outcome.UNKNOWN for operation in storm.operations)
    assert stopped == 0
    assert len(set(killed)) >= KILLS // 2, "there was hardly a worker to kill"
