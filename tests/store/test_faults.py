"""What becomes of a batch when the disk, the database or the caller lets go."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from penstock.jobs.events.model import StreamName
from penstock.jobs.model import Instant, JobId, State
from penstock.jobs.store.event_port import EventWrites, HandledKey, TriggerRecord
from penstock.jobs.store.port import (
    Batch,
    PurgeSlice,
    Removal,
    Store,
    StoreFailed,
    StoreFull,
)
from penstock.jobs.store.sqlite import open_sqlite_store
from penstock.jobs.store.sqlite.checkpoints import PAGE_BYTES, WAL_PAGES_MAX
from penstock.jobs.store.sqlite.directory import DATABASE_NAME
from penstock.jobs.store.sqlite.reserve import RESERVE_NAME, Reserve
from tests.store.asking import head_of, record_of, submit
from tests.store.event_records import (
    FIRST,
    ONE,
    a_consumer,
    a_group,
    a_pending,
    a_stream,
    a_trim,
    an_event,
    events,
    found_in,
    write,
)
from tests.store.faults import Faults
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    cancelled,
    claimed,
    completed,
    submission,
    submissions,
)
from tests.store.shelves import RESERVE_BYTES, SqliteShelf


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
async def shelf(tmp_path: Path, faults: Faults) -> AsyncIterator[SqliteShelf]:
    async with SqliteShelf(tmp_path, faults.connect) as shelf:
        yield shelf


@pytest.fixture
async def store(shelf: SqliteShelf) -> Store:
    opened = await shelf.open()
    await opened.load()
    return opened


# --- a full disk ---------------------------------------------------------------------------------

MOMENTS = ["BEGIN", "INSERT INTO queues", "INSERT INTO jobs", "INSERT INTO payloads", "COMMIT"]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_full_disk_refuses_a_batch_and_keeps_nothing_of_it(
    shelf: SqliteShelf, store: Store, faults: Faults, moment: str
) -> None:
    faults.plan(moment, "SQLITE_FULL")

    with pytest.raises(StoreFull, match="nothing of this batch was stored"):
        await submit(store, a_job(1, queue="new", key="k"))

    assert await record_of(store, 1) is None
    commit = await submit(store, a_job(2, queue="new", key="k"))
    assert commit.duplicates == {}
    again = await shelf.open()
    await again.load()
    assert await head_of(again, "new") == [2]


async def test_what_is_under_way_ends_on_the_room_that_was_set_aside(
    store: Store, faults: Faults, tmp_path: Path
) -> None:
    await submit(store, a_job(1))
    assert (tmp_path / RESERVE_NAME).stat().st_size == RESERVE_BYTES
    faults.plan("COMMIT", "SQLITE_FULL")

    await store.commit(Batch(updates=[claimed(a_job(1))]))

    assert not (tmp_path / RESERVE_NAME).exists()
    found = await record_of(store, 1)
    assert found is not None
    assert found.job == claimed(a_job(1))


# A batch, and the counts of ready, completed and cancelled jobs after it.
ROOM_MAKERS = {
    "a cancelling": (Batch(rewrites=[cancelled(a_job(1))]), (0, 1, 1)),
    "a purge": (Batch(purges=[PurgeSlice(QUEUE, JobId(1), 9)]), (0, 1, 0)),
    "a discarding": (Batch(forgets=[JobId(2)]), (1, 0, 0)),
    "a removal": (Batch(removal=Removal(NOW, 9)), (1, 0, 0)),
    "a setting": (Batch(settings=[(QUEUE, b"{}")]), (1, 1, 0)),
}


@pytest.mark.parametrize("moment", ["BEGIN", "COMMIT"])
@pytest.mark.parametrize(("batch", "expected"), ROOM_MAKERS.values(), ids=ROOM_MAKERS)
async def test_what_people_do_about_a_full_disk_is_done(
    shelf: SqliteShelf,
    store: Store,
    faults: Faults,
    batch: Batch,
    expected: tuple[int, int, int],
    moment: str,
) -> None:
    await submit(store, a_job(1), a_job(2))
    await store.commit(Batch(updates=[completed(claimed(a_job(2)), remove_at=NOW)]))
    faults.plan(moment, "SQLITE_FULL")

    await store.commit(batch)

    counts = (await (await shelf.open()).load()).counts
    states = (State.READY, State.COMPLETED, State.CANCELLED)
    assert tuple(counts.get((QUEUE, state), 0) for state in states) == expected


async def test_a_disk_that_stays_full_refuses_everything(store: Store, faults: Faults) -> None:
    await submit(store, a_job(1))
    faults.plan("COMMIT", "SQLITE_FULL", times=2)

    with pytest.raises(StoreFull):
        await store.commit(Batch(updates=[claimed(a_job(1))]))

    assert await head_of(store) == [1]


async def test_a_full_disk_lets_the_log_start_over(
    store: Store, faults: Faults, tmp_path: Path
) -> None:
    await submit(store, *(a_job(i) for i in range(1, 500)))
    grown = wal_bytes(tmp_path)
    faults.plan("COMMIT", "SQLITE_FULL")
    with pytest.raises(StoreFull):
        await submit(store, a_job(500))

    await submit(store, *(a_job(i) for i in range(500, 600)))

    assert wal_bytes(tmp_path) == grown


async def test_a_log_that_cannot_start_over_on_a_full_disk_is_a_failure(
    store: Store, faults: Faults
) -> None:
    faults.plan("COMMIT", "SQLITE_FULL")
    faults.plan("PRAGMA wal_checkpoint", "SQLITE_IOERR")

    with pytest.raises(StoreFailed):
        await submit(store, a_job(1))


async def test_room_is_set_aside_again_when_there_is_some(
    store: Store, faults: Faults, tmp_path: Path
) -> None:
    faults.plan("COMMIT", "SQLITE_FULL")
    with pytest.raises(StoreFull):
        await submit(store, a_job(1))

    await submit(store, a_job(1))

    assert (tmp_path / RESERVE_NAME).stat().st_size == RESERVE_BYTES


async def test_without_room_to_set_aside_only_new_jobs_are_refused(tmp_path: Path) -> None:
    async with open_sqlite_store(tmp_path, reserve_bytes=RESERVE_BYTES) as store:
        await store.load()
        await submit(store, a_job(1), a_job(2))
    (tmp_path / RESERVE_NAME).unlink()

    async with open_sqlite_store(tmp_path, reserve_bytes=2**60) as store:
        await store.load()
        with pytest.raises(StoreFull, match="MiB at the least"):
            await store.commit(Batch(submissions=submissions(a_job(3))))
        done = completed(claimed(a_job(1)), remove_at=NOW)
        await store.commit(Batch(updates=[done], results=[(JobId(1), b"1")]))
        await store.commit(Batch(removal=Removal(NOW, 1)))

        assert await head_of(store) == [2]


async def test_leases_end_on_the_room_that_was_set_aside(
    shelf: SqliteShelf, store: Store, faults: Faults
) -> None:
    await submit(store, a_job(1))
    await store.commit(Batch(updates=[claimed(a_job(1))]))
    again = await shelf.open()
    faults.plan("UPDATE jobs", "SQLITE_FULL")

    assert (await again.load()).leases_ended_count == 1


async def test_leases_that_cannot_end_keep_the_store_from_loading(
    shelf: SqliteShelf, store: Store, faults: Faults
) -> None:
    await submit(store, a_job(1))
    await store.commit(Batch(updates=[claimed(a_job(1))]))
    again = await shelf.open()
    faults.plan("UPDATE jobs", "SQLITE_FULL", times=2)

    with pytest.raises(StoreFull):
        await again.load()

    assert (await again.load()).leases_ended_count == 1


async def test_queues_that_cannot_be_forgotten_are_kept(
    shelf: SqliteShelf, store: Store, faults: Faults
) -> None:
    await submit(store, job := a_job(1, queue="old"))
    await store.commit(Batch(updates=[completed(claimed(job), remove_at=NOW)]))
    await store.commit(Batch(removal=Removal(NOW, 1)))
    again = await shelf.open()
    faults.plan("DELETE FROM queues", "SQLITE_FULL")

    assert (await again.load()).counts == {}

    await submit(again, a_job(2, queue="old"))
    assert await head_of(again, "old") == [2]


async def test_queues_that_fail_to_be_forgotten_are_a_failure(
    shelf: SqliteShelf, store: Store, faults: Faults
) -> None:
    await submit(store, job := a_job(1))
    await store.commit(Batch(updates=[completed(claimed(job), remove_at=NOW)]))
    await store.commit(Batch(removal=Removal(NOW, 1)))
    again = await shelf.open()
    faults.plan("DELETE FROM queues", "SQLITE_IOERR")

    with pytest.raises(StoreFailed):
        await again.load()


async def test_a_checkpoint_that_finds_no_room_harms_nothing(store: Store, faults: Faults) -> None:
    await submit(store, a_job(1))
    faults.plan("PRAGMA wal_checkpoint", "SQLITE_FULL")

    await store.rest()

    assert await head_of(store) == [1]


def test_the_room_set_aside_is_really_taken(tmp_path: Path) -> None:
    assert Reserve(tmp_path, 1 << 20).restore()

    assert (tmp_path / RESERVE_NAME).stat().st_blocks * 512 >= 1 << 20


def test_a_hole_of_the_right_length_is_no_room(tmp_path: Path) -> None:
    with (tmp_path / RESERVE_NAME).open("wb") as file:
        file.truncate(1 << 20)

    assert not Reserve(tmp_path, 1 << 20).release()


def test_what_stands_in_the_place_of_the_room_is_none(tmp_path: Path) -> None:
    (tmp_path / RESERVE_NAME).mkdir()
    reserve = Reserve(tmp_path, 1 << 20)

    assert not reserve.restore()
    assert not reserve.release()


# --- events on a full disk -----------------------------------------------------------------------

EVENT_MOMENTS = [
    "BEGIN",
    "INSERT INTO event_groups",
    "INSERT INTO consumers",
    "INSERT INTO events",
    "DELETE FROM events",
    "DELETE FROM pending_events",
    "INSERT INTO pending_events",
    "INSERT INTO handled_keys",
    "INSERT INTO triggers",
    "INSERT INTO streams",
    "COMMIT",
]


def all_kinds(last: int) -> EventWrites:
    """Write something of all kinds, to a stream that is given its events up to the last."""
    return EventWrites(
        streams=[a_stream(last=last)],
        groups=[replace(a_group(), last_delivered_id=(last, 0))],
        consumers=[replace(a_consumer(), active_at=Instant(NOW + last))],
        appended=[(ONE, event) for event in events(last - 1, last)],
        trims=[a_trim(count=1)],
        acknowledged=[(FIRST, (last - 2, 0))],
        pending=[(FIRST, a_pending(last))],
        handled=[HandledKey(FIRST, f"key {last}", Instant(NOW + 9))],
        triggers=[TriggerRecord("t", bytes([last]))],
    )


@pytest.mark.parametrize("moment", EVENT_MOMENTS)
async def test_a_full_disk_keeps_nothing_of_the_events_of_a_batch(
    shelf: SqliteShelf, store: Store, faults: Faults, moment: str
) -> None:
    await store.commit(Batch(now=NOW, events=all_kinds(2)))
    before = (await (await shelf.open()).load()).events
    again = await shelf.open()
    await again.load()
    faults.plan(moment, "SQLITE_FULL")

    with pytest.raises(StoreFull, match="nothing of this batch was stored"):
        await again.commit(Batch(now=NOW, events=all_kinds(4)))

    asked = EventWrites(were_handled=[(FIRST, "key 4")])
    assert list((await write(again, asked)).were_handled) == [False]
    assert (await (await shelf.open()).load()).events == before
    again = await shelf.open()
    await again.load()
    await again.commit(Batch(now=NOW, events=all_kinds(4)))
    kept = (await (await shelf.open()).load()).events
    assert (kept.streams[0].length, kept.streams[0].first_id) == (2, (3, 0))


@pytest.mark.parametrize("moment", ["BEGIN", "COMMIT"])
@pytest.mark.parametrize(
    "writes",
    [
        EventWrites(acknowledged=[(FIRST, (2, 0))]),
        EventWrites(groups=[replace(a_group(), last_delivered_id=(2, 0))]),
        EventWrites(streams=[a_stream(last=2)], trims=[a_trim(count=1)]),
        EventWrites(dropped_streams=[ONE]),
        EventWrites(sweep_max=10),
    ],
    ids=["acknowledged", "a cursor", "a trim", "a dropping", "a sweeping"],
)
async def test_what_consumers_do_about_a_full_disk_is_done(
    store: Store, faults: Faults, writes: EventWrites, moment: str
) -> None:
    await store.commit(Batch(now=NOW, events=all_kinds(2)))
    faults.plan(moment, "SQLITE_FULL")

    await store.commit(Batch(now=NOW, events=writes))


async def test_the_life_of_a_job_is_told_on_the_room_that_was_set_aside(
    store: Store, faults: Faults
) -> None:
    await submit(store, a_job(1))
    life = replace(a_stream(last=1), name=StreamName("jobs:*"))
    faults.plan("COMMIT", "SQLITE_FULL")

    told = EventWrites(streams=[life], appended=[(ONE, an_event(1))])
    await store.commit(Batch(updates=[claimed(a_job(1))], events=told))

    assert await found_in(store) == [an_event(1)]


async def test_without_room_to_set_aside_no_new_events_are_taken(tmp_path: Path) -> None:
    async with open_sqlite_store(tmp_path, reserve_bytes=RESERVE_BYTES) as store:
        await store.load()
        await store.commit(Batch(now=NOW, events=all_kinds(2)))
    (tmp_path / RESERVE_NAME).unlink()

    async with open_sqlite_store(tmp_path, reserve_bytes=2**60) as store:
        await store.load()
        with pytest.raises(StoreFull):
            await store.commit(Batch(now=NOW, events=all_kinds(4)))
        await store.commit(Batch(events=EventWrites(acknowledged=[(FIRST, (2, 0))])))


# --- a disk that fails ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_BUSY"])
@pytest.mark.parametrize("moment", ["BEGIN", "INSERT INTO jobs", "COMMIT"])
async def test_any_other_failure_leaves_the_outcome_unknown(
    store: Store, faults: Faults, moment: str, name: str
) -> None:
    faults.plan(moment, name)

    with pytest.raises(StoreFailed, match=f"{name}.*not known what of this batch is stored"):
        await submit(store, a_job(1))


async def test_a_store_that_failed_takes_no_more(store: Store, faults: Faults) -> None:
    faults.plan("COMMIT", "SQLITE_IOERR")
    with pytest.raises(StoreFailed):
        await submit(store, a_job(1))

    with pytest.raises(StoreFailed):
        await submit(store, a_job(2))
    await store.rest()


async def test_a_commit_that_failed_may_have_been_written(
    shelf: SqliteShelf, store: Store, faults: Faults
) -> None:
    faults.plan("COMMIT", "SQLITE_IOERR", done=True)
    with pytest.raises(StoreFailed):
        await submit(store, a_job(1))

    again = await shelf.open()
    await again.load()

    assert await head_of(again) == [1]


async def test_a_rollback_that_fails_is_not_taken_for_one(store: Store, faults: Faults) -> None:
    faults.plan("COMMIT", "SQLITE_FULL")
    faults.plan("ROLLBACK", "SQLITE_IOERR")

    with pytest.raises(StoreFailed):
        await submit(store, a_job(1))


async def test_a_question_that_cannot_be_read_is_a_failure(store: Store, faults: Faults) -> None:
    await submit(store, a_job(1))
    faults.plan("SELECT json_group_array", "SQLITE_CORRUPT")

    with pytest.raises(StoreFailed):
        await head_of(store)


async def test_a_failing_checkpoint_is_a_failure(store: Store, faults: Faults) -> None:
    await submit(store, a_job(1))
    faults.plan("PRAGMA wal_checkpoint", "SQLITE_IOERR")

    with pytest.raises(StoreFailed):
        await store.rest()


# --- a caller that goes away ---------------------------------------------------------------------


async def test_a_cancelled_commit_runs_to_its_end(store: Store) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(submit, store, a_job(1))
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()

    assert await head_of(store) == [1]
    await submit(store, a_job(2))
    assert await head_of(store) == [1, 2]


async def test_closing_waits_for_a_commit_that_was_cancelled(
    shelf: SqliteShelf, store: Store
) -> None:
    batch = Batch(submissions=[submission(a_job(i), b"x" * 1000) for i in range(1, 4000)])
    async with anyio.create_task_group() as group:
        group.start_soon(store.commit, batch)
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()

    again = await shelf.open()

    assert (await again.load()).next_id == 4000


# --- the log -------------------------------------------------------------------------------------


def wal_bytes(directory: Path) -> int:
    return (directory / f"{DATABASE_NAME}-wal").stat().st_size


async def test_the_log_stays_bounded_without_a_rest(store: Store, tmp_path: Path) -> None:
    payload = bytes(60_000)

    for number in range(20):
        jobs = range(number * 50 + 1, number * 50 + 51)
        await store.commit(Batch(submissions=[submission(a_job(i), payload) for i in jobs]))

    assert wal_bytes(tmp_path) < 2 * WAL_PAGES_MAX * PAGE_BYTES


async def test_the_log_stays_bounded_however_many_events_there_are(
    store: Store, tmp_path: Path
) -> None:
    for number in range(60):
        first, last = number * 2000 + 1, number * 2000 + 2000
        appended = [(ONE, an_event(i, b"key", bytes(200))) for i in range(first, last + 1)]
        writes = EventWrites(streams=[a_stream(last=last)], appended=appended)
        writes.trims = [a_trim(count=max(0, last - 4000), events_max=2000)]
        await store.commit(Batch(events=writes))

    assert wal_bytes(tmp_path) < 2 * WAL_PAGES_MAX * PAGE_BYTES


async def test_a_rest_empties_the_log(store: Store, tmp_path: Path) -> None:
    await submit(store, a_job(1))
    assert wal_bytes(tmp_path) > 0

    await store.rest()

    assert wal_bytes(tmp_path) == 0


async def test_a_rest_does_not_wait_for_somebody_who_reads(store: Store, tmp_path: Path) -> None:
    await submit(store, a_job(1))
    reader = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM jobs").fetchone()
    await submit(store, a_job(2))

    with anyio.fail_after(2):
        await store.rest()
    reader.close()

    assert await head_of(store) == [1, 2]
