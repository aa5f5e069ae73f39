"""Whatever a client sends or leaves undone, it harms itself at most: others are served on."""

import socket
from collections.abc import Iterator
from typing import Final

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.encoding import encode_command
from tests.integration.server_process import a_server, events, metrics, until
from tests.integration.wire import OK, Claimed, Wire, claim, clients, info, show

pytestmark = pytest.mark.integration

LIMIT: Final = 4_000
KIB: Final = 1024
MIB: Final = 1024 * KIB
# Fewer than may be in flight; their results are more than the kernel keeps and we allow together.
CALLS: Final = 4_000
STUCK_SECONDS: Final = 0.3
# What some languages take for a number, and numbers that nobody meant.
LAX: Final = ("+5", "1_0", " 5", "5 ", "-1", "1.5", "high", "", "٣", "05", 2**63, 2**64)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(
        tmp_path_factory.mktemp("bad-input"),
        payload_bytes_max=LIMIT,
        result_bytes_max=LIMIT,
        output_bytes_max=MIB,
    ) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as connected:
        yield connected


@pytest.fixture
def other(server: ServerProcess) -> Iterator[Wire]:
    """Somebody else, who is served in the meantime."""
    with Wire(server) as connected:
        yield connected
        assert connected.ask("PING") == "PONG"


# --- payloads and results ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"1",
        b"x" * LIMIT,
        b"\r\n$3\r\nabc\r\n*1\r\n",
        bytes(range(256)),
        b"\xed\xa0\x80 a lone surrogate",
        "\N{PILE OF POO}".encode(),
        b"[" * LIMIT,
        b'{"a":NaN,"a":1' + b"0" * 400 + b"}",
    ],
)
def test_a_payload_of_any_bytes_comes_back_as_it_was_sent(wire: Wire, payload: bytes) -> None:
    job_id = wire.number("JOB.SUBMIT", "task", payload, "QUEUE", "payloads")

    (claimed,) = claim(wire, "payloads")
    wire.ask("JOB.COMPLETE", *claimed.token, payload)

    assert (claimed.id, claimed.payload) == (job_id, payload)
    assert wire.ask("JOB.WAIT", job_id) == payload


@pytest.mark.parametrize("size", [LIMIT + 1, MIB])
def test_a_payload_over_the_limit_is_refused_and_the_connection_goes_on(
    wire: Wire, size: int
) -> None:
    refused = wire.error("JOB.SUBMIT", "task", b"x" * size, "QUEUE", "large")

    assert refused.code == "TOOLARGE"
    assert refused.text.startswith(f"the payload has {size} bytes, {LIMIT} are allowed;")
    assert wire.error("QUEUE.SHOW", "large").code == "NOQUEUE"


def test_a_result_over_the_limit_is_refused_and_the_attempt_goes_on(wire: Wire) -> None:
    job_id = wire.number("JOB.SUBMIT", "task", "", "QUEUE", "results")
    (claimed,) = claim(wire, "results")

    refused = wire.error("JOB.COMPLETE", *claimed.token, b"x" * (LIMIT + 1))

    assert refused.code == "TOOLARGE"
    assert wire.ask("JOB.COMPLETE", *claimed.token, b"x" * LIMIT) == OK
    assert wire.ask("JOB.WAIT", job_id) == b"x" * LIMIT


def test_an_error_over_the_limit_loses_its_middle(wire: Wire) -> None:
    wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "errors")
    (claimed,) = claim(wire, "errors")

    wire.ask("JOB.FAIL", *claimed.token, "First: line\n" + "x" * 100 * KIB + "\nlast line", "DEAD")

    errors = str(show(wire, claimed.id)["errors"])
    assert "First: line" in errors
    assert "last line" in errors
    assert len(errors) < 20 * KIB


# --- requests that cannot be understood ----------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("NOTHING",),
        ("JOB.SUBMIT",),
        ("JOB.SUBMIT", "task"),
        *(
            ("JOB.SUBMIT", "task", "", option, number)
            for option in ("PRIORITY", "DELAY", "TIMEOUT", "ATTEMPTS")
            for number in (
                "+5",
                "1_0",
                " 5",
                "5 ",
                "-1",
                "1.5",
                "high",
                "",
                "٣",
                "05",
                2**63,
                2**64,
            )
        ),
        ("JOB.SUBMIT", "task", "", "PRIORITY", -(2**63) - 1),
        ("JOB.SUBMIT", "task", "", "DELAY", 10**18),
        ("JOB.SUBMIT", "task", "", "TIMEOUT", 0),
        ("JOB.SUBMIT", "task", "", "ATTEMPTS", 0),
        ("JOB.SUBMIT", "task", "", "AT", 10**18),
        ("JOB.SUBMIT", "task", "", "PRIORITY", "9" * 5_000),
        ("JOB.SUBMIT", "task", "", "PRIORITY", 1, "PRIORITY", 1),
        ("JOB.SUBMIT", "task", "", "DELAY", 1, "AT", 1),
        ("JOB.SUBMIT", "task", "", "UNKNOWN", 1),
        ("JOB.SUBMIT", "task", "", "PRIORITY"),
        ("JOB.SUBMIT", "task", "", "KEY", ""),
        ("JOB.SUBMIT", "task", "", "KEY", "x" * 256),
        ("JOB.SUBMIT", "task", "", "KEY", "a\nb"),
        *(
            ("JOB.SUBMIT", "task", "", "QUEUE", name)
            for name in ("", "x" * 10_000, "'; DROP TABLE jobs; --", "a\0b", "\u202eabc", b"\xff")
        ),
        ("JOB.SUBMIT", "two words", ""),
        ("JOB.WAIT", 0),
        ("JOB.WAIT", 2**63),
        ("JOB.SHOW", "1_0"),
        ("JOB.CLAIM", "queue", "COUNT", 0),
        ("JOB.CLAIM", "queue", "COUNT", 1_001),
        ("EXEC",),
        ("DISCARD",),
        ("HELLO", "4"),
    ],
    ids=lambda words: " ".join(map(repr, words))[:60],
)
def test_a_request_that_cannot_be_meant_is_refused_and_the_connection_goes_on(
    wire: Wire, words: tuple[str | int | bytes, ...]
) -> None:
    jobs = info(wire)["jobs_ready"]

    refused = wire.error(*words)

    assert refused.code in ("ERR", "NOPROTO")
    assert "Protocol error" not in refused.text
    assert info(wire)["jobs_ready"] == jobs


@pytest.mark.parametrize(
    "words",
    [
        ("../../etc/passwd", "QUEUE", "../../etc"),
        ("os.system", "QUEUE", "a/b:c@d+e-f_g.h"),
    ],
)
def test_a_name_is_only_a_name(wire: Wire, words: tuple[str, ...]) -> None:
    task, *options = words

    job_id = wire.number("JOB.SUBMIT", task, "", *options)

    assert show(wire, job_id)["task"] == task.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"*3\r\n$10\r\nJOB.SUBMIT\r\n$999999999\r\n",
        b"*1_0\r\n",
        b"* 5\r\n",
        b"*+5\r\n",
        "*\N{ARABIC-INDIC DIGIT THREE}\r\n".encode(),
        b"*" + b"9" * 5_000 + b"\r\n",
        b"*2000000000\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$-5\r\n",
        b"*1\r\n:5\r\n",
        b"*1\r\n$4\r\nPINGxx",
        b'"an open quote\r\n',
        b"x" * 100_000,
        b"*1\r\n$" + b"1" * 100_000,
    ],
    ids=lambda data: repr(data[:30]),
)
def test_lost_framing_is_an_error_and_a_close(wire: Wire, other: Wire, data: bytes) -> None:
    wire.send_raw(data + b"\r\n*1\r\n$4\r\nPING\r\n")

    said = wire.rest()

    assert said.startswith(b"-ERR Protocol error: ")
    assert said.count(b"\r\n") == 1


def test_what_was_asked_before_framing_was_lost_is_answered(wire: Wire, other: Wire) -> None:
    wire.send(("JOB.CALL", "task", "", "QUEUE", "before-garbage"), ("PING",))
    wire.send_raw(b"*garbage\r\n" + b"more " * 10_000)
    (claimed,) = claim(other, "before-garbage")

    other.ask("JOB.COMPLETE", *claimed.token, "done")

    said = wire.rest()
    assert said.startswith(b"$4\r\ndone\r\n+PONG\r\n-ERR Protocol error: ")


@pytest.mark.parametrize("data", [b"*0\r\n", b"*-1\r\n", b"\r\n", b"\r\n\r\n*0\r\n"])
def test_empty_requests_are_passed_over(wire: Wire, data: bytes) -> None:
    wire.send_raw(data)

    assert wire.ask("PING") == "PONG"


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 80\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"Host: localhost\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    ],
    ids=["post", "get", "host", "tls"],
)
def test_http_and_tls_are_cut_without_an_answer_and_carry_nothing_out(
    wire: Wire, other: Wire, data: bytes
) -> None:
    wire.send_raw(data + b"JOB.SUBMIT task payload QUEUE smuggled\r\n" * 3)

    assert wire.rest() == b""
    assert other.error("QUEUE.SHOW", "smuggled").code == "NOQUEUE"


def test_cross_protocol_hellos_are_logged_once_a_minute(server: ServerProcess) -> None:
    for _ in range(3):
        with Wire(server) as wire:
            wire.send_raw(b"GET / HTTP/1.1\r\n\r\n")
            assert wire.rest() == b""

    logged = [event for event in events(server) if "HTTP or TLS" in str(event["event"])]
    assert len(logged) == 1


def test_a_request_byte_by_byte_is_a_request(wire: Wire) -> None:
    for byte in b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n":
        wire.send_raw(bytes([byte]))

    assert wire.reply() == b"hello"


# --- clients that go away ------------------------------------------------------------------------


def test_a_client_that_disconnects_with_1000_calls_in_flight_leaves_nothing_behind(
    server: ServerProcess, wire: Wire, other: Wire
) -> None:
    wire.ask("CLIENT", "SETNAME", "quitter")
    wire.send(*[("JOB.CALL", "task", "", "QUEUE", "left")] * 1_000)
    until(lambda: info(other)["blocked_clients"] == "1000", "all calls are parked")
    wire.socket.close()

    until(lambda: "quitter" not in clients(other), "the client is forgotten")
    until(lambda: info(other)["blocked_clients"] == "0", "its calls are forgotten")

    said, page = info(other), metrics(server)
    assert (said["blocked_clients"], said["replies_pending"]) == ("0", "0")
    assert (page["penstock_waiters"], page["penstock_replies_pending"]) == (0, 0)
    claims = claim(other, "left", count=1_000)
    assert len(claims) == 1_000  # The jobs go on without those who called them.
    other.send(*[("JOB.COMPLETE", *claimed.token) for claimed in claims])
    assert other.replies(1_000) == [OK] * 1_000


def test_a_client_that_resets_its_connection_is_forgotten_at_once(wire: Wire, other: Wire) -> None:
    wire.ask("CLIENT", "SETNAME", "resetter")
    wire.send(*[("JOB.CALL", "task", "", "QUEUE", "reset")] * 10)
    until(lambda: int(info(other)["blocked_clients"]) == 10, "all calls are parked")
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.socket.close()

    until(lambda: "resetter" not in clients(other), "the client is forgotten")

    until(lambda: info(other)["blocked_clients"] == "0", "its calls are forgotten")


def test_ten_requests_before_a_half_close_get_ten_replies_and_an_end(wire: Wire) -> None:
    wire.send(*[("JOB.SUBMIT", "task", "", "QUEUE", "half")] * 9, ("ECHO", "last"))
    wire.finish_sending()

    *ids, last = wire.replies(10)

    first = ids[0]
    assert isinstance(first, int)
    assert ids == list(range(first, first + 9))
    assert last == b"last"
    assert wire.rest() == b""


def test_a_call_before_a_half_close_gets_its_result(wire: Wire, other: Wire) -> None:
    wire.send(("JOB.CALL", "task", "", "QUEUE", "half-call"))
    wire.finish_sending()
    (claimed,) = claim(other, "half-call")

    other.ask("JOB.COMPLETE", *claimed.token, "done")

    assert wire.reply() == b"done"
    assert wire.rest() == b""


def test_after_quit_nothing_is_carried_out(wire: Wire, other: Wire) -> None:
    wire.send(("PING",), ("QUIT",), ("JOB.SUBMIT", "task", "", "QUEUE", "after-quit"))

    assert wire.rest() == b"+PONG\r\n+OK\r\n"
    assert other.error("QUEUE.SHOW", "after-quit").code == "NOQUEUE"


# --- clients that do not read --------------------------------------------------------------------


@pytest.fixture
def unread(server: ServerProcess) -> Iterator[Wire]:
    """A connection that nobody reads from, and the kernel keeps little of."""
    with Wire(server, buffer_bytes=4 * KIB) as connected:
        connected.ask("CLIENT", "SETNAME", "unread")
        yield connected


def test_a_client_that_never_reads_a_million_pings_costs_no_memory(
    server: ServerProcess, unread: Wire, other: Wire
) -> None:
    rss_bytes = server.rss_bytes()
    pings = encode_command(["PING"]) * 10_000

    taken_bytes = _send_until_stuck(unread, pings, 100)

    assert taken_bytes < 100 * len(pings)  # It is no longer read: it is the client that waits.
    assert server.rss_bytes() - rss_bytes < 16 * MIB
    assert other.ask("PING") == "PONG"


def test_many_small_requests_with_large_replies_do_not_pile_up(
    server: ServerProcess, unread: Wire, other: Wire
) -> None:
    """A COMMAND DOCS of a few bytes is answered with tens of thousands."""
    rss_bytes = server.rss_bytes()

    _send_until_stuck(unread, b"COMMAND DOCS\r\n" * 4_000, 10)

    assert server.rss_bytes() - rss_bytes < 64 * MIB
    assert other.ask("PING") == "PONG"


@pytest.mark.parametrize("first", [0, 1], ids=["unread", "behind-a-call"])
def test_a_client_whose_replies_pile_up_is_cut(
    server: ServerProcess, unread: Wire, other: Wire, first: int
) -> None:
    """Its results are left unread, or wait behind a call that has none: more than allowed."""
    rss_bytes = server.rss_bytes()
    unread.send(*[("JOB.CALL", "task", "", "QUEUE", f"glut-{first}")] * CALLS)
    claims: list[Claimed] = []
    while len(claims) < CALLS:
        claims += claim(other, f"glut-{first}", count=1_000)
    finished = claims[first:]
    other.send(*[("JOB.COMPLETE", *one.token, b"x" * LIMIT) for one in finished])

    assert other.replies(len(finished)) == [OK] * len(finished)
    until(lambda: "unread" not in clients(other), "the client is cut")
    assert server.rss_bytes() - rss_bytes < 64 * MIB


def _send_until_stuck(wire: Wire, data: bytes, times: int) -> int:
    """Send without reading until nobody takes it any more; return how much was taken."""
    sent = 0
    wire.socket.settimeout(STUCK_SECONDS)
    try:
        for _ in range(times):
            rest = memoryview(data)
            while rest:
                count = wire.socket.send(rest)
                sent += count
                rest = rest[count:]
    except (TimeoutError, ConnectionError):
        pass
    return sent
