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
