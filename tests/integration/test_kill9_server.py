"""A server that is killed with kill -9 under load, again and again, keeps every promise."""

from collections import Counter
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from penstock.config.address import Address
from penstock.loadtest.history import History, Outcome, check_history
from penstock.loadtest.processes import ServerProcess, free_port
from penstock.loadtest.target import Target
from tests.integration.recorded_tasks import EFFECTS_VARIABLE, digest
from tests.integration.storm import Client, Storm, read_effects, settle

KILLS = 8
CLIENTS = 6
# Requests answered between two kills, at most.
ANSWERS_MAX = 400


def recorded_server(tmp_path: Path, listen: str, store: str = "sqlite") -> ServerProcess:
    """Return a server whose workers leave traces and whose retries come quickly."""
    return ServerProcess(
        tmp_path / "data",
        *("--http", "off", "--workers", "2"),
        *("--app", "tests.integration.recorded_tasks"),
        listen=listen,
        environ={
            EFFECTS_VARIABLE: str(tmp_path / "effects"),
            "PENSTOCK_STORE": store,
            "PENSTOCK_RETRY_BASE_MS": "5",
            "PENSTOCK_RETRY_CAP_MS": "20",
        },
    )


async def kill_and_start(storm: Storm, server: ServerProcess, kills: int) -> None:
    """Kill the server at random moments, and start it again each time."""
    for _ in range(kills):
        await storm.until_answered(storm.random.randint(1, ANSWERS_MAX))
        storm.server_is_down()
        await to_thread.run_sync(server.kill)
        await to_thread.run_sync(server.start)
        storm.server_is_up()
    await storm.until_answered(ANSWERS_MAX)
    storm.stopped = True


async def storm_and_settle(tmp_path: Path, seed: int, kills: int, store: str) -> History:
    """Kill a server under load, then wait until all jobs are finished and stop it."""
    port = free_port()
    storm = Storm(Target(Address("127.0.0.1", port)), seed)
    with recorded_server(tmp_path, f"127.0.0.1:{port}", store) as server:
        storm.server_is_up()
        async with anyio.create_task_group() as group:
            group.start_soon(kill_and_start, storm, server, kills)
            for number in range(CLIENTS):
                group.start_soon(Client(storm, f"client{number}").run)
        jobs = await settle(storm.target, storm.operations)
        assert await to_thread.run_sync(server.stop) == 0
    return History(
        operations=storm.operations,
        effects=read_effects(tmp_path / "effects"),
        jobs=jobs,
        expected=digest,
        server_crashed=True,
    )


@pytest.mark.integration
async def test_killing_the_server_breaks_no_promise(tmp_path: Path, seed: int) -> None:
    history = await storm_and_settle(tmp_path, seed, KILLS, "sqlite")

    outcomes = Counter(operation.outcome for operation in history.operations)
    assert check_history(history) == [], f"{outcomes}; log and data in {tmp_path}"
    assert outcomes[Outcome.UNKNOWN] > 0, "no request was in flight at any kill"
    assert min(outcomes[Outcome.ACKNOWLEDGED], outcomes[Outcome.DEAD]) > 0


@pytest.mark.integration
async def test_a_server_that_keeps_jobs_in_memory_only_is_caught(tmp_path: Path, seed: int) -> None:
    history = await storm_and_settle(tmp_path, seed, 2, "memory")

    broken = {violation.rule for violation in check_history(history)}
    assert "nothing acknowledged is lost" in broken
