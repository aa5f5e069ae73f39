"""What is raised when the settings cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from penstock.config.origins import Origin

_SHOWN_MAX: Final = 20  # Mistakes told at once; more is a file of another program.


class SettingsError(Exception):
    """A setting is unknown, of the wrong type, out of range or at odds with another.

    The text names the key and where it came from, and says what to do. It never holds a password.
    """

    def __init__(self, text: str, *, key: str | None = None, origin: Origin | None = None) -> None:
        super().__init__(text)
        self.key = key
        self.origin = origin


class Mistakes:
    """Collects what is wrong, so that whoever corrects a file does so once."""

    def __init__(self) -> None:
        self._found: list[SettingsError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Go on after the block where it raises a SettingsError, and keep that for later."""
        try:
            yield
        except SettingsError as error:
            self._found.append(error)

    def refuse(self) -> None:
        """Raise what was found: a single mistake as it is, several as one that lists them."""
        if not self._found:
            return
        first = self._found[0]
        if len(self._found) == 1:
            raise first
        lines = [f"- {error}" for error in self._found[:_SHOWN_MAX]]
        if len(self._found) > _SHOWN_MAX:
            lines.append(f"and {len(self._found) - _SHOWN_MAX} more")
        raise SettingsError(
            "\n".join([f"the settings have {len(self._found)} mistakes:", *lines]),
            key=first.key,
            origin=first.origin,
        )
