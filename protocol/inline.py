"""Inline requests: a line of words as people type it, with Redis' quoting."""

import re
from typing import Final

# A word, the quoted rest it may end with, and what must follow: blanks or the line's end.
# The groups are possessive: an escaped quote is never reconsidered as a closing one.
_WORD: Final = re.compile(
    rb"""([^ \t\n\r\v\f"']*)"""
    rb"""(?:"((?:\\.|[^"\\])*+)"|'((?:\\'|[^'])*+)')?"""
    rb"""(?:[ \t\n\r\v\f]+|\Z)""",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def split_inline(line: bytes) -> list[bytes] | None:
    r"""Split a line into words; None when its quotes are unbalanced.

    Within "double quotes" the escapes \n \r \t \b \a \xHH hold and any other escaped byte is
    itself; within 'single quotes' only \' is one. A closing quote ends the word.
    """
    if b'"' not in line and b"'" not in line:
        return line.split()
    line = line.strip()
    words: list[bytes] = []
    position = 0
    while position < len(line):
        match = _WORD.match(line, position)
        if match is None:
            return None
        plain, double, single = match.groups(default=b"")
        words.append(plain + _ESCAPE.sub(_unescape, double) + single.replace(b"\\'", b"'"))
        position = match.end()
    return words


def _unescape(match: re.Match[bytes]) -> bytes:
    digits, byte = match.groups(default=b"")
    return bytes([int(digits, 16)]) if digits else _CONTROLS.get(byte, byte)
