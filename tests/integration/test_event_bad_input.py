"""Whatever is sent about events or left unread, it harms its sender at most: others go on."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from penstock.config import limits
from penstock.loadtest.processes import ServerProcess
from tests.integration.event_wire import (
    GROUP,
    NOTHING_PENDING,
    ids,
    read_ids,
    until_blocked,
)
from tests.integration.server_process import a_server, until, until_logged
from tests.integration.small_disk import SmallDisk, on_small_disk
from tests.integration.wire import OK, Wire, Word, as_error, claim, info

pytestmark = pytest.mark.integration

KIB: Final = 1024
MIB: Final = 1024 * KIB


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


# --- events and names that cannot be taken --------------------------------------------------------


@pytest.mark.parametrize("size", [limits.EVENT_BYTES_MAX + 1, 4 * limits.EVENT_BYTES_MAX])
def test_an_event_over_the_limit_is_refused_and_the_connection_goes_on(
    wire: Wire, size: int
) -> None:
    refused = wire.error("XADD", "s", "*", "name", b"x" * (size - 4))

    assert refused.code == "TOOLARGE"
    assert f"{size} bytes" in refused.text
    assert wire.ask("EXISTS", "s") == 0


def test_an_event_of_the_largest_size_comes_back_as_it_was_sent(wire: Wire) -> None:
    value = bytes(range(256)) * (limits.EVENT_BYTES_MAX // 256 - 1)

    event = wire.ask("XADD", "s", "*", "name", value)

    assert wire.ask("XRANGE", "s", "-", "+") == [[event, [b"name", value]]]
    assert wire.ask("XREAD", "STREAMS", "s", "0") == [[b"s", [[event, [b"name", value]]]]]


def test_an_event_with_more_fields_than_a_request_has_arguments_ends_the_connection(
    wire: Wire, other: Wire
) -> None:
    many = [word for n in range(limits.ARGUMENTS_MAX // 2) for word in (f"f{n}", "")]

    wire.send(("XADD", "s", "*", *many))

    assert wire.rest().startswith(b"-ERR Protocol error: invalid multibulk length")
    assert other.ask("EXISTS", "s") == 0


def test_an_event_may_have_many_fields(wire: Wire) -> None:
    many = [word for n in range(500) for word in (f"f{n}".encode(), b"")]

    event = wire.ask("XADD", "s", "1-1", *many)

    assert wire.ask("XRANGE", "s", "-", "+") == [[event, many]]


BAD_NAMES: Final = (b"\xff", b"", b"\xed\xa0\x80", b"a\nb", b"a\0b", b"x" * 256, b"x" * 100_000)


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name[:10]))
def test_a_name_that_is_no_name_is_refused_wherever_it_stands(wire: Wire, name: bytes) -> None:
    wire.ask("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    requests: list[tuple[Word, ...]] = [
        ("XADD", name, "*", "a", 1),
        ("XADD", name, "NOMKSTREAM", "*", "a", 1),
        ("XGROUP", "CREATE", name, "g", 0, "MKSTREAM"),
        ("XGROUP", "CREATE", "s", name, 0),
        ("XGROUP", "CREATECONSUMER", "s", "g", name),
        ("XREADGROUP", "GROUP", name, "c", "STREAMS", "s", ">"),
        ("XREADGROUP", "GROUP", "g", name, "STREAMS", "s", ">"),
        ("XREAD", "BLOCK", 0, "STREAMS", "s", name, "0", "0"),
        ("XCLAIM", "s", "g", name, 0, "1-1"),
        ("XLEN", name),
        ("DEL", "s", name),
        ("STREAM.SET", name, "MAXLEN", 5),
        ("EVENT.PUBLISH", "s", name, "a", 1),
        ("EVENT.HANDLED", "s", "g", name),
        ("EVENT.CONFIRM", "s", "g", name),
    ]

    refusals = [wire.error(*request) for request in requests]

    assert {refused.code for refused in refusals} == {"ERR"}
    assert wire.ask("KEYS", "*") == [b"s"]
    assert wire.ask("XPENDING", "s", "g") == NOTHING_PENDING


def test_a_name_is_only_a_name(wire: Wire) -> None:
    names = [b"../../etc/passwd", b"'; DROP TABLE streams; --", b"\xf0\x9f\x92\xa9", b"%s{}", b"*"]

    for name in names:
        assert wire.ask("XADD", name, "1-1", "a", 1) == b"1-1"
        assert wire.ask("XGROUP", "CREATE", name, name, "0") == OK
        read = wire.ask("XREADGROUP", "GROUP", name, name, "STREAMS", name, ">")
        assert read == [[name, [[b"1-1", [b"a", b"1"]]]]]

    found = wire.ask("KEYS", "*")
    assert isinstance(found, list)
    assert {bytes(name) for name in found if isinstance(name, bytes)} == set(names)


@pytest.mark.parametrize("stream", ["jobs:default", "jobs:*", "jobs:no-such-queue"])
def test_nobody_but_the_server_writes_of_the_life_of_jobs(wire: Wire, stream: str) -> None:
    assert wire.ask("XGROUP", "CREATE", stream, "g", "$", "MKSTREAM") == OK
    wire.ask("MULTI")

    in_transaction = wire.ask("XADD", stream, "*", "a", 1)
    wire.ask("EXEC" if in_transaction == "QUEUED" else "DISCARD")
    refusals = [
        wire.error("XADD", stream, "*", "a", 1),
        wire.error("XADD", stream, "NOMKSTREAM", "*", "a", 1),
        wire.error("EVENT.PUBLISH", stream, "key", "a", 1),
        wire.error("XSETID", stream, "5-5"),
    ]

    assert {refused.code for refused in refusals} == {"ERR"}
    assert wire.ask("XLEN", stream) == 0
    assert wire.ask("XGROUP", "DESTROY", stream, "g") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("XADD", "s", "*", "a"),
        ("XADD", "s", "1-1-1", "a", 1),
        ("XADD", "s", "MAXLEN", 2**64, "*", "a", 1),
        ("XADD", "s", "9" * 5_000, "a", 1),
        ("XRANGE", "s", "-", "+", "COUNT", "1_0"),
        ("XRANGE", "s", "٣", "+"),
        ("XREAD", "COUNT", "+5", "STREAMS", "s", "0"),
        ("XREAD", "BLOCK", 2**63, "STREAMS", "s", "0"),
        ("XREAD", "BLOCK", 1, "STREAMS", *["s"] * 101),
        ("XGROUP", "TRIM", "s", "g", "MAYBE"),
        ("STREAM.SET", "s", "MAXLEN", 0),
        ("STREAM.SET", "s", "MAXAGE", -1),
        ("STREAM.SET", "s", "NOSUCH", 1),
        ("EVENT.CONFIRM", "s", "g", "key", "KEEP", 0),
        ("EVENT.CONFIRM", "s", "g", "key", "ACK", "word"),
        ("EVENT.PUBLISH", "s", "key", "a"),
        ("TRIGGER.SET", "two words", "ON", "s", "SUBMIT", "task"),
        ("TRIGGER.SET", "t", "ON", "s", "SUBMIT", "two words"),
        ("TRIGGER.SET", "t", "ON", "s", "MATCH", "a", "SUBMIT", "task"),
        ("TRIGGER.SET", "t", "ON", "s", "SUBMIT", "task", "${"),
        ("TRIGGER.SET", "t", "ON", "s", "SUBMIT", "task", "${a:xml}"),
        ("CRON.SET", "c", "61 * * * *", "task", ""),
        ("CRON.SET", "c", "* * * * *", "TZ", "Mars/Olympus", "task", ""),
        ("CRON.SET", "c", "0 0 30 2 *", "task", ""),
    ],
    ids=lambda words: " ".join(map(str, words))[:50],
)
def test_a_request_that_cannot_be_meant_is_refused_and_the_connection_goes_on(
    wire: Wire, words: tuple[Word, ...]
) -> None:
    wire.ask("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")

    refused = wire.error(*words)

    assert refused.code == "ERR"
    assert "Protocol error" not in refused.text
    assert wire.ask("XLEN", "s") == 0


# --- more than there may be -----------------------------------------------------------------------


def test_a_reply_has_a_bound_and_what_is_pending_has_one(tmp_path: Path) -> None:
    """Reading goes on where the last reply ended, and again once something is acknowledged."""
    pending, page = limits.GROUP_PENDING_MAX, limits.RANGE_EVENTS_MAX
    with a_server(tmp_path, store="memory") as server, Wire(server) as wire:
        for start in range(0, pending + page, page):
            wire.send(*[("XADD", "s", f"1-{n + 1}", "a", 1) for n in range(start, start + page)])
            wire.replies(page)
        wire.ask("XGROUP", "CREATE", "s", "g", "0")
        assert len(ids(wire.ask("XRANGE", "s", "-", "+"))) == page
        assert len(ids(wire.ask("XRANGE", "s", "-", "+", "COUNT", 10 * page))) == page
        assert len(read_ids(wire.ask("XREAD", "STREAMS", "s", "0"))) == page

        taken = 0
        while isinstance(reply := wire.ask(*GROUP, "c", "STREAMS", "s", ">"), list):
            taken += len(read_ids(reply))

        refused = as_error(reply)
        assert (taken, refused.code) == (pending, "OVERLOADED")
        assert "pending" in refused.text
        again = wire.error(*GROUP, "c", "BLOCK", 0, "STREAMS", "s", ">")
        assert again.code == "OVERLOADED"
        assert wire.ask("XADD", "s", "*", "a", 1)
        assert wire.ask("XACK", "s", "g", "1-1", "1-2") == 2
        two = read_ids(wire.ask(*GROUP, "c", "COUNT", 2, "STREAMS", "s", ">"))
        assert two == [f"1-{pending + 1}".encode(), f"1-{pending + 2}".encode()]
        taken_anyway = read_ids(wire.ask(*GROUP, "c", "COUNT", 3, "NOACK", "STREAMS", "s", ">"))
        assert len(taken_anyway) == 3


# --- a server that leaves, or has no room ---------------------------------------------------------


def test_while_it_drains_a_server_takes_no_events_and_ends_all_waits(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, ExitStack() as stack:
        caller, worker, wire, plain, consumer = (
            stack.enter_context(Wire(server)) for _ in range(5)
        )
        wire.ask("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
        wire.ask("XADD", "s", "1-1", "a", 1)
        assert read_ids(wire.ask(*GROUP, "c", "STREAMS", "s", ">")) == [b"1-1"]
        caller.send(("JOB.CALL", "task", "running"))
        (claimed,) = claim(worker, "default")
        plain.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "$"))
        consumer.send((*GROUP, "c", "BLOCK", 0, "STREAMS", "s", ">"))
        until_blocked(wire, 3)
        server.send(signal.SIGTERM)
        until_logged(server, "draining", phase="finish running jobs")

        refusals = [
            wire.error("XADD", "s", "*", "a", 1),
            wire.error("EVENT.PUBLISH", "s", "key", "a", 1),
        ]
        assert {refused.code for refused in refusals} == {"DRAINING"}
        assert wire.ask("XACK", "s", "g", "1-1") == 1
        assert ids(wire.ask("XRANGE", "s", "-", "+")) == [b"1-1"]
        assert worker.ask("JOB.COMPLETE", *claimed.token, "done") == OK
        assert caller.reply() == b"done"
        assert (plain.reply(), consumer.reply()) == (None, None)
        assert server.wait() == 0

    with a_server(tmp_path) as server, Wire(server) as wire:
        assert wire.ask("XPENDING", "s", "g") == NOTHING_PENDING


@pytest.mark.mounts
def test_a_low_disk_refuses_new_events_and_nothing_else_until_there_is_room(
    tmp_path: Path,
) -> None:
    within = on_small_disk(tmp_path / "data", size_mib=200)
    with (
        a_server(tmp_path, within=within, disk_free_min="60MiB") as server,
        Wire(server) as wire,
        Wire(server) as other,
    ):
        disk = SmallDisk(server.pid, tmp_path / "data")
        wire.send(("XADD", "s", "1-1", "a", 1), ("XADD", "s", "1-2", "a", 1))
        wire.ask("XGROUP", "CREATE", "s", "g", "0")
        wire.replies(2)
        disk.fill(leaving_mib=50)
        until(lambda: info(wire)["disk_low"] == "1", "the disk is seen to be low")

        assert wire.error("XADD", "s", "*", "a", 1).code == "DISKLOW"
        assert wire.error("EVENT.PUBLISH", "s", "key", "a", 1).code == "DISKLOW"
        assert read_ids(wire.ask(*GROUP, "c", "STREAMS", "s", ">")) == [b"1-1", b"1-2"]
        assert wire.ask("XACK", "s", "g", "1-1", "1-2") == 2
        assert read_ids(wire.ask("XREAD", "STREAMS", "s", "0")) == [b"1-1", b"1-2"]
        assert wire.ask("XTRIM", "s", "MAXLEN", 1) == 1
        assert wire.ask("XDEL", "s", "1-2") == 1
        other.send(("XREAD", "BLOCK", 0, "STREAMS", "s", "$"))
        until_blocked(wire, 1)

        disk.empty()
        until(lambda: isinstance(wire.ask("XADD", "s", "*", "a", 1), bytes), "events are taken")
        assert len(read_ids(other.reply())) == 1


def test_a_mark_above_the_disk_refuses_from_the_first_event_on(tmp_path: Path) -> None:
    with a_server(tmp_path, disk_free_min="1024TiB") as server, Wire(server) as wire:
        assert wire.error("XADD", "s", "*", "a", 1).code == "DISKLOW"
        wire.ask("MULTI")
        wire.ask("XADD", "s", "*", "a", 1)
        aborted = wire.error("EXEC")
        assert (aborted.code, "DISKLOW" in aborted.text) == ("EXECABORT", True)
