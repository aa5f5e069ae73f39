"""The arguments of the commands about schedules as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.cron_arguments import CronNextArguments, CronSetArguments
from penstock.protocol.submit_arguments import SubmitArguments, WishArguments
from tests.unit.protocol.readers import read

JOB = SubmitArguments("task", b"[]")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('CRON.SET n "0 3 * * *" task []', CronSetArguments("n", "0 3 * * *", JOB)),
        ("CRON.SET n @daily task []", CronSetArguments("n", "@daily", JOB)),
        (
            "CRON.SET n @daily tz Europe/Vienna task []",
            CronSetArguments("n", "@daily", JOB, "Europe/Vienna"),
        ),
        (
            "CRON.SET n @daily task [] missed ALL missed-max 5 jitter 7 overlap wait",
            CronSetArguments("n", "@daily", JOB, "UTC", "all", 5, 7, "wait"),
        ),
        (
            "CRON.SET n @daily task [] QUEUE q TENANT acme OVERLAP skip",
            CronSetArguments(
                "n",
                "@daily",
                SubmitArguments("task", b"[]", "q", wishes=WishArguments("acme")),
                overlap="skip",
            ),
        ),
    ],
)
def test_a_schedule_is_read(line: str, value: CronSetArguments) -> None:
    assert read(line) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("CRON.SHOW n", "n"),
        ("CRON.DEL n", "n"),
        ("CRON.NEXT n", CronNextArguments("n", 10)),
        ("CRON.NEXT n count 1000", CronNextArguments("n", 1000)),
    ],
)
def test_commands_about_a_schedule_are_read(line: str, value: object) -> None:
    assert read(line) == value
