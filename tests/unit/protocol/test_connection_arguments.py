"""The arguments of the commands about the connection as values."""

import pytest

from penstock.config import limits
from penstock.protocol.connection_arguments import (
    AuthArguments,
    HelloArguments,
    parse_auth,
    parse_hello,
    parse_select,
    read_client_name,
)
from penstock.protocol.errors import ArgumentError
from tests.unit.protocol.readers import words


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("HELLO", HelloArguments()),
        ("HELLO 2", HelloArguments(2)),
        ("hello 3", HelloArguments(3)),
        ("HELLO 3 AUTH default pw", HelloArguments(3, b"default", b"pw")),
        ("HELLO 3 setname n auth u p", HelloArguments(3, b"u", b"p", "n")),
        ("HELLO 3 SETNAME ''", HelloArguments(3, client_name="")),
    ],
)
def test_hello_is_read(line: str, value: HelloArguments) -> None:
    assert parse_hello(words(line)) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("AUTH pw", AuthArguments(None, b"pw")),
        ("AUTH default pw", AuthArguments(b"default", b"pw")),
    ],
)
def test_auth_is_read(line: str, value: AuthArguments) -> None:
    assert parse_auth(words(line)) == value


def test_select_is_read() -> None:
    assert parse_select(words("SELECT 15")) == 15


def test_a_client_name_is_read() -> None:
    assert read_client_name(b"worker-1") == "worker-1"


def test_a_client_name_has_a_longest_length() -> None:
    with pytest.raises(ArgumentError, match="Client names cannot contain"):
        read_client_name(b"x" * (limits.NAME_BYTES_MAX + 1))
