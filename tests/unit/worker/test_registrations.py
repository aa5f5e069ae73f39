"""What a worker says of its handlers on each connection."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.protocol.requests import RequestParser
from penstock.worker import Handler, Retries, on
from penstock.worker import registrations as registrations_module
from penstock.worker.link import Link
from penstock.worker.registrations import Registrations

SECONDS_MAX = 30.0


@on(
    "orders",
    match={"type": "order.paid"},
    group_by="order_id",
    queue="mail",
    timeout=5,
    retry=Retries(attempts=7),
)
def ship(order_id: str) -> None: ...


@on("orders", from_="start")
def audit(order_id: str) -> None: ...


SHIP = [
    *(b"TRIGGER.SET", b"ship", b"ON", b"orders", b"MATCH", b"type", b"order.paid"),
    *(b"SUBMIT", b"ship", b"TIMEOUT", b"5000", b"ATTEMPTS", b"7"),
    *(b"GROUP", b"${order_id}", b"QUEUE", b"mail"),
]
AUDIT = [
    [b"XGROUP", b"CREATE", b"orders", b"trigger:audit", b"0-0", b"MKSTREAM"],
    [b"TRIGGER.SET", b"audit", b"ON", b"orders", b"SUBMIT", b"audit"],
]


@dataclass
class Talk:
    """A link and the server's end of it."""

    link: Link
    server: socket.socket
    said: list[str] = field(default_factory=list)
    parser: RequestParser = field(default_factory=RequestParser)

    def registrations(self, *handlers: Handler[Any, Any]) -> Registrations:
        made = Registrations(handlers, self.said.append)
        made.start(self.link)
        self.link.flush()
        return made

    async def heard(self) -> list[bytes]:
        self.parser.authenticated = True
        async with asyncio.timeout(SECONDS_MAX):
            while (request := self.parser.next()) is None:
                data = await asyncio.get_running_loop().sock_recv(self.server, 4096)
                assert data
                self.parser.feed(data)
        return request

    async def answer(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.server, data)
        await asyncio.sleep(0.01)


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    loop = asyncio.get_running_loop()
    lost: asyncio.Future[str] = loop.create_future()
    ours, server = socket.socketpair()
    server.setblocking(False)
    _, link = await loop.create_connection(lambda: Link(lost.set_result, ours), sock=ours)
    yield Talk(link, server)
    server.close()
    link.close()
    await lost


async def test_a_handler_is_a_trigger_of_its_name_that_goes_on_at_its_cursor(talk: Talk) -> None:
    talk.registrations(ship)

    assert await talk.heard() == SHIP


async def test_one_that_begins_elsewhere_has_its_cursor_made_first(talk: Talk) -> None:
    talk.registrations(audit)

    assert [await talk.heard(), await talk.heard()] == AUDIT
    await talk.answer(b"-BUSYGROUP Consumer Group name already exists\r\n+OK\r\n")
    assert talk.said == []


async def test_what_is_refused_for_good_is_said_and_not_tried_again(talk: Talk) -> None:
    made = talk.registrations(ship)
    await talk.heard()
    await talk.answer(b"-ERR unknown command 'TRIGGER.SET'\r\n")
    made.stop()

    (said,) = talk.said
    assert said == (
        "<handler ship of orders> could not be registered: ERR unknown command 'TRIGGER.SET'"
    )


async def test_what_is_refused_for_now_is_tried_again(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations_module, "_AGAIN_SECONDS", 0.05)
    talk.registrations(ship)
    await talk.heard()
    await talk.answer(b"-DISKLOW little room is left\r\n")

    assert await talk.heard() == SHIP
    await talk.answer(b"+OK\r\n")
    (said,) = talk.said
    assert said.endswith("; it will be tried again")


async def test_a_link_that_the_main_thread_uses_is_waited_for(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations_module, "_AGAIN_SECONDS", 0.05)
    talk.registrations(ship)
    await talk.heard()
    await talk.answer(b"-DRAINING the server is shutting down\r\n")
    talk.link.lend()
    assert talk.link.borrow()
    await asyncio.sleep(0.15)
    with pytest.raises(BlockingIOError):
        talk.server.recv(1)
    talk.link.give_back()

    assert await talk.heard() == SHIP


async def test_a_connection_that_is_gone_is_not_used(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations_module, "_AGAIN_SECONDS", 0.05)
    made = talk.registrations(ship)
    await talk.heard()
    await talk.answer(b"-UNKNOWN the write failed\r\n")
    made.stop()
    await asyncio.sleep(0.15)

    with pytest.raises(BlockingIOError):
        talk.server.recv(1)


async def test_workers_without_handlers_say_nothing(talk: Talk) -> None:
    talk.registrations()
    await asyncio.sleep(0.01)

    with pytest.raises(BlockingIOError):
        talk.server.recv(1)
