"""The arguments of the commands about one job as values."""

import pytest

from penstock.protocol.job_arguments import CancelArguments, WaitArguments
from tests.unit.protocol.readers import read


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.WAIT 7", WaitArguments(7, 3_600_000)),
        ("JOB.WAIT 7 WAIT 5", WaitArguments(7, 5)),
        ("JOB.CANCEL 7", CancelArguments(7)),
        (
            "JOB.CANCEL 7 reason 'not needed, after all'",
            CancelArguments(7, "not needed, after all"),
        ),
        ("JOB.SHOW 9223372036854775807", 2**63 - 1),
    ],
)
def test_commands_about_one_job_are_read(line: str, value: object) -> None:
    assert read(line) == value
