"""The arguments of the commands about streams as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.stream_arguments import (
    PublishArguments,
    StreamSetArguments,
    TrimArguments,
    XaddArguments,
    XdelArguments,
    XrangeArguments,
    XsetidArguments,
    XtrimArguments,
)
from penstock.protocol.values import INTEGER_MAX
from tests.unit.protocol.readers import READERS, read

FIELDS = (b"f", b"v")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XADD s * f v", XaddArguments("s", FIELDS)),
        ("XADD s * f v g w", XaddArguments("s", (*FIELDS, b"g", b"w"))),
        ("XADD s 5-7 f v", XaddArguments("s", FIELDS, (5, 7))),
        ("XADD s 5 f v", XaddArguments("s", FIELDS, (5, 0))),
        ("XADD s 5-* f v", XaddArguments("s", FIELDS, 5)),
        ("XADD s 0-* f v", XaddArguments("s", FIELDS, 0)),
        ("XADD s nomkstream * f v", XaddArguments("s", FIELDS, makes_stream=False)),
        ("XADD s MAXLEN 5 * f v", XaddArguments("s", FIELDS, trim=TrimArguments(5))),
        ("XADD s maxlen = 0 5-7 f v", XaddArguments("s", FIELDS, (5, 7), TrimArguments(0))),
        (
            "XADD s MAXLEN ~ 5 NOMKSTREAM LIMIT 100 * f v",
            XaddArguments(
                "s",
                FIELDS,
                trim=TrimArguments(5, is_approximate=True, limit=100),
                makes_stream=False,
            ),
        ),
        (
            "XADD s LIMIT 0 MINID ~ 5 * f v",
            XaddArguments(
                "s", FIELDS, trim=TrimArguments(before=(5, 0), is_approximate=True, limit=0)
            ),
        ),
        (
            "XADD s MINID 18446744073709551615 * f v",
            XaddArguments("s", FIELDS, trim=TrimArguments(before=(INTEGER_MAX, INTEGER_MAX))),
        ),
    ],
)
def test_an_event_to_add_is_read(line: str, value: XaddArguments) -> None:
    assert read(line) == value


def test_fields_are_bytes_of_any_kind() -> None:
    fields = (b"\x00\xff", b"", b"*", b"\r\n")

    assert READERS["XADD"]([b"XADD", b"s", b"*", *fields]) == XaddArguments("s", fields)


def test_a_name_of_a_stream_is_text_of_any_language() -> None:
    assert read("XLEN Größe:1") == "Größe:1"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("EVENT.PUBLISH s k f v", PublishArguments("s", "k", FIELDS)),
        ("XDEL s 5 6-1 5", XdelArguments("s", ((5, 0), (6, 1), (5, 0)))),
        ("XTRIM s MAXLEN 5", XtrimArguments("s", TrimArguments(5))),
        (
            "XTRIM s LIMIT 10 minid ~ 5-1",
            XtrimArguments("s", TrimArguments(None, (5, 1), is_approximate=True, limit=10)),
        ),
        ("XSETID s 5-1", XsetidArguments("s", (5, 1))),
        ("XSETID s 5-1 entriesadded 7", XsetidArguments("s", (5, 1), 7)),
        (
            "XSETID s 5-1 MAXDELETEDID 5-1 ENTRIESADDED 0",
            XsetidArguments("s", (5, 1), 0, (5, 1)),
        ),
        ("STREAM.SET s", StreamSetArguments("s", {})),
        ("STREAM.SET s MAXLEN 5", StreamSetArguments("s", {"length_max": 5})),
        (
            "STREAM.SET s maxage 1000 maxlen NONE",
            StreamSetArguments("s", {"age_ms_max": 1000, "length_max": None}),
        ),
    ],
)
def test_commands_that_change_a_stream_are_read(line: str, value: object) -> None:
    assert read(line) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XRANGE s - +", XrangeArguments("s", (0, 0), (INTEGER_MAX, INTEGER_MAX))),
        ("XRANGE s 5 6", XrangeArguments("s", (5, 0), (6, INTEGER_MAX))),
        ("XRANGE s (5-1 (6-1", XrangeArguments("s", (5, 2), (6, 0))),
        ("XREVRANGE s 6 5", XrangeArguments("s", (5, 0), (6, INTEGER_MAX))),
        ("XREVRANGE s (6-1 (5-1", XrangeArguments("s", (5, 2), (6, 0))),
        ("XRANGE s 5-1 5-1 COUNT 7", XrangeArguments("s", (5, 1), (5, 1), 7)),
        ("XRANGE s 5-1 5-1 COUNT 7 count 8", XrangeArguments("s", (5, 1), (5, 1), 8)),
        ("XRANGE s 5-1 5-1 COUNT 0", XrangeArguments("s", (5, 1), (5, 1), 0)),
        ("XRANGE s 5-1 5-1 COUNT -7", XrangeArguments("s", (5, 1), (5, 1), 0)),
    ],
)
def test_a_range_goes_from_the_smaller_id_to_the_larger(line: str, value: XrangeArguments) -> None:
    assert read(line) == value
