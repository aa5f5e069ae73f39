"""A data directory whose store can be opened again and again."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from penstock.jobs.store.port import Store
from penstock.jobs.store.sqlite import open_sqlite_store
from penstock.jobs.store.sqlite.opening import Connect, connect

# Tests need little room, and none of them should wait for more.
RESERVE_BYTES = 64 * 1024


class SqliteShelf:
    """Keep at most one store open."""

    def __init__(self, directory: Path, connect: Connect = connect) -> None:
        self._directory = directory
        self._connect = connect
        self._open = AsyncExitStack()

    async def open(self) -> Store:
        await self._open.aclose()
        return await self._open.enter_async_context(
            open_sqlite_store(self._directory, connect=self._connect, reserve_bytes=RESERVE_BYTES)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()
