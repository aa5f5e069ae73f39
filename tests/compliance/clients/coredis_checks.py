"""What coredis, which speaks RESP3 only, does with Penstock; run by test_redis_py.py.

    python coredis_checks.py OPEN_PORT GUARDED_PORT PASSWORD

Prints the outcomes as redis_py.py does.
"""

import asyncio
import importlib
import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

OPEN_PORT, GUARDED_PORT, PASSWORD = sys.argv[1:]
coredis = importlib.import_module("coredis")
as_it_is = importlib.import_module("coredis.response._callbacks").NoopCallback
NASTY = b"\x00\r\n$5\r\n" + bytes(range(256))
CLAIMS: dict[str, Callable[[], Awaitable[None]]] = {}


def claim(check: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    CLAIMS[check.__name__] = check
    return check


def connected(port: str = OPEN_PORT, **options: Any) -> Any:
    return coredis.Redis("127.0.0.1", int(port), **options)


def request(client: Any, name: bytes, *words: Any) -> Any:
    return client.create_request(name, *words, callback=as_it_is())


@claim
async def connects_with_its_defaults() -> None:
    async with connected() as client:
        assert await client.ping() == b"PONG"
        assert (await client.info())["redis_mode"] == "standalone"


@claim
async def connects_with_password_name_and_database() -> None:
    options = {"password": PASSWORD, "client_name": "accounts", "db": 2}
    async with connected(GUARDED_PORT, **options) as client:
        assert await client.client_getname() == b"accounts"


@claim
async def a_submitted_job_can_be_shown() -> None:
    async with connected() as client:
        job = await request(client, b"JOB.SUBMIT", b"kept", b"[1]", b"QUEUE", b"coredis")
        shown = await request(client, b"JOB.SHOW", job)
        assert (shown[b"id"], shown[b"state"]) == (job, b"ready"), shown


@claim
async def bytes_of_all_kinds_pass_unchanged() -> None:
    async with connected() as client:
        assert await request(client, b"JOB.CALL", b"reverse", NASTY) == NASTY[::-1]


@claim
async def refusals_leave_the_connection_usable() -> None:
    async with connected() as client:
        try:
            reply = await request(client, b"JOB.SHOW", 2**60)
        except coredis.exceptions.ResponseError as error:
            reply = str(error)
        assert reply.startswith("NOJOB"), reply
        assert await client.ping() == b"PONG"


@claim
async def a_transaction_submits_all_at_once() -> None:
    async with connected() as client:
        async with client.pipeline(transaction=True) as pipeline:
            submissions = [
                request(pipeline, b"JOB.SUBMIT", b"kept", b"1", b"QUEUE", b"coredis")
                for _ in range(3)
            ]
        first, second, third = [await submission for submission in submissions]
        assert (second, third) == (first + 1, first + 2)


@claim
async def events_are_appended_and_read() -> None:
    async with connected() as client:
        stream = f"coredis-{await client.client_id()}"
        first = await client.xadd(stream, {b"payload": NASTY})
        second = await client.xadd(stream, {b"n": 2})
        assert await client.xlen(stream) == 2
        read = (await client.xread({stream: "0"}, count=10))[stream.encode()]
        assert [entry.identifier for entry in read] == [first, second], read
        assert read[0].field_values[b"payload"] == NASTY, read
        assert [one.identifier for one in await client.xrange(stream, count=1)] == [first]
        assert not await client.xread({stream: "$"}, block=1)


@claim
async def a_group_shares_events_and_acknowledges_them() -> None:
    # It takes the version in HELLO, which is our own, for one of Redis, before XAUTOCLAIM.
    async with connected(verify_version=False) as client:
        stream = f"coredis-{await client.client_id()}"
        assert await client.xgroup_create(stream, "g", "0", mkstream=True)
        events = [await client.xadd(stream, {b"n": n}) for n in range(3)]
        read = await client.xreadgroup("g", "ann", streams={stream: ">"}, count=2)
        assert [one.identifier for one in read[stream.encode()]] == events[:2], read
        await client.xreadgroup("g", "bob", streams={stream: ">"})
        assert (await client.xpending(stream, "g")).pending == 3
        assert await client.xack(stream, "g", events[:1]) == 1
        claimed = await client.xclaim(stream, "g", "bob", 0, [events[1]], justid=True)
        assert claimed == (events[1],), claimed
        following, taken = (await client.xautoclaim(stream, "g", "cid", 0, "0"))[:2]
        assert (following, [one.identifier for one in taken]) == (b"0-0", events[1:]), taken
        (group,) = await client.xinfo_groups(stream)
        assert (group[b"name"], group[b"pending"]) == (b"g", 2), group


async def until_blocked(client: Any, count: int) -> None:
    """Ask the server until so many clients wait for something."""
    for _ in range(100_000):
        if (await client.info("clients"))["blocked_clients"] == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"there never were {count} clients that wait")


@claim
async def a_waiting_read_gets_the_event_that_comes() -> None:
    async with connected() as writer, connected() as reader:
        stream = f"coredis-{await writer.client_id()}"
        others = (await writer.info("clients"))["blocked_clients"]

        async def wait() -> Any:
            return await reader.xread({stream: "$"}, block=20_000)

        async with asyncio.TaskGroup() as tasks:
            read = tasks.create_task(wait())
            await until_blocked(writer, others + 1)
            event = await writer.xadd(stream, {b"n": 1})
        found = read.result()[stream.encode()]
        assert [one.identifier for one in found] == [event], found


async def outcomes() -> dict[str, str | None]:
    told: dict[str, str | None] = {}
    for name, check in CLAIMS.items():
        try:
            async with asyncio.timeout(20):
                await check()
            told[name] = None
        except Exception:
            told[name] = traceback.format_exc()
    return told


if __name__ == "__main__":
    json.dump(asyncio.run(outcomes()), sys.stdout)
