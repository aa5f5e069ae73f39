"""Retry policies as values."""

import pytest

from penstock.client import Retry
from penstock.client.options import Options


@pytest.mark.parametrize(
    ("retry", "words"),
    [
        (Retry(), []),
        (Retry(base_ms=5), [b"RETRY-BASE", b"5"]),
        (
            Retry(1_000, 60_000, jitter=False),
            [b"RETRY-BASE", b"1000", b"RETRY-CAP", b"60000", b"RETRY-JITTER", b"none"],
        ),
        (Retry(jitter=True), [b"RETRY-JITTER", b"full"]),
        (Retry(delays_ms=(0, 5)), [b"RETRY-DELAYS", b"0,5"]),
    ],
)
def test_only_what_is_given_is_sent(retry: Retry, words: list[bytes]) -> None:
    assert retry.words == words
    assert Options(retry=retry).words.split(b"\r\n")[1::2] == words


def test_a_list_of_delays_makes_the_same_value_as_a_tuple() -> None:
    assert Retry(delays_ms=[1, 2]) == Retry(delays_ms=(1, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [{"base_ms": 1}, {"cap_ms": 1}, {"jitter": False}])
def test_delays_beside_a_backoff_are_refused(other: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="takes the place of"):
        Retry(delays_ms=(1,), **other)  # type: ignore[arg-type]


def test_a_cap_below_the_base_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be shorter"):
        Retry(base_ms=2, cap_ms=1)
