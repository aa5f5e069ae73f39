"""The flags of `penstock serve` and `penstock config`: one for each setting, from the table."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from penstock.cli.flags import FlagGroup, flag
from penstock.config.keys import KEYS, Key
from penstock.config.layers import CONFIG_VARIABLE
from penstock.config.loading import LoadedSettings, load_settings

_METAVARS: Final = {
    "data": "DIR",
    "listen": "HOST:PORT",
    "http": "HOST:PORT|off",
    "unix": "PATH",
    "password_file": "PATH",
    "app": "MODULE[:ATTR]",
    "queues": "NAME,...",
}

_CONFIG_FLAG: Final = flag(
    "config",
    Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Read settings from this TOML file."
            f" (default: penstock.toml, if there is one; env: {CONFIG_VARIABLE})",
        ),
    ],
)


def _flag_of(key: Key) -> object:
    assert key.flag is not None
    option = typer.Option(
        key.flag,
        metavar=_METAVARS.get(key.name, _metavar(key)),
        help=f"{key.meaning} (default: {key.show(key.default)}; env: {key.variable})",
        rich_help_panel=key.group,
    )
    return Annotated[str | None, option]


def _metavar(key: Key) -> str:
    words = getattr(key.kind, "words", None)
    return "|".join(words) if words else "N"


def load_from_flags(config: str | None, **flags: object) -> LoadedSettings:
    """Load the settings with the flags on top.

    Raises:
        SettingsError: they cannot be used.
    """
    return load_settings(flags, os.environ, None if config is None else Path(config))


SETTINGS_FLAGS: Final = FlagGroup(
    (_CONFIG_FLAG, *(flag(key.name, _flag_of(key)) for key in KEYS.values() if key.flag)),
    load_from_flags,
)
