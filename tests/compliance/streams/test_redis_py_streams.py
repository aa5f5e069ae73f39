"""The stream methods of redis-py, against a real redis-server and against Penstock."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis as library

from tests.compliance.streams.servers import Server

pytestmark = pytest.mark.integration

A1 = (b"1-1", {b"a": b"1"})
A2 = (b"1-2", {b"a": b"2"})


@pytest.fixture
def client(server: Server, protocol: int) -> Iterator[Any]:
    """A client with two events in the stream `s`. The library's types know nothing of RESP3."""
    with library.Redis(port=server.port, protocol=protocol) as client:
        assert client.xadd("s", {"a": 1}, id="1-1") == b"1-1"
        assert client.xadd("s", {"a": 2}, id="1-2") == b"1-2"
        yield client


def readings(reply: Any) -> dict[bytes, Any]:
    """Return readings as RESP2 has them, by stream; the library shows those of RESP3 one deeper."""
    if isinstance(reply, dict):
        return {name: events for name, (events,) in reply.items()}
    return dict(reply)


def test_events_are_read_by_id_and_by_range(client: Any) -> None:
    assert readings(client.xread({"s": 0, "t": 0})) == {b"s": [A1, A2]}
    assert readings(client.xread({"s": "1-1"}, count=5)) == {b"s": [A2]}
    assert not client.xread({"s": "$"})
    assert not client.xread({"s": "$"}, block=1)
    assert client.xrange("s") == [A1, A2]
    assert client.xrange("s", min="(1-1", max="+", count=1) == [A2]
    assert client.xrevrange("s", count=1) == [A2]
    assert client.xlen("s") == 2


def test_events_are_trimmed_and_deleted(client: Any) -> None:
    assert client.xadd("s", {"a": 3}, id="1-3", maxlen=2, approximate=False) == b"1-3"
    assert client.xadd("s", {"a": 4}, id="1-4", minid="1-2", approximate=True, limit=9) == b"1-4"
    assert client.xadd("t", {"a": 4}, nomkstream=True) is None
    assert client.xdel("s", "1-3", "9-9") == 1
    assert client.xtrim("s", maxlen=1, approximate=False) == 1
    assert client.xrange("s") == [(b"1-4", {b"a": b"4"})]


def test_a_refusal_is_a_response_error(client: Any) -> None:
    with pytest.raises(library.ResponseError, match="equal or smaller than the target stream"):
        client.xadd("s", {"a": 1}, id="1-1")
    with pytest.raises(library.ResponseError, match=r"^NOGROUP No such key 's'"):
        client.xreadgroup("g", "c", {"s": ">"})
    client.xgroup_create("s", "g")
    with pytest.raises(library.ResponseError, match=r"^BUSYGROUP Consumer Group name already"):
        client.xgroup_create("s", "g")


def test_a_group_shares_events_among_its_consumers(client: Any) -> None:
    assert client.xgroup_create("s", "g", id="0") is True

    assert readings(client.xreadgroup("g", "ann", {"s": ">"}, count=1)) == {b"s": [A1]}
    assert readings(client.xreadgroup("g", "bob", {"s": ">"}, block=1)) == {b"s": [A2]}
    assert not client.xreadgroup("g", "bob", {"s": ">"}, block=1)
    assert readings(client.xreadgroup("g", "ann", {"s": "0"})) == {b"s": [A1]}
    assert client.xpending("s", "g") == {
        "pending": 2,
        "min": b"1-1",
        "max": b"1-2",
        "consumers": [{"name": b"ann", "pending": 1}, {"name": b"bob", "pending": 1}],
    }
    (pending,) = client.xpending_range("s", "g", "-", "+", 10, consumername="bob", idle=0)
    assert (pending["message_id"], pending["consumer"]) == (b"1-2", b"bob")
    assert pending["times_delivered"] == 1
    assert client.xack("s", "g", "1-1", "1-2", "9-9") == 2
    assert client.xpending("s", "g")["pending"] == 0


def test_what_a_consumer_left_is_claimed_by_another(client: Any) -> None:
    client.xgroup_create("s", "g", id="0")
    client.xreadgroup("g", "ann", {"s": ">"})
    client.xdel("s", "1-1")

    assert client.xclaim("s", "g", "bob", 0, ["1-2"], justid=True) == [b"1-2"]
    assert client.xclaim("s", "g", "bob", 100_000, ["1-2"]) == []
    assert client.xautoclaim("s", "g", "cid", 0, count=10) == [b"0-0", [A2], [b"1-1"]]
    assert client.xautoclaim("s", "g", "cid", 0, justid=True) == [b"1-2"]


def test_streams_groups_and_consumers_are_described(client: Any) -> None:
    client.xgroup_create("s", "g", id="0")
    client.xgroup_createconsumer("s", "g", "idler")
    client.xreadgroup("g", "ann", {"s": ">"}, count=1)

    stream = client.xinfo_stream("s")
    assert (stream["length"], stream["groups"], stream["entries-added"]) == (2, 1, 2)
    assert (stream["first-entry"], stream["last-entry"]) == (A1, A2)
    full = client.xinfo_stream("s", full=True)
    assert full["entries"] == dict([A1, A2])
    assert [group["pel-count"] for group in full["groups"]] == [1]
    (group,) = client.xinfo_groups("s")
    assert (group["name"], group["consumers"], group["pending"]) == (b"g", 2, 1)
    assert (group["last-delivered-id"], group["entries-read"], group["lag"]) == (b"1-1", 1, 1)
    consumers = client.xinfo_consumers("s", "g")
    assert [(one["name"], one["pending"]) for one in consumers] == [(b"ann", 1), (b"idler", 0)]


def test_groups_and_consumers_are_set_and_removed(client: Any) -> None:
    assert client.xgroup_create("new", "g", mkstream=True) is True
    assert client.xgroup_create("s", "g", id="$", entries_read=2) is True
    assert client.xgroup_setid("s", "g", "1-1", entries_read=1) is True
    assert readings(client.xreadgroup("g", "ann", {"s": ">"})) == {b"s": [A2]}
    assert client.xgroup_createconsumer("s", "g", "bob") == 1
    assert client.xgroup_delconsumer("s", "g", "ann") == 1
    assert client.xgroup_destroy("s", "g") in (1, True)
    assert client.xgroup_destroy("s", "g") in (0, False)


def test_a_pipeline_appends_in_one_transaction(client: Any) -> None:
    pipeline = client.pipeline(transaction=True)
    for number in range(3):
        pipeline.xadd("t", {"n": number}, id=f"2-{number}")

    assert pipeline.execute() == [b"2-0", b"2-1", b"2-2"]
    assert client.xlen("t") == 3


def test_streams_are_found_by_name_and_type(client: Any) -> None:
    client.xadd("t", {"a": 1})

    assert set(client.scan_iter(match="*", _type="stream")) == {b"s", b"t"}
    assert set(client.keys()) == {b"s", b"t"}
    assert client.type("s") == b"stream"
    assert client.exists("s", "t", "u") == 2
    assert client.delete("s", "u") == 1
    assert client.exists("s") == 0


def test_a_reader_follows_a_stream_from_where_it_was(client: Any) -> None:
    """The loop that every manual shows."""
    seen: list[bytes] = []
    last = "0"
    for number in range(3, 8):
        for events in readings(client.xread({"s": last}, count=2, block=1)).values():
            seen += [event for event, _ in events]
            last = seen[-1].decode()
        client.xadd("s", {"a": number}, id=f"1-{number}")
    while reply := client.xread({"s": last}, count=2):
        seen += [event for event, _ in readings(reply)[b"s"]]
        last = seen[-1].decode()

    assert seen == [f"1-{n}".encode() for n in range(1, 8)]
