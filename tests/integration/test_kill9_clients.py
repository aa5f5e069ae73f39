"""Whoever calls through our client notices nothing of a killed server but time."""

from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from msgspec.structs import replace

from penstock.client import AsyncClient, JobFailed
from penstock.config.address import Address
from penstock.loadtest.history import History, Operation, Outcome, check_history
from penstock.loadtest.processes import ServerProcess, free_port
from penstock.loadtest.target import Target
from tests.integration.recorded_tasks import digest
from tests.integration.storm import PRIORITIES, Storm, now_ms, read_effects, settle
from tests.integration.test_kill9_server import kill_and_start, recorded_server

KILLS = 4
CALLERS = 20
BEHAVIOURS = ("quick", "quick", "once", "always")


async def call_on(storm: Storm, client: AsyncClient, name: str) -> None:
    """Submit and call in turns until the storm is over; nothing but a dead job may be raised."""
    index = 0
    while not storm.stopped:
        index += 1
        operation = Operation(
            client=name,
            index=index,
            verb="call" if index % 2 else "submit",
            key=f"{name}-{index}",
            queue="default",
            priority=storm.random.choice(PRIORITIES),
            payload=f"{storm.random.choice(BEHAVIOURS)} {name}-{index} ".encode(),
            invoked_ms=now_ms(),
            returned_ms=None,
            outcome=Outcome.ACKNOWLEDGED,
        )
        chosen = client.options(key=operation.key, priority=operation.priority)
        if operation.verb == "submit":
            job = await chosen.submit_raw("record", operation.payload)
            storm.note(replace(operation, job_id=job.id, returned_ms=now_ms()))
            continue
        try:
            result = await chosen.call_raw("record", operation.payload)
            storm.note(replace(operation, result=result, returned_ms=now_ms()))
        except JobFailed:
            storm.note(replace(operation, outcome=Outcome.DEAD, returned_ms=now_ms()))


async def storm_with_callers(storm: Storm, server: ServerProcess, address: str) -> None:
    async with AsyncClient(address) as client, anyio.create_task_group() as group:
        group.start_soon(kill_and_start, storm, server, KILLS)
        for number in range(CALLERS):
            group.start_soon(call_on, storm, client, f"caller{number}")


@pytest.mark.integration
async def test_a_killed_server_costs_its_callers_nothing_but_time(
    tmp_path: Path, seed: int
) -> None:
    port = free_port()
    storm = Storm(Target(Address("127.0.0.1", port)), seed)
    with recorded_server(tmp_path, f"127.0.0.1:{port}") as server:
        await storm_with_callers(storm, server, f"127.0.0.1:{port}")
        jobs = await settle(storm.target, storm.operations)
        assert await to_thread.run_sync(server.stop) == 0

    history = History(
        operations=storm.operations,
        effects=read_effects(tmp_path / "effects"),
        jobs=jobs,
        expected=digest,
        server_crashed=True,
    )
    assert check_history(history) == [], f"log and data in {tmp_path}"
    assert len(jobs) == len(storm.operations)
