"""A connection that two threads use in turns."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from penstock.protocol.reader import INCOMPLETE, Push, Reply
from penstock.worker.link import Link

REPLY_MS = 5_000


@dataclass
class Talk:
    """A link, the server's end of its socket, and what came of them."""

    link: Link
    server: socket.socket
    lost: "asyncio.Future[str]"
    replies: list[Reply] = field(default_factory=list)

    def ask(self) -> None:
        self.link.send(b"PING\r\n", self.replies.append)


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    loop = asyncio.get_running_loop()
    ours, server = socket.socketpair()
    lost: asyncio.Future[str] = loop.create_future()
    _, link = await loop.create_connection(lambda: Link(lost.set_result, ours), sock=ours)
    yield Talk(link, server, lost)
    server.close()
    link.close()
    await lost


async def test_a_link_is_borrowed_only_when_it_is_lent(talk: Talk) -> None:
    assert not talk.link.borrow()
    talk.link.lend()
    assert talk.link.borrow()


async def test_a_link_that_is_borrowed_is_not_taken_back(talk: Talk) -> None:
    talk.link.lend()
    assert talk.link.borrow()
    assert not talk.link.take_back()
    talk.link.give_back()
    assert talk.link.take_back()
    assert not talk.link.borrow()


async def test_what_is_not_written_yet_keeps_a_link_from_being_lent(talk: Talk) -> None:
    talk.ask()
    talk.link.lend()
    assert not talk.link.lent


async def test_a_borrower_asks_and_is_answered(talk: Talk) -> None:
    talk.link.lend()
    talk.link.borrow()
    talk.ask()
    assert talk.link.flush_borrowed()
    assert talk.server.recv(100) == b"PING\r\n"
    talk.server.send(b"+OK\r\n")
    assert talk.link.receive_borrowed(REPLY_MS) == "OK"


async def test_replies_that_a_borrower_left_come_before_later_ones(talk: Talk) -> None:
    for _ in range(3):
        talk.ask()
    talk.link.flush()
    talk.link.lend()
    talk.link.borrow()
    talk.server.send(b":1\r\n:2\r\n")
    first = talk.link.receive_borrowed(REPLY_MS)
    assert first == 1
    talk.link.leave_borrowed(1)
    talk.link.give_back()
    talk.link.take_back()
    assert talk.replies == [1, 2]


async def test_what_found_no_room_is_written_by_the_loop(talk: Talk) -> None:
    talk.link.lend()
    talk.link.borrow()
    size = 4_000_000
    talk.link.send(b"x" * size, talk.replies.append)
    assert not talk.link.flush_borrowed()
    talk.link.give_back()
    talk.link.take_back()
    talk.server.setblocking(False)
    loop, received = asyncio.get_running_loop(), 0
    async with asyncio.timeout(5):
        while received < size:
            received += len(await loop.sock_recv(talk.server, size))
    assert received == size


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "the server closed the connection"),
        (b"?\r\n", "the server's bytes are not replies"),
        (b"+OK\r\n", "the server sent a reply to nothing"),
    ],
)
async def test_how_a_connection_ends_is_left_to_the_loop_to_tell(
    talk: Talk, said: bytes, reason: str
) -> None:
    talk.link.lend()
    talk.link.borrow()
    if said:
        talk.server.send(said)
    else:
        talk.server.close()
    assert talk.link.receive_borrowed(REPLY_MS) is INCOMPLETE
    talk.link.give_back()
    talk.link.take_back()
    async with asyncio.timeout(5):
        assert (await talk.lost).startswith(reason)


async def test_a_borrower_to_whom_nothing_comes_waits_no_longer_than_asked(talk: Talk) -> None:
    talk.link.lend()
    talk.link.borrow()
    assert talk.link.receive_borrowed(0) is INCOMPLETE


async def test_a_push_is_no_reply(talk: Talk) -> None:
    pushed: asyncio.Future[Push] = asyncio.get_running_loop().create_future()
    talk.link.on_push = pushed.set_result
    talk.ask()

    talk.server.send(b">3\r\n$6\r\ncancel\r\n:7\r\n:2\r\n")

    assert list(await pushed) == [b"cancel", 7, 2]
    assert talk.replies == []


async def test_a_push_to_a_borrower_is_left_to_the_loop(talk: Talk) -> None:
    pushed: list[Push] = []
    talk.link.on_push = pushed.append
    talk.ask()
    talk.link.flush()
    talk.link.lend()
    talk.link.borrow()
    talk.server.send(b">3\r\n$6\r\ncancel\r\n:7\r\n:2\r\n:5\r\n")

    reply = talk.link.receive_borrowed(REPLY_MS)
    assert isinstance(reply, Push)
    talk.link.leave_borrowed(reply)
    talk.link.give_back()
    talk.link.take_back()

    assert [list(push) for push in pushed] == [[b"cancel", 7, 2]]
    assert talk.replies == [5]
