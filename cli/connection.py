"""The client that a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.cli.options import choose_password, choose_server

if TYPE_CHECKING:
    from penstock.client import Client


def open_client(server: str | None) -> Client:
    """Make the client for `--server`. Entering it connects; a wrong address shows at once."""
    address = choose_server(server)
    from penstock.client import Client

    return Client(address, password=choose_password(), name="penstock-cli")
