"""What type checkers make of calls: mypy runs over the tests, and `assert_type` is for it."""

from typing import Any, assert_type

import pytest

from penstock.client import AsyncClient, AsyncJob, Client, Job, Pending
from penstock.worker import task


@task
def add(a: int, b: int = 0) -> int:
    return a + b


@task
async def shout(text: str) -> str:
    return text.upper()


def blocking(client: Client) -> None:
    assert_type(client.call(add, 1, b=2), int)
    assert_type(client.call(shout, "a"), str)
    assert_type(client.call("add", 1, 2), Any)
    assert_type(client.submit(add, 1), Job[int])
    assert_type(client.submit(shout, "a").result(), str)
    assert_type(client.options(priority=0, key=None).call(add, 1), int)
    client.call(add, "one")  # type: ignore[call-overload]
    client.call(add, 1, c=2)  # type: ignore[call-arg,arg-type]
    client.options(colour="red")  # type: ignore[call-arg]
    with client.pipeline() as pipeline:
        assert_type(pipeline.call(add, 1), Pending[int])
        assert_type(pipeline.call(shout, "a"), Pending[str])
        assert_type(pipeline.submit(shout, "a").value.result(), str)


async def asynchronous(client: AsyncClient) -> None:
    assert_type(await client.call(add, 1, b=2), int)
    assert_type(await client.call(shout, "a"), str)
    assert_type(await client.call("add", 1, 2), Any)
    assert_type(await client.submit(add, 1), AsyncJob[int])
    assert_type(await (await client.submit(shout, "a")).result(), str)
    assert_type(await client.options(priority=0).call(add, 1), int)


@pytest.mark.parametrize("annotated", [blocking, asynchronous])
def test_calls_are_typed_by_their_tasks(annotated: object) -> None:
    assert callable(annotated)
