"""Declaring handlers."""

import asyncio
import pickle
from collections.abc import Callable
from typing import Any, assert_type

import pytest

from penstock.client import AsyncClient, Client
from penstock.worker import AppError, Event, Handler, Registry, Retries, TaskError, on, task
from penstock.worker.runnable import Runnables
from tests.unit.client.scripted import ScriptedServer
from tests.unit.client.test_operations import playing


@on("orders", match={"type": "order.paid"}, group_by="order_id", retry=Retries(attempts=5))
def ship(event: Event) -> int:
    """Send the goods."""
    return len(event.fields)


@on("orders", name="mail-paid", queue="mail", timeout=30, from_="start")
async def mail(order_id: str) -> None: ...


def test_a_handler_is_a_task_with_a_stream() -> None:
    assert isinstance(ship, Handler)
    assert (ship.name, ship.stream, ship.match) == ("ship", "orders", {"type": "order.paid"})
    assert (ship.group_by, ship.queue, ship.from_, ship.timeout_ms) == (
        *("order_id", None, "cursor"),
        None,
    )
    assert (mail.name, mail.queue, mail.timeout_ms, mail.from_) == (
        *("mail-paid", "mail"),
        30_000,
        "start",
    )
    assert mail.is_async


def test_it_stays_the_function_that_it_was() -> None:
    event = Event("orders", "1-0", ((b"order_id", b"7"),))

    assert_type(ship(event), int)
    assert ship(event) == 1
    assert ship.__doc__ == "Send the goods."
    assert repr(ship) == "<handler ship of orders>"
    assert pickle.loads(pickle.dumps(ship)) is ship


def test_a_handler_is_found_beside_the_tasks() -> None:
    @task
    def add(a: int) -> int:
        return a

    runnables = Runnables(Registry([add, ship]))

    assert runnables.names == ["add", "ship"]
    assert runnables.handlers == [ship]


def test_a_task_and_a_handler_cannot_share_a_name() -> None:
    @task(name="ship")
    def other() -> None: ...

    with pytest.raises(AppError, match="two tasks have the name 'ship'"):
        Registry([other, ship])


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"stream": ""}, "the name of a stream"),
        ({"stream": "x" * 256}, "the name of a stream"),
        ({"stream": "s", "match": {"a": 5}}, "match maps fields to patterns"),
        ({"stream": "s", "group_by": "${order}"}, "is no field"),
        ({"stream": "s", "group_by": ""}, "is no field"),
        ({"stream": "s", "from_": "yesterday"}, "no place in a stream"),
        ({"stream": "s", "timeout": -1}, "timeout takes 0 to"),
        ({"stream": "s", "timeout": "5"}, "timeout takes seconds"),
        ({"stream": "s", "name": "no name"}, "is no task name"),
        ({"stream": "s", "queue": "no name"}, "is no queue name"),
        ({"stream": "s", "retry": 5}, "is no policy"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_declared(
    given: dict[str, Any], complaint: str
) -> None:
    def function(order_id: str) -> None: ...

    with pytest.raises(TaskError, match=complaint):
        on(**given)(function)


@pytest.mark.parametrize("fn", [5, lambda: (yield)])
def test_what_cannot_be_a_task_cannot_be_a_handler(fn: Callable[..., object]) -> None:
    with pytest.raises(TaskError):
        on("orders", name="x")(fn)


def test_a_handler_is_deregistered_and_keeps_its_cursor() -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, b":1\r\n")) as server, Client(server.address) as client:
        assert_type(ship.deregister(client), bool)
    assert heard == [[b"TRIGGER.DEL", b"ship", b"KEEP"]]


def test_it_is_with_an_asynchronous_client_as_well() -> None:
    async def run(address: str) -> bool:
        async with AsyncClient(address) as client:
            return await ship.deregister(client)

    with ScriptedServer(playing([], b":0\r\n")) as server:
        assert asyncio.run(run(server.address)) is False
