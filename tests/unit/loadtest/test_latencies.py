from penstock.loadtest.latencies import LATENCY_US_MAX, Latencies


def recorded(*microseconds: int) -> Latencies:
    latencies = Latencies()
    for value in microseconds:
        latencies.record_ns(value * 1_000)
    return latencies


def test_percentiles_are_exact_to_three_digits() -> None:
    summary = recorded(*range(1, 10_001)).summary()

    assert summary.count == 10_000
    assert abs(summary.p50_us - 5_000) <= 5
    assert abs(summary.p99_us - 9_900) <= 10
    assert abs(summary.max_us - 10_000) <= 10


def test_an_empty_histogram_says_zero() -> None:
    assert Latencies().summary().max_us == 0


def test_nothing_is_dropped_for_being_too_quick_or_too_slow() -> None:
    summary = recorded(0, 10 * LATENCY_US_MAX).summary()

    assert summary.count == 2
    assert summary.min_us == 1
    assert summary.max_us >= LATENCY_US_MAX


def test_histograms_add_up() -> None:
    both = recorded(10, 20)
    both.add(recorded(30))
    both.add(Latencies())

    assert both.summary().count == 3
    assert both.summary().max_us == 30
