"""Reading one value, and complaining about it with its name and its origin."""

from typing import Final

from penstock.config.errors import SettingsError
from penstock.config.kinds import Kind, Password
from penstock.config.origins import Origin

_SHOWN_CHARACTERS_MAX: Final = 80


def read_value(name: str, kind: Kind, raw: object, origin: Origin, *, typed: bool) -> object:
    """Read a value; *typed* ones (TOML) must already have the right type.

    Raises:
        SettingsError: it is not what it must be.
    """
    try:
        return kind.read(raw, typed=typed)
    except ValueError as error:
        # The text of a password must not reach a log through a complaint about it.
        secret = isinstance(kind, Password)
        shown = "" if secret else f" is {show_raw(raw, typed=typed)}"
        raise SettingsError(
            f"{name}{shown} ({origin.phrase}): {error}", key=name, origin=origin
        ) from (None if secret else error)


def show_raw(raw: object, *, typed: bool) -> str:
    """Write a value as it was given, up to a length."""
    if isinstance(raw, bool):
        return str(raw).lower()
    bare = isinstance(raw, str) and not typed and raw.isprintable() and " " not in raw
    shown = raw if bare and isinstance(raw, str) else repr(raw)
    return shown if len(shown) <= _SHOWN_CHARACTERS_MAX else shown[:_SHOWN_CHARACTERS_MAX] + "..."
