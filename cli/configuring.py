"""`penstock config`: what would be in force, and where each value comes from."""

from collections.abc import Iterator
from typing import Annotated

from penstock.cli.flags import flattened
from penstock.cli.options import Json
from penstock.cli.output import note, on_terminal, write_json, write_table
from penstock.cli.settings_flags import SETTINGS_FLAGS
from penstock.config.keys import KEYS
from penstock.config.loading import LoadedSettings
from penstock.config.queue_keys import QUEUE_KEYS, queue_key_name


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
    rows = [(name, KEYS[name].show(values[name]), str(loaded.origins[name])) for name in KEYS]
    write_table(["setting", "value", "from"], [*rows, *_queue_rows(loaded)])
    if on_terminal():
        file = loaded.config_file
        note(f"settings file: {file}" if file else "no settings file is read")


def _queue_rows(loaded: LoadedSettings) -> Iterator[tuple[str, str, str]]:
    for queue, defaults in loaded.settings.queue_settings.items():
        for name, value in defaults.given().items():
            shown = QUEUE_KEYS[name].show(value)
            yield queue_key_name(queue, name), shown, str(loaded.config_file)


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
    return {
        "config_file": None if file is None else str(file),
        "settings": settings,
        "queues": {
            queue: {
                name: {"value": value, "from": "file", "origin": str(file)}
                for name, value in defaults.given().items()
            }
            for queue, defaults in loaded.settings.queue_settings.items()
        },
    }
