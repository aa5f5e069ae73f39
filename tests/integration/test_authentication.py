"""Who has not given the password gets nothing done, holds little and does not stay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.loadtest.processes import ServerProcess
from tests.integration.server_process import a_server
from tests.integration.wire import OK, Wire, as_error, fields, info

pytestmark = pytest.mark.integration

PASSWORD = "correct horse"
WRONG = "invalid username-password pair or user is disabled."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(
        tmp_path_factory.mktemp("authentication"),
        *("--workers", "1", "--app", "examples.basics"),
        password=PASSWORD,
    ) as running:
        yield running
        log = running.log.read_text()
        assert PASSWORD not in log
        assert "Traceback" not in log


@pytest.fixture
def stranger(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        yield wire
        wire.socket.close()


@pytest.fixture
def friend(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        assert wire.ask("AUTH", PASSWORD) == OK
        yield wire


@pytest.mark.parametrize(
    "words",
    [
        ("PING",),
        ("INFO",),
        ("JOB.SUBMIT", "echo", "1", "QUEUE", "strangers"),
        ("JOB.CALL", "echo", "1", "QUEUE", "strangers"),
        ("JOB.CLAIM", "default"),
        ("CLIENT", "LIST"),
        ("MULTI",),
        ("HELLO", "3"),
    ],
    ids=lambda words: words[0],
)
def test_a_stranger_is_asked_for_the_password(
    stranger: Wire, friend: Wire, words: tuple[str, ...]
) -> None:
    assert stranger.error(*words).code == "NOAUTH"
    assert friend.error("QUEUE.SHOW", "strangers").code == "NOQUEUE"


@pytest.mark.parametrize(
    "words",
    [
        ("AUTH", "wrong"),
        ("AUTH", "default", "wrong"),
        ("AUTH", "nobody", PASSWORD),
        ("AUTH", ""),
        ("HELLO", "3", "AUTH", "default", "wrong"),
        ("HELLO", "3", "AUTH", "nobody", PASSWORD),
    ],
)
def test_a_wrong_user_and_a_wrong_password_are_told_the_same(
    stranger: Wire, words: tuple[str, ...]
) -> None:
    refused = stranger.error(*words)

    assert (refused.code, refused.text) == ("WRONGPASS", WRONG)
    assert stranger.error("PING").code == "NOAUTH"


@pytest.mark.parametrize(
    "words", [("AUTH", PASSWORD), ("AUTH", "default", PASSWORD)], ids=["password", "user"]
)
def test_the_password_lets_in(stranger: Wire, words: tuple[str, ...]) -> None:
    assert stranger.ask(*words) == OK
    assert stranger.ask("JOB.CALL", "add", "[2,3]") == b"5"


def test_hello_with_the_password_lets_in(stranger: Wire) -> None:
    greeting = fields(stranger.ask("HELLO", 3, "AUTH", "default", PASSWORD, "SETNAME", "me"))

    assert greeting["proto"] == 3
    assert stranger.ask("CLIENT", "GETNAME") == b"me"


def test_a_password_and_commands_in_one_write_are_taken_in_their_order(stranger: Wire) -> None:
    stranger.send(("PING",), ("AUTH", PASSWORD), ("PING",))

    early, *replies = stranger.replies(3)

    assert as_error(early).code == "NOAUTH"
    assert replies == [OK, "PONG"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"*1000000000\r\n", b"unauthenticated multibulk length"),
        (b"*11\r\n", b"unauthenticated multibulk length"),
        (b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", b"unauthenticated bulk length"),
    ],
)
def test_a_stranger_may_not_send_much(stranger: Wire, data: bytes, said: bytes) -> None:
    stranger.send_raw(data)

    assert stranger.rest() == b"-ERR Protocol error: " + said + b"\r\n"


def test_a_request_larger_than_strangers_may_send_is_fine_after_the_password(
    friend: Wire,
) -> None:
    text = "x" * 100_000

    assert friend.ask("ECHO", text) == text.encode()


def test_who_does_not_give_the_password_in_time_is_cut(stranger: Wire, friend: Wire) -> None:
    """The deadline is five seconds; the friend, who is as old, stays."""
    stranger.ask("PING")

    said = stranger.rest()

    assert said == b"-NOAUTH no password was given within 5 s\r\n"
    assert friend.ask("RESET") == "RESET"
    assert friend.error("PING").code == "NOAUTH"
    assert friend.ask("AUTH", PASSWORD) == OK


def test_one_connection_too_many_is_told_so_and_the_others_are_served(tmp_path: Path) -> None:
    """The worker's own connection takes no client's place."""
    with (
        a_server(
            tmp_path, "--workers", "1", "--app", "examples.basics", connections_max=2
        ) as server,
        Wire(server) as first,
        Wire(server) as second,
    ):
        assert second.ask("JOB.CALL", "add", "[2,3]") == b"5"
        with Wire(server) as third:
            assert third.rest() == b"-ERR max number of clients reached\r\n"
        assert info(first)["rejected_connections"] == "1"
        first.send(("QUIT",))
        assert first.rest() == b"+OK\r\n"
        with Wire(server) as next_one:
            assert next_one.ask("PING") == "PONG"
