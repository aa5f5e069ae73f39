"""Handlers at run time, in a thread and beside a block, against streams in memory."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from penstock.client import AsyncClient, AsyncSubscribedEvent, Client, SubscribedEvent
from penstock.config import limits
from tests.unit.client.stream_server import StreamServer

SECONDS_MAX = 30.0


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with StreamServer() as running:
        yield running


@pytest.fixture
def client(server: StreamServer) -> Client:
    return Client(server.address)


@pytest.fixture
def async_client(server: StreamServer) -> AsyncClient:
    return AsyncClient(server.address)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_HANDLER_BACKOFF_BASE_SECONDS", 0.01)


class Recorder:
    """Takes events, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.seen: list[str] = []

    def __call__(self, event: SubscribedEvent) -> None:
        self.note(event.id)

    async def take(self, event: AsyncSubscribedEvent) -> None:
        self.note(event.id)

    def note(self, event_id: str) -> None:
        self.seen.append(event_id)
        if self.failures:
            self.failures -= 1
            raise ZeroDivisionError(event_id)

    def until(self, count: int) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while len(self.seen) < count:
            assert time.monotonic() < deadline, self.seen
            time.sleep(0.002)


def is_running() -> bool:
    return any(thread.name == "penstock handler" for thread in threading.enumerate())


# --- in a thread ---------------------------------------------------------------------------------


def test_a_function_is_called_with_each_event_while_its_block_lasts(
    server: StreamServer, client: Client
) -> None:
    recorder = Recorder()
    with client.handler("s", recorder, group="g"):
        published = [server.publish(n=str(number)) for number in range(3)]
        recorder.until(3)
    server.publish(n="later")

    assert recorder.seen == published
    assert server.streams.pending("g") == []
    assert not is_running()


def test_a_handler_that_comes_later_goes_on_where_the_last_one_was(
    server: StreamServer, client: Client
) -> None:
    with client.handler("s", Recorder(), group="g"):
        pass
    meanwhile = server.publish(n="0")
    recorder = Recorder()
    with client.handler("s", recorder, group="g"):
        recorder.until(1)

    assert recorder.seen == [meanwhile]


def test_a_handler_may_begin_in_the_past(server: StreamServer, client: Client) -> None:
    published = [server.publish(n=str(number)) for number in range(3)]
    recorder = Recorder()
    with client.handler("s", recorder, group="g", from_="start"):
        recorder.until(3)

    assert recorder.seen == published


def test_what_fails_is_tried_again_before_anything_later(
    server: StreamServer, client: Client
) -> None:
    published = [server.publish(n=str(number)) for number in range(2)]
    recorder = Recorder(failures=3)
    with client.handler("s", recorder, group="g", from_="start"):
        recorder.until(5)

    assert recorder.seen == [published[0]] * 4 + [published[1]]
    assert server.streams.pending("g") == []


def test_after_its_attempts_the_error_is_raised_at_the_end_of_the_block(
    server: StreamServer, client: Client
) -> None:
    event_id = server.publish(n="0")
    recorder = Recorder(failures=9)
    handler = client.handler("s", recorder, group="g", from_="start", attempts=3)
    with pytest.raises(ZeroDivisionError, match=event_id), handler:
        recorder.until(3)

    assert recorder.seen == [event_id] * 3
    assert server.streams.pending("g") == [event_id]


def test_the_end_of_a_handler_that_fails_can_be_waited_for(
    server: StreamServer, client: Client
) -> None:
    server.publish(n="0")
    handler = client.handler("s", Recorder(failures=1), group="g", from_="start", attempts=1)
    with pytest.raises(ZeroDivisionError), handler:
        handler.join()


def test_a_handler_that_works_is_waited_for_no_longer_than_asked(
    server: StreamServer, client: Client
) -> None:
    with client.handler("s", Recorder(), group="g") as handler:
        handler.join(wait_ms=1)


def test_leaving_waits_for_a_call_that_is_under_way(server: StreamServer, client: Client) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow(event: SubscribedEvent) -> None:
        began.set()
        may_end.wait(SECONDS_MAX)

    server.publish(n="0")
    with client.handler("s", slow, group="g", from_="start"):
        began.wait(SECONDS_MAX)
        threading.Timer(0.05, may_end.set).start()

    assert may_end.is_set()
    assert server.streams.pending("g") == []


def test_leaving_does_not_wait_for_another_attempt(
    server: StreamServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLIENT_HANDLER_BACKOFF_BASE_SECONDS", 1_000.0)
    monkeypatch.setattr(limits, "CLIENT_HANDLER_BACKOFF_CAP_SECONDS", 1_000.0)
    event_id = server.publish(n="0")
    recorder = Recorder(failures=1)
    with client.handler("s", recorder, group="g", from_="start"):
        recorder.until(1)

    assert server.streams.pending("g") == [event_id]
    assert not is_running()


def test_what_waits_for_another_attempt_is_not_taken_for_left(
    server: StreamServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLIENT_HANDLER_BACKOFF_BASE_SECONDS", 1_000.0)
    monkeypatch.setattr(limits, "CLIENT_HANDLER_BACKOFF_CAP_SECONDS", 1_000.0)
    server.publish(n="0")
    recorder, other = Recorder(failures=1), Recorder()
    with client.handler("s", recorder, group="g", from_="start", take_over_ms=1_000):
        recorder.until(1)
        with client.handler("s", other, group="g", take_over_ms=1_000):
            server.until(lambda: server.asked("XCLAIM") >= 3, "the event to be held")

    assert other.seen == []


def test_a_block_that_raises_does_so_and_the_handler_ends(
    server: StreamServer, client: Client
) -> None:
    with pytest.raises(KeyError), client.handler("s", Recorder(), group="g"):
        raise KeyError

    assert not is_running()


# --- beside a block ------------------------------------------------------------------------------


async def test_a_coroutine_function_is_called_with_each_event_while_its_block_lasts(
    server: StreamServer, async_client: AsyncClient
) -> None:
    recorder = Recorder()
    async with async_client.handler("s", recorder.take, group="g"):
        published = [server.publish(n=str(number)) for number in range(3)]
        await server.eventually(lambda: len(recorder.seen) >= 3)
    server.publish(n="later")

    assert recorder.seen == published
    assert server.streams.pending("g") == []
    assert len(asyncio.all_tasks()) == 1


async def test_a_coroutine_that_fails_is_tried_again_before_anything_later(
    server: StreamServer, async_client: AsyncClient
) -> None:
    published = [server.publish(n=str(number)) for number in range(2)]
    recorder = Recorder(failures=3)
    async with async_client.handler("s", recorder.take, group="g", from_="start"):
        await server.eventually(lambda: len(recorder.seen) >= 5)

    assert recorder.seen == [published[0]] * 4 + [published[1]]


async def test_after_its_attempts_the_error_cancels_the_block_and_is_raised_from_it(
    server: StreamServer, async_client: AsyncClient
) -> None:
    event_id = server.publish(n="0")
    recorder = Recorder(failures=9)
    with pytest.raises(ZeroDivisionError, match=event_id):
        async with async_client.handler("s", recorder.take, group="g", from_="start", attempts=3):
            await asyncio.sleep(SECONDS_MAX)

    assert recorder.seen == [event_id] * 3
    assert server.streams.pending("g") == [event_id]
    assert len(asyncio.all_tasks()) == 1


async def test_leaving_waits_for_a_coroutine_that_is_under_way(
    server: StreamServer, async_client: AsyncClient
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def slow(event: AsyncSubscribedEvent) -> None:
        began.set()
        await asyncio.sleep(0.05)
        ended.set()

    server.publish(n="0")
    async with async_client.handler("s", slow, group="g", from_="start"):
        await began.wait()

    assert ended.is_set()
    assert server.streams.pending("g") == []


async def test_cancelling_the_block_cancels_the_coroutine_and_leaves_its_event(
    server: StreamServer, async_client: AsyncClient
) -> None:
    began = asyncio.Event()
    cancelled: list[str] = []

    async def slow(event: AsyncSubscribedEvent) -> None:
        began.set()
        try:
            await asyncio.sleep(SECONDS_MAX)
        except asyncio.CancelledError:
            cancelled.append(event.id)
            raise

    async def block() -> None:
        async with async_client.handler("s", slow, group="g", from_="start"):
            await asyncio.sleep(SECONDS_MAX)

    event_id = server.publish(n="0")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(block())
        await began.wait()
        task.cancel()

    assert cancelled == [event_id]
    assert server.streams.pending("g") == [event_id]
    assert len(asyncio.all_tasks()) == 1


async def test_a_block_that_raises_cancels_the_coroutine(
    server: StreamServer, async_client: AsyncClient
) -> None:
    began = asyncio.Event()

    async def slow(event: AsyncSubscribedEvent) -> None:
        began.set()
        await asyncio.sleep(SECONDS_MAX)

    event_id = server.publish(n="0")

    async def run() -> None:
        async with async_client.handler("s", slow, group="g", from_="start"):
            await began.wait()
            raise KeyError

    with pytest.raises(KeyError):
        await run()

    assert server.streams.pending("g") == [event_id]


async def test_leaving_does_not_wait_for_another_attempt_of_a_coroutine(
    server: StreamServer, async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLIENT_HANDLER_BACKOFF_BASE_SECONDS", 1_000.0)
    monkeypatch.setattr(limits, "CLIENT_HANDLER_BACKOFF_CAP_SECONDS", 1_000.0)
    event_id = server.publish(n="0")
    recorder = Recorder(failures=1)
    async with async_client.handler("s", recorder.take, group="g", from_="start"):
        await server.eventually(lambda: len(recorder.seen) >= 1)

    assert server.streams.pending("g") == [event_id]


async def test_a_coroutine_that_takes_long_is_not_taken_for_dead(
    server: StreamServer, async_client: AsyncClient
) -> None:
    other = Recorder()

    async def slow(event: AsyncSubscribedEvent) -> None:
        await server.eventually(lambda: server.asked("XCLAIM") >= 3)

    server.publish(n="0")
    handler = async_client.handler("s", slow, group="g", from_="start", take_over_ms=1_000)
    async with handler:
        await asyncio.sleep(0.05)
        async with async_client.handler("s", other.take, group="g", take_over_ms=1_000):
            await server.eventually(lambda: not server.streams.pending("g"))

    assert other.seen == []


async def test_a_handler_goes_on_after_its_connection_was_lost(
    server: StreamServer, async_client: AsyncClient
) -> None:
    recorder = Recorder()
    async with async_client.handler("s", recorder.take, group="g"):
        published = [server.publish(n="0")]
        await server.eventually(lambda: len(recorder.seen) >= 1)
        server.cut()
        published.append(server.publish(n="1"))
        await server.eventually(lambda: len(recorder.seen) >= 2)

    assert recorder.seen == published
