"""`penstock version`, which is fast since scripts ask it."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from penstock.cli.options import Json
from penstock.cli.output import write_json, write_line


def version(as_json: Json = False) -> None:
    """Print the versions of Penstock and of Python."""
    write_version(as_json=as_json)


def write_version(*, as_json: bool = False) -> None:
    penstock, python = _penstock_version(), platform.python_version()
    if as_json:
        write_json({"penstock": penstock, "python": python})
    else:
        write_line(f"penstock {penstock} (Python {python})")


def _penstock_version() -> str:
    try:
        return installed_version("penstock")
    except PackageNotFoundError:
        return "from a source tree"
