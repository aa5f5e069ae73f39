"""The outbox behind an asynchronous client."""

import asyncio
import threading
from pathlib import Path

import pytest

from penstock.client import (
    AsyncClient,
    Entry,
    EntryState,
    NotAcknowledged,
    Outbox,
    OutboxFull,
    OutboxUnusable,
    Refused,
)
from penstock.client.outbox_job import AsyncOutboxJob
from penstock.loadtest.processes import free_port
from tests.unit.client.scripted import ScriptedServer
from tests.unit.client.test_outbox import NO, WAIT_MS, accepts_all, replies


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.outbox"


@pytest.fixture
def nobody() -> str:
    return f"127.0.0.1:{free_port()}"


async def test_submitting_needs_no_server(nobody: str, path: Path) -> None:
    async with AsyncClient(nobody, outbox=path) as client:
        job = await client.submit("t", 1)

        assert isinstance(job, AsyncOutboxJob)
        assert (job.id, job.state) == (None, EntryState.PENDING)
        with pytest.raises(NotAcknowledged):
            await job.wait_acknowledged(10)


async def test_submissions_of_many_tasks_are_sent_in_the_order_of_their_entries(path: Path) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(accepts_all(heard)) as server:
        async with AsyncClient(server.address, outbox=path) as client:
            async with asyncio.TaskGroup() as tasks:
                submitting = [tasks.create_task(client.submit("t", n)) for n in range(100)]
            jobs = [task.result() for task in submitting]

            ids = [await job.wait_acknowledged(WAIT_MS) for job in jobs]

    assert ids == list(range(1, 101))
    assert [request[2] for request in heard] == [b"[%d]" % n for n in range(100)]


async def test_a_refusal_is_raised_to_who_waits(path: Path) -> None:
    with ScriptedServer(replies(NO)) as server:
        async with AsyncClient(server.address, outbox=path) as client:
            job = await client.submit("t")
            with pytest.raises(Refused, match="TOOLARGE"):
                await job.wait_acknowledged(WAIT_MS)
            assert job.state is EntryState.REFUSED


async def test_callbacks_are_called_on_the_loop(path: Path) -> None:
    threads: list[threading.Thread] = []

    def tell(what: Entry | Outbox) -> None:
        asyncio.get_running_loop()
        threads.append(threading.current_thread())

    outbox = Outbox(path, on_acknowledged=tell, on_exit=tell, close_ms=WAIT_MS)
    with ScriptedServer(replies(b":1\r\n")) as server:
        async with AsyncClient(server.address, outbox=outbox) as client:
            await client.submit("t")

    assert threads == [threading.current_thread()] * 2


async def test_where_not_all_have_room_the_first_get_it(nobody: str, path: Path) -> None:
    outbox = Outbox(path, entries_max=3, when_full="refuse")
    async with AsyncClient(nobody, outbox=outbox) as client:

        async def submit(number: int) -> bool:
            try:
                await client.submit("t", number)
            except OutboxFull:
                return False
            return True

        async with asyncio.TaskGroup() as tasks:
            submitting = [tasks.create_task(submit(n)) for n in range(6)]

        assert [task.result() for task in submitting] == [True] * 3 + [False] * 3


async def test_a_cancelled_submission_harms_no_other(nobody: str, path: Path) -> None:
    async with AsyncClient(nobody, outbox=path) as client:
        async with asyncio.TaskGroup() as tasks:
            first, second, third = (tasks.create_task(client.submit("t", n)) for n in range(3))
            await asyncio.sleep(0)
            second.cancel()

        assert first.result().state is EntryState.PENDING
        assert third.result().state is EntryState.PENDING


async def test_a_file_that_is_no_outbox_shows_at_once(path: Path) -> None:
    await asyncio.to_thread(path.write_text, "Dear diary, " * 500)

    with pytest.raises(OutboxUnusable, match="it is no outbox"):
        await AsyncClient(outbox=path).__aenter__()


async def test_a_client_that_is_not_open_takes_nothing(path: Path) -> None:
    client = AsyncClient(outbox=path)

    with pytest.raises(OutboxUnusable, match="async with"):
        await client.submit("t")
