"""Two stores that were told the same give the same answers."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.model import JobId
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch
from tests.store.event_script import EventWriter, comparable_answers, event_steps
from tests.store.script import INSTANTS, Step, Writer, comparable, scripts, steps
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


event_scripts = st.lists(
    st.one_of(st.tuples(st.lists(steps, max_size=6), event_steps), st.just(None)), max_size=8
)


@given(script=event_scripts)
def test_sqlite_keeps_events_as_memory_does(
    script: list[tuple[list[Step], list[Step]] | None],
) -> None:
    with TemporaryDirectory(prefix="penstock-agree-") as directory:
        asyncio.run(_compare_events(Path(directory), script))


async def _compare_events(
    directory: Path, script: list[tuple[list[Step], list[Step]] | None]
) -> None:
    """Play a script of jobs and events. What is None opens the stores again."""
    memory = MemoryStore()
    writer, event_writer = Writer(), EventWriter()
    async with SqliteShelf(directory) as shelf:
        sqlite = await shelf.open()
        for both in [None, *script, None]:
            if both is None:
                sqlite = await shelf.open()
                snapshot = await memory.load(INSTANTS[1], 2)
                assert await sqlite.load(INSTANTS[1], 2) == snapshot
                event_writer.learn_load(snapshot.events)
            else:
                batch = writer.batch(both[0])
                batch.events = event_writer.writes(both[1])
                commit = await memory.commit(batch)
                answers = (await sqlite.commit(batch)).events
                assert comparable_answers(answers) == comparable_answers(commit.events)
                event_writer.learn(commit.events)
            everything = writer.everything()
            everything.now = INSTANTS[2]
            everything.events = event_writer.everything()
            expected = await memory.commit(everything)
            answers = (await sqlite.commit(everything)).events
            assert comparable_answers(answers) == comparable_answers(expected.events)
            writer.learn(record.job for record in expected.records.values())


def test_a_script_writes_something() -> None:
    """Scripts that only ever make empty batches would prove nothing."""
    batch = Writer().batch([("submit", 0, 2), ("change", 0, 0), ("ask", 1, 1), ("remove", 1, 1)])

    assert isinstance(batch, Batch)
    assert [submitted.job.id for submitted in batch.submissions] == [JobId(1)]
    assert batch.heads


def test_a_script_writes_events() -> None:
    words = ["make", "append", "group", "pending", "trim", "ask", "define", "sweep"]

    writes = EventWriter().writes([(word, 1, 0) for word in words])

    assert [event.offset for _, event in writes.appended] == [1]
    assert len(writes.streams) == len(writes.groups) == len(writes.pending) == 1
    assert len(writes.trims) == len(writes.ranges) == len(writes.triggers) == 1
