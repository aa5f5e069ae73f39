"""Where a remote worker's server listens: HOST:PORT or unix:PATH."""

from pathlib import Path
from typing import Final

from penstock.config.address import Address, parse_address

_UNIX: Final = "unix:"


def parse_server(text: str) -> Address | Path:
    """Read an address as `--connect` takes it; ValueError says what is wrong."""
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path:
            raise ValueError(f"{text!r} names no socket: write unix:PATH")
        return Path(path)
    return parse_address(text)
