"""Between MULTI and EXEC: what is collected, and how much of it."""

import pytest

from penstock.config.limits import MIB, TRANSACTION_COMMANDS_MAX
from tests.unit.server.desk import ServerDesk, Word, ask, committing

SUBMIT = ("JOB.SUBMIT", "task", "")


async def replies_to(*commands: tuple[Word, ...]) -> bytes:
    async with committing(ServerDesk()) as desk:
        connection, transport = desk.connect()
        ask(connection, *commands)
        await desk.settled()
        return transport.sent


async def test_what_stands_between_is_answered_by_exec_in_its_order() -> None:
    sent = await replies_to(("MULTI",), SUBMIT, ("PING",), SUBMIT, ("ECHO", "x"), ("EXEC",))

    assert sent == b"+OK\r\n" + b"+QUEUED\r\n" * 4 + b"*4\r\n:1\r\n+PONG\r\n:2\r\n$1\r\nx\r\n"


async def test_an_empty_transaction_is_answered_with_nothing() -> None:
    assert await replies_to(("MULTI",), ("EXEC",)) == b"+OK\r\n*0\r\n"


async def test_a_transaction_without_submissions_is_answered_too() -> None:
    assert await replies_to(("MULTI",), ("PING",), ("EXEC",)) == (
        b"+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n"
    )


@pytest.mark.parametrize(
    "spoiling",
    [
        ("NOTHING",),
        ("JOB.SUBMIT", "task"),
        ("JOB.CALL", "task", ""),
        ("JOB.SHOW", "1"),
        ("MULTI",),
        ("JOB.SUBMIT", "task", "", "KEY", "k", "REPLACE"),
    ],
    ids=" ".join,
)
async def test_what_may_not_stand_between_spoils_it(spoiling: tuple[str, ...]) -> None:
    sent = await replies_to(("MULTI",), SUBMIT, spoiling, SUBMIT, ("EXEC",), ("QUEUE.LIST",))

    assert sent.endswith(b"-EXECABORT Transaction discarded because of previous errors.\r\n*0\r\n")


async def test_a_discarded_transaction_leaves_nothing() -> None:
    sent = await replies_to(("MULTI",), SUBMIT, ("DISCARD",), ("QUEUE.LIST",), ("EXEC",))

    assert sent == b"+OK\r\n+QUEUED\r\n+OK\r\n*0\r\n-ERR EXEC without MULTI\r\n"


async def test_a_payload_that_is_too_large_discards_it() -> None:
    large = ("JOB.SUBMIT", "task", b"x" * (MIB + 1))

    sent = await replies_to(("MULTI",), SUBMIT, large, ("EXEC",), ("QUEUE.LIST",))

    assert b"-EXECABORT Transaction discarded: TOOLARGE the payload has" in sent
    assert sent.endswith(b"*0\r\n")


async def test_it_holds_so_many_commands_and_no_more() -> None:
    pings = [("PING",)] * (TRANSACTION_COMMANDS_MAX + 1)

    sent = await replies_to(("MULTI",), *pings, ("EXEC",))

    assert sent.count(b"+QUEUED\r\n") == TRANSACTION_COMMANDS_MAX
    assert b"-OVERLOADED a transaction holds at most 4096 commands; send it in several\r\n" in sent
    assert sent.endswith(b"-EXECABORT Transaction discarded because of previous errors.\r\n")


@pytest.mark.parametrize("words", [("JOB.SUBMIT", "task"), ("ECHO",)], ids=["SUBMIT", "ECHO"])
async def test_it_holds_so_many_bytes_and_no_more(words: tuple[str, ...]) -> None:
    """They lie in memory until EXEC, of every connection."""
    large: tuple[Word, ...] = (*words, b"x" * (MIB - 100))

    sent = await replies_to(("MULTI",), *[large] * 65, ("EXEC",))

    assert sent.count(b"+QUEUED\r\n") == 64
    assert b"-OVERLOADED a transaction holds at most 67108864 bytes of payloads;" in sent
