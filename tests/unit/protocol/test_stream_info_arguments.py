"""The arguments of XINFO as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.group_arguments import GroupArguments
from penstock.protocol.stream_info_arguments import StreamInfoArguments
from tests.unit.protocol.readers import read


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("XINFO STREAM s", StreamInfoArguments("s")),
        ("xinfo stream s full", StreamInfoArguments("s", is_full=True, events_max=10)),
        ("XINFO STREAM s FULL count 3", StreamInfoArguments("s", is_full=True, events_max=3)),
        ("XINFO STREAM s FULL COUNT 0", StreamInfoArguments("s", is_full=True, events_max=None)),
        ("XINFO STREAM s FULL COUNT -3", StreamInfoArguments("s", is_full=True, events_max=10)),
        ("XINFO GROUPS s", "s"),
        ("XINFO CONSUMERS s g", GroupArguments("s", "g")),
    ],
)
def test_what_is_described_is_read(line: str, value: object) -> None:
    assert read(line) == value
