from pathlib import Path

import pytest

from penstock.config.address import Address
from penstock.loadtest.errors import Usage
from penstock.loadtest.target import parse_target


@pytest.mark.parametrize("text", ["127.0.0.1:7711", "[::1]:7711", "localhost:1"])
def test_the_loopback_is_always_allowed(text: str) -> None:
    assert isinstance(parse_target(text).address, Address)


@pytest.mark.parametrize("text", ["10.0.0.1:7711", "example.org:7711", "0.0.0.0:1", "[::2]:1"])
def test_another_machine_must_be_allowed_explicitly(text: str) -> None:
    with pytest.raises(Usage, match="--allow-remote"):
        parse_target(text)

    assert str(parse_target(text, allow_remote=True)) == text


def test_a_unix_socket_is_a_path() -> None:
    assert parse_target("unix:/run/p.sock").address == Path("/run/p.sock")


@pytest.mark.parametrize("text", ["unix:", "7711", "host", "127.0.0.1:99999"])
def test_an_address_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        parse_target(text)


def test_the_password_is_never_shown() -> None:
    assert "secret" not in repr(parse_target("127.0.0.1:1", password="secret"))
