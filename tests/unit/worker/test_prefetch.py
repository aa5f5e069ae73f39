"""How many jobs a worker asks for."""

import pytest

from penstock.config import limits
from penstock.worker.prefetch import (
    ASYNC_JOBS_MAX,
    JOBS_SEEN_MIN,
    RunTimes,
    async_jobs_to_claim,
    sync_jobs_to_claim,
)

MS = 1_000_000


@pytest.mark.parametrize(
    ("mean_ns", "jobs_seen", "count"),
    [
        (1_000, 0, 1),
        (1_000, JOBS_SEEN_MIN - 1, 1),
        (1_000, JOBS_SEEN_MIN, limits.PREFETCH_JOBS_MAX),
        (0, JOBS_SEEN_MIN, limits.PREFETCH_JOBS_MAX),
        (MS // 2, JOBS_SEEN_MIN, 2 * limits.PREFETCH_MS_MAX),
        (MS - 1, JOBS_SEEN_MIN, limits.PREFETCH_MS_MAX),
        (MS, JOBS_SEEN_MIN, 1),
        (100 * MS, JOBS_SEEN_MIN, 1),
    ],
)
def test_only_short_tasks_are_claimed_several_at_a_time(
    mean_ns: float, jobs_seen: int, count: int
) -> None:
    assert sync_jobs_to_claim(RunTimes(mean_ns, jobs_seen)) == count


def test_the_jobs_claimed_take_no_longer_than_the_limit() -> None:
    for mean_ns in range(1_000, MS, 7_919):
        count = sync_jobs_to_claim(RunTimes(mean_ns, JOBS_SEEN_MIN))
        assert count == 1 or count * mean_ns <= limits.PREFETCH_MS_MAX * MS


def test_one_slow_job_stops_it_at_once() -> None:
    times = RunTimes(10_000, 1_000)

    times.add(1, 300 * MS)

    assert sync_jobs_to_claim(times) == 1


def test_short_jobs_bring_it_back() -> None:
    times = RunTimes(10_000, 1_000)
    times.add(1, 300 * MS)

    for _ in range(60):
        times.add(1, 10_000)

    assert sync_jobs_to_claim(times) > 1


def test_a_batch_counts_by_its_mean() -> None:
    times = RunTimes()

    times.add(4, 4_000)

    assert (times.mean_ns, times.jobs_seen) == (1_000, 4)


@pytest.mark.parametrize(
    ("running", "concurrency", "count"),
    [(0, 100, ASYNC_JOBS_MAX), (90, 100, 10), (100, 100, 0), (0, 1, 1), (5, 1, 0)],
)
def test_async_jobs_are_claimed_as_far_as_there_is_room(
    running: int, concurrency: int, count: int
) -> None:
    assert async_jobs_to_claim(running, concurrency) == count
