"""Time zones: which there are, what the clock shows, and when it is set."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from penstock.jobs.cron.zones import instant_of, wall_of, zone_named
from penstock.jobs.errors import Invalid

FORWARD = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp())
BACK = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_wall_clock_is_ahead_by_the_offset_of_the_season() -> None:
    berlin = zone_named("Europe/Berlin")

    assert berlin.offset(FORWARD - 1) == 3_600
    assert berlin.offset(FORWARD) == 7_200
    assert wall_of(FORWARD, 7_200) == wall("2026-03-29T03:00")
    assert instant_of(wall("2026-03-29T03:00"), 7_200) == FORWARD


def test_a_wall_time_may_be_shown_once_or_twice_or_never() -> None:
    berlin = zone_named("Europe/Berlin")

    assert berlin.offsets(wall("2026-06-01T12:00")) == (7_200, 7_200)
    assert berlin.offsets(wall("2026-10-25T02:30")) == (7_200, 3_600)
    assert berlin.offsets(wall("2026-03-29T02:30")) == (3_600, 7_200)


def test_a_change_is_found_to_the_second() -> None:
    berlin = zone_named("Europe/Berlin")

    assert berlin.change_between(BACK - 86_000, BACK + 50_000, 7_200) == BACK
    assert berlin.change_between(BACK - 1, BACK, 7_200) == BACK
    assert berlin.change_between(BACK - 10, BACK - 1, 7_200) is None


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", "ä", "right/UTC",
     "posix/UTC", "localtime", "posixrules", "Factory", "x" * 1_000],
)  # fmt: skip
def test_what_is_no_zone_everywhere_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="is not a time zone"):
        zone_named(name)


def test_zones_are_there_where_the_system_has_none() -> None:
    code = (
        "from penstock.jobs.cron.zones import zone_named; print(zone_named('Asia/Tokyo').offset(0))"
    )

    shown = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONTZPATH": ""},
        capture_output=True,
        check=True,
        text=True,
    )

    assert shown.stdout == "32400\n"
