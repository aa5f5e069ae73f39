"""Where the server listens: TCP and a unix socket."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from penstock.config.limits import LISTEN_BACKLOG
from penstock.server.connection import Connection


class ListenError(Exception):
    """An address cannot be listened on. The message says which, why, and what to do."""


class Listeners:
    """The listening sockets. Closing them leaves the connections that were accepted."""

    def __init__(self, make_connection: Callable[[], Connection]) -> None:
        self._make_connection = make_connection
        self._servers: list[asyncio.Server] = []
        self._unix_path: Path | None = None

    async def listen_tcp(self, host: str, port: int) -> int:
        """Listen, and return the port: the one that was free if *port* is 0."""
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._make_connection, host, port, backlog=LISTEN_BACKLOG
            )
        except OSError as problem:
            raise ListenError(
                f"cannot listen on {host}:{port}: {problem.strerror or problem}; stop what listens "
                "there, or choose another address with --listen HOST:PORT"
            ) from problem
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def listen_unix(self, path: Path) -> None:
        """Listen on a socket file for the owner and the group; a stale one is replaced."""
        loop = asyncio.get_running_loop()
        try:
            _remove_stale(path)
            server = await loop.create_unix_server(
                self._make_connection, str(path), backlog=LISTEN_BACKLOG
            )
            os.chmod(path, 0o660)
        except OSError as problem:
            raise ListenError(
                f"cannot listen on {path}: {problem.strerror or problem}; "
                "choose another path with --unix PATH"
            ) from problem
        self._servers.append(server)
        self._unix_path = path

    def close(self) -> None:
        """Accept nothing more."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        if self._unix_path is not None:
            self._unix_path.unlink(missing_ok=True)
            self._unix_path = None


def _remove_stale(path: Path) -> None:
    """Remove a socket file that nobody listens on; anything else at that path is left alone.

    Raises:
        OSError: somebody listens there, or it is not a socket.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(17, "there is a file of that name that is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError(98, "another server listens there")
