"""Reads that wait in great numbers, that go away and that are never read: others go on."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from penstock.config import limits
from penstock.loadtest.processes import ServerProcess, free_port
from tests.integration.event_wire import (
    GROUP,
    NOTHING_PENDING,
    blocked,
    read_ids,
    until_blocked,
)
from tests.integration.server_process import a_server, metrics, until
from tests.integration.wire import OK, Closed, Wire, Word, as_error, clients

pytestmark = pytest.mark.integration

KIB: Final = 1024
MIB: Final = 1024 * KIB
READERS: Final = 1_000
# Two megabytes each time; all times are more than a client may leave unread.
UNREAD_EVENTS: Final = 2_000
UNREAD_RANGES: Final = 80


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("event-input")) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    """A connection to a server without streams."""
    with Wire(server) as connected:
        names = connected.ask("KEYS", "*")
        assert isinstance(names, list)
        for name in names:
            assert isinstance(name, bytes)
            assert connected.ask("DEL", name) == 1
        yield connected


@pytest.fixture
def other(server: ServerProcess) -> Iterator[Wire]:
    """Somebody else, who is served in the meantime."""
    with Wire(server) as connected:
        yield connected
        assert connected.ask("PING") == "PONG"


# --- readers that go away -------------------------------------------------------------------------


@pytest.fixture
def readers(server: ServerProcess) -> Iterator[list[Wire]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Wire(server)) for _ in range(READERS)]


@pytest.mark.parametrize(
    "read",
    [("XREAD", "BLOCK", 0, "STREAMS", "s", "$"), (*GROUP, "c", "BLOCK", 0, "STREAMS", "s", ">")],
    ids=["plain", "group"],
)
def test_1000_blocked_readers_that_disconnect_leave_nothing_behind(
    server: ServerProcess, wire: Wire, readers: list[Wire], read: tuple[Word, ...]
) -> None:
    wire.ask("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    for reader in readers:
        reader.send(read)
    until_blocked(wire, READERS)

    for number, reader in enumerate(readers):
        if number % 2:  # Half of them without a goodbye.
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reader.socket.close()

    until_blocked(wire, 0)
    assert wire.ask("XADD", "s", "1-1", "a", 1) == b"1-1"
    assert wire.ask("XPENDING", "s", "g") == NOTHING_PENDING
    assert read_ids(wire.ask(*GROUP, "c", "STREAMS", "s", ">")) == [b"1-1"]
    assert metrics(server)["penstock_replies_pending"] == 0


def test_1000_blocked_readers_are_woken_by_one_event(wire: Wire, readers: list[Wire]) -> None:
    for reader in readers:
        reader.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "$"))
    until_blocked(wire, READERS)

    began = time.monotonic()
    wire.ask("XADD", "s", "1-1", "a", "x" * KIB)
    replies = [reader.reply() for reader in readers]

    assert replies == [[[b"s", [[b"1-1", [b"a", b"x" * KIB]]]]]] * READERS
    # One pass, not a thousand commits: in milliseconds, but other programs run here too.
    assert time.monotonic() - began < 2
    assert blocked(wire) == 0


def test_1000_blocked_consumers_get_one_event_each_in_their_order(
    wire: Wire, readers: list[Wire]
) -> None:
    wire.ask("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    for number, reader in enumerate(readers):
        read = (*GROUP, f"c{number}", "COUNT", 1, "BLOCK", 0, "STREAMS", "s", ">")
        reader.send(read)
        if number % 100 == 99:
            until_blocked(wire, number + 1)

    wire.send(*[("XADD", "s", f"1-{n + 1}", "a", 1) for n in range(READERS)])
    wire.replies(READERS)
    got = [read_ids(reader.reply()) for reader in readers]

    # Those who were sent together came in any order.
    for first in range(0, READERS, 100):
        wanted = [[f"1-{n + 1}".encode()] for n in range(first, first + 100)]
        assert sorted(got[first : first + 100]) == sorted(wanted)
    summary = wire.ask("XPENDING", "s", "g")
    assert isinstance(summary, list)
    assert summary[0] == READERS


def test_readers_of_a_deleted_stream_wait_on_and_its_consumers_are_told(
    wire: Wire, readers: list[Wire]
) -> None:
    wire.ask("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    half = READERS // 2
    for reader in readers[:half]:
        reader.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "$"))
    for reader in readers[half:]:
        reader.send((*GROUP, "c", "BLOCK", 0, "STREAMS", "s", ">"))
    until_blocked(wire, READERS)

    assert wire.ask("DEL", "s") == 1

    told = {as_error(reader.reply()).code for reader in readers[half:]}
    assert told <= {"NOGROUP", "UNBLOCKED"}
    assert blocked(wire) == half
    wire.ask("XADD", "s", "1-1", "a", 1)
    assert {tuple(read_ids(reader.reply())) for reader in readers[:half]} == {(b"1-1",)}


def test_a_stream_may_come_and_go_under_its_readers(wire: Wire, other: Wire) -> None:
    for round_number in range(20):
        other.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "$"))
        until_blocked(wire, 1)
        wire.send(
            ("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"),
            ("DEL", "s"),
            ("XADD", "s", "1-1", "round", round_number),
            ("DEL", "s"),
        )
        assert wire.replies(4) == [OK, 1, b"1-1", 1]

        (reading,) = [other.reply()]

        assert reading == [[b"s", [[b"1-1", [b"round", str(round_number).encode()]]]]]


# --- readers that do not read ---------------------------------------------------------------------


@pytest.fixture
def unread(server: ServerProcess) -> Iterator[Wire]:
    """A connection that nobody reads from, and the kernel keeps little of."""
    with Wire(server, buffer_bytes=4 * KIB) as connected:
        connected.ask("CLIENT", "SETNAME", "unread")
        yield connected


def test_a_reader_that_never_reads_costs_no_memory_and_is_cut(
    server: ServerProcess, wire: Wire, unread: Wire, other: Wire
) -> None:
    for _ in range(UNREAD_EVENTS // 100):
        wire.send(*[("XADD", "s", "*", "a", "x" * KIB)] * 100)
        wire.replies(100)
    rss_bytes = server.rss_bytes()

    unread.send(*[("XRANGE", "s", "-", "+")] * UNREAD_RANGES)

    until(lambda: "unread" not in clients(wire), "the client is cut")
    assert other.ask("XLEN", "s") == UNREAD_EVENTS
    assert server.rss_bytes() - rss_bytes < limits.OUTPUT_BYTES_MAX + 64 * MIB


def test_blocked_reads_that_are_never_read_hinder_nobody(
    server: ServerProcess, wire: Wire, unread: Wire, other: Wire
) -> None:
    rss_bytes = server.rss_bytes()
    unread.send(*[("XREAD", "BLOCK", 0, "STREAMS", "s", "$")] * 500)
    until_blocked(wire, 500)

    for number in range(1, 51):
        other.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "$"))
        until_blocked(wire, 501 if number == 1 else 1)
        assert wire.ask("XADD", "s", f"{number}-1", "a", "x" * 64 * KIB)
        assert read_ids(other.reply()) == [f"{number}-1".encode()]

    assert server.rss_bytes() - rss_bytes < 500 * 64 * KIB + 32 * MIB


# --- servers that go away -------------------------------------------------------------------------


def test_a_blocked_reader_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    with a_server(tmp_path, listen=listen) as server:
        with Wire(server) as reader, Wire(server) as consumer, Wire(server) as wire:
            wire.ask("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
            wire.ask("XADD", "s", "1-1", "a", 1)
            assert read_ids(consumer.ask(*GROUP, "c", "STREAMS", "s", ">")) == [b"1-1"]
            reader.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "1-1"))
            consumer.send((*GROUP, "c", "BLOCK", 0, "STREAMS", "s", ">"))
            until_blocked(wire, 2)
            server.kill()
            for waiting in (reader, consumer):
                with pytest.raises(Closed):
                    waiting.reply()
        server.start()
        with Wire(server) as reader, Wire(server) as consumer, Wire(server) as wire:
            assert blocked(wire) == 0
            reader.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "1-1"))
            consumer.send((*GROUP, "c", "BLOCK", 0, "STREAMS", "s", ">"))
            until_blocked(wire, 2)
            wire.ask("XADD", "s", "1-2", "a", 1)
            assert read_ids(reader.reply()) == [b"1-2"]
            assert read_ids(consumer.reply()) == [b"1-2"]
            assert read_ids(consumer.ask(*GROUP, "c", "STREAMS", "s", "0")) == [b"1-1", b"1-2"]
