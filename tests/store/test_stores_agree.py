"""Two stores that were told the same give the same answers."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given

from penstock.jobs.model import JobId
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch
from tests.store.script import INSTANTS, Step, Writer, comparable, scripts
from tests.store.shelves import SqliteShelf


@given(script=scripts)
def test_sqlite_answers_as_memory_does(script: list[list[Step] | None]) -> None:
    with TemporaryDirectory(prefix="penstock-agree-") as directory:
        asyncio.run(_compare(Path(directory), script))


async def _compare(directory: Path, script: list[list[Step] | None]) -> None:
    """Play a script. A batch that is None opens the stores again."""
    memory = MemoryStore()
    writer = Writer()
    async with SqliteShelf(directory) as shelf:
        sqlite = await shelf.open()
        for steps in [None, *script, None]:
            if steps is None:
                sqlite = await shelf.open()
                snapshot = await memory.load(INSTANTS[1], 2)
                assert await sqlite.load(INSTANTS[1], 2) == snapshot
                writer.learn_load(snapshot)
            else:
                batch = writer.batch(steps)
                expected = await memory.commit(batch)
                assert comparable(await sqlite.commit(batch)) == comparable(expected)
            everything = writer.everything()
            expected = await memory.commit(everything)
            assert comparable(await sqlite.commit(everything)) == comparable(expected)
            writer.learn(record.job for record in expected.records.values())


def test_a_script_writes_something() -> None:
    """Scripts that only ever make empty batches would prove nothing."""
    batch = Writer().batch([("submit", 0, 2), ("change", 0, 0), ("ask", 1, 1), ("remove", 1, 1)])

    assert isinstance(batch, Batch)
    assert [submitted.job.id for submitted in batch.submissions] == [JobId(1)]
    assert batch.heads
