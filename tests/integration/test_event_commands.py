"""What the event log does beyond Redis: retention, keys, transactions; all of it durable."""

import time
from collections.abc import Callable, Iterator

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.replies import ErrorReply
from tests.integration.event_wire import GROUP, NOTHING_PENDING, group_of, ids, read_ids, wipe
from tests.integration.server_process import a_server, until
from tests.integration.wire import OK, Wire, as_error, claim, fields, show

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("event-commands")) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        wipe(wire)
        yield wire


@pytest.fixture
def restart(server: ServerProcess) -> Callable[[], Wire]:
    """Kill the server and start it again; return a connection to it."""

    def restart() -> Wire:
        server.kill()
        server.start()
        return Wire(server)

    return restart


# --- how long events are kept ---------------------------------------------------------------------


def test_a_stream_is_trimmed_to_its_length_in_the_background(wire: Wire) -> None:
    assert wire.ask("STREAM.SET", "s", "MAXLEN", 5) == OK
    assert wire.ask("EXISTS", "s") == 1

    wire.send(*[("XADD", "s", f"1-{n}", "a", 1) for n in range(1, 21)])
    wire.replies(20)

    until(lambda: wire.ask("XLEN", "s") == 5, "the stream has its length")
    assert ids(wire.ask("XRANGE", "s", "-", "+")) == [f"1-{n}".encode() for n in range(16, 21)]


def test_a_stream_is_trimmed_to_its_age_in_the_background(wire: Wire) -> None:
    now_ms = time.time_ns() // 1_000_000
    for ago_ms in (3_600_000, 60_000, 0):
        wire.ask("XADD", "s", f"{now_ms - ago_ms}-0", "a", 1)

    assert wire.ask("STREAM.SET", "s", "MAXAGE", 600_000) == OK

    until(lambda: wire.ask("XLEN", "s") == 2, "the oldest event is gone")


def test_what_a_group_needs_is_kept_beyond_length_and_age(wire: Wire) -> None:
    wire.ask("STREAM.SET", "s", "MAXLEN", 1, "MAXAGE", 1)
    wire.ask("XGROUP", "CREATE", "s", "g", "0")
    wire.send(*[("XADD", "s", f"1-{n}", "a", 1) for n in range(1, 6)])
    wire.replies(5)

    read = wire.ask(*GROUP, "c", "COUNT", 3, "STREAMS", "s", ">")
    assert read_ids(read) == [b"1-1", b"1-2", b"1-3"]
    wire.ask("XACK", "s", "g", "1-1", "1-2")
    until(lambda: wire.ask("XLEN", "s") == 3, "what is acknowledged is gone")
    assert read_ids(wire.ask(*GROUP, "c", "STREAMS", "s", "0")) == [b"1-3"]

    assert read_ids(wire.ask(*GROUP, "c", "STREAMS", "s", ">")) == [b"1-4", b"1-5"]
    wire.ask("XACK", "s", "g", "1-3", "1-4", "1-5")
    until(lambda: wire.ask("XLEN", "s") == 0, "everything is gone")


def test_a_bound_is_taken_away_with_none_and_lasts_otherwise(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    wire.ask("STREAM.SET", "s", "MAXLEN", 2)
    wire.ask("STREAM.SET", "t", "MAXLEN", 2)
    assert wire.ask("STREAM.SET", "s", "MAXLEN", "none") == OK

    with restart() as again:
        for stream in ("s", "t"):
            again.send(*[("XADD", stream, f"1-{n}", "a", 1) for n in range(1, 6)])
            again.replies(5)
        until(lambda: again.ask("XLEN", "t") == 2, "the bound holds")
        assert again.ask("XLEN", "s") == 5


def test_a_group_that_lets_trimming_pass_does_so_after_a_restart(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    wire.ask("XADD", "s", "1-1", "a", 1)
    wire.ask("XGROUP", "CREATE", "s", "g", "0")
    assert wire.ask("XGROUP", "TRIM", "s", "g", "ALLOW") == OK

    with restart() as again:
        assert again.ask("XTRIM", "s", "MAXLEN", 0) == 1


def test_a_trim_of_many_events_is_answered_when_it_is_done(wire: Wire) -> None:
    for start in range(0, 25_000, 2_500):
        wire.send(*[("XADD", "s", f"1-{n + 1}", "a", 1) for n in range(start, start + 2_500)])
        wire.replies(2_500)

    assert wire.ask("XTRIM", "s", "MAXLEN", 1) == 24_999
    assert wire.ask("XLEN", "s") == 1
    assert ids(wire.ask("XRANGE", "s", "-", "+")) == [b"1-25000"]


# --- keys -----------------------------------------------------------------------------------------


def test_an_event_published_again_under_its_key_is_the_same_event(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    first = wire.ask("EVENT.PUBLISH", "s", "key", "a", 1)
    assert isinstance(first, bytes)

    assert wire.ask("EVENT.PUBLISH", "s", "key", "a", 2) == first
    assert wire.ask("EVENT.PUBLISH", "t", "key", "a", 1) != b""
    other = wire.ask("EVENT.PUBLISH", "s", "other", "a", 1)
    with restart() as again:
        assert again.ask("EVENT.PUBLISH", "s", "key", "a", 3) == first
        assert ids(again.ask("XRANGE", "s", "-", "+")) == [first, other]
        assert again.ask("XLEN", "t") == 1


def test_an_event_published_twice_at_once_is_one_event(wire: Wire) -> None:
    wire.send(*[("EVENT.PUBLISH", "s", f"key-{n % 10}", "n", n) for n in range(100)])

    replies = wire.replies(100)

    assert replies == replies[:10] * 10
    assert ids(wire.ask("XRANGE", "s", "-", "+")) == replies[:10]


def test_a_key_that_was_confirmed_is_known_to_that_group_alone(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    wire.ask("XADD", "s", "1-1", "a", 1)
    for group in ("g", "h"):
        wire.ask("XGROUP", "CREATE", "s", group, "0")
    assert wire.ask("EVENT.HANDLED", "s", "g", "order-17") == 0

    assert wire.ask("EVENT.CONFIRM", "s", "g", "order-17") == OK

    with restart() as again:
        assert again.ask("EVENT.HANDLED", "s", "g", "order-17") == 1
        assert again.ask("EVENT.HANDLED", "s", "g", "order-18") == 0
        assert again.ask("EVENT.HANDLED", "s", "h", "order-17") == 0


def test_a_confirmation_acknowledges_in_the_same_transaction(wire: Wire) -> None:
    wire.ask("XADD", "s", "1-1", "a", 1)
    wire.ask("XGROUP", "CREATE", "s", "g", "0")
    wire.ask(*GROUP, "c", "STREAMS", "s", ">")

    assert wire.ask("EVENT.CONFIRM", "s", "g", "order-17", "ACK", "1-1") == OK

    assert wire.ask("XPENDING", "s", "g") == NOTHING_PENDING
    assert wire.ask("EVENT.HANDLED", "s", "g", "order-17") == 1


def test_a_confirmed_key_is_forgotten_when_its_time_is_over(wire: Wire) -> None:
    wire.ask("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    wire.ask("EVENT.CONFIRM", "s", "g", "short", "KEEP", 50)
    wire.ask("EVENT.CONFIRM", "s", "g", "long", "KEEP", 60_000)

    until(lambda: wire.ask("EVENT.HANDLED", "s", "g", "short") == 0, "the key is forgotten")

    assert wire.ask("EVENT.HANDLED", "s", "g", "long") == 1


def test_keys_go_with_their_group(wire: Wire) -> None:
    wire.ask("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    wire.ask("EVENT.CONFIRM", "s", "g", "key")
    wire.ask("XGROUP", "DESTROY", "s", "g")

    assert wire.error("EVENT.HANDLED", "s", "g", "key").code == "NOGROUP"
    assert wire.error("EVENT.CONFIRM", "s", "g", "key").code == "NOGROUP"
    wire.ask("XGROUP", "CREATE", "s", "g", "0")
    assert wire.ask("EVENT.HANDLED", "s", "g", "key") == 0


# --- transactions ---------------------------------------------------------------------------------


def test_an_event_and_a_job_are_accepted_together(wire: Wire) -> None:
    wire.ask("XADD", "in", "1-1", "a", 1)
    wire.ask("XGROUP", "CREATE", "in", "g", "0")
    wire.ask(*GROUP, "c", "STREAMS", "in", ">")

    wire.send(
        ("MULTI",),
        ("XADD", "out", "1-1", "a", 1),
        ("JOB.SUBMIT", "task", "payload"),
        ("XACK", "in", "g", "1-1"),
        ("EXEC",),
    )
    *_, done = wire.replies(5)

    assert isinstance(done, list)
    event, job, acknowledged = done
    assert (event, acknowledged) == (b"1-1", 1)
    assert isinstance(job, int)
    assert show(wire, job)["state"] == b"ready"


def test_an_event_that_is_refused_is_told_in_its_place_and_the_rest_is_accepted(
    wire: Wire,
) -> None:
    """As in Redis: what a request is refused for is known when it is carried out."""
    wire.ask("XADD", "s", "5-5", "a", 1)

    wire.send(
        ("MULTI",),
        ("XADD", "t", "1-1", "a", 1),
        ("XADD", "s", "1-1", "a", 1),
        ("JOB.SUBMIT", "task", "payload"),
        ("EXEC",),
    )
    *_, done = wire.replies(5)

    assert isinstance(done, list)
    event, refused, job = done
    assert (event, as_error(refused).code) == (b"1-1", "ERR")
    assert "equal or smaller" in as_error(refused).text
    assert isinstance(job, int)
    assert wire.ask("EXISTS", "t") == 1


# --- what there is --------------------------------------------------------------------------------


def test_everything_about_a_stream_outlives_the_server(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    wire.send(*[("XADD", "s", f"1-{n}", "a", n) for n in range(1, 11)])
    wire.ask("XGROUP", "CREATE", "s", "g", "0")
    wire.replies(10)
    wire.ask(*GROUP, "ann", "COUNT", 4, "STREAMS", "s", ">")
    wire.ask("XGROUP", "CREATECONSUMER", "s", "g", "bob")
    wire.ask("XACK", "s", "g", "1-1")
    wire.ask("XCLAIM", "s", "g", "bob", 0, "1-2", "RETRYCOUNT", 7)
    wire.ask("XDEL", "s", "1-3", "1-9")
    wire.ask("XSETID", "s", "2-0")
    questions = [
        ("XRANGE", "s", "-", "+"),
        ("XLEN", "s"),
        ("XINFO", "STREAM", "s"),
        ("XINFO", "GROUPS", "s"),
        ("XPENDING", "s", "g"),
        ("KEYS", "*"),
    ]
    before = [wire.ask(*question) for question in questions]

    with restart() as again:
        assert [again.ask(*question) for question in questions] == before
        (pending,) = [again.ask("XPENDING", "s", "g", "1-2", "1-2", 1)]
        assert isinstance(pending, list)
        assert isinstance(pending[0], list)
        assert (pending[0][1], pending[0][3]) == (b"bob", 7)
        assert again.ask("XADD", "s", "2-0", "a", 1) == ErrorReply(
            "ERR", "The ID specified in XADD is equal or smaller than the target stream top item"
        )
        new = again.ask(*GROUP, "ann", "STREAMS", "s", ">")
        assert read_ids(new) == [f"1-{n}".encode() for n in (5, 6, 7, 8, 10)]


def test_a_stream_that_is_made_again_has_nothing_of_the_old_one(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    wire.ask("STREAM.SET", "s", "MAXLEN", 2)
    wire.send(*[("XADD", "s", f"5-{n}", "a", 1) for n in range(1, 4)])
    wire.replies(3)
    wire.ask("XGROUP", "CREATE", "s", "g", "0")
    wire.ask("EVENT.CONFIRM", "s", "g", "key")
    published = wire.ask("EVENT.PUBLISH", "s", "key", "a", 1)

    wire.send(("DEL", "s"), ("XADD", "s", "1-1", "a", 1), ("XGROUP", "CREATE", "s", "g", "0"))
    assert wire.replies(3) == [1, b"1-1", OK]

    with restart() as again:
        assert ids(again.ask("XRANGE", "s", "-", "+")) == [b"1-1"]
        assert again.ask("EVENT.HANDLED", "s", "g", "key") == 0
        assert again.ask("EVENT.PUBLISH", "s", "key", "a", 1) != published
        assert group_of(again, "s", "g")["entries-read"] in (None, 0)


def test_reads_far_behind_come_from_the_store(wire: Wire, restart: Callable[[], Wire]) -> None:
    """More than is kept in memory, in every way in which it can be read."""
    count = 3_000
    wire.send(*[("XADD", "s", f"{n}-0", "a", "x" * 200) for n in range(1, count + 1)])
    wire.replies(count)
    wire.ask("XGROUP", "CREATE", "s", "g", "0")
    wanted = [f"{n}-0".encode() for n in range(1, count + 1)]

    with restart() as again:
        assert ids(again.ask("XRANGE", "s", "-", "+")) == wanted
        assert ids(again.ask("XREVRANGE", "s", "+", "-")) == wanted[::-1]
        assert read_ids(again.ask("XREAD", "STREAMS", "s", "0")) == wanted
        assert read_ids(again.ask("XREAD", "COUNT", 7, "STREAMS", "s", "100")) == wanted[100:107]
        new: list[bytes] = []
        while reply := again.ask(*GROUP, "c", "COUNT", 700, "STREAMS", "s", ">"):
            new += read_ids(reply)
        assert new == wanted
        old: list[bytes] = []
        while found := read_ids(
            again.ask(*GROUP, "c", "COUNT", 700, "STREAMS", "s", old[-1] if old else "0")
        ):
            old += found
        assert old == wanted


def test_keys_are_scanned_to_the_end_while_streams_come_and_go(wire: Wire) -> None:
    names = [f"kept-{n}" for n in range(200)]
    for name in (*names, *(f"gone-{n}" for n in range(200))):
        wire.send(("XADD", name, "*", "a", 1))
    wire.replies(400)

    seen: list[bytes] = []
    cursor, rounds = b"0", 0
    while cursor != b"0" or not rounds:
        page = wire.ask("SCAN", cursor, "COUNT", 10)
        assert isinstance(page, list)
        assert isinstance(page[0], bytes)
        assert isinstance(page[1], list)
        cursor = page[0]
        seen += [name for name in page[1] if isinstance(name, bytes)]
        wire.ask("DEL", f"gone-{rounds}", f"gone-{199 - rounds}")
        wire.ask("XADD", f"new-{rounds}", "*", "a", 1)
        rounds += 1

    assert {name.encode() for name in names} <= set(seen)
    kept = [name for name in seen if name.startswith(b"kept")]
    assert len(kept) == len(set(kept))


def test_a_claimed_job_and_an_event_share_one_commit(wire: Wire) -> None:
    """What is sent with one write is answered together: jobs and events are in one batch."""
    wire.send(("JOB.SUBMIT", "task", ""), ("XADD", "s", "1-1", "a", 1), ("JOB.SUBMIT", "task", ""))

    job, event, next_job = wire.replies(3)

    assert event == b"1-1"
    assert [one.id for one in claim(wire, "default", count=2)] == [job, next_job]
    assert fields(wire.ask("XINFO", "STREAM", "s"))["length"] == 1
