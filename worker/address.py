"""Where a server listens, as people write it."""

from dataclasses import dataclass

_UNIX = "unix:"
_PORT_MAX = 65_535


class AddressError(ValueError):
    """The text is no address."""


@dataclass(frozen=True, slots=True)
class TcpAddress:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixAddress:
    path: str


def parse_address(text: str) -> TcpAddress | UnixAddress:
    """Read `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.

    Raises:
        AddressError: it is none of them.
    """
    if text.startswith(_UNIX) and len(text) > len(_UNIX):
        return UnixAddress(text.removeprefix(_UNIX))
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= _PORT_MAX:
        raise AddressError(f"{text!r} is no address: write HOST:PORT or unix:PATH")
    return TcpAddress(host.removeprefix("[").removesuffix("]"), int(port))
