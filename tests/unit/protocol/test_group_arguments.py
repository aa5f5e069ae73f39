"""The arguments of the commands about groups as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.group_arguments import (
    ConfirmArguments,
    ConsumerArguments,
    GroupArguments,
    GroupPositionArguments,
    GroupTrimArguments,
    HandledArguments,
    XackArguments,
)
from penstock.protocol.values import INTEGER_MAX
from tests.unit.protocol.readers import read

WEEK_MS = 7 * 24 * 3_600_000


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XGROUP CREATE s g $", GroupPositionArguments("s", "g", None)),
        ("XGROUP CREATE s g 0", GroupPositionArguments("s", "g", (0, 0))),
        (
            "xgroup create s g 5-1 mkstream entriesread 7",
            GroupPositionArguments("s", "g", (5, 1), 7, makes_stream=True),
        ),
        (
            "XGROUP CREATE s g 0 ENTRIESREAD -1 MKSTREAM",
            GroupPositionArguments("s", "g", (0, 0), None, makes_stream=True),
        ),
        (
            "XGROUP CREATE s g 0 MKSTREAM MKSTREAM",
            GroupPositionArguments("s", "g", (0, 0), makes_stream=True),
        ),
        ("XGROUP SETID s g 5-1", GroupPositionArguments("s", "g", (5, 1))),
        ("XGROUP SETID s g $ ENTRIESREAD 7", GroupPositionArguments("s", "g", None, 7)),
        ("XGROUP SETID s g -", GroupPositionArguments("s", "g", (0, 0))),
        ("XGROUP SETID s g +", GroupPositionArguments("s", "g", (INTEGER_MAX, INTEGER_MAX))),
        ("XGROUP DESTROY s g", GroupArguments("s", "g")),
        ("XGROUP CREATECONSUMER s g c", ConsumerArguments("s", "g", "c")),
        ("XGROUP DELCONSUMER s g c", ConsumerArguments("s", "g", "c")),
        ("XGROUP TRIM s g allow", GroupTrimArguments("s", "g", is_lossy=True)),
        ("XGROUP TRIM s g KEEP", GroupTrimArguments("s", "g", is_lossy=False)),
    ],
)
def test_what_becomes_of_a_group_is_read(line: str, value: object) -> None:
    assert read(line) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XACK s g 5-1 6", XackArguments("s", "g", ((5, 1), (6, 0)))),
        ("EVENT.HANDLED s g order-7", HandledArguments("s", "g", "order-7")),
        ("EVENT.CONFIRM s g order-7", ConfirmArguments("s", "g", "order-7", WEEK_MS)),
        ("EVENT.CONFIRM s g k ack 5", ConfirmArguments("s", "g", "k", WEEK_MS, (5, 0))),
        ("EVENT.CONFIRM s g k ACK 5-1 keep 9", ConfirmArguments("s", "g", "k", 9, (5, 1))),
    ],
)
def test_what_a_group_has_done_is_read(line: str, value: object) -> None:
    assert read(line) == value
