"""The verbs about jobs and queues, of both clients, against servers that follow a script."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.client import (
    AsyncClient,
    Cancellation,
    Client,
    JobCancelled,
    JobExpired,
    QueueFull,
    Refused,
)
from penstock.protocol.replies import Value, encode
from tests.unit.client.scripted import Conversation, Script, ScriptedServer


def job(job_id: int, **more: Value) -> Value:
    plain: dict[str, Value] = {
        "id": job_id,
        "queue": "q",
        "task": "t",
        "state": "dead",
        "priority": 1,
        "attempt": 1,
        "failures": 1,
        "submitted_at": 5,
    }
    return {**plain, **more}


def page(cursor: int, *ids: int) -> bytes:
    return encode([cursor, [job(each) for each in ids]], resp3=True)


def playing(heard: list[list[bytes]], *replies: bytes) -> Script:
    def script(talk: Conversation) -> None:
        talk.greet()
        for reply in replies:
            heard.append(talk.read())
            talk.reply(reply)
        talk.until_hung_up()

    return script


def test_a_list_asks_for_page_after_page() -> None:
    heard: list[list[bytes]] = []
    script = playing(heard, page(7, 1, 2), page(9), page(0, 8))
    with ScriptedServer(script) as server, Client(server.address) as client:
        assert [each.id for each in client.jobs(queue="q")] == [1, 2, 8]

    assert [asked[5:] for asked in heard] == [[], [b"CURSOR", b"7"], [b"CURSOR", b"9"]]


def test_a_list_ends_at_its_limit() -> None:
    heard: list[list[bytes]] = []
    script = playing(heard, page(7, 1, 2), page(9, 3))
    with ScriptedServer(script) as server, Client(server.address) as client:
        assert [each.id for each in client.jobs(limit=3)] == [1, 2, 3]

    assert [asked[2] for asked in heard] == [b"3", b"1"]


def test_a_list_of_none_asks_nobody() -> None:
    with ScriptedServer(playing([])) as server, Client(server.address) as client:
        assert list(client.jobs(limit=0)) == []


def test_a_wrong_filter_is_refused_before_the_first_page() -> None:
    client = Client("127.0.0.1:1")
    with pytest.raises(TypeError, match="colour"):
        client.jobs(colour="red")  # type: ignore[call-arg]


def test_an_asynchronous_list_asks_for_page_after_page() -> None:
    heard: list[list[bytes]] = []

    async def run(address: str) -> list[int]:
        async with AsyncClient(address) as client:
            return [each.id async for each in client.jobs(state="dead")]

    with ScriptedServer(playing(heard, page(7, 1), page(0, 2))) as server:
        assert asyncio.run(run(server.address)) == [1, 2]
    assert heard[0] == [b"JOB.LIST", b"STATE", b"dead", b"COUNT", b"100"]


OK = b"+OK\r\n"

VERBS: list[tuple[Callable[[Any], Any], bytes, list[bytes], object]] = [
    (lambda c: c.cancel(7), b"+TOLD\r\n", [b"JOB.CANCEL", b"7"], Cancellation.TOLD),
    (lambda c: c.redrive(7), b":1\r\n", [b"JOB.REDRIVE", b"7"], None),
    (
        lambda c: c.redrive_dead("q", rate=5, task="t"),
        b":3\r\n",
        [b"JOB.REDRIVE", b"QUEUE", b"q", b"TASK", b"t", b"RATE", b"5"],
        3,
    ),
    (lambda c: c.discard(7), b":1\r\n", [b"JOB.DISCARD", b"7"], None),
    (lambda c: c.discard_dead("q"), b":3\r\n", [b"JOB.DISCARD", b"QUEUE", b"q"], 3),
    (lambda c: c.peek("q", 2), b"*0\r\n", [b"QUEUE.PEEK", b"q", b"COUNT", b"2"], []),
    (lambda c: c.pause("q"), OK, [b"QUEUE.PAUSE", b"q"], None),
    (lambda c: c.resume("q"), OK, [b"QUEUE.RESUME", b"q"], None),
    (lambda c: c.purge("q"), b":3\r\n", [b"QUEUE.PURGE", b"q"], 3),
    (lambda c: c.delete_queue("q"), OK, [b"QUEUE.DELETE", b"q"], None),
    (
        lambda c: c.set_queue("q", length_max=5),
        OK,
        [b"QUEUE.SET", b"q", b"LENGTH", b"5"],
        None,
    ),
]


@pytest.mark.parametrize(("verb", "reply", "asked", "value"), VERBS)
def test_a_verb_is_one_request(
    verb: Callable[[Any], object], reply: bytes, asked: list[bytes], value: object
) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, reply)) as server, Client(server.address) as client:
        assert verb(client) == value

    assert heard == [asked]


@pytest.mark.parametrize(("verb", "reply", "asked", "value"), VERBS)
def test_an_asynchronous_verb_is_the_same_request(
    verb: Callable[[Any], Awaitable[object]], reply: bytes, asked: list[bytes], value: object
) -> None:
    heard: list[list[bytes]] = []

    async def run(address: str) -> object:
        async with AsyncClient(address) as client:
            return await verb(client)

    with ScriptedServer(playing(heard, reply)) as server:
        assert asyncio.run(run(server.address)) == value
    assert heard == [asked]


def test_a_job_can_be_cancelled_by_its_handle() -> None:
    heard: list[list[bytes]] = []
    script = playing(heard, b":17\r\n", b"+CANCELLED\r\n")
    with ScriptedServer(script) as server, Client(server.address) as client:
        assert client.submit("t").cancel("ordered twice") is Cancellation.CANCELLED

    assert heard[1] == [b"JOB.CANCEL", b"17", b"REASON", b"ordered twice"]


def test_an_asynchronous_job_can_be_cancelled_by_its_handle() -> None:
    async def run(address: str) -> Cancellation:
        async with AsyncClient(address) as client:
            return await (await client.submit("t")).cancel()

    with ScriptedServer(playing([], b":17\r\n", b"+TOLD\r\n")) as server:
        assert asyncio.run(run(server.address)) is Cancellation.TOLD


@pytest.mark.parametrize(
    ("reply", "kind", "job_id", "reason"),
    [
        ("CANCELLED job 7 was cancelled: ordered: twice", JobCancelled, 7, "ordered: twice"),
        ("CANCELLED job 7 was cancelled: ", JobCancelled, 7, ""),
        ("CANCELLED job 7 was cancelled, nobody wants it: why", JobCancelled, 7, "why"),
        ("EXPIRED job 7 expired: too late", JobExpired, 7, "too late"),
    ],
)
def test_a_wait_for_a_job_that_will_not_run_says_why(
    reply: str, kind: type[JobCancelled | JobExpired], job_id: int, reason: str
) -> None:
    script = playing([], f"-{reply}\r\n".encode())
    with (
        ScriptedServer(script) as server,
        Client(server.address) as client,
        pytest.raises(kind) as caught,
    ):
        client.wait(7)

    assert isinstance(caught.value, JobCancelled | JobExpired)
    assert (caught.value.job_id, caught.value.reason) == (job_id, reason)


@pytest.mark.parametrize(
    ("text", "retry_after_ms"),
    [("queue q is full: try again in about 1500 ms", 1500), ("queue q is full", None)],
)
def test_a_full_queue_says_when_to_come_back(text: str, retry_after_ms: int | None) -> None:
    script = playing([], f"-QUEUEFULL {text}\r\n".encode())
    with (
        ScriptedServer(script) as server,
        Client(server.address) as client,
        pytest.raises(QueueFull) as caught,
    ):
        client.submit("t")

    assert isinstance(caught.value, Refused)
    assert (caught.value.code, caught.value.retry_after_ms) == ("QUEUEFULL", retry_after_ms)
