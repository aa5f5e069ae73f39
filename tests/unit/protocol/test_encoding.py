"""Requests as a client sends them."""

import pytest

from penstock.protocol.encoding import encode_command


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (["PING"], b"*1\r\n$4\r\nPING\r\n"),
        ([b"ECHO", b"\x00\r\n"], b"*2\r\n$4\r\nECHO\r\n$3\r\n\x00\r\n\r\n"),
        (["ECHO", "é"], b"*2\r\n$4\r\nECHO\r\n$2\r\n\xc3\xa9\r\n"),
        (["X", 0, -12], b"*3\r\n$1\r\nX\r\n$1\r\n0\r\n$3\r\n-12\r\n"),
        (["ECHO", ""], b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"),
    ],
)
def test_a_command_is_an_array_of_bulk_strings(
    arguments: list[bytes | str | int], sent: bytes
) -> None:
    assert encode_command(arguments) == sent


def test_a_truth_value_is_not_a_number() -> None:
    with pytest.raises(AssertionError):
        encode_command(["X", True])
