"""Reads that wait: who is woken by what, in which order, and with what reply."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final, TypeAlias

import pytest

from tests.compliance.streams.connection import (
    NULL_LIST,
    Connection,
    Failure,
    Reply,
    Status,
)
from tests.compliance.streams.servers import Server, blocked, until_blocked

pytestmark = pytest.mark.integration

FOREVER: Final = ("BLOCK", 0)
GROUP: Final = ("XREADGROUP", "GROUP", "g")
OK: Final = Status("OK")

Connect: TypeAlias = Callable[[], Connection]


@pytest.fixture
def connect(server: Server, protocol: int) -> Iterator[Connect]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(server.connect(protocol))


def only(stream: str, *events: str) -> dict[bytes, list[Reply]]:
    """Return a reading of one stream whose events all have the field `a` of value `1`."""
    return {stream.encode(): [[event.encode(), [b"a", b"1"]] for event in events]}


def read(connection: Connection) -> dict[bytes, Reply]:
    """Return the next reply, which is a reading, as RESP3 shows it."""
    reply = connection.reply()
    if connection.protocol == 3:
        assert isinstance(reply, dict), reply
        return reply
    assert isinstance(reply, list), reply
    found: dict[bytes, Reply] = {}
    for pair in reply:
        assert isinstance(pair, list), reply
        name, events = pair
        assert isinstance(name, bytes), reply
        found[name] = events
    return found


def is_null(connection: Connection, reply: Reply) -> bool:
    return reply is (None if connection.protocol == 3 else NULL_LIST)


def add(connection: Connection, event: str, stream: str = "s") -> None:
    assert connection.ask("XADD", stream, event, "a", 1) == event.encode()


# --- XREAD ----------------------------------------------------------------------------------------


def test_an_event_wakes_the_reader_that_waits_for_it(
    connection: Connection, connect: Connect
) -> None:
    reader = connect()
    add(connection, "1-1")
    reader.send(("XREAD", *FOREVER, "STREAMS", "s", "1-1"))
    until_blocked(connection, 1)

    add(connection, "1-2")

    assert read(reader) == only("s", "1-2")
    assert blocked(connection) == 0


def test_a_reader_may_wait_for_a_stream_that_is_not_there(
    connection: Connection, connect: Connect
) -> None:
    reader = connect()
    reader.send(("XREAD", *FOREVER, "STREAMS", "s", "0"))
    until_blocked(connection, 1)

    add(connection, "1-1")

    assert read(reader) == only("s", "1-1")


def test_a_dollar_is_the_last_event_when_the_wait_begins(
    connection: Connection, connect: Connect
) -> None:
    known, unknown = connect(), connect()
    add(connection, "1-1")
    known.send(("XREAD", *FOREVER, "STREAMS", "s", "$"))
    unknown.send(("XREAD", *FOREVER, "STREAMS", "t", "$"))
    until_blocked(connection, 2)

    add(connection, "1-2")
    add(connection, "1-1", "t")

    assert read(known) == only("s", "1-2")
    assert read(unknown) == only("t", "1-1")


def test_one_event_wakes_all_its_readers(connection: Connection, connect: Connect) -> None:
    readers = [connect() for _ in range(20)]
    for reader in readers:
        reader.send(("XREAD", *FOREVER, "STREAMS", "s", "$"))
    until_blocked(connection, 20)

    add(connection, "1-1")

    assert [read(reader) for reader in readers] == [only("s", "1-1")] * 20


def test_a_reader_of_several_streams_is_woken_by_any(
    connection: Connection, connect: Connect
) -> None:
    reader = connect()
    reader.send(("XREAD", "COUNT", 5, *FOREVER, "STREAMS", "s", "t", "u", "0", "0", "0"))
    until_blocked(connection, 1)

    add(connection, "1-1", "t")

    assert read(reader) == only("t", "1-1")


def test_an_event_at_or_before_the_id_wakes_nobody(
    connection: Connection, connect: Connect
) -> None:
    reader = connect()
    reader.send(("XREAD", *FOREVER, "STREAMS", "s", "5-5"))
    until_blocked(connection, 1)

    add(connection, "5-4")
    add(connection, "5-5")
    assert blocked(connection) == 1
    add(connection, "5-6")

    assert read(reader) == only("s", "5-6")


def test_the_events_of_a_transaction_are_read_together(
    connection: Connection, connect: Connect
) -> None:
    everything, first = connect(), connect()
    everything.send(("XREAD", *FOREVER, "STREAMS", "s", "$"))
    first.send(("XREAD", "COUNT", 1, *FOREVER, "STREAMS", "s", "$"))
    until_blocked(connection, 2)

    connection.send(("MULTI",), *[("XADD", "s", f"1-{n}", "a", 1) for n in (1, 2, 3)], ("EXEC",))

    assert connection.replies(5)[-1] == [b"1-1", b"1-2", b"1-3"]
    assert read(everything) == only("s", "1-1", "1-2", "1-3")
    assert read(first) == only("s", "1-1")


def test_a_wait_ends_with_a_null_and_not_before_its_time(connection: Connection) -> None:
    began = time.monotonic()

    reply = connection.ask("XREAD", "BLOCK", 60, "STREAMS", "s", "$")

    assert is_null(connection, reply)
    assert 0.055 <= time.monotonic() - began < 5


def test_what_was_sent_behind_a_waiting_read_is_answered_behind_it(
    connection: Connection, connect: Connect
) -> None:
    reader = connect()
    reader.send(("XREAD", *FOREVER, "STREAMS", "s", "$"), ("ECHO", "behind"), ("PING",))
    until_blocked(connection, 1)

    assert connection.ask("PING") == "PONG"
    assert not reader.has_reply()
    add(connection, "1-1")

    assert read(reader) == only("s", "1-1")
    assert reader.replies(2) == [b"behind", "PONG"]


def test_a_deleted_stream_leaves_its_readers_waiting(
    connection: Connection, connect: Connect
) -> None:
    reader = connect()
    add(connection, "5-5")
    reader.send(("XREAD", *FOREVER, "STREAMS", "s", "$"))
    until_blocked(connection, 1)

    assert connection.ask("DEL", "s") == 1
    add(connection, "1-1")
    assert blocked(connection) == 1
    add(connection, "6-1")

    assert read(reader) == only("s", "6-1")


def test_a_client_that_goes_away_waits_no_longer(connection: Connection, connect: Connect) -> None:
    reader = connect()
    reader.send(("XREAD", *FOREVER, "STREAMS", "s", "$"))
    until_blocked(connection, 1)

    reader.close()

    until_blocked(connection, 0)
    add(connection, "1-1")


# --- XREADGROUP -----------------------------------------------------------------------------------


@pytest.fixture
def group(connection: Connection) -> Connection:
    """A stream `s` with a group `g` that has seen nothing."""
    assert connection.ask("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM") == OK
    return connection


def test_consumers_of_a_group_are_served_in_the_order_in_which_they_came(
    group: Connection, connect: Connect
) -> None:
    consumers = [connect() for _ in range(5)]
    for number, consumer in enumerate(consumers):
        consumer.send((*GROUP, f"c{number}", *FOREVER, "STREAMS", "s", ">"))
        until_blocked(group, number + 1)

    for number in range(5):
        add(group, f"1-{number + 1}")
        until_blocked(group, 4 - number)

    assert [read(consumer) for consumer in consumers] == [only("s", f"1-{n}") for n in range(1, 6)]
    assert group.ask("XPENDING", "s", "g") == [
        *(5, b"1-1", b"1-5"),
        [[f"c{number}".encode(), b"1"] for number in range(5)],
    ]


def test_what_a_waiting_consumer_is_given_is_pending(group: Connection, connect: Connect) -> None:
    consumer = connect()
    consumer.send((*GROUP, "c", *FOREVER, "STREAMS", "s", ">"))
    until_blocked(group, 1)

    add(group, "1-1")

    assert read(consumer) == only("s", "1-1")
    assert group.ask("XPENDING", "s", "g") == [1, b"1-1", b"1-1", [[b"c", b"1"]]]
    assert group.ask("XACK", "s", "g", "1-1") == 1


def test_what_a_consumer_waits_for_without_acknowledging_is_not_pending(
    group: Connection, connect: Connect
) -> None:
    consumer = connect()
    consumer.send((*GROUP, "c", *FOREVER, "NOACK", "STREAMS", "s", ">"))
    until_blocked(group, 1)

    add(group, "1-1")

    assert read(consumer) == only("s", "1-1")
    assert group.ask("XACK", "s", "g", "1-1") == 0
    assert is_null(group, group.ask(*GROUP, "c", "STREAMS", "s", ">"))


def test_an_event_goes_to_every_group_and_every_reader(group: Connection, connect: Connect) -> None:
    assert group.ask("XGROUP", "CREATE", "s", "h", "$") == OK
    one, other, plain = connect(), connect(), connect()
    one.send((*GROUP, "c", *FOREVER, "STREAMS", "s", ">"))
    other.send(("XREADGROUP", "GROUP", "h", "c", *FOREVER, "STREAMS", "s", ">"))
    plain.send(("XREAD", *FOREVER, "STREAMS", "s", "$"))
    until_blocked(group, 3)

    add(group, "1-1")

    assert [read(reader) for reader in (one, other, plain)] == [only("s", "1-1")] * 3


def test_a_consumer_of_several_streams_is_woken_by_any(group: Connection, connect: Connect) -> None:
    assert group.ask("XGROUP", "CREATE", "t", "g", "0", "MKSTREAM") == OK
    consumer = connect()
    consumer.send((*GROUP, "c", *FOREVER, "STREAMS", "s", "t", ">", ">"))
    until_blocked(group, 1)

    add(group, "1-1", "t")

    assert read(consumer) == only("t", "1-1")


def test_a_consumer_that_asks_for_few_leaves_the_rest_to_the_next(
    group: Connection, connect: Connect
) -> None:
    first, second = connect(), connect()
    first.send((*GROUP, "first", "COUNT", 2, *FOREVER, "STREAMS", "s", ">"))
    until_blocked(group, 1)
    second.send((*GROUP, "second", "COUNT", 2, *FOREVER, "STREAMS", "s", ">"))
    until_blocked(group, 2)

    group.send(("MULTI",), *[("XADD", "s", f"1-{n}", "a", 1) for n in (1, 2, 3)], ("EXEC",))

    assert group.replies(5)[-1] == [b"1-1", b"1-2", b"1-3"]
    assert read(first) == only("s", "1-1", "1-2")
    assert read(second) == only("s", "1-3")


def test_a_consumer_that_went_away_while_it_waited_is_given_nothing(
    group: Connection, connect: Connect
) -> None:
    gone, there = connect(), connect()
    gone.send((*GROUP, "gone", *FOREVER, "STREAMS", "s", ">"))
    until_blocked(group, 1)
    there.send((*GROUP, "there", *FOREVER, "STREAMS", "s", ">"))
    until_blocked(group, 2)
    gone.close()
    until_blocked(group, 1)

    add(group, "1-1")

    assert read(there) == only("s", "1-1")
    assert group.ask("XPENDING", "s", "g") == [1, b"1-1", b"1-1", [[b"there", b"1"]]]


def test_a_wait_of_a_consumer_ends_with_a_null(group: Connection) -> None:
    assert is_null(group, group.ask(*GROUP, "c", "BLOCK", 30, "STREAMS", "s", ">"))


def test_consumers_learn_that_their_group_is_destroyed(group: Connection, connect: Connect) -> None:
    consumer = connect()
    consumer.send((*GROUP, "c", *FOREVER, "STREAMS", "s", ">"))
    until_blocked(group, 1)

    assert group.ask("XGROUP", "DESTROY", "s", "g") == 1

    told = consumer.reply()
    assert isinstance(told, Failure), told
    assert told.startswith("NOGROUP "), told


def test_consumers_learn_that_their_stream_is_deleted(group: Connection, connect: Connect) -> None:
    consumer = connect()
    consumer.send((*GROUP, "c", *FOREVER, "STREAMS", "s", ">"))
    until_blocked(group, 1)

    assert group.ask("DEL", "s") == 1

    told = consumer.reply()
    assert isinstance(told, Failure), told
    # Redis 7.0 says UNBLOCKED, later ones NOGROUP.
    assert told.startswith(("NOGROUP ", "UNBLOCKED ")), told


def test_looking_back_does_not_wait(group: Connection) -> None:
    reply = group.ask(*GROUP, "c", *FOREVER, "STREAMS", "s", "0")

    assert reply in ({b"s": []}, [[b"s", []]])


def test_events_are_waited_for_again_and_again(group: Connection, connect: Connect) -> None:
    consumer = connect()
    for number in range(1, 11):
        consumer.send((*GROUP, "c", "COUNT", 1, *FOREVER, "STREAMS", "s", ">"))
        until_blocked(group, 1)
        add(group, f"{number}-1")

        assert read(consumer) == only("s", f"{number}-1")
        assert consumer.ask("XACK", "s", "g", f"{number}-1") == 1
