"""Shutting down in phases, each with a deadline; a phase that is late is logged and left behind.

Whatever is not finished in time is not lost: it is in the store and goes on with the next start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine

import anyio
import structlog
from msgspec import Struct

from penstock.config.limits import DRAIN_STEP_MS
from penstock.server.connections import Connections
from penstock.server.engine import Engine
from penstock.server.listeners import Listeners

_log = structlog.get_logger("penstock.drain")


class Drain(Struct, frozen=True):
    """What is to be shut down. `stop_workers` lets local workers finish and waits for them."""

    engine: Engine
    connections: Connections
    listeners: Listeners
    stop_workers: Callable[[], Coroutine[None, None, None]]
    jobs_ms: int

    async def run(self) -> None:
        """Go through the phases. Cancelling leaves the rest undone, which costs nothing but time.

        What was acknowledged is on disk before this begins.
        """
        await self._phase("stop accepting", DRAIN_STEP_MS, self._stop_accepting)
        await self._phase("refuse submissions", DRAIN_STEP_MS, self._refuse_submissions)
        await self._phase("finish running jobs", self.jobs_ms, self._finish_jobs)
        await self._phase("give the rest back", DRAIN_STEP_MS, self._give_back)
        await self._phase("last batch", DRAIN_STEP_MS, self.engine.journal.settled)
        await self._phase("last replies", DRAIN_STEP_MS, self._reply)
        await self._phase("checkpoint", DRAIN_STEP_MS, self.engine.journal.rest)

    async def _phase(self, name: str, deadline_ms: int, run: Callable[[], Awaitable[None]]) -> None:
        _log.info("draining", phase=name, deadline_ms=deadline_ms)
        with anyio.move_on_after(deadline_ms / 1000) as scope:
            await run()
        if scope.cancelled_caught:
            _log.warning(
                "a phase did not end in time; going on", phase=name, deadline_ms=deadline_ms
            )

    async def _stop_accepting(self) -> None:
        self.listeners.close()

    async def _refuse_submissions(self) -> None:
        self.engine.broker.drain()
        self.engine.pump()

    async def _finish_jobs(self) -> None:
        async with anyio.create_task_group() as finishing:
            finishing.start_soon(self.stop_workers)
            await self.engine.all_given_back.wait()

    async def _give_back(self) -> None:
        engine = self.engine
        for connection in self.connections:
            engine.broker.give_back(connection.session.consumer, now=engine.clock.now_ms())
        engine.pump()

    async def _reply(self) -> None:
        self.engine.broker.end_waits()
        self.engine.events.log.end_reads()
        self.engine.pump()
        for connection in self.connections:
            connection.close_when_answered()
        await self.connections.all_closed()
