"""Cron expressions: what is refused, when runs are due, and what happens when clocks are set."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from penstock.config.limits import CRON_EXPRESSION_BYTES_MAX
from penstock.jobs.cron.expression import Expression
from penstock.jobs.cron.zones import zone_named
from penstock.jobs.errors import Invalid
from penstock.jobs.model import Instant

BERLIN: Final = "Europe/Berlin"
NEW_YORK: Final = "America/New_York"
FIXED: Final = "30 2 * * *"
REPEATED: Final = "*/15 * * * *"

# The last time before each change of a clock that is looked at below, in UTC.
BERLIN_FORWARD: Final = "2026-03-29T00:45"
BERLIN_BACK: Final = "2026-10-24T23:45"
NEW_YORK_FORWARD: Final = "2026-03-08T06:45"
NEW_YORK_BACK: Final = "2026-11-01T04:45"


def instant(utc: str) -> Instant:
    return Instant(int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp() * 1_000))


def written(at: Instant, zone: str) -> str:
    return datetime.fromtimestamp(at / 1_000, ZoneInfo(zone)).isoformat()


def times(expression: str, zone: str, utc: str, count: int) -> list[str]:
    """Return the next times as wall clocks show them."""
    after = Expression(expression).after(instant(utc), zone_named(zone))
    return [written(at, zone)[5:] for at in islice(after, count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", "2026-01-31T10:31:00"),
        ("*/20 * * * *", "2026-01-31T10:40:00"),
        ("15,45 8-10 * * MON-FRI", "2026-02-02T08:15:00"),
        ("*/10 * * * * *", "2026-01-31T10:30:10"),
        ("0 0 L * *", "2026-02-28T00:00:00"),
        ("0 0 * * MON#1", "2026-02-02T00:00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00"),
        ("@hourly", "2026-01-31T11:00:00"),
        (" @Daily ", "2026-02-01T00:00:00"),
        ("@midnight", "2026-02-01T00:00:00"),
        ("@weekly", "2026-02-01T00:00:00"),
        ("@monthly", "2026-02-01T00:00:00"),
        ("@yearly", "2027-01-01T00:00:00"),
        ("@annually", "2027-01-01T00:00:00"),
    ],
)
def test_the_next_time_is_what_the_fields_name(expression: str, expected: str) -> None:
    found = Expression(expression).next_after(instant("2026-01-31T10:30"), zone_named("UTC"))

    assert found == instant(expected)


def test_a_time_is_not_its_own_next_one() -> None:
    expression, utc = Expression("* * * * *"), zone_named("UTC")
    at = instant("2026-01-31T10:30")

    assert expression.next_after(at, utc) == at + 60_000
    assert expression.next_after(Instant(at - 1), utc) == at
    assert next(expression.before(at, utc)) == at - 60_000
    assert next(expression.before(Instant(at + 1), utc)) == at


@pytest.mark.parametrize("expression", ["0 0 */30 2 MON#5", "* * */30 2 MON#5"])
def test_a_time_that_never_comes_is_not_waited_for(expression: str) -> None:
    """The fifth Monday of a February is its 29th day, and never its first."""
    never = Expression(expression)

    assert never.next_after(instant("2026-01-01T00:00"), zone_named(BERLIN)) is None
    assert list(never.before(instant("2026-01-01T00:00"), zone_named(BERLIN))) == []


def test_beyond_all_calendars_there_are_no_times() -> None:
    beyond = Instant(240_000_000_000_000)

    assert Expression(FIXED).next_after(beyond, zone_named(BERLIN)) is None
    assert list(Expression(FIXED).before(beyond, zone_named(BERLIN))) == []


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("61 * * * *", "the minute '61' is not in 0-59"),
        ("* 24 * * *", "the hour '24' is not in 0-23"),
        ("0 0 32 1 *", "the day of month '32' is not in 1-31"),
        ("0 0 * 13 *", "the month '13' is not in 1-12"),
        ("0 0 * * FOO", "the day of week 'FOO' is not in 0-7"),
        ("60 * * * * *", "the second '60' is not in 0-59"),
        ("0 5-2 * * *", "the hour '5-2'"),
        ("*/0 * * * *", "the minute '\\*/0'"),
        ("0 0 31 4 *", "the day of month '31' comes in none of the months '4'"),
        ("* * * *", "has 4 fields"),
        ("* * * * * * *", "has 7 fields"),
        ("", "has 0 fields"),
        ("@reboot", "'@reboot' is not known; there are @hourly"),
        ("* * * * é", "ASCII"),
        ("*" * (CRON_EXPRESSION_BYTES_MAX + 1), "255"),
    ],
)
def test_a_bad_expression_is_refused_by_its_field(expression: str, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        Expression(expression)


@given(st.text("0123456789*/,-LW#MON @", max_size=20))
def test_an_expression_is_refused_or_has_times(source: str) -> None:
    try:
        expression = Expression(source)
    except Invalid:
        return

    at = expression.next_after(instant("2026-01-01T00:00"), zone_named(BERLIN))
    assert at is None or at > instant("2026-01-01T00:00")


def test_expressions_of_the_same_source_are_equal() -> None:
    assert Expression(FIXED) == Expression(FIXED)
    assert len({Expression(FIXED), Expression(REPEATED)}) == 2
    assert repr(Expression(FIXED)) == "Expression('30 2 * * *')"


# --- clocks that are set -------------------------------------------------------------------------


def test_a_fixed_time_that_is_left_out_runs_when_the_clock_was_set_forward() -> None:
    assert times(FIXED, BERLIN, BERLIN_FORWARD, 2) == [
        "03-29T03:00:00+02:00", "03-30T02:30:00+02:00",
    ]  # fmt: skip
    assert times(FIXED, NEW_YORK, NEW_YORK_FORWARD, 2) == [
        "03-08T03:00:00-04:00", "03-09T02:30:00-04:00",
    ]  # fmt: skip


def test_a_fixed_time_that_comes_twice_runs_the_first_time() -> None:
    assert times(FIXED, BERLIN, BERLIN_BACK, 2) == [
        "10-25T02:30:00+02:00", "10-26T02:30:00+01:00",
    ]  # fmt: skip
    assert times("30 1 * * *", NEW_YORK, NEW_YORK_BACK, 2) == [
        "11-01T01:30:00-04:00", "11-02T01:30:00-05:00",
    ]  # fmt: skip


def test_within_the_hour_that_comes_twice_all_fixed_times_are_past() -> None:
    within = instant("2026-10-25T01:10")  # 2:10 for the second time.

    last = next(Expression("45 2 * * *").before(within, zone_named(BERLIN)))

    assert written(last, BERLIN) == "2026-10-25T02:45:00+02:00"


def test_fixed_times_that_are_left_out_are_one_run() -> None:
    assert times("15,45 2 * * *", BERLIN, BERLIN_FORWARD, 2) == [
        "03-29T03:00:00+02:00", "03-30T02:15:00+02:00",
    ]  # fmt: skip


def test_six_fields_are_treated_as_five() -> None:
    for utc in (BERLIN_FORWARD, BERLIN_BACK):
        assert times("0 30 2 * * *", BERLIN, utc, 3) == times(FIXED, BERLIN, utc, 3)


def test_repeated_times_go_on_when_the_clock_is_set_forward() -> None:
    assert times(REPEATED, BERLIN, BERLIN_FORWARD, 2) == [
        "03-29T03:00:00+02:00", "03-29T03:15:00+02:00",
    ]  # fmt: skip
    assert times(REPEATED, NEW_YORK, NEW_YORK_FORWARD, 2) == [
        "03-08T03:00:00-04:00", "03-08T03:15:00-04:00",
    ]  # fmt: skip


def test_repeated_times_go_on_when_the_clock_is_set_back() -> None:
    berlin = times(REPEATED, BERLIN, BERLIN_BACK, 10)
    new_york = times(REPEATED, NEW_YORK, NEW_YORK_BACK, 10)

    assert berlin[0] == "10-25T02:00:00+02:00"
    assert berlin[3:6] == ["10-25T02:45:00+02:00", "10-25T02:00:00+01:00", "10-25T02:15:00+01:00"]
    assert berlin[8] == "10-25T03:00:00+01:00"
    assert new_york[2:5] == [
        "11-01T01:30:00-04:00", "11-01T01:45:00-04:00", "11-01T01:00:00-05:00",
    ]  # fmt: skip


def test_an_hour_that_is_left_out_has_no_repeated_times() -> None:
    assert times("30 */2 * * *", BERLIN, BERLIN_FORWARD, 1) == ["03-29T04:30:00+02:00"]
    assert times("30 */2 * * *", BERLIN, BERLIN_BACK, 2) == [
        "10-25T02:30:00+02:00", "10-25T02:30:00+01:00",
    ]  # fmt: skip


def test_times_far_ahead_are_found_without_looking_at_every_change() -> None:
    assert times("* * * 2 MON#5", BERLIN, "2026-01-01T00:00", 2) == [
        "02-29T00:00:00+01:00", "02-29T00:01:00+01:00",
    ]  # fmt: skip


# --- against the minutes themselves --------------------------------------------------------------

# Around changes of clocks: by an hour, by half an hour, at midnight, by a quarter past, and none.
CHANGES: Final = [
    (BERLIN, "2026-03-29T01:00"),
    (BERLIN, "2026-10-25T01:00"),
    (NEW_YORK, "2026-03-08T07:00"),
    (NEW_YORK, "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Pacific/Chatham", "2026-09-26T14:00"),
    ("Africa/Cairo", "2026-04-23T22:00"),
    ("Africa/Cairo", "2026-10-29T21:00"),
    ("Asia/Kathmandu", "2026-05-05T12:00"),
]
FIELDS: Final = st.tuples(
    st.sampled_from(["*", "*/7", "0", "30", "15,45", "0-59/20", "59"]),
    st.sampled_from(["*", "*/2", "0", "1", "2", "1-3", "23", "0,2", "3"]),
    st.sampled_from(["*", "*", "1-15", "L"]),
    st.sampled_from(["*"]),
    st.sampled_from(["*", "*", "SUN"]),
).map(" ".join)
MINUTE: Final = timedelta(minutes=1)
LOOK_BACK: Final = 3 * 3_600_000
WALK_MS: Final = 40 * 3_600_000


def by_minutes(expression: str, zone: str, start: Instant, end: Instant) -> list[Instant]:
    """Look at every minute: at what the clock shows, or at what it came to show for the first time.

    The latter is what fixed times go by; a clock that is set forward comes to show many at once.
    """
    minute, hour = expression.split()[:2]
    fields = CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    is_fixed = not minute.startswith("*") and not hour.startswith("*")

    def fits(wall: datetime) -> bool:
        return (wall.minute in fields.minutes and wall.hour in fields.hours) and fields.match_day(
            wall.date()
        )

    found = []
    latest = shown_at(Instant(start - LOOK_BACK), zone)
    for at in range(start - LOOK_BACK, end, 60_000):
        shown = shown_at(Instant(at), zone)
        if not is_fixed:
            new = [shown]
        else:
            new = [latest + MINUTE * n for n in range(1, (shown - latest) // MINUTE + 1)]
        latest = max(latest, shown)
        if at > start and any(map(fits, new)):
            found.append(Instant(at))
    return found


def shown_at(at: Instant, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1_000, ZoneInfo(zone)).replace(tzinfo=None)


@given(FIELDS, st.sampled_from(CHANGES), st.integers(-30 * 60, 30 * 60))
def test_times_are_those_that_a_search_of_every_minute_finds(
    expression: str, change: tuple[str, str], offset_minutes: int
) -> None:
    zone, utc = change
    start = Instant(instant(utc) + offset_minutes * 60_000)
    end = Instant(start + WALK_MS)
    expected = by_minutes(expression, zone, start, end)

    after = Expression(expression).after(start, zone_named(zone))
    before = Expression(expression).before(end, zone_named(zone))

    assert list(takewhile(lambda at: at < end, after)) == expected
    assert list(takewhile(lambda at: at > start, before)) == expected[::-1]


@given(
    FIELDS,
    st.sampled_from([BERLIN, NEW_YORK]),
    st.integers(0, 366 * 24 * 3_600).map(
        lambda s: Instant(instant("2026-01-01T00:00") + s * 1_000)
    ),
)
def test_in_zones_that_change_by_an_hour_times_are_debians(
    expression: str, zone: str, start: Instant
) -> None:
    ours = islice(Expression(expression).after(start, zone_named(zone)), 5)

    assert list(ours) == list(islice(debians(expression, zone, start), 5))


def debians(expression: str, zone: str, start: Instant) -> Iterator[Instant]:
    """Ask cronsim itself; it says the times again that came before the clock was set back."""
    now = datetime.fromtimestamp(start / 1_000, ZoneInfo(zone))
    last = start
    for time in CronSim(expression, now):
        at = Instant(int(time.timestamp()) * 1_000)
        if at > last:
            yield at
            last = at
