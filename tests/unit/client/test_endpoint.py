"""Where a server is, and the sockets that lead there."""

import socket
from pathlib import Path

import pytest

from penstock.client.endpoint import Endpoint, parse_endpoint, tune, why
from penstock.config.address import Address

READ = [
    ("127.0.0.1:7711", Endpoint(Address("127.0.0.1", 7711))),
    ("[::1]:7711", Endpoint(Address("::1", 7711))),
    ("unix:/run/penstock.sock", Endpoint(Path("/run/penstock.sock"))),
]


@pytest.mark.parametrize(("text", "endpoint"), READ)
def test_an_endpoint_is_read_and_written_alike(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("text", "said"), [("unix:", "lacks the path"), ("7711", "write 127.0.0.1:7711")]
)
def test_what_is_no_endpoint_is_explained(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_endpoint(text)


def test_a_tcp_socket_sends_at_once_and_notices_a_dead_peer() -> None:
    with socket.socket() as sock:
        tune(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_unix_socket_needs_no_tuning() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        tune(sock)


def test_an_error_without_words_gets_some() -> None:
    assert why(TimeoutError()) == "it did not answer in time"
    assert why(OSError(5, "I/O")) == "[Errno 5] I/O"
