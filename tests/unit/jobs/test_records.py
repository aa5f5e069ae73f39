"""A job's next record."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, State
from penstock.jobs.records import with_claim, with_due, with_failure, with_release, with_result
from tests.unit.jobs.desk import NOW
from tests.unit.jobs.jobs import LATER, a_job

READY = a_job(1)
CLAIMED = with_claim(READY, NOW)
SCHEDULED = replace(READY, state=State.SCHEDULED, due_at=LATER)


def test_a_claim_is_the_next_attempt() -> None:
    assert with_claim(READY, NOW) == replace(READY, state=State.CLAIMED, attempt=1, claimed_at=NOW)


def test_a_job_that_fell_due_keeps_its_time() -> None:
    assert with_due(SCHEDULED, rank=7) == replace(SCHEDULED, state=State.READY, rank=7)


def test_a_result_is_kept_for_its_time() -> None:
    assert with_result(CLAIMED, now=LATER, keep_ms=60) == replace(
        CLAIMED, state=State.COMPLETED, finished_at=LATER, remove_at=Instant(LATER + 60)
    )


def test_a_failure_that_is_tried_again_waits() -> None:
    again_at = Instant(LATER + 7)

    assert with_failure(CLAIMED, due_at=again_at, now=LATER, keep_ms=60) == replace(
        CLAIMED, state=State.SCHEDULED, failures=1, due_at=again_at, claimed_at=None
    )


def test_a_last_failure_is_a_dead_letter_for_its_time() -> None:
    assert with_failure(CLAIMED, due_at=None, now=LATER, keep_ms=60) == replace(
        CLAIMED,
        state=State.DEAD,
        failures=1,
        finished_at=LATER,
        remove_at=Instant(LATER + 60),
    )


def test_a_job_that_is_given_back_has_not_failed() -> None:
    assert with_release(CLAIMED, LATER, rank=7) == replace(
        CLAIMED, state=State.READY, rank=7, releases=1, due_at=LATER, claimed_at=None
    )


@pytest.mark.parametrize(
    "next_record",
    [
        lambda: with_claim(CLAIMED, NOW),
        lambda: with_due(READY, rank=1),
        lambda: with_result(READY, now=NOW, keep_ms=1),
        lambda: with_failure(READY, due_at=None, now=NOW, keep_ms=1),
        lambda: with_failure(READY, due_at=NOW, now=NOW, keep_ms=1),
        lambda: with_release(READY, NOW, rank=1),
    ],
)
def test_what_the_table_does_not_allow_has_no_record(next_record: Callable[[], Job]) -> None:
    with pytest.raises(AssertionError, match="cannot happen"):
        next_record()
