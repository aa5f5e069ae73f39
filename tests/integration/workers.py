"""Real worker processes on a `JobSource`, and what was logged about them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio

from penstock.worker.supervisor import Supervisor
from tests.integration.job_source import JobSource

HOSTILE = "tests.integration.hostile_tasks"
ASYNC = "tests.integration.async_tasks"


class Events:
    """A logger that keeps what it is told, and tells who waits for it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, object]]] = []
        self._changed = anyio.Event()

    def debug(self, event: str, **fields: object) -> None:
        self._keep(event, fields)

    info = warning = error = debug

    def _keep(self, event: str, fields: dict[str, object]) -> None:
        self.seen.append((event, fields))
        self._changed.set()
        self._changed = anyio.Event()

    def of(self, event: str) -> list[dict[str, object]]:
        return [fields for seen, fields in self.seen if seen == event]

    def lines(self) -> list[str]:
        return [str(fields["line"]) for fields in self.of("output")]

    async def wait_for(self, event: str, count: int = 1) -> list[dict[str, object]]:
        """Wait until an event was logged so often."""
        while len(self.of(event)) < count:
            await self._changed.wait()
        return self.of(event)

    async def wait_for_line(self, start: str) -> str:
        """Wait until a task has printed a line that starts so."""
        while True:
            for line in self.lines():
                if line.startswith(start):
                    return line
            await self._changed.wait()


class Workers:
    """What a test holds: the source of jobs, the supervisor and its log."""

    def __init__(self, app: str | None, count: int) -> None:
        self.source = JobSource()
        self.events = Events()
        self.supervisor = Supervisor(
            count=count,
            app=app,
            queues=["default"],
            concurrency=100,
            log=self.events,
            attach=self.source.attach,
        )


@asynccontextmanager
async def running_workers(app: str | None = HOSTILE, count: int = 1) -> AsyncIterator[Workers]:
    """Have workers for the time of a test; afterwards none of their processes lives."""
    workers = Workers(app, count)
    async with anyio.create_task_group() as tasks:
        await tasks.start(workers.supervisor.run)
        yield workers
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def hosted(context: AbstractAsyncContextManager[Workers]) -> AsyncIterator[Workers]:
    """Enter and leave a context in one task, which a fixture cannot do by itself."""
    loop = asyncio.get_running_loop()
    entered: asyncio.Future[Workers] = loop.create_future()
    leave = asyncio.Event()

    async def host() -> None:
        async with context as workers:
            entered.set_result(workers)
            await leave.wait()

    task = loop.create_task(host())
    either: list[asyncio.Future[Any]] = [task, entered]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not entered.done():
        await task
    try:
        yield await entered
    finally:
        leave.set()
        await task
