"""A value that is used and never shown."""

import hmac


class Secret:
    """A password. Printing, formatting or logging it shows `set`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        assert text, "an empty password would let everybody in"
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one place that sends it."""
        return self._text

    def matches(self, candidate: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self._text.encode(), candidate)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "set"
