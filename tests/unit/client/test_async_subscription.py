"""The asynchronous subscription against streams in memory: losses, cancellations, ends."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from penstock.client import AsyncClient, AsyncSubscription, ConnectionLost, Refused
from penstock.protocol.replies import ErrorReply
from tests.unit.client.stream_server import StreamServer

SECONDS_MAX = 30.0


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with StreamServer() as running:
        yield running


@pytest.fixture
def client(server: StreamServer) -> AsyncClient:
    return AsyncClient(server.address)


async def ids(subscription: AsyncSubscription, count: int) -> list[str]:
    return [(await anext(subscription)).id for _ in range(count)]


async def until_closed(server: StreamServer) -> None:
    await server.eventually(lambda: not server.open_connections)


async def fail_at(reading: AsyncSubscription, event_id: str) -> None:
    async for event in reading:
        if event.id == event_id:
            raise ZeroDivisionError


# --- with a group --------------------------------------------------------------------------------


async def test_events_come_as_they_are_published(server: StreamServer, client: AsyncClient) -> None:
    published: list[str] = []

    async def publish() -> None:
        for number in range(5):
            published.append(server.publish(n=str(number)))
            await asyncio.sleep(0.005)

    async with (
        asyncio.TaskGroup() as tasks,
        client.subscribe("s", group="g", from_="start") as events,
    ):
        tasks.create_task(publish())
        found = await ids(events, 5)

    assert found == published
    assert server.streams.pending("g") == []


async def test_a_loop_that_ends_by_itself_closes_and_acknowledges(
    server: StreamServer, client: AsyncClient
) -> None:
    published = [server.publish(n=str(number)) for number in range(3)]
    reading = client.subscribe("s", group="g", from_="start", wait_ms=30)

    assert [event.id async for event in reading] == published
    assert server.streams.pending("g") == []
    await until_closed(server)


async def test_a_body_that_raises_leaves_its_event(
    server: StreamServer, client: AsyncClient
) -> None:
    published = [server.publish(n=str(number)) for number in range(2)]
    with pytest.raises(ZeroDivisionError):
        await fail_at(client.subscribe("s", group="g", from_="start"), published[1])
    await until_closed(server)

    assert server.streams.pending("g") == published[1:]


async def test_break_without_a_block_leaves_its_event_and_nothing_that_runs(
    server: StreamServer, client: AsyncClient
) -> None:
    event_id = server.publish(n="0")
    async for _ in client.subscribe("s", group="g", from_="start"):
        break
    await until_closed(server)

    assert server.streams.pending("g") == [event_id]
    assert len(asyncio.all_tasks()) == 1


async def test_a_block_left_without_an_exception_finishes_its_last_event(
    server: StreamServer, client: AsyncClient
) -> None:
    server.publish(n="0")
    async with client.subscribe("s", group="g", from_="start") as events:
        async for _ in events:
            break

    assert server.streams.pending("g") == []


async def test_a_block_left_by_an_exception_does_not(
    server: StreamServer, client: AsyncClient
) -> None:
    async def run() -> None:
        async with client.subscribe("s", group="g", from_="start") as events:
            await fail_at(events, event_id)

    event_id = server.publish(n="0")
    with pytest.raises(ZeroDivisionError):
        await run()

    assert server.streams.pending("g") == [event_id]


@pytest.mark.parametrize("verb", ["XREADGROUP", "XACK", "XAUTOCLAIM"])
@pytest.mark.parametrize("where", ["cut_before", "cut_after"])
async def test_a_lost_connection_costs_nothing_but_time(
    server: StreamServer, client: AsyncClient, verb: str, where: str
) -> None:
    published = [server.publish(n=str(number)) for number in range(4)]
    reading = client.subscribe("s", group="g", from_="start", take_over_ms=1_000)
    async with reading as events:
        found = await ids(events, 1) if verb == "XACK" else []
        setattr(server, where, verb)
        found += await ids(events, 4 - len(found))
        setattr(server, where, None)

    assert found == published
    assert server.streams.pending("g") == []


async def test_cancelling_the_wait_loses_no_event(
    server: StreamServer, client: AsyncClient
) -> None:
    async with client.subscribe("s", group="g", from_="start") as events:
        for number in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await anext(events)
            event_id = server.publish(n=str(number))
            assert (await anext(events)).id == event_id

    assert server.streams.pending("g") == []


async def test_an_event_whose_reader_is_cancelled_as_it_comes_is_read_again(
    server: StreamServer, client: AsyncClient
) -> None:
    async def read(events: AsyncSubscription) -> None:
        await anext(events)

    async with (
        client.subscribe("s", group="g", from_="start") as events,
        asyncio.TaskGroup() as tasks,
    ):
        reader = tasks.create_task(read(events))
        await server.eventually(lambda: server.asked("XREADGROUP") > 0)
        event_id = server.publish(n="0")
        # Not on the loop, which must not see the reply before the reader is cancelled.
        server.until(lambda: bool(server.streams.pending("g")), "the event to be given")
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader

        assert (await anext(events)).id == event_id


async def test_a_cancelled_loop_leaves_only_the_event_that_it_was_at(
    server: StreamServer, client: AsyncClient
) -> None:
    published = [server.publish(n=str(number)) for number in range(3)]
    at_last = asyncio.Event()

    async def read() -> None:
        async for event in client.subscribe("s", group="g", from_="start"):
            if event.id == published[-1]:
                at_last.set()
                await asyncio.sleep(SECONDS_MAX)

    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(read())
        await at_last.wait()
        reader.cancel()
    await until_closed(server)

    assert server.streams.pending("g") == published[-1:]
    assert len(asyncio.all_tasks()) == 1


async def test_a_loop_that_is_cancelled_while_it_waits_leaves_nothing(
    server: StreamServer, client: AsyncClient
) -> None:
    published = [server.publish(n=str(number)) for number in range(3)]
    found: list[str] = []

    async def read() -> None:
        async with client.subscribe("s", group="g", from_="start") as events:
            while (event := await anext(events, None)) is not None:
                found.append(event.id)

    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(read())
        await server.eventually(lambda: len(found) == 3)
        reader.cancel()
    await until_closed(server)

    assert found == published
    assert server.streams.pending("g") == []
    assert server.streams.group("g").consumers == set()


async def test_a_wrong_address_shows_at_once() -> None:
    with pytest.raises(ConnectionLost, match="no server answers"):
        await anext(AsyncClient("127.0.0.1:1").subscribe("s", group="g"))


async def test_what_the_server_refuses_for_good_is_raised(
    server: StreamServer, client: AsyncClient
) -> None:
    gone = ErrorReply("NOGROUP", "No such key 's' or consumer group 'g'")
    async with client.subscribe("s", group="g") as events:
        server.streams.carry_out = lambda words: gone  # type: ignore[method-assign]
        with pytest.raises(Refused, match="NOGROUP"):
            await anext(events)


async def test_a_server_that_drains_is_not_asked_without_a_pause(
    server: StreamServer, client: AsyncClient
) -> None:
    server.draining = True
    async with client.subscribe("s", group="g", from_="start", wait_ms=300) as events:
        assert await anext(events, None) is None

    assert server.asked("XREADGROUP") < 20


async def test_a_closed_subscription_has_no_more_events(
    server: StreamServer, client: AsyncClient
) -> None:
    server.publish(n="0")
    async with client.subscribe("s", group="g", from_="start") as events:
        pass

    assert await anext(events, None) is None


async def test_a_client_of_a_socket_cannot_subscribe(server: StreamServer) -> None:
    here, there = socket.socketpair()
    with here, there, pytest.raises(RuntimeError, match="made of a socket"):
        await anext(AsyncClient.from_socket(here).subscribe("s"))


# --- business keys, and without a group ----------------------------------------------------------


async def test_a_key_is_handled_once_it_was_confirmed(
    server: StreamServer, client: AsyncClient
) -> None:
    server.publish(order="7")
    async with client, client.subscribe("s", group="g", from_="start") as events:
        event = await anext(events)
        assert not await event.handled(event["order"])
        await event.record("7/charged")
        assert await event.handled("7/charged")
        await event.confirm(event["order"])
        assert await event.handled(event["order"])
        assert server.streams.pending("g") == []

    assert server.asked("XACK") == 0


async def test_without_a_group_there_is_nothing_to_confirm(
    server: StreamServer, client: AsyncClient
) -> None:
    server.publish(order="7")
    async with client.subscribe("s", from_="start") as events:
        event = await anext(events)
        with pytest.raises(RuntimeError, match="group"):
            await event.handled("7")
        with pytest.raises(RuntimeError, match="group"):
            await event.record("7")
        with pytest.raises(RuntimeError, match="group"):
            await event.confirm("7")


async def test_a_thousand_events_come_to_each_of_several_readers(
    server: StreamServer, client: AsyncClient
) -> None:
    published = [server.publish(n=str(number)) for number in range(1_000)]

    async def read() -> list[str]:
        async with client.subscribe("s", from_="start") as events:
            return await ids(events, len(published))

    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read()) for _ in range(5)]

    assert [reader.result() for reader in readers] == [published] * 5


@pytest.mark.parametrize("turns", range(8))
async def test_wherever_opening_is_cancelled_no_connection_is_left(
    server: StreamServer, client: AsyncClient, turns: int
) -> None:
    async def open_and_read() -> None:
        async with client.subscribe("s", group="g", from_="start") as events:
            await anext(events)

    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(open_and_read())
        for _ in range(turns):
            await asyncio.sleep(0)
        reader.cancel()
    await asyncio.sleep(0.02)

    await until_closed(server)
