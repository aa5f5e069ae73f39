"""A task's own policy for its failed attempts."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from penstock.worker import Retries, TaskError

ALMOST_ONE = 0.999999


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        (Retries(attempts=5), [None, None, None]),
        (Retries(base=1, jitter=False), [1_000, 2_000, 4_000]),
        (Retries(base=1, cap=3, jitter=False), [1_000, 2_000, 3_000]),
        (Retries(base=timedelta(seconds=1), cap=3), [999, 1_999, 2_999]),
        (Retries(delays=[1, timedelta(minutes=1)]), [1_000, 60_000, 60_000]),
        (Retries(jitter=False), [1_000, 2_000, 4_000]),
        (Retries(cap=0.5, jitter=False), [500, 500, 500]),
        (Retries(base=700, jitter=False), [700_000, 700_000, 700_000]),
    ],
)
def test_waits_grow_as_the_policy_says(policy: Retries, waits: list[int | None]) -> None:
    assert [policy.wait_ms(failures, ALMOST_ONE) for failures in (1, 2, 3)] == waits


def test_jitter_draws_from_all_below_the_ceiling() -> None:
    assert Retries(base=1).wait_ms(1, 0.0) == 0
    assert Retries(base=1).wait_ms(1, 0.5) == 500


def test_a_thousand_failures_make_no_large_number() -> None:
    assert Retries(base=1, cap=60, jitter=False).wait_ms(1_000, 0.0) == 60_000


def test_attempts_are_used_up_when_as_many_failed() -> None:
    policy = Retries(attempts=2)

    assert [policy.is_used_up(failures) for failures in (1, 2, 3)] == [False, True, True]
    assert not Retries(base=1).is_used_up(1_000)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Retries(), "says nothing: name attempts"),
        (lambda: Retries(attempts=0), r"takes 1 to 1000, not 0; with 1 the job is not tried again"),
        (lambda: Retries(attempts=1001), "takes 1 to 1000, not 1001"),
        (lambda: Retries(attempts=True), "takes a whole number, not True"),
        (lambda: Retries(attempts="3"), "takes a whole number, not '3'"),  # type: ignore[arg-type]
        (lambda: Retries(base=-1), r"Retries\(base=…\) takes 0 to 366 days, not -1"),
        (lambda: Retries(cap="1s"), r"Retries\(cap=…\) takes seconds or a timedelta, not '1s'"),  # type: ignore[arg-type]
        (lambda: Retries(base=5, cap=2), "the base 5 is longer than the cap 2"),
        (lambda: Retries(jitter="full"), "takes True or False, not 'full'"),  # type: ignore[arg-type]
        (lambda: Retries(delays=[1], base=1), "leave them out, or base, cap and jitter"),
        (lambda: Retries(delays="1,2"), "takes a list of waits, not '1,2'"),  # type: ignore[arg-type]
        (lambda: Retries(delays=5), "takes a list of waits, not 5"),  # type: ignore[arg-type]
        (lambda: Retries(delays=[1, -1]), r"Retries\(delays=…\) takes 0 to 366 days, not -1"),
        (lambda: Retries(delays=[1] * 101), "takes 100 waits at most, not 101"),
    ],
)
def test_what_is_no_policy_is_told_where_it_is_declared(
    make: Callable[[], Retries], text: str
) -> None:
    with pytest.raises(TaskError, match=text):
        make()
