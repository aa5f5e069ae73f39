"""All connections of a server: how many there may be, and which take too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio.abc import TaskStatus

from penstock.config.limits import (
    AUTHENTICATION_DEADLINE_SECONDS,
    FRAME_DEADLINE_SECONDS,
    HALF_CLOSED_SECONDS,
)
from penstock.protocol.errors import ErrorCode
from penstock.server.clock import Clock

if TYPE_CHECKING:
    from penstock.server.connection import Connection

_log = structlog.get_logger("penstock.connections")

_SWEEP_SECONDS = 1.0
_LOG_EVERY_SECONDS = 60.0  # Browsers and scanners can be persistent.


class Connections:
    """The open connections, and what they did together."""

    def __init__(self, clock: Clock, connections_max: int) -> None:
        self._clock = clock
        self._connections_max = connections_max
        self._open: dict[Connection, None] = {}
        self._clients_count = 0  # The open ones that are not our own workers'.
        self._cross_protocol_logged_at = -_LOG_EVERY_SECONDS
        self._empty = anyio.Event()
        self.accepted_total = 0
        self.refused_total = 0
        self.protocol_errors_total = 0
        self.requests_total = 0

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def add(self, connection: Connection) -> bool:
        """Take a connection in; say whether there was room. For our own workers there always is."""
        if not connection.of_worker:
            if self._clients_count >= self._connections_max:
                self.refused_total += 1
                return False
            self._clients_count += 1
        self.accepted_total += 1
        self._open[connection] = None
        return True

    def remove(self, connection: Connection) -> None:
        if connection not in self._open:
            return  # There had been no room for it.
        del self._open[connection]
        self._clients_count -= not connection.of_worker
        if not self._open:
            self._empty.set()

    async def all_closed(self) -> None:
        """Wait until no connection is open."""
        while self._open:
            self._empty = anyio.Event()
            await self._empty.wait()

    @property
    def replies_pending(self) -> int:
        return sum(connection.replies_pending for connection in self._open)

    def note_cross_protocol(self, peer: str) -> None:
        """Count a browser or a TLS client on this port; log one a minute."""
        self.protocol_errors_total += 1
        now = self._clock.monotonic()
        if now - self._cross_protocol_logged_at >= _LOG_EVERY_SECONDS:
            self._cross_protocol_logged_at = now
            _log.warning("cut: HTTP or TLS was spoken to the RESP port", peer=peer)

    async def sweep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Close connections that do not finish a request, authenticate or leave in time."""
        task_status.started()
        while True:
            await anyio.sleep(_SWEEP_SECONDS)
            self.sweep_once(self._clock.monotonic())

    def sweep_once(self, now: float) -> None:
        for connection in self:
            since = connection.partial_since
            half_closed_since = connection.half_closed_since
            if half_closed_since is not None:
                if now - half_closed_since > HALF_CLOSED_SECONDS:
                    connection.close()
            elif since is not None and now - since > FRAME_DEADLINE_SECONDS:
                connection.close_with(
                    ErrorCode.ERR,
                    f"the request was not complete {FRAME_DEADLINE_SECONDS:.0f} s after it began",
                )
            elif (
                not connection.session.authenticated
                and now - connection.session.unauthenticated_since > AUTHENTICATION_DEADLINE_SECONDS
            ):
                connection.close_with(
                    ErrorCode.NOAUTH,
                    f"no password was given within {AUTHENTICATION_DEADLINE_SECONDS:.0f} s",
                )
