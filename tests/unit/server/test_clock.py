"""The clock reads two times, and neither is mistaken for the other."""

from datetime import UTC, datetime

from penstock.server.clock import Clock


def test_now_is_utc_in_whole_milliseconds() -> None:
    before = datetime.now(UTC).timestamp() * 1000

    now = Clock().now_ms()

    assert isinstance(now, int)
    assert before - 1 <= now <= datetime.now(UTC).timestamp() * 1000


def test_monotonic_never_goes_back() -> None:
    clock = Clock()
    readings = [clock.monotonic() for _ in range(1000)]

    assert readings == sorted(readings)
