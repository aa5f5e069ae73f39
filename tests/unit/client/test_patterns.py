"""Patterns of fields: the globs of Redis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.patterns import Patterns
from penstock.jobs.events.patterns import Pattern


def matches(pattern: str, value: str) -> bool:
    return Patterns({"f": pattern}).matches(((b"f", value.encode()),))


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("", ""),
        ("*", ""),
        ("*", "a\nb"),
        ("order.*", "order.paid"),
        ("*.paid", "order.paid"),
        ("o*d*d", "order.paid"),
        ("?", "x"),
        ("[abc]", "b"),
        ("[^abc]", "d"),
        ("[a-c]x", "bx"),
        ("[c-a]", "b"),
        ("[-a]", "-"),
        ("[^]", "x"),
        (r"\*", "*"),
        (r"[\]]", "]"),
        (r"a\b", "ab"),
        ("a\\", "a\\"),
        ("[abc", "c"),
        ("preis: *", "preis: 5 €"),
        ("€", "€"),
        ("a.c", "a.c"),
    ],
)
def test_a_pattern_fits(pattern: str, value: str) -> None:
    assert matches(pattern, value)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("", "x"),
        ("order.*", "Order.paid"),
        ("order.?", "order.paid"),
        ("a.c", "abc"),
        ("[abc]", "d"),
        ("[^abc]", "a"),
        ("[]", "x"),
        (r"\*", "x"),
        ("?", ""),
        ("?", "€"),  # Three bytes.
    ],
)
def test_a_pattern_does_not_fit(pattern: str, value: str) -> None:
    assert not matches(pattern, value)


def test_all_patterns_must_fit() -> None:
    patterns = Patterns({"type": "order.*", "country": "DE"})

    assert patterns.matches(((b"country", b"DE"), (b"type", b"order.paid"), (b"x", b"")))
    assert not patterns.matches(((b"country", b"FR"), (b"type", b"order.paid")))


def test_a_field_that_is_not_there_matches_nothing() -> None:
    assert not Patterns({"f": "*"}).matches(((b"g", b""),))


def test_of_a_field_given_twice_the_last_counts() -> None:
    assert Patterns({"f": "b"}).matches(((b"f", b"a"), (b"f", b"b")))


@given(st.text("*?[]^-\\\\ab", max_size=8), st.text("ab^-]\\\\", max_size=6))
def test_a_pattern_means_what_it_means_to_a_trigger(pattern: str, value: str) -> None:
    assert matches(pattern, value) == Pattern(pattern.encode()).matches(value.encode())


def test_many_stars_are_no_trap() -> None:
    assert not matches("*a" * 20 + "b", "a" * 2_000)
