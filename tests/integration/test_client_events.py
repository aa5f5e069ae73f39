"""Publishing and subscribing against real servers: Penstock, and what is Redis' own against Redis.

Where it is Redis that answers, events are published without keys, which it does not know.
"""

import asyncio
import contextlib
import multiprocessing
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.client import AsyncClient, Client, Refused, SubscribedEvent
from penstock.loadtest.processes import ServerProcess, free_port
from penstock.loadtest.redis_process import RedisProcess
from tests.integration.server_process import a_server, until

pytestmark = pytest.mark.integration

PENSTOCK = "penstock"
REDIS = pytest.param("redis-server", marks=pytest.mark.program("redis-server"))


@pytest.fixture(scope="module", params=[PENSTOCK, REDIS])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("streams")
    if request.param == PENSTOCK:
        with a_server(directory) as server:
            yield str(server.target)
    else:
        with RedisProcess(directory / "data") as redis:
            yield str(redis.target)


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address).options(key=None) as client:
        yield client


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


# --- one server ----------------------------------------------------------------------------------


def test_a_group_gets_each_event_once_and_in_order(client: Client, stream: str) -> None:
    with client.pipeline() as pipeline:
        published = [pipeline.publish(stream, n=number) for number in range(1_000)]
    with client.subscribe(stream, group="g", from_="start", wait_ms=200) as events:
        found = [event.id for event in events]

    assert found == [pending.value for pending in published]
    assert pending(client, stream) == 0
    assert client.consumers(stream, "g") == []


def test_the_consumers_of_a_group_share_its_events(client: Client, stream: str) -> None:
    taken: list[list[str]] = [[], []]

    def consume(number: int) -> None:
        for event in client.subscribe(stream, group="g", from_="start", batch=5, wait_ms=500):
            taken[number].append(event.id)
            time.sleep(0.001)

    client.create_group(stream, "g", "start")
    published = [client.publish(stream, n=number) for number in range(100)]
    threads = [threading.Thread(target=consume, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken[0] + taken[1]) == sorted(published)
    assert all(taken)


def test_an_event_comes_within_a_moment_of_its_commit(client: Client, stream: str) -> None:
    seconds: list[float] = []

    def consume() -> None:
        for event in client.subscribe(stream, group="g", from_="start"):
            seconds.append(time.monotonic() - float(event["at"]))
            if len(seconds) == 20:
                return

    thread = threading.Thread(target=consume)
    thread.start()
    while thread.is_alive():
        client.publish(stream, at=time.monotonic())
        time.sleep(0.01)
    thread.join()

    assert sorted(seconds)[10] < 0.5


def test_who_was_killed_leaves_its_events_to_others(
    client: Client, address: str, stream: str
) -> None:
    published = [client.publish(stream, n=number) for number in range(3)]
    process = multiprocessing.get_context("spawn").Process(
        target=take_one_and_hang, args=(address, stream), daemon=True
    )
    process.start()
    until(lambda: pending(client, stream) > 0, "an event to be taken")
    process.kill()
    process.join()

    with client.subscribe(stream, group="g", take_over_ms=500, wait_ms=3_000) as events:
        found = [next(events) for _ in published]

    assert sorted(event.id for event in found) == published
    assert {event.id: event.deliveries for event in found}[published[0]] == 2


def take_one_and_hang(address: str, stream: str) -> None:
    for _ in Client(address).subscribe(stream, group="g", from_="start"):
        time.sleep(60)


def pending(client: Client, stream: str) -> int:
    """Count what the group was given and has not acknowledged; before there is one, nothing."""
    try:
        count: int = client.execute("XPENDING", stream, "g")[0]
    except Refused:
        return 0
    return count


async def test_fifty_readers_see_everything_and_leave_nothing(address: str, stream: str) -> None:
    async def read(client: AsyncClient) -> list[int]:
        async with client.subscribe(stream, from_="start") as events:
            return [(await anext(events)).json("n") for _ in range(100)]

    async with AsyncClient(address) as plain:
        client = plain.options(key=None)
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(read(client)) for _ in range(50)]
            for number in range(100):
                await client.publish(stream, n=number)

    assert [reader.result() for reader in readers] == [list(range(100))] * 50
    assert len(asyncio.all_tasks()) == 1


async def test_a_wait_that_is_cancelled_again_and_again_loses_nothing(
    address: str, stream: str
) -> None:
    async with AsyncClient(address) as plain:
        client = plain.options(key=None)
        found: list[int] = []
        async with client.subscribe(stream, group="g", from_="start") as events:
            for number in range(30):
                await client.publish(stream, n=number)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.001 * (number % 10)):
                        found.append((await anext(events)).json("n"))
                if len(found) <= number:
                    found.append((await anext(events)).json("n"))

        assert found == list(range(30))
        assert (await client.execute("XPENDING", stream, "g"))[0] == 0


def test_a_group_that_is_deleted_ends_its_subscriptions(client: Client, stream: str) -> None:
    with client.subscribe(stream, group="g") as events:
        timer = threading.Timer(0.1, client.delete_group, [stream, "g"])
        timer.start()
        with pytest.raises(Refused, match="NOGROUP"):
            next(events)
        timer.join()


# --- a server that dies --------------------------------------------------------------------------


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that comes back at its address when it is started again."""
    with a_server(tmp_path, listen=f"127.0.0.1:{free_port()}") as server:
        yield server


def kill_again_and_again(server: ServerProcess, times: int, done: threading.Event) -> None:
    for _ in range(times):
        time.sleep(0.3)
        server.kill()
        server.start()
    done.set()


def test_a_publication_is_one_event_however_often_the_server_dies(mortal: ServerProcess) -> None:
    done = threading.Event()
    killer = threading.Thread(target=kill_again_and_again, args=(mortal, 3, done))
    killer.start()
    published: list[str] = []
    with Client(str(mortal.target)) as client:
        while not done.is_set():
            published.append(client.publish("s", n=len(published)))
        killer.join()
        there = list(client.events("s"))

    assert [event.id for event in there] == published
    assert [event.json("n") for event in there] == list(range(len(published)))


def test_a_subscription_goes_on_however_often_the_server_dies(mortal: ServerProcess) -> None:
    done = threading.Event()
    address = str(mortal.target)
    found: list[int] = []
    plain: list[int] = []
    with Client(address) as client:
        client.create_group("s", "g", "start")

        def handle(event: SubscribedEvent) -> None:
            found.append(event.json("n"))

        def watch() -> None:
            for event in client.subscribe("s", from_="start"):
                plain.append(event.json("n"))
                if event.json("n") == -1:
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        with client.handler("s", handle, group="g", consumer="me"):
            killer = threading.Thread(target=kill_again_and_again, args=(mortal, 3, done))
            killer.start()
            count = 0
            while not done.is_set():
                client.publish("s", n=count)
                count += 1
            killer.join()
            client.publish("s", n=-1)
            until(lambda: -1 in found, "the last event")
        watcher.join()

    assert plain == [*range(count), -1]
    # At least once: what was finished as the server died may come again, and nothing else.
    assert list(dict.fromkeys(found)) == [*range(count), -1]


def test_what_was_recorded_is_known_after_a_crash(mortal: ServerProcess) -> None:
    with Client(str(mortal.target)) as client:
        client.publish("s", order="7")
        for event in client.subscribe("s", group="g", consumer="me", from_="start"):
            event.record("7/charged")
            break
        mortal.kill()
        mortal.start()
        with client.subscribe("s", group="g", consumer="me") as events:
            again = next(events)
            assert again.handled("7/charged")
            assert not again.handled("7")
            again.confirm("7", keep_ms=60_000)
        mortal.kill()
        mortal.start()
        client.publish("s", order="7")
        with client.subscribe("s", group="g", consumer="me") as events:
            assert next(events).handled("7")
