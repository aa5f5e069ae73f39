"""The arguments of the commands about pending events as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.pending_arguments import (
    PendingRangeArguments,
    XautoclaimArguments,
    XclaimArguments,
    XpendingArguments,
)
from penstock.protocol.values import INTEGER_MAX
from tests.unit.protocol.readers import read

FIRST, LAST = (0, 0), (INTEGER_MAX, INTEGER_MAX)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("XPENDING s g", None),
        ("XPENDING s g - + 10", PendingRangeArguments(FIRST, LAST, 10)),
        ("XPENDING s g (5 6-1 10 c", PendingRangeArguments((5, 1), (6, 1), 10, "c")),
        ("XPENDING s g idle 7 - + 10", PendingRangeArguments(FIRST, LAST, 10, None, 7)),
        ("XPENDING s g IDLE -7 - + -1 c", PendingRangeArguments(FIRST, LAST, 0, "c", 0)),
    ],
)
def test_which_pending_events_are_listed(line: str, wanted: PendingRangeArguments | None) -> None:
    assert read(line) == XpendingArguments("s", "g", wanted)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XCLAIM s g c 7 5-1", XclaimArguments("s", "g", "c", 7, ((5, 1),))),
        ("XCLAIM s g c -7 5 6", XclaimArguments("s", "g", "c", 0, ((5, 0), (6, 0)))),
        ("XCLAIM s g c 0 JUSTID", XclaimArguments("s", "g", "c", 0, (), just_id=True)),
        (
            "XCLAIM s g c 0 5 18446744073709551615",
            XclaimArguments("s", "g", "c", 0, ((5, 0),)),
        ),
        (
            "XCLAIM s g c 0 5 idle 8 retrycount 3 force justid lastid 9-1",
            XclaimArguments("s", "g", "c", 0, ((5, 0),), 8, None, 3, True, True, (9, 1)),
        ),
        ("XCLAIM s g c 0 5 TIME 8", XclaimArguments("s", "g", "c", 0, ((5, 0),), None, 8)),
        ("XCLAIM s g c 0 5 TIME 8 IDLE 9", XclaimArguments("s", "g", "c", 0, ((5, 0),), 9)),
        ("XCLAIM s g c 0 5 IDLE 9 TIME 8", XclaimArguments("s", "g", "c", 0, ((5, 0),), None, 8)),
        ("XCLAIM s g c 0 5 IDLE -9", XclaimArguments("s", "g", "c", 0, ((5, 0),), 0)),
        ("XCLAIM s g c 0 5 TIME -1", XclaimArguments("s", "g", "c", 0, ((5, 0),))),
        ("XCLAIM s g c 0 5 RETRYCOUNT -1", XclaimArguments("s", "g", "c", 0, ((5, 0),))),
        ("XCLAIM s g c 0 5 LASTID 0-0", XclaimArguments("s", "g", "c", 0, ((5, 0),))),
    ],
)
def test_what_is_claimed_is_read(line: str, value: XclaimArguments) -> None:
    assert read(line) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XAUTOCLAIM s g c 7 0", XautoclaimArguments("s", "g", "c", 7, (0, 0))),
        ("XAUTOCLAIM s g c -7 (5", XautoclaimArguments("s", "g", "c", 0, (5, 1))),
        ("XAUTOCLAIM s g c 0 -", XautoclaimArguments("s", "g", "c", 0, FIRST)),
        ("XAUTOCLAIM s g c 0 +", XautoclaimArguments("s", "g", "c", 0, LAST)),
        (
            "XAUTOCLAIM s g c 0 5 justid count 3",
            XautoclaimArguments("s", "g", "c", 0, (5, 0), 3, just_id=True),
        ),
    ],
)
def test_what_is_claimed_automatically_is_read(line: str, value: XautoclaimArguments) -> None:
    assert read(line) == value


def test_an_option_that_is_none_is_cut_in_the_refusal() -> None:
    with pytest.raises(Exception, match=r"^ERR Unrecognized XCLAIM option 'x{128}'$"):
        read(f"XCLAIM s g c 0 5 {'x' * 200}")
