"""A schedule: what is refused, how it begins, and what is kept of it."""

import msgspec
import pytest
from msgspec.structs import replace

from penstock.config.limits import CRON_JITTER_MS_MAX, CRON_MISSED_MAX
from penstock.jobs.cron.schedule import (
    Missed,
    Overlap,
    Progress,
    Schedule,
    begin,
    check_schedule,
    decode_schedule,
    encode_schedule,
    is_ahead,
)
from penstock.jobs.cron.zones import zone_named
from penstock.jobs.errors import Invalid
from penstock.jobs.job_options import JobOptions
from penstock.jobs.model import Instant, JobId, QueueName
from penstock.jobs.policy import RetryWish
from tests.unit.jobs.cron.plans import DAY, MINUTE, NOON, a_schedule, set_at


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (a_schedule(missed_max=0), "MISSED-MAX must be from 1 to"),
        (a_schedule(missed_max=CRON_MISSED_MAX + 1), "MISSED-MAX"),
        (a_schedule(jitter_ms=-1), "JITTER"),
        (a_schedule(jitter_ms=CRON_JITTER_MS_MAX + 1), "JITTER"),
        (a_schedule(jitter_ms=5, options=JobOptions(deadline_ms=5)), "DEADLINE 5 may end before"),
    ],
)
def test_what_cannot_be_is_refused(schedule: Schedule, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        check_schedule(schedule, NOON)


def test_an_expression_that_names_no_time_is_refused() -> None:
    with pytest.raises(Invalid, match="names no time that ever comes"):
        check_schedule(a_schedule("0 0 */30 2 MON#5"), NOON)


def test_a_schedule_begins_with_the_next_time() -> None:
    assert set_at(a_schedule(), NOON + 1) == Progress(Instant(NOON + 1), Instant(NOON + MINUTE))


def test_a_schedule_that_is_set_again_keeps_what_was_decided() -> None:
    before = Progress(
        Instant(NOON + 5 * MINUTE), None, NOON, JobId(7), 3, 2, last_error="was refused"
    )

    again = begin(a_schedule(), NOON, before)

    assert again == replace(before, next_at=NOON + 6 * MINUTE, last_error=None)


def test_a_schedule_that_is_far_ahead_of_the_clock_begins_anew() -> None:
    near, far = Progress(Instant(NOON + DAY), None), Progress(Instant(NOON + DAY + 1), None)

    assert not is_ahead(near, NOON)
    assert is_ahead(far, NOON)
    assert begin(a_schedule(), NOON, far).next_at == NOON + MINUTE


def test_what_is_kept_is_read_again() -> None:
    options = JobOptions(
        QueueName("q"), priority=1, group="g", retry=RetryWish(delays_ms=(1, 2)), keep_ms=5
    )
    schedule = a_schedule(
        "0 30 2 * * *",
        zone=zone_named("Europe/Berlin"),
        payload=b"\xff\x00",
        options=options,
        missed=Missed.ALL,
        missed_max=5,
        jitter_ms=7,
        overlap=Overlap.WAIT,
    )
    progress = Progress(NOON, None, NOON, JobId(7), 1, 2, "text")

    assert decode_schedule("tick", encode_schedule(schedule, progress)) == (schedule, progress)


def test_what_a_newer_version_wrote_is_not_guessed_at() -> None:
    newer = msgspec.json.encode({"version": 2, "when": "noon"})

    with pytest.raises(ValueError, match="schedule tick was written by a newer version"):
        decode_schedule("tick", newer)
