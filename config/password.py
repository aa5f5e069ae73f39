"""Which password is in force: the one given, or the one in the file that was named."""

import os
import stat
from pathlib import Path

from penstock.config.errors import SettingsError
from penstock.config.keys import KEYS
from penstock.config.layers import Found, read_text
from penstock.config.origins import Origin
from penstock.config.secret import Secret
from penstock.config.values import read_value


def resolve_password(direct: Found | None, named: Found | None) -> Found | None:
    """Let the stronger layer decide; of one layer, both are a mistake.

    Raises:
        SettingsError: both are set by one layer, or the file cannot be used.
    """
    if direct is None and named is None:
        return None
    if named is None:
        return direct
    if direct is not None and direct.origin.kind == named.origin.kind:
        raise SettingsError(
            f"password ({direct.origin.phrase}) and password_file ({named.origin.phrase})"
            " are both set: keep one of them",
            key="password_file",
            origin=named.origin,
        )
    if direct is not None and direct.origin.kind > named.origin.kind:
        return direct
    assert isinstance(named.value, Path)
    origin = Origin(named.origin.kind, str(named.value))
    return Found(_read_password(named.value, named.origin, origin), origin)


def _read_password(path: Path, named_by: Origin, origin: Origin) -> Secret:
    where = f"password_file is {path} ({named_by.phrase})"
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        content = read_text(path)
    except OSError as error:
        raise SettingsError(
            f"{where}: it cannot be read ({error.strerror}); create it, or correct its name",
            key="password_file",
            origin=named_by,
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"{where}: other users may open it (mode {mode:04o}); run chmod 600 {path}",
            key="password_file",
            origin=named_by,
        )
    # Editors and `echo` end a file with a newline that is no part of the password.
    key = KEYS["password"]
    secret = read_value(key.name, key.kind, content.rstrip("\r\n"), origin, typed=True)
    assert isinstance(secret, Secret)
    return secret
