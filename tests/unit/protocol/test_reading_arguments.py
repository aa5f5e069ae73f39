"""The arguments of XREAD and XREADGROUP as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.reading_arguments import XreadArguments, XreadgroupArguments
from penstock.protocol.values import INTEGER_MAX
from tests.unit.protocol.readers import read


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XREAD STREAMS s 0", XreadArguments((("s", (0, 0)),))),
        ("XREAD STREAMS s $", XreadArguments((("s", None),))),
        ("XREAD streams a b 5-1 $", XreadArguments((("a", (5, 1)), ("b", None)))),
        ("XREAD STREAMS s s 0 5", XreadArguments((("s", (0, 0)), ("s", (5, 0))))),
        ("XREAD STREAMS streams 5", XreadArguments((("streams", (5, 0)),))),
        ("XREAD count 5 block 0 STREAMS s 0", XreadArguments((("s", (0, 0)),), 5, 0)),
        ("XREAD BLOCK 1000 STREAMS s 0", XreadArguments((("s", (0, 0)),), None, 1000)),
        ("XREAD COUNT 5 COUNT 6 STREAMS s 0", XreadArguments((("s", (0, 0)),), 6)),
        ("XREAD COUNT 0 STREAMS s 0", XreadArguments((("s", (0, 0)),))),
        ("XREAD COUNT -1 STREAMS s 0", XreadArguments((("s", (0, 0)),))),
        (
            "XREAD STREAMS s 18446744073709551615-1",
            XreadArguments((("s", (INTEGER_MAX, INTEGER_MAX)),)),
        ),
    ],
)
def test_a_read_of_streams_is_read(line: str, value: XreadArguments) -> None:
    assert read(line) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (
            "XREADGROUP GROUP g c STREAMS s >",
            XreadgroupArguments("g", "c", (("s", None),)),
        ),
        (
            "xreadgroup noack count 5 block 7 group g c streams a b > 5-1",
            XreadgroupArguments("g", "c", (("a", None), ("b", (5, 1))), 5, 7, acknowledged=True),
        ),
        (
            "XREADGROUP GROUP g c GROUP h d STREAMS s 0",
            XreadgroupArguments("h", "d", (("s", (0, 0)),)),
        ),
        (
            "XREADGROUP GROUP streams streams STREAMS s >",
            XreadgroupArguments("streams", "streams", (("s", None),)),
        ),
    ],
)
def test_a_read_of_a_group_is_read(line: str, value: XreadgroupArguments) -> None:
    assert read(line) == value
