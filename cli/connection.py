"""The client that a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from penstock.cli.options import choose_password, choose_server

if TYPE_CHECKING:
    from penstock.client import Client

# A person waits at the terminal: long enough for a server that is being restarted, no longer.
RETRY_MS: Final = 5_000


def open_client(server: str | None, *, retry_ms: int = RETRY_MS) -> Client:
    """Make the client for `--server`; it connects when it is entered."""
    address = choose_server(server)
    from penstock.client import Client

    return Client(address, password=choose_password(), retry_ms=retry_ms)
