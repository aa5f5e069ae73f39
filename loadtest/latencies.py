"""Latencies in an HDR histogram: microseconds, three significant digits."""

from typing import Final

from msgspec import Struct

from penstock.loadtest.errors import NotInstalled

try:
    from hdrh.histogram import HdrHistogram
except ImportError as missing:
    raise NotInstalled(
        "the load tester needs the package hdrhistogram: pip install 'penstock[loadtest]'"
    ) from missing

LATENCY_US_MAX: Final = 600_000_000  # Ten minutes; what takes longer is recorded as this.
_DIGITS: Final = 3
PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9)


class Summary(Struct, frozen=True):
    """What a histogram says, in microseconds. All zero when nothing was recorded."""

    count: int
    mean_us: float
    min_us: int
    p50_us: int
    p90_us: int
    p99_us: int
    p99_9_us: int
    max_us: int


class Latencies:
    """A histogram that takes nanoseconds and answers in microseconds."""

    __slots__ = ("_histogram",)

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, LATENCY_US_MAX, _DIGITS)

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return int(self._histogram.total_count)

    def record_ns(self, latency_ns: int) -> None:
        """Add one latency; anything below 1 us counts as 1 us."""
        self._histogram.record_value(min(max(latency_ns // 1_000, 1), LATENCY_US_MAX))

    def add(self, other: "Latencies") -> None:
        """Add everything that *other* holds."""
        if other.count:
            self._histogram.add(other._histogram)

    def summary(self) -> Summary:
        """Read the percentiles."""
        histogram = self._histogram
        if not self.count:
            return Summary(0, 0.0, 0, 0, 0, 0, 0, 0)
        values = histogram.get_percentile_to_value_dict(PERCENTILES)
        p50, p90, p99, p99_9 = (int(values[percentile]) for percentile in PERCENTILES)
        return Summary(
            count=self.count,
            mean_us=round(float(histogram.get_mean_value()), 1),
            min_us=int(histogram.get_min_value()),
            p50_us=p50,
            p90_us=p90,
            p99_us=p99,
            p99_9_us=p99_9,
            max_us=int(histogram.get_max_value()),
        )
