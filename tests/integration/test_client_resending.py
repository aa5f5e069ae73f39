"""A server that is killed or replaced costs its clients nothing but time."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest
from anyio import to_thread

from penstock.client import AsyncClient, Client, OutcomeUnknown, PenstockError
from penstock.loadtest.processes import ServerProcess, free_port

pytestmark = pytest.mark.integration

JOBS = 300


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def server(tmp_path: Path, address: str) -> Iterator[ServerProcess]:
    with ServerProcess(
        tmp_path / "data",
        *("--http", "off", "--workers", "2", "--app", "examples.basics"),
        listen=address,
    ) as process:
        yield process


async def accepted(client: AsyncClient) -> Counter[str]:
    """Return how many jobs the server has of each queue."""
    return Counter(
        {
            info.name: info.ready + info.scheduled + info.claimed + info.completed + info.dead
            for info in await client.queues()
        }
    )


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_calls_outlive_their_server(server: ServerProcess, address: str, how: str) -> None:
    results: dict[int, object] = {}
    some = asyncio.Event()
    async with AsyncClient(address) as client:

        async def work(number: int) -> None:
            results[number] = await client.call("nap", number / 1_000)
            if len(results) > 20:
                some.set()

        async with asyncio.TaskGroup() as tasks:
            for number in range(JOBS):
                tasks.create_task(work(number))
            await some.wait()
            assert len(results) < JOBS
            await to_thread.run_sync(server.kill if how == "kill" else server.stop)
            await to_thread.run_sync(server.start)

        assert results == {number: number / 1_000 for number in range(JOBS)}
        assert (await accepted(client))["default"] == JOBS


async def test_submissions_are_accepted_once_however_often_the_server_dies(
    server: ServerProcess, address: str
) -> None:
    ids: set[int] = set()
    enough = {kills: asyncio.Event() for kills in range(1, 4)}
    async with AsyncClient(address) as client:
        away = client.options(queue="nobody-works-here")

        async def work(numbers: Iterator[int]) -> None:
            for number in numbers:
                ids.add((await away.submit("t", number)).id)
                if reached := enough.get(len(ids) // 1_500):
                    reached.set()

        async with asyncio.TaskGroup() as tasks:
            numbers = iter(range(6_000))
            for _ in range(64):
                tasks.create_task(work(numbers))
            for reached in enough.values():
                await reached.wait()
                await to_thread.run_sync(server.kill)
                await to_thread.run_sync(server.start)

        assert len(ids) == 6_000
        assert (await accepted(client))["nobody-works-here"] == 6_000


def test_a_blocking_call_outlives_its_server(server: ServerProcess, address: str) -> None:
    results: list[object] = []
    with Client(address) as client, Client(address) as watcher:

        def work() -> None:
            results.append(client.call("nap", 0.5))

        thread = threading.Thread(target=work)
        thread.start()
        while not any(queue.claimed for queue in watcher.queues()):
            pass
        server.kill()
        server.start()
        thread.join()

        assert results == [0.5]
        (queue,) = watcher.queues()
        assert queue.completed == 1


def test_a_pipeline_outlives_its_server(server: ServerProcess, address: str) -> None:
    seconds = [number / 200 for number in range(40)]
    with Client(address) as client, Client(address) as watcher:
        values: list[object] = []

        def work() -> None:
            with client.pipeline() as pipeline:
                naps = [pipeline.call("nap", each) for each in seconds]
            values.extend(each.value for each in naps)

        thread = threading.Thread(target=work)
        thread.start()
        while not any(queue.completed for queue in watcher.queues()):
            pass
        server.kill()
        server.start()
        thread.join()

        assert values == seconds


async def test_a_call_without_a_key_is_in_doubt(server: ServerProcess, address: str) -> None:
    async with (
        AsyncClient(address) as client,
        AsyncClient(address) as watcher,
        asyncio.TaskGroup() as tasks,
    ):
        call = tasks.create_task(outcome(client.options(key=None).call("nap", 30)))
        while not any(queue.claimed for queue in await watcher.queues()):
            pass
        await to_thread.run_sync(server.kill)

        assert isinstance(await call, OutcomeUnknown)


async def outcome(awaitable: Awaitable[object]) -> object:
    try:
        return await awaitable
    except PenstockError as error:
        return error
