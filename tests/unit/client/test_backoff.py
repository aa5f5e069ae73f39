"""Waits between attempts."""

from penstock.client.backoff import Backoff


def test_waits_double_up_to_a_maximum() -> None:
    backoff = Backoff(0.1, 30.0, jitter=lambda: 1.0)
    waits = [backoff.next_seconds() for _ in range(1_000)]

    assert waits[:3] == [0.1, 0.2, 0.4]
    assert waits[-1] == 30.0


def test_a_wait_is_somewhere_below_its_ceiling() -> None:
    assert Backoff(0.1, 30.0, jitter=lambda: 0.5).next_seconds() == 0.05
    assert 0 <= Backoff(0.1, 30.0).next_seconds() < 0.1


def test_waits_begin_anew_after_a_success() -> None:
    backoff = Backoff(0.1, 30.0, jitter=lambda: 1.0)
    backoff.next_seconds()
    backoff.reset()

    assert backoff.next_seconds() == 0.1
