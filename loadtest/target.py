"""Where the load goes: an address, and the password if the server has one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from penstock.config.address import Address, parse_address
from penstock.loadtest.errors import Unreachable, Usage

_P = TypeVar("_P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Target:
    """A server: HOST:PORT or the path of a unix socket."""

    address: Address | Path
    password: str | None = field(default=None, repr=False)

    async def connect(self, factory: Callable[[], _P]) -> _P:
        """Open a connection and return its protocol.

        Raises:
            Unreachable: nobody listens there.
        """
        loop = asyncio.get_running_loop()
        try:
            if isinstance(self.address, Path):
                _, protocol = await loop.create_unix_connection(factory, str(self.address))
            else:
                host, port = self.address.host, self.address.port
                _, protocol = await loop.create_connection(factory, host, port)
        except OSError as error:
            raise Unreachable(
                f"no server answers at {self} ({error}); start one with: penstock serve"
            ) from error
        return protocol

    def __str__(self) -> str:
        prefix = "unix:" if isinstance(self.address, Path) else ""
        return f"{prefix}{self.address}"


def parse_target(text: str, *, password: str | None = None, allow_remote: bool = False) -> Target:
    """Read `HOST:PORT` or `unix:PATH`.

    A load test is an attack on whoever did not ask for it, so an address beyond the loopback must
    be allowed explicitly.

    Raises:
        Usage: the address cannot be read, or is remote and *allow_remote* is not set.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise Usage("unix: lacks the path of the socket, such as unix:/run/penstock.sock")
        return Target(Path(path), password)
    try:
        address = parse_address(text)
    except ValueError as error:
        raise Usage(f"--server is {text}: {error}") from error
    if not address.loopback and not allow_remote:
        raise Usage(
            f"{address} is not on this machine; add --allow-remote if you may load that server"
        )
    return Target(address, password)
