"""The three layers that override the defaults: a TOML file, the environment, the flags."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from penstock.config.errors import Mistakes, SettingsError
from penstock.config.keys import ENVIRONMENT_PREFIX, KEYS, Key
from penstock.config.origins import Origin, OriginKind
from penstock.config.queue_defaults import QueueDefaults
from penstock.config.queue_keys import QUEUE_TABLES, read_queue_tables
from penstock.config.values import read_value

FILE_BYTES_MAX: Final = 1024 * 1024  # A settings file is a page; this is somebody's database.
CONFIG_VARIABLE: Final = "PENSTOCK_CONFIG"
SERVER_VARIABLE: Final = "PENSTOCK_SERVER"

# Read by the loader itself and by the client side; they are no settings of the server.
OTHER_VARIABLES: Final = frozenset({CONFIG_VARIABLE, SERVER_VARIABLE})

# Kubernetes puts these into every pod beside a Service whose name begins with "penstock".
_KUBERNETES: Final = re.compile(
    r"PENSTOCK_(\w+_)?"
    r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_KUBERNETES_PORT: Final = re.compile(r"(tcp|udp|sctp)://\S+")


@dataclass(frozen=True, slots=True)
class Found:
    """A value that a layer gave."""

    value: object
    origin: Origin


# --- the file ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What a file says: keys, and the tables of queues."""

    found: dict[str, Found]
    queues: Mapping[str, QueueDefaults]


def read_file(path: Path, mistakes: Mistakes) -> FileSettings:
    """Read a TOML file. Its keys are flat, so that each has one name everywhere; queues nest."""
    origin = Origin(OriginKind.FILE, str(path))
    content: dict[str, object] = {}
    with mistakes.noted():
        content = _parse_file(path)
    tables = content.pop(QUEUE_TABLES, None)
    found = {}
    for name, raw in content.items():
        with mistakes.noted():
            if isinstance(raw, dict):
                raise SettingsError(_about_table(name, raw, origin), key=name, origin=origin)
            found[name] = _read(_known(name, origin), raw, origin, typed=True)
    queues = {} if tables is None else read_queue_tables(tables, origin, mistakes)
    return FileSettings(found, queues)


def _parse_file(path: Path) -> dict[str, object]:
    try:
        content = read_text(path)
    except OSError as error:
        raise SettingsError(
            f"the settings file {path} cannot be read ({error.strerror});"
            " name an existing file with --config, or leave it out"
        ) from error
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"the settings file {path} is not valid TOML: {error}."
            ' Text stands in quotes (workers = "auto"), and so do names of queues that hold more'
            ' than letters, digits, _ and - ([queue."mail.eu"]); durations are plain milliseconds'
            " and sizes plain bytes (drain_ms = 10_000)"
        ) from error


def read_text(path: Path) -> str:
    """Read a small UTF-8 file.

    Raises:
        OSError: it cannot be read.
        SettingsError: it is not what it should be.
    """
    with path.open("rb") as stream:
        content = stream.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise SettingsError(f"{path} is larger than {FILE_BYTES_MAX} bytes; name the right file")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not UTF-8 text ({error.reason}); save it as such"
        ) from error


def _about_table(name: str, table: Mapping[str, object], origin: Origin) -> str:
    said = f"{name} ({origin.phrase}) is a table"
    if name == "queues":
        return f"{said}: settings of one queue stand under [{QUEUE_TABLES}.NAME]"
    inside = next(iter(table), "key")
    return (
        f"{said}, and only queues have some ([{QUEUE_TABLES}.NAME]):"
        f" write its keys at the top, such as {inside} = ..., without [{name}]"
    )


# --- the environment -----------------------------------------------------------------------------


def read_environment(environ: Mapping[str, str], mistakes: Mistakes) -> dict[str, Found]:
    """Read every PENSTOCK_ variable; one that nobody knows is a mistake and not ignored."""
    found = {}
    for variable in sorted(environ):
        raw = environ[variable]
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in OTHER_VARIABLES:
            continue
        if _is_of_kubernetes(variable, raw):
            continue
        with mistakes.noted():
            key, value = _read_variable(variable, raw)
            found[key.name] = value
    return found


def _read_variable(variable: str, raw: str) -> tuple[Key, Found]:
    origin = Origin(OriginKind.ENVIRONMENT, variable)
    key = _known_variable(variable, origin)
    if not raw:
        raise SettingsError(
            f"{variable} in the environment is empty: give it a value or unset it",
            key=key.name,
            origin=origin,
        )
    return key, _read(key, raw, origin, typed=False)


def _is_of_kubernetes(variable: str, raw: str) -> bool:
    if _KUBERNETES.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and _KUBERNETES_PORT.fullmatch(raw) is not None


def _known_variable(variable: str, origin: Origin) -> Key:
    name = variable.removeprefix(ENVIRONMENT_PREFIX)
    key = KEYS.get(name.lower())
    if key is not None and key.variable == variable:
        return key
    # Compared without their common beginning, which would make everything look alike.
    known = [other.removeprefix(ENVIRONMENT_PREFIX) for other in sorted(OTHER_VARIABLES)]
    known += [name.upper() for name in KEYS]
    close = get_close_matches(name.upper(), known, n=1)
    hint = f"did you mean {ENVIRONMENT_PREFIX}{close[0]}?" if close else "correct or unset it"
    raise SettingsError(
        f"{variable} in the environment is no setting; {hint}",
        key=name.lower(),
        origin=origin,
    )


# --- the flags -----------------------------------------------------------------------------------


def read_flags(flags: Mapping[str, object], mistakes: Mistakes) -> dict[str, Found]:
    """Read what the command line gave; None is a flag that was not given."""
    found = {}
    for name, raw in flags.items():
        if raw is None:
            continue
        with mistakes.noted():
            found[name] = _read_flag(name, raw)
    return found


def _read_flag(name: str, raw: object) -> Found:
    origin = Origin(OriginKind.FLAG, "--" + name.replace("_", "-"))
    key = _known(name, origin)
    if key.flag is None:
        raise SettingsError(
            f"{name} cannot be given as a flag, which every user of the machine can see:"
            f" set {key.variable}, or name a file with --password-file",
            key=name,
            origin=origin,
        )
    return _read(key, raw, origin, typed=False)


# --- keys ----------------------------------------------------------------------------------------


def _known(name: str, origin: Origin) -> Key:
    key = KEYS.get(name)
    if key is not None:
        return key
    close = get_close_matches(name.lower().replace("-", "_"), KEYS, n=1)
    hint = f"did you mean {close[0]}?" if close else "penstock config prints the keys there are"
    raise SettingsError(f"{name} ({origin.phrase}) is no setting; {hint}", key=name, origin=origin)


def _read(key: Key, raw: object, origin: Origin, *, typed: bool) -> Found:
    return Found(read_value(key.name, key.kind, raw, origin, typed=typed), origin)
