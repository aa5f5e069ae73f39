"""Words of inline requests, quoted as Redis quotes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocol.inline import split_inline


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b"   \r", []),
        (b"PING", [b"PING"]),
        (b"  a \t b\v\fc\r", [b"a", b"b", b"c"]),
        (b'"a b"', [b"a b"]),
        (b'  "a" "b"  ', [b"a", b"b"]),
        (b'""', [b""]),
        (b"''", [b""]),
        (b'x""', [b"x"]),
        (b'foo"bar baz"', [b"foobar baz"]),
        (rb'"\n\r\t\b\a"', [b"\n\r\t\b\a"]),
        (rb'"\\\"\q"', [b'\\"q']),
        (rb'"\x00\xfF\x4"', [b"\x00\xffx4"]),
        (rb"'a\'b'", [b"a'b"]),
        (rb"'a\nb'", [rb"a\nb"]),
        (rb"'\"'", [rb"\""]),
        (b'"it\'s"', [b"it's"]),
        (b"'say \"x\"'", [b'say "x"']),
        (rb"plain\n", [rb"plain\n"]),
        (b"\x00\x80 b", [b"\x00\x80", b"b"]),
    ],
)
def test_a_line_is_split_into_words(line: bytes, words: list[bytes]) -> None:
    assert split_inline(line) == words


@pytest.mark.parametrize(
    "line",
    [b'"', b"'", b'"a', b"'a", b'"a"b', b"'a'b", b"'a''b'", rb'"a\"', rb"'a\'", b"x\"y'", b'a "b'],
)
def test_unbalanced_quotes_are_no_words(line: bytes) -> None:
    assert split_inline(line) is None


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_words_quoted_byte_by_byte_are_read_back(words: list[bytes]) -> None:
    quoted = [b'"' + b"".join(b"\\x%02x" % byte for byte in word) + b'"' for word in words]

    assert split_inline(b" ".join(quoted)) == words
