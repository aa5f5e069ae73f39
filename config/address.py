"""HOST:PORT, as the settings and the command line write it."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

PORT_MAX: Final = 65_535

_BRACKETED: Final = re.compile(r"\[([0-9A-Fa-f:.%\w]+)\]:(0|[1-9][0-9]{0,4})")
_PLAIN: Final = re.compile(r"([^\s:\[\]]+):(0|[1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, or where to connect to. Port 0 asks for any free port.

    `host` carries no brackets; `str` puts them around an IPv6 address.
    """

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it; a name other than localhost counts as beyond."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host.lower() == "localhost"
        mapped = getattr(address, "ipv4_mapped", None)
        return bool(address.is_loopback or (mapped is not None and mapped.is_loopback))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `127.0.0.1:7711`, `[::1]:7711` or `name:0`; ValueError says what is wrong."""
    found = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
    if found is None:
        raise ValueError(_why_not(text))
    host, port = found[1], int(found[2])
    if port > PORT_MAX:
        raise ValueError(f"port {port} does not exist; the highest is {PORT_MAX}")
    if text.startswith("["):
        _require_ipv6(host)
    return Address(host, port)


def _require_ipv6(host: str) -> None:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError(f"[{host}] is not an IPv6 address, such as [::1]") from None


def _why_not(text: str) -> str:
    form = "HOST:PORT, such as 127.0.0.1:7711"
    if text.isdigit():
        return f"it must be {form}: write 127.0.0.1:{text}"
    if text.count(":") > 1 and not text.startswith("["):
        return f"it must be {form}; an IPv6 address stands in brackets, such as [::1]:7711"
    if text.startswith(":"):
        return f"it must be {form}: write 127.0.0.1{text}, or 0.0.0.0{text} for every interface"
    return f"it must be {form}, with a port from 0 to {PORT_MAX}"
