"""What is told in milliseconds: it cannot be the same to the last one, but in the same range."""

import time
from collections.abc import Mapping

import pytest

from tests.compliance.streams.connection import Connection, Reply

pytestmark = pytest.mark.integration

# A test is over long before; idle times that were set begin well above.
SOON_MS = 20_000
SET_MS = 500_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fields(reply: Reply) -> Mapping[bytes, Reply]:
    """Return a map, which RESP2 shows flat."""
    if isinstance(reply, dict):
        return reply
    assert isinstance(reply, list), reply
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return {name: value for name, value in pairs if isinstance(name, bytes)}


def number(reply: Reply) -> int:
    assert isinstance(reply, int), reply
    return reply


def idle_ms(connection: Connection, event: str = "1-1") -> int:
    """Return for how long an event has been pending, as XPENDING says."""
    reply = connection.ask("XPENDING", "s", "g", event, event, 1)
    assert isinstance(reply, list), reply
    ((_, _, idle, _),) = (row for row in reply if isinstance(row, list))
    return number(idle)


@pytest.fixture
def pending(connection: Connection) -> Connection:
    """A stream `s` whose group `g` gave the event 1-1 to the consumer `ann`."""
    connection.ask("XADD", "s", "1-1", "a", 1)
    connection.ask("XGROUP", "CREATE", "s", "g", 0)
    connection.ask("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">")
    return connection


def test_an_id_of_the_server_is_its_clock(connection: Connection) -> None:
    before = now_ms()
    reply = connection.ask("XADD", "s", "*", "a", 1)
    assert isinstance(reply, bytes), reply

    ms, _, sequence = reply.partition(b"-")

    assert before - 1 <= int(ms) <= now_ms() + 1
    assert sequence == b"0"


def test_ids_of_the_server_grow(connection: Connection) -> None:
    connection.send(*[("XADD", "s", "*", "a", 1)] * 300)

    replies = connection.replies(300)

    ids = [tuple(map(int, r.split(b"-"))) for r in replies if isinstance(r, bytes)]
    assert len(ids) == 300
    assert ids == sorted(set(ids))


def test_an_event_is_idle_from_its_delivery_on(pending: Connection) -> None:
    first = idle_ms(pending)
    time.sleep(0.02)
    second = idle_ms(pending)

    assert 0 <= first < SOON_MS
    assert first + 19 <= second < SOON_MS


def test_a_claim_begins_anew(pending: Connection) -> None:
    pending.ask("XCLAIM", "s", "g", "ann", 0, "1-1", "IDLE", SET_MS)
    assert SET_MS <= idle_ms(pending) < SET_MS + SOON_MS

    pending.ask("XCLAIM", "s", "g", "bob", 0, "1-1")
    assert idle_ms(pending) < SOON_MS


def test_a_claim_by_the_way_begins_anew_too(pending: Connection) -> None:
    pending.ask("XCLAIM", "s", "g", "ann", 0, "1-1", "IDLE", SET_MS)

    pending.ask("XCLAIM", "s", "g", "bob", 0, "1-1", "JUSTID")

    assert idle_ms(pending) < SOON_MS


def test_a_claim_may_set_the_time_of_delivery(pending: Connection) -> None:
    pending.ask("XCLAIM", "s", "g", "ann", 0, "1-1", "TIME", now_ms() - SET_MS)

    assert SET_MS <= idle_ms(pending) < SET_MS + SOON_MS


def test_a_time_of_delivery_to_come_is_now(pending: Connection) -> None:
    pending.ask("XCLAIM", "s", "g", "ann", 0, "1-1", "TIME", now_ms() + SET_MS)

    assert 0 <= idle_ms(pending) < SOON_MS


def test_a_look_back_counts_as_a_delivery(pending: Connection) -> None:
    pending.ask("XCLAIM", "s", "g", "ann", 0, "1-1", "IDLE", SET_MS)

    pending.ask("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", "0")

    assert idle_ms(pending) < SOON_MS


def test_consumers_are_idle_from_what_they_did_last(pending: Connection) -> None:
    pending.ask("XGROUP", "CREATECONSUMER", "s", "g", "bob")
    time.sleep(0.02)

    reply = pending.ask("XINFO", "CONSUMERS", "s", "g")
    assert isinstance(reply, list), reply
    ann, bob = map(fields, reply)

    assert (ann[b"name"], bob[b"name"]) == (b"ann", b"bob")
    for consumer in (ann, bob):
        assert 19 <= number(consumer[b"idle"]) < SOON_MS
    # Since Redis 7.2: for how long it was given nothing, -1 if it never was given anything.
    if b"inactive" in ann:
        assert 19 <= number(ann[b"inactive"]) < SOON_MS
        assert bob[b"inactive"] == -1


def test_a_full_description_has_times_of_the_clock(pending: Connection) -> None:
    stream = fields(pending.ask("XINFO", "STREAM", "s", "FULL"))
    groups = stream[b"groups"]
    assert isinstance(groups, list), groups
    (group,) = map(fields, groups)
    consumers = group[b"consumers"]
    assert isinstance(consumers, list), consumers
    (consumer,) = map(fields, consumers)
    rows = [group[b"pending"], consumer[b"pending"]]
    delivered = [row[-2] for rows in rows if isinstance(rows, list) for row in _lists(rows)]

    times = [*delivered, consumer[b"seen-time"], consumer.get(b"active-time", now_ms())]

    assert len(times) == 4
    for told in times:
        assert now_ms() - SOON_MS < number(told) <= now_ms() + 1


def _lists(reply: list[Reply]) -> list[list[Reply]]:
    return [row for row in reply if isinstance(row, list)]
