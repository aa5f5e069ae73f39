"""Redis' glob patterns, compared with bytes: `*`, `?`, `[a-z]`, `[^a]`, and a backslash.

They mean what `KEYS` makes of them, down to a class that is not closed. A pattern is cut at its
stars, and its pieces are looked for one after the other, each at the first place where it fits:
a later place never helps. So the work grows with the length of the pattern times that of the
value, and `*a*a*a*b` is no trap.
"""

import re
from functools import cached_property
from typing import Final

from penstock.config.limits import PATTERN_BYTES_MAX
from penstock.jobs.errors import Invalid

_STAR: Final = ord("*")
_ONE: Final = ord("?")
_OPEN: Final = ord("[")
_CLOSE: Final = ord("]")
_NOT: Final = ord("^")
_TO: Final = ord("-")
_ESCAPE: Final = ord("\\")


class Pattern:
    """A pattern that was compiled; equal to another of the same source."""

    def __init__(self, source: bytes) -> None:
        """Compile. Raises Invalid."""
        if len(source) > PATTERN_BYTES_MAX:
            raise Invalid(f"a pattern may have {PATTERN_BYTES_MAX} bytes, not {len(source)}")
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Pattern({self.source!r})"

    def matches(self, value: bytes) -> bool:
        """Say whether the whole of a value is as the pattern says."""
        first, *others = self._pieces
        if not others:
            return first.fullmatch(value) is not None
        found = first.match(value)
        if found is None:
            return False
        at = found.end()
        *middle, last = others
        for piece in middle:
            found = piece.search(value, at)
            if found is None:
                return False
            at = found.end()
        return last.fullmatch(value, max(at, len(value) - self._last_length)) is not None

    @cached_property
    def _pieces(self) -> list[re.Pattern[bytes]]:
        """What stands between the stars; each piece fits a fixed number of bytes."""
        return [re.compile(b"".join(piece), re.DOTALL) for piece in self._parsed]

    @cached_property
    def _last_length(self) -> int:
        return len(self._parsed[-1])

    @cached_property
    def _parsed(self) -> list[list[bytes]]:
        return _parse(self.source)


def _parse(source: bytes) -> list[list[bytes]]:
    """Return the pieces between the stars: for each byte they fit, an expression."""
    pieces: list[list[bytes]] = [[]]
    at = 0
    while at < len(source):
        byte = source[at]
        at += 1
        if byte == _STAR:
            pieces.append([])
        elif byte == _ONE:
            pieces[-1].append(b".")
        elif byte == _OPEN:
            expression, at = _parse_class(source, at)
            pieces[-1].append(expression)
        else:
            if byte == _ESCAPE and at < len(source):
                byte = source[at]
                at += 1
            pieces[-1].append(b"\\x%02x" % byte)
    return pieces


def _parse_class(source: bytes, at: int) -> tuple[bytes, int]:
    """Read a class from behind its bracket; return its expression and where it ends.

    As in Redis `]` closes it wherever it stands, the ends of a range may be in either order, and
    the end of the pattern closes a class too.
    """
    is_negated = at < len(source) and source[at] == _NOT
    at += is_negated
    members = set[int]()
    while at < len(source) and source[at] != _CLOSE:
        if source[at] == _ESCAPE and at + 1 < len(source):
            members.add(source[at + 1])
            at += 2
        elif at + 2 < len(source) and source[at + 1] == _TO:
            low, high = sorted((source[at], source[at + 2]))
            members.update(range(low, high + 1))
            at += 3
        else:
            members.add(source[at])
            at += 1
    if is_negated:
        members = set(range(256)) - members
    if not members:
        return b"(?!)", at + 1
    return b"[%b]" % b"".join(b"\\x%02x" % member for member in sorted(members)), at + 1
