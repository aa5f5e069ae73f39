"""A gate holds jobs back as told, never more of them and never for longer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.gate import Gate, Held, TokenBucket
from penstock.jobs.model import Instant
from penstock.jobs.policy import Policy
from penstock.jobs.queue_settings import QueueSettings, RateLimit, Terms, terms_of
from tests.unit.jobs.desk import NOW


def terms(**settings: object) -> Terms:
    return terms_of(Policy(), QueueSettings(), QueueSettings(**settings))  # type: ignore[arg-type]


def after(ms: int) -> Instant:
    return Instant(NOW + ms)


def a_bucket(count: int, period_ms: int, burst: int = 1) -> TokenBucket:
    """Return a bucket that was made at NOW."""
    bucket = TokenBucket(count, period_ms, burst)
    assert not bucket.take(NOW)
    return bucket


def tokens(bucket: TokenBucket, now: Instant) -> int:
    count = 0
    while bucket.take(now):
        count += 1
    return count


# --- the rate ------------------------------------------------------------------------------------


def test_a_bucket_begins_empty() -> None:
    assert not TokenBucket(1_000, 1, 1_000).take(NOW)


def test_tokens_come_at_the_rate() -> None:
    bucket = a_bucket(10, 1_000)

    assert not bucket.take(after(99))
    assert bucket.take(after(100))
    assert not bucket.take(after(199))
    assert bucket.take(after(200))


def test_quiet_time_is_saved_up_to_the_burst() -> None:
    assert tokens(a_bucket(10, 1_000, burst=5), after(60_000)) == 5


def test_nothing_is_lost_to_rounding() -> None:
    bucket = a_bucket(3, 1_000, burst=2)

    assert sum(bucket.take(after(ms)) for ms in range(1, 10_001)) == 30


def test_the_next_token_is_announced() -> None:
    bucket = a_bucket(3, 1_000)

    assert bucket.next_at(NOW) == after(334)
    assert bucket.next_at(after(333)) == after(334)
    assert bucket.next_at(after(500)) == after(500)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = a_bucket(10, 1_000, burst=5)

    assert tokens(bucket, after(200)) == 2
    assert tokens(bucket, after(-10_000)) == 0


def test_a_clock_that_went_back_holds_nothing_up() -> None:
    bucket = a_bucket(10, 1_000)
    bucket.take(after(-3_600_000))

    assert bucket.next_at(after(-3_600_000)) == after(-3_600_000 + 100)
    assert bucket.take(after(-3_600_000 + 100))


def test_a_clock_that_leaps_gives_one_burst() -> None:
    assert tokens(a_bucket(10, 1_000, burst=3), after(10**12)) == 3


limits = st.builds(RateLimit, st.integers(1, 50), st.integers(1, 200), st.integers(1, 10))


@given(limits, st.lists(st.integers(0, 300), max_size=60))
def test_the_rate_is_never_exceeded(limit: RateLimit, gaps: list[int]) -> None:
    """Within any time: no more than the burst, and what the rate gives."""
    bucket = TokenBucket(limit.count, limit.period_ms, limit.burst)
    now = NOW
    taken: list[Instant] = []
    for gap in gaps:
        now = Instant(now + gap)
        taken += [now] * tokens(bucket, now)

    for first in range(len(taken)):
        for last in range(first, len(taken)):
            given_ = (taken[last] - taken[first]) * limit.count / limit.period_ms
            assert last - first + 1 <= limit.burst + given_


@given(limits, st.lists(st.integers(-300, 300), max_size=40))
def test_what_is_announced_is_kept(limit: RateLimit, gaps: list[int]) -> None:
    bucket = TokenBucket(limit.count, limit.period_ms, limit.burst)
    now = NOW
    for gap in gaps:
        now = Instant(now + gap)
        bucket.take(now)
        next_at = bucket.next_at(now)
        assert bucket.has_token(now) == (next_at == now)
        now = next_at
        assert bucket.take(now)


# --- the gate ------------------------------------------------------------------------------------

PAUSED = {"paused": True}
REORDERING = {"reordered": False}
CONCURRENCY = {"concurrency_max": 2}
RATE = {"rate_count": 1}


def test_a_queue_without_limits_is_free() -> None:
    gate = Gate(terms())

    assert gate.is_free
    assert gate.is_open(10**6, NOW)
    assert gate.next_at(NOW) is None
    gate.took(NOW)


@pytest.mark.parametrize("settings", [PAUSED, REORDERING, CONCURRENCY, RATE])
def test_a_queue_with_a_limit_is_to_be_asked(settings: dict[str, object]) -> None:
    assert not Gate(terms(**settings)).is_free


@pytest.mark.parametrize(
    ("settings", "held"),
    [
        (PAUSED, Held.PAUSED),
        (REORDERING, Held.REORDERING),
        (CONCURRENCY, Held.CONCURRENCY),
        (RATE, Held.RATE),
        (PAUSED | REORDERING | CONCURRENCY | RATE, Held.PAUSED),
        (REORDERING | CONCURRENCY | RATE, Held.REORDERING),
        (CONCURRENCY | RATE, Held.CONCURRENCY),
    ],
)
def test_a_gate_says_what_holds_jobs_back(settings: dict[str, object], held: Held) -> None:
    gate = Gate(terms(**settings))

    assert gate.why(2, NOW) is held
    assert not gate.is_open(2, NOW)


def test_a_gate_opens_when_a_job_ends() -> None:
    gate = Gate(terms(**CONCURRENCY))

    assert not gate.is_open(2, NOW)
    assert gate.is_open(1, NOW)


def test_a_gate_opens_with_the_next_token() -> None:
    gate = Gate(terms(**RATE))
    assert not gate.is_open(0, NOW)

    assert gate.next_at(NOW) == after(1_000)
    assert gate.is_open(0, after(1_000))
    gate.took(after(1_000))
    assert not gate.is_open(0, after(1_000))


def test_looking_takes_no_token() -> None:
    gate = Gate(terms(**RATE))
    gate.is_open(0, NOW)

    assert [gate.is_open(0, after(1_000)) for _ in range(3)] == [True] * 3


def test_new_terms_open_a_gate() -> None:
    gate = Gate(terms(paused=True, rate_count=1))

    gate.retermed(terms())

    assert gate.is_free
    assert gate.is_open(0, NOW)


def test_tokens_outlast_new_terms() -> None:
    gate = Gate(terms(rate_count=10, burst=10))
    gate.is_open(0, NOW)
    gate.is_open(0, after(600))

    gate.retermed(terms(rate_count=60, rate_period_ms=60_000, burst=4))

    opened = 0
    while gate.is_open(0, after(600)):
        gate.took(after(600))
        opened += 1
    assert opened == 4
