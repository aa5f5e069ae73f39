"""The server's end of its own workers' sockets: what the supervisor and the server tell each other.

A worker of ours that breaks its connection is ended first; only when its processes are dead are
its jobs given to others, so that no job of a local worker runs twice at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from penstock.jobs.waits import ConsumerId
from penstock.server.connection import Connection
from penstock.server.engine import Engine

# Ends a worker by name, for a reason.
Kill = Callable[[str, str], None]


class WorkerLink:
    """One local worker as the supervisor sees it."""

    def __init__(self, links: WorkerLinks, connection: Connection) -> None:
        self._links = links
        self._connection = connection

    def stop_claims(self) -> None:
        """Give this worker nothing more: parked claims are answered with nothing."""
        self._connection.session.stop_claims()
        self._links.engine.pump()

    def close(self, reason: str, started: frozenset[int] | None = None) -> None:
        """Take the jobs of a worker whose processes are dead.

        *started* names the jobs whose work had begun, if the worker left word; those fail with
        *reason*, the others are only given back.
        """
        session = self._connection.session
        self._links.forget(session.consumer)
        session.worker_lost = None
        self._connection.abort()
        self._links.engine.lose(session.consumer, reason, started=started)
        self._links.engine.pump()


class WorkerLinks:
    """All local workers' connections, by consumer."""

    def __init__(self, engine: Engine, make_connection: Callable[[], Connection]) -> None:
        self.engine = engine
        self._make_connection = make_connection
        self._workers: dict[ConsumerId, str] = {}
        self.kill: Kill = lambda name, reason: None
        engine.end_worker = self._end_worker

    async def attach(
        self, sock: socket.socket, worker_name: str, on_lost: Callable[[str], None]
    ) -> WorkerLink:
        """Make a connection of a worker's socket; *on_lost* is called if it breaks by itself."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(self._make_connection, sock=sock)
        session = connection.session
        session.worker_name = worker_name
        session.worker_lost = on_lost
        self._workers[session.consumer] = worker_name
        return WorkerLink(self, connection)

    def forget(self, consumer: ConsumerId) -> None:
        self._workers.pop(consumer, None)

    def _end_worker(self, consumer: ConsumerId, reason: str) -> bool:
        name = self._workers.get(consumer)
        if name is None:
            return False
        self.kill(name, reason)
        return True
