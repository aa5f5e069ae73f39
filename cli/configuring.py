"""`penstock config`: what would be in force, and where each value comes from."""

from typing import Annotated

from penstock.cli.flags import flattened
from penstock.cli.options import Json
from penstock.cli.output import note, on_terminal, write_json, write_table
from penstock.cli.settings_flags import SETTINGS_FLAGS
from penstock.config.keys import KEYS
from penstock.config.loading import LoadedSettings


@flattened
def config(
    loaded: Annotated[LoadedSettings, SETTINGS_FLAGS],
    as_json: Json = False,
) -> None:
    """Check the configuration, and print what is in force and where each value comes from.

    It takes the flags of `penstock serve`, and exits with 2 when the server would not start.
    """
    if as_json:
        write_json(_document(loaded))
        return
    values = {name: getattr(loaded.settings, name) for name in KEYS}
    write_table(
        ["setting", "value", "from"],
        [(name, KEYS[name].show(values[name]), str(loaded.origins[name])) for name in KEYS],
    )
    if on_terminal():
        file = loaded.config_file
        note(f"settings file: {file}" if file else "no settings file is read")


def _document(loaded: LoadedSettings) -> dict[str, object]:
    settings = {
        name: {
            "value": key.plain(getattr(loaded.settings, name)),
            "from": loaded.origins[name].kind.name.lower(),
            "origin": str(loaded.origins[name]),
        }
        for name, key in KEYS.items()
    }
    file = loaded.config_file
    return {"config_file": None if file is None else str(file), "settings": settings}
