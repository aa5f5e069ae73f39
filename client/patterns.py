"""Patterns that the fields of an event are matched against: Redis' globs, as triggers have them."""

import re
from collections.abc import Mapping

from penstock.client.event import Pairs


class Patterns:
    """Field names and the patterns of their values; an event matches if all of them do.

    `*` is any text, `?` any one byte, `[abc]`, `[a-z]` and `[^a]` are one of some, a backslash
    takes from the next its meaning. A field that an event lacks matches nothing.
    """

    __slots__ = ("_patterns",)

    def __init__(self, match: Mapping[str, str]) -> None:
        self._patterns = {
            name.encode(): re.compile(_expression(glob), re.DOTALL) for name, glob in match.items()
        }

    def matches(self, pairs: Pairs) -> bool:
        """Say whether each field that has a pattern fits it; of one given twice the last counts."""
        fields = dict(pairs)
        return all(
            name in fields and pattern.fullmatch(fields[name]) is not None
            for name, pattern in self._patterns.items()
        )


def _expression(glob: str) -> bytes:
    """Translate a glob; each byte of it is looked at alone, as Redis does.

    What stands between two stars is looked for once, at the first place where it fits: a later
    place never helps.
    """
    first, *others = _pieces(glob.encode().decode("latin-1"))
    if others:
        *middle, last = others
        first += "".join(f"(?>.*?{piece})" for piece in middle) + f".*{last}"
    return first.encode("latin-1")


def _pieces(text: str) -> list[str]:
    """Return the expressions between the stars."""
    pieces = [""]
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "."
        elif character == "[":
            expression, at = _one_of(text, at)
            pieces[-1] += expression
        else:
            if character == "\\" and at < len(text):
                character = text[at]
                at += 1
            pieces[-1] += re.escape(character)
    return pieces


def _one_of(text: str, at: int) -> tuple[str, int]:
    """Translate what stands between brackets; the second may be missing, as with Redis."""
    negated = text[at : at + 1] == "^"
    at += negated
    parts: list[str] = []
    while at < len(text) and text[at] != "]":
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            parts.append(re.escape(text[at]))
        elif text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            low, high = sorted((text[at], text[at + 2]))
            parts.append(f"{re.escape(low)}-{re.escape(high)}")
            at += 2
        else:
            parts.append(re.escape(text[at]))
        at += 1
    characters = "".join(parts)
    if not characters:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{characters}]", at + 1
