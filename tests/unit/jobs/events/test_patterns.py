"""Patterns: what Redis' globs match, and in what time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config.limits import PATTERN_BYTES_MAX
from penstock.jobs.errors import Invalid
from penstock.jobs.events.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        (b"", b"", True),
        (b"", b"a", False),
        (b"order.paid", b"order.paid", True),
        (b"order.paid", b"order.paidx", False),
        (b"order.*", b"order.", True),
        (b"order.*", b"orders", False),
        (b"*", b"", True),
        (b"*", b"line\nline\x00\xff", True),
        (b"**", b"a", True),
        (b"*paid", b"order.paid", True),
        (b"*a*b*", b"xxaxxbxx", True),
        (b"*a*b*", b"xxbxxaxx", False),
        (b"a*a", b"a", False),
        (b"ab*ba", b"aba", False),
        (b"?", b"\n", True),
        (b"?", b"", False),
        (b"h?llo", b"hello", True),
        (b"h[ae]llo", b"hallo", True),
        (b"h[ae]llo", b"hillo", False),
        (b"h[^e]llo", b"hallo", True),
        (b"h[^e]llo", b"hello", False),
        (b"h[a-b]llo", b"hbllo", True),
        (b"h[b-a]llo", b"hallo", True),
        (b"h\\*llo", b"h*llo", True),
        (b"h\\*llo", b"hello", False),
        (b"[\\]]", b"]", True),
        (b"[\\-x]", b"-", True),
        (b"\\", b"\\", True),
        (b"[]", b"a", False),
        (b"[^]", b"a", True),
        (b"[]a]", b"a", False),
        (b"[ab", b"b", True),
        (b"[a-", b"-", True),
        (b"[a-]", b"^", True),
        (b"(.+)", b"aaa", False),
        (b"\xc3\xa4*", "ärger".encode(), True),
    ],
)
def test_patterns_mean_what_they_mean_to_redis(pattern: bytes, value: bytes, fits: bool) -> None:
    assert Pattern(pattern).matches(value) is fits


def test_many_stars_are_no_trap() -> None:
    assert not Pattern(b"*a" * 40 + b"*b").matches(b"a" * 100_000)


def test_a_pattern_that_is_too_long_is_refused() -> None:
    Pattern(b"a" * PATTERN_BYTES_MAX)

    with pytest.raises(Invalid, match="255 bytes"):
        Pattern(b"a" * (PATTERN_BYTES_MAX + 1))


def test_patterns_of_the_same_source_are_equal() -> None:
    assert Pattern(b"a*") == Pattern(b"a*")
    assert Pattern(b"a*") != Pattern(b"a?")
    assert len({Pattern(b"a"), Pattern(b"a")}) == 1
    assert repr(Pattern(b"a*")) == "Pattern(b'a*')"


def redis_match(pattern: bytes, value: bytes) -> bool:
    """`stringmatchlen` of Redis, word for word where it can be, recursion and all."""
    while pattern and value:
        byte = pattern[0]
        if byte == ord("*"):
            while pattern[1:2] == b"*":
                pattern = pattern[1:]
            return any(redis_match(pattern[1:], value[at:]) for at in range(len(value) + 1))
        if byte == ord("["):
            fits, pattern = redis_class(pattern[1:], value[0])
            if not fits:
                return False
        elif byte != ord("?"):
            if byte == ord("\\") and len(pattern) >= 2:
                pattern = pattern[1:]
            if pattern[0] != value[0]:
                return False
        value = value[1:]
        pattern = pattern[1:]
    if not value:
        pattern = pattern.lstrip(b"*")
    return not pattern and not value


def redis_class(pattern: bytes, byte: int) -> tuple[bool, bytes]:
    """Return whether a byte is in the class, and the pattern from the class's last byte on."""
    is_negated = pattern[:1] == b"^"
    if is_negated:
        pattern = pattern[1:]
    fits = False
    while True:
        if len(pattern) >= 2 and pattern[0] == ord("\\"):
            pattern = pattern[1:]
            fits |= pattern[0] == byte
        elif pattern[:1] == b"]":
            break
        elif not pattern:
            return fits != is_negated, b"."  # One is taken off by the caller.
        elif len(pattern) >= 3 and pattern[1] == ord("-"):
            low, high = sorted((pattern[0], pattern[2]))
            fits |= low <= byte <= high
            pattern = pattern[2:]
        else:
            fits |= pattern[0] == byte
        pattern = pattern[1:]
    return fits != is_negated, pattern


def text(letters: str, size: int) -> st.SearchStrategy[bytes]:
    return st.text(letters, max_size=size).map(str.encode)


@given(text("ab-*?[]^\\", 10), text("ab-]^", 8))
def test_patterns_match_as_a_slow_copy_of_redis_does(pattern: bytes, value: bytes) -> None:
    assert Pattern(pattern).matches(value) is redis_match(pattern, value)
