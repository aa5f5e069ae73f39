"""Where a server is, and connecting to it: TCP or a unix socket."""

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.config.address import Address, parse_address
from penstock.config.limits import CLIENT_CONNECT_SECONDS

_UNIX: Final = "unix:"

# A server that is gone without a word is noticed after a minute (idle 30 s, three probes 10 s
# apart), or 20 s after data that it does not acknowledge, when keepalive does not probe.
_TCP_OPTIONS: Final = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 20_000),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """HOST:PORT or the path of a unix socket."""

    address: Address | Path

    def connect(self, seconds: float = CLIENT_CONNECT_SECONDS) -> socket.socket:
        """Open a connection; the socket does not block.

        Raises:
            OSError: nobody answers within *seconds*.
        """
        if isinstance(self.address, Path):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.settimeout(seconds)
                sock.connect(str(self.address))
            except BaseException:
                sock.close()
                raise
        else:
            sock = socket.create_connection((self.address.host, self.address.port), seconds)
            tune(sock)
        sock.setblocking(False)
        return sock

    async def open(self, protocol: asyncio.Protocol) -> None:
        """Open a connection for *protocol*, in at most `CLIENT_CONNECT_SECONDS`.

        Raises:
            OSError: nobody answers.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CLIENT_CONNECT_SECONDS):
            if isinstance(self.address, Path):
                await loop.create_unix_connection(lambda: protocol, str(self.address))
            else:
                host, port = self.address.host, self.address.port
                await loop.create_connection(lambda: protocol, host, port)

    def __str__(self) -> str:
        return f"{_UNIX}{self.address}" if isinstance(self.address, Path) else str(self.address)


def parse_endpoint(text: str) -> Endpoint:
    """Read `127.0.0.1:7711` or `unix:/run/penstock.sock`; ValueError says what is wrong."""
    if not text.startswith(_UNIX):
        return Endpoint(parse_address(text))
    path = text.removeprefix(_UNIX)
    if not path:
        raise ValueError("unix: lacks the path of the socket, such as unix:/run/penstock.sock")
    return Endpoint(Path(path))


def tune(sock: socket.socket) -> None:
    """Send small requests at once, and notice a server that is gone."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for level, name, value in _TCP_OPTIONS:
        option = getattr(socket, name, None)  # macOS lacks some of them.
        if option is not None:
            sock.setsockopt(level, option, value)


def why(error: Exception) -> str:
    """Say why connecting failed."""
    return str(error) or "it did not answer in time"
