"""Whether a failed attempt is tried again, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.model import Instant
from penstock.jobs.retry import GiveUp, RetryAt, decide_retry
from penstock.jobs.retry_policy import RetryPolicy

POLICY = RetryPolicy(base_ms=1_000, cap_ms=60_000)
NOW = Instant(1_000_000)
ALMOST_ONE = 0.999999


def decide(
    failures: int, *, attempts_max: int = 100, lost: bool = False, jitter: float = 0.5
) -> RetryAt | GiveUp:
    return decide_retry(
        POLICY,
        failures=failures,
        attempts_max=attempts_max,
        lost=lost,
        after_ms=None,
        now=NOW,
        jitter=jitter,
    )


@pytest.mark.parametrize(
    ("failures", "jitter", "wait_ms"),
    [
        (1, 0.0, 0),
        (1, 0.5, 500),
        (1, ALMOST_ONE, 999),
        (2, 0.5, 1_000),
        (3, 0.5, 2_000),
        (6, 0.5, 16_000),
        (7, 0.5, 30_000),
        (8, 0.5, 30_000),
        (1_000, 0.5, 30_000),
    ],
)
def test_the_backoff_doubles_up_to_its_cap(failures: int, jitter: float, wait_ms: int) -> None:
    decision = decide(failures, attempts_max=10_000, jitter=jitter)

    assert decision == RetryAt(Instant(NOW + wait_ms))


@pytest.mark.parametrize(
    ("failures", "attempts_max", "gives_up"),
    [(1, 1, True), (1, 2, False), (2, 2, True), (2, 3, False), (4, 3, True), (1, 0, True)],
)
def test_the_last_attempt_that_fails_is_given_up(
    failures: int, attempts_max: int, gives_up: bool
) -> None:
    assert isinstance(decide(failures, attempts_max=attempts_max), GiveUp) is gives_up


def test_a_job_that_lost_its_worker_for_the_first_time_is_tried_at_once() -> None:
    assert decide(1, lost=True, jitter=ALMOST_ONE) == RetryAt(NOW)


def test_a_job_that_loses_a_worker_again_backs_off() -> None:
    assert decide(2, lost=True) == RetryAt(Instant(NOW + 1_000))


def test_a_job_that_lost_its_worker_in_its_last_attempt_is_given_up() -> None:
    assert decide(1, attempts_max=1, lost=True) == GiveUp()


@given(st.integers(1, 1_000), st.floats(0, 1, exclude_max=True))
def test_no_retry_is_early_or_later_than_the_cap(failures: int, jitter: float) -> None:
    decision = decide(failures, attempts_max=1_001, jitter=jitter)

    assert isinstance(decision, RetryAt)
    assert NOW <= decision.due_at < NOW + POLICY.cap_ms
