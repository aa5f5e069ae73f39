"""Load the settings: flags, then the environment, then a TOML file, then the defaults.

Every layer is read whole, so a mistake is reported even where a stronger layer hides it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from penstock.config.errors import Mistakes, SettingsError
from penstock.config.keys import KEYS
from penstock.config.layers import (
    CONFIG_VARIABLE,
    FileSettings,
    read_environment,
    read_file,
    read_flags,
)
from penstock.config.origins import DEFAULT_ORIGIN, Origin
from penstock.config.password import resolve_password
from penstock.config.relations import check_relations
from penstock.config.settings import Settings

DEFAULT_FILE: Final = Path("penstock.toml")


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings in force and, for each key, where its value came from."""

    settings: Settings
    origins: Mapping[str, Origin]
    config_file: Path | None


def load_settings(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    config_file: Path | None = None,
) -> LoadedSettings:
    """Merge the layers into one frozen value.

    *flags* maps keys to text or to values; None means not given. Without *config_file*,
    `PENSTOCK_CONFIG` names the file, else `penstock.toml` in the working directory is read if
    there is one.

    Raises:
        SettingsError: something is unknown, wrong, or at odds with something else. All that is
            wrong is told at once.
    """
    mistakes = Mistakes()
    path = _choose_file(config_file, environ)
    file = FileSettings({}, {}) if path is None else read_file(path, mistakes)
    found = file.found | read_environment(environ, mistakes) | read_flags(flags, mistakes)
    with mistakes.noted():
        password = resolve_password(found.get("password"), found.get("password_file"))
        if password is not None:
            found["password"] = password
    mistakes.refuse()

    given: dict[str, Any] = {name: each.value for name, each in found.items()}
    given.setdefault("data", Settings().data.absolute())
    settings = Settings(**given, queue_settings=MappingProxyType(file.queues))
    origins = dict.fromkeys(KEYS, DEFAULT_ORIGIN) | {n: each.origin for n, each in found.items()}
    check_relations(settings, origins, mistakes)
    mistakes.refuse()
    return LoadedSettings(settings, MappingProxyType(origins), path)


def _choose_file(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    if given is not None:
        return given.absolute()
    named = environ.get(CONFIG_VARIABLE)
    if named is None:
        return DEFAULT_FILE.absolute() if DEFAULT_FILE.exists() else None
    if not named:
        raise SettingsError(f"{CONFIG_VARIABLE} is empty: name a TOML file or unset it")
    return Path(named).absolute()
