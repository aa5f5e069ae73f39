"""The store in memory passes the suite."""

import pytest

from penstock.jobs.store.memory import MemoryStore
from tests.store.contract import *  # noqa: F403


class MemoryShelf:
    """Memory stays with its object: opening again is loading again."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    async def open(self) -> MemoryStore:
        return self._store


@pytest.fixture
def shelf() -> MemoryShelf:
    return MemoryShelf()
