"""The store in SQLite passes the suite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.contract import *  # noqa: F403
from tests.store.shelves import SqliteShelf


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[SqliteShelf]:
    async with SqliteShelf(tmp_path) as shelf:
        yield shelf
