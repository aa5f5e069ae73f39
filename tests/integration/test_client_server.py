"""The clients with a real server, real workers and real work."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from examples.basics import add, fail, nap, reverse, sleep
from penstock.client import (
    AsyncClient,
    Client,
    JobFailed,
    Refused,
    WaitTimeout,
)
from penstock.loadtest.processes import ServerProcess

pytestmark = pytest.mark.integration

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess(
        folder / "data",
        *("--http", "off", "--workers", "2", "--app", "examples.basics"),
        *("--unix", str(folder / "socket")),
        environ={"PENSTOCK_PASSWORD": PASSWORD},
    ) as process:
        yield process


@pytest.fixture
def address(server: ServerProcess) -> str:
    return str(server.target)


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, password=PASSWORD, name="tests") as client:
        yield client


def test_typed_tasks_are_called_like_functions(client: Client) -> None:
    assert client.call(add, 2, 3) == 5
    assert client.call(nap, seconds=0.0) == 0.0
    assert client.call(reverse, b"abc") == b"cba"


def test_a_submitted_job_brings_its_result_later(client: Client) -> None:
    job = client.options(queue="default", priority=0, attempts=1).submit("add", 2, 3)

    assert job.result() == 5
    shown = job.show()
    assert (shown.state, shown.task, shown.payload, shown.priority) == (
        "completed",
        "add",
        b"[2,3]",
        0,
    )
    assert client.wait(job.id) == 5
    assert client.wait_raw(job.id) == shown.result


def test_a_key_used_again_finds_the_first_job(client: Client) -> None:
    keyed = client.options(key="once")

    assert keyed.submit("add", 1, 1).id == keyed.submit("add", 1, 1).id
    assert keyed.call("add", 1, 1) == 2
    with pytest.raises(Refused, match="KEYREUSED"):
        keyed.submit("add", 2, 2)


def test_pipelined_calls_are_answered_in_request_order(client: Client) -> None:
    seconds = [0.08, 0.0, 0.04, 0.02]
    with client.pipeline() as pipeline:
        naps = [pipeline.call(nap, each) for each in seconds]

    assert [each.value for each in naps] == seconds


def test_a_failed_job_brings_what_its_worker_said(client: Client) -> None:
    with pytest.raises(JobFailed) as caught:
        client.options(attempts=1).call(fail, "on purpose")

    error = caught.value
    assert (error.type, error.message) == ("ValueError", "on purpose")
    assert "raise ValueError(message)" in error.traceback
    (attempt,) = client.show(error.job_id).errors
    assert attempt.error == error.traceback


def test_a_wait_that_ends_leaves_the_job_running(client: Client) -> None:
    with pytest.raises(WaitTimeout) as caught:
        client.options(wait_ms=20).call(sleep, 0.2)

    assert client.wait(caught.value.job_id) == 0.2


def test_a_delayed_job_runs_when_it_is_due(client: Client) -> None:
    began = time.time_ns() // 1_000_000
    job = client.options(delay_ms=100).submit(add, 1, 1)

    assert job.show().state == "scheduled"
    assert job.result() == 2
    claimed_at = job.show().claimed_at
    assert claimed_at is not None
    assert claimed_at >= began + 100


def test_queues_are_counted(client: Client) -> None:
    client.options(queue="counted").submit("unheard-of")
    info = client.queue("counted")

    assert (info.name, info.ready, info.counters["submitted"]) == ("counted", 1, 1)
    assert "counted" in [each.name for each in client.queues()]


def test_a_unix_socket_serves_as_well(server: ServerProcess) -> None:
    with Client(f"unix:{server.log.parent / 'socket'}", password=PASSWORD) as client:
        assert client.call("add", 2, 3) == 5


@pytest.mark.parametrize(("password", "code"), [("wrong", "WRONGPASS"), (None, "NOAUTH")])
def test_a_wrong_password_is_refused_at_once(address: str, password: str | None, code: str) -> None:
    with pytest.raises(Refused) as caught, Client(address, password=password):
        pass

    assert caught.value.code == code


async def test_a_thousand_tasks_share_a_connection(address: str) -> None:
    count = 1_000
    results: dict[int, object] = {}
    async with AsyncClient(address, password=PASSWORD) as client:

        async def work(number: int) -> None:
            results[number] = await client.call("echo", number)

        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(work(number))

    assert results == {number: number for number in range(count)}


async def test_cancelling_in_the_middle_keeps_the_order(address: str) -> None:
    results: dict[int, object] = {}
    async with AsyncClient(address, password=PASSWORD) as client:

        async def work(number: int) -> None:
            results[number] = await client.call("nap", number / 1000)

        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(work(number)) for number in range(60)]
            await client.call("echo", None)
            for call in calls[5::7]:
                call.cancel()

    assert all(result == number / 1000 for number, result in results.items())
    assert set(results) >= set(range(60)) - set(range(5, 60, 7))


async def test_a_worker_by_hand_claims_and_answers(address: str) -> None:
    async with (
        AsyncClient(address, password=PASSWORD) as client,
        AsyncClient(address, password=PASSWORD, name="by-hand") as worker,
    ):
        by_hand = client.options(queue="by-hand", attempts=1)
        good = await by_hand.submit("good", 1)
        bad = await by_hand.submit("bad")
        first, second = await worker.claim(["by-hand"], count=5)
        assert (first.id, first.task, first.payload) == (good.id, "good", b"[1]")
        assert await worker.extend(first.id, first.attempt, 60_000) >= 59_000
        await worker.complete(first.id, first.attempt, b'"done"')
        await worker.complete(first.id, first.attempt, b'"done"')
        await worker.fail(second.id, second.attempt, "OwnError: no\nwhere", dead=True)
        assert await worker.claim(["by-hand"], wait_ms=0) == []

        assert await good.result() == "done"
        with pytest.raises(JobFailed) as caught:
            await bad.result()
        assert (caught.value.type, caught.value.traceback) == ("OwnError", "OwnError: no\nwhere")
        with pytest.raises(Refused, match="LEASELOST"):
            await worker.complete(second.id, second.attempt)


async def test_a_job_that_was_given_back_is_claimed_again(address: str) -> None:
    async with AsyncClient(address, password=PASSWORD) as client:
        job = await client.options(queue="given-back").submit("x")
        (claim,) = await client.claim(["given-back"])
        await client.release(claim.id, claim.attempt)
        (again,) = await client.claim(["given-back"])

        assert (again.id, again.attempt) == (job.id, claim.attempt + 1)


async def test_the_jobs_of_a_cancelled_claim_go_to_others(address: str) -> None:
    async with (
        AsyncClient(address, password=PASSWORD) as client,
        AsyncClient(address, password=PASSWORD) as other,
        asyncio.TaskGroup() as tasks,
    ):
        contested = client.options(queue="contested")
        await contested.submit("known")
        await client.claim(["contested"])
        claiming = tasks.create_task(other.claim(["contested"], wait_ms=60_000))
        await until(client, "contested", "waiting_claims", 1)
        claiming.cancel()
        job = await contested.submit("x")
        (claim,) = await client.claim(["contested"], wait_ms=60_000)

        assert claim.id == job.id


async def until(client: AsyncClient, queue: str, counter: str, value: int) -> None:
    """Ask the server, which has no signal for it, until a counter has a value."""
    while (await client.queue(queue)).counters[counter] != value:
        pass
