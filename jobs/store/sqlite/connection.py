"""The one connection to the database, and the thread that owns it."""

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")


class StoreConnection(aiosqlite.Connection):
    """Run whole functions in the connection's thread.

    aiosqlite's own methods run one statement each: every one of them costs two changes of thread
    and may be cancelled in the middle of a transaction, which then belongs to nobody.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connect, iter_chunk_size=64)
        # A process that dies without closing the store must not wait for this thread.
        self._thread.daemon = True

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a function with the connection, in the thread, and return what it returns.

        Cancelling stops the waiting only: the function runs to its end.
        """
        call = partial(function, self._conn, *args, **kwargs)
        result: T = await self._execute(call)  # type: ignore[no-untyped-call]
        return result
