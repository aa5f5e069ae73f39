"""Histograms count by bucket."""

import pytest

from penstock.jobs.counters import (
    BATCH_SIZES,
    COMMIT_SECONDS,
    DURATION_SECONDS,
    Histogram,
    JournalCounters,
)


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, 0), (1.0, 0), (1.1, 1), (2.0, 1), (5.0, 2), (5.1, 3), (99.0, 3)]
)
def test_a_value_is_counted_at_the_first_edge_that_is_not_below_it(
    value: float, bucket: int
) -> None:
    histogram = Histogram((1.0, 2.0, 5.0))

    histogram.observe(value)

    assert histogram.counts == [int(bucket == n) for n in range(4)]


def test_the_values_are_summed() -> None:
    histogram = Histogram((1.0,))

    histogram.observe(0.5)
    histogram.observe(2.0)

    assert histogram.total == 2.5


@pytest.mark.parametrize("bounds", [DURATION_SECONDS, COMMIT_SECONDS, BATCH_SIZES])
def test_edges_rise(bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))


def test_a_journal_begins_with_nothing() -> None:
    counters = JournalCounters()

    assert counters.full == 0
    assert sum(counters.batch_changes.counts) == 0
