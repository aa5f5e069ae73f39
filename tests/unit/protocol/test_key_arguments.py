"""The arguments of the commands about keys as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.key_arguments import ScanArguments
from tests.unit.protocol.readers import read


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("TYPE s", "s"),
        ("EXISTS a b a", ("a", "b", "a")),
        ("DEL a", ("a",)),
        ("UNLINK a b", ("a", "b")),
        ("KEYS order.*", b"order.*"),
        ("SCAN 0", ScanArguments(0)),
        ("SCAN 18446744073709551615", ScanArguments(2**64 - 1)),
        (
            "scan 7 type STREAM count 100 match a*",
            ScanArguments(7, b"a*", 100, "stream"),
        ),
        ("SCAN 0 MATCH a MATCH b", ScanArguments(0, b"b")),
    ],
)
def test_keys_are_read(line: str, value: object) -> None:
    assert read(line) == value
