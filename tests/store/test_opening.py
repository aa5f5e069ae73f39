"""What a data directory must be like, and what is said when it is not."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.jobs.store.port import StoreInUse, StoreUnusable
from penstock.jobs.store.sqlite import open_sqlite_store
from penstock.jobs.store.sqlite.directory import DATABASE_NAME, prepare_directory
from penstock.jobs.store.sqlite.lock import LOCK_NAME
from penstock.jobs.store.sqlite.opening import Connect, connect
from penstock.jobs.store.sqlite.schema import APPLICATION_ID
from tests.store.asking import head_of, submit
from tests.store.faults import Faults
from tests.store.records import a_job
from tests.store.shelves import RESERVE_BYTES

WAL_NAME = f"{DATABASE_NAME}-wal"


async def open_and_close(directory: Path, connect: Connect = connect) -> None:
    async with open_sqlite_store(directory, connect=connect, reserve_bytes=RESERVE_BYTES) as store:
        await store.load()


async def open_and_submit(directory: Path, jobs_count: int = 1) -> None:
    async with open_sqlite_store(directory, reserve_bytes=RESERVE_BYTES) as store:
        await store.load()
        for job_id in range(1, jobs_count + 1):
            await submit(store, a_job(job_id))


async def refusal_of(directory: Path, connect: Connect = connect) -> str:
    with pytest.raises(StoreUnusable) as refused:
        await open_and_close(directory, connect)
    return str(refused.value)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the directory -------------------------------------------------------------------------------


async def test_a_missing_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"

    async with open_sqlite_store(directory, reserve_bytes=RESERVE_BYTES) as store:
        await store.load()
        await submit(store, a_job(1))

        modes = {path.name: mode_of(path) for path in directory.iterdir()}

    assert mode_of(directory) == 0o700
    assert set(modes.values()) == {0o600}
    assert {DATABASE_NAME, WAL_NAME, LOCK_NAME} <= modes.keys()


async def test_a_directory_keeps_the_mode_its_owner_gave_it(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o750)

    await open_and_close(directory)

    assert mode_of(directory) == 0o750


async def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("mine")

    assert f"{path} is a file; name a directory" in await refusal_of(path)
    assert path.read_text() == "mine"


async def test_a_file_on_the_way_to_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    message = await refusal_of(tmp_path / "file" / "data")

    assert f"{tmp_path / 'file'} is a file; name a directory" in message


async def test_a_directory_that_cannot_be_made_is_refused() -> None:
    """Nobody can make a directory there, root included."""
    assert "cannot be made" in await refusal_of(Path("/proc/penstock"))


async def test_a_directory_that_cannot_be_written_is_refused() -> None:
    assert "/proc" in await refusal_of(Path("/proc"))


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "21 1 0:999 / /elsewhere rw - ext4 /dev/sda rw\n"
        f"22 1 {number} / /data rw,noatime shared:1 - {kind} server:/x rw\n"
    )

    with pytest.raises(StoreUnusable, match=rf"network file system \({kind}\)"):
        prepare_directory(tmp_path, mounts)


def test_a_file_system_that_is_not_listed_is_taken_on_trust(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("21 1 0:999 / /elsewhere rw - nfs4 server:/x rw\n")

    prepare_directory(tmp_path, mounts)


def test_where_the_kernel_does_not_tell_the_file_system_is_taken_on_trust(tmp_path: Path) -> None:
    prepare_directory(tmp_path, tmp_path / "no mountinfo here")


# --- one server a directory ----------------------------------------------------------------------

HOLDER = """
import asyncio, sys
from pathlib import Path
from penstock.jobs.store.sqlite import open_sqlite_store

async def hold():
    async with open_sqlite_store(Path(sys.argv[1]), reserve_bytes=65536):
        print("open", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


@contextmanager
def holder_of(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that has the directory open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


async def test_a_second_opener_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with holder_of(tmp_path) as holder, pytest.raises(StoreInUse) as refused:
        await open_and_close(tmp_path)

    assert f"in use by another server (pid {holder.pid})" in str(refused.value)


async def test_a_lock_ends_with_its_process_however_it_ends(tmp_path: Path) -> None:
    with holder_of(tmp_path) as holder:
        holder.kill()
        holder.wait()

        await open_and_close(tmp_path)


async def test_a_process_opens_a_directory_once(tmp_path: Path) -> None:
    async with open_sqlite_store(tmp_path, reserve_bytes=RESERVE_BYTES):
        with pytest.raises(StoreInUse, match=f"pid {os.getpid()}"):
            await open_and_close(tmp_path)


async def test_a_refused_opener_leaves_the_lock_with_its_holder(tmp_path: Path) -> None:
    async with open_sqlite_store(tmp_path, reserve_bytes=RESERVE_BYTES) as store:
        await store.load()
        for _ in range(2):
            with pytest.raises(StoreInUse):
                await open_and_close(tmp_path)

        await submit(store, a_job(1))
        assert await head_of(store) == [1]


async def test_a_refusal_after_the_lock_gives_it_back(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_text("not a database, and long enough to be read as one" * 9)
    await refusal_of(tmp_path)
    (tmp_path / DATABASE_NAME).unlink()

    await open_and_close(tmp_path)


# --- the database --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x", "SQLite format 3\0 cut short", "no database " * 1000])
async def test_a_file_that_is_no_database_is_refused_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / DATABASE_NAME).write_text(text)

    assert "is not a database" in await refusal_of(tmp_path)
    assert (tmp_path / DATABASE_NAME).read_text() == text


async def test_a_database_of_another_program_is_refused_as_it_is(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / DATABASE_NAME)
    other.execute("CREATE TABLE theirs (one)")
    other.close()
    before = (tmp_path / DATABASE_NAME).read_bytes()

    assert "is a database of another program" in await refusal_of(tmp_path)
    assert (tmp_path / DATABASE_NAME).read_bytes() == before


async def test_a_database_says_whose_it_is_before_its_log_is_moved(tmp_path: Path) -> None:
    async with open_sqlite_store(tmp_path, reserve_bytes=RESERVE_BYTES):
        header = (tmp_path / DATABASE_NAME).read_bytes()[:100]

    assert header[68:72] == APPLICATION_ID.to_bytes(4, "big")


async def test_a_database_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    await open_and_close(tmp_path)
    newer = sqlite3.connect(tmp_path / DATABASE_NAME)
    newer.execute("PRAGMA user_version = 999")
    newer.close()

    assert "has schema 999" in await refusal_of(tmp_path)


async def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    await open_and_submit(tmp_path, 50)
    database = tmp_path / DATABASE_NAME
    content = bytearray(database.read_bytes())
    content[4096 * 2 : 4096 * 12] = b"\xa5" * 4096 * 10
    database.write_bytes(content)

    assert "damaged" in await refusal_of(tmp_path)
    assert database.read_bytes() == content


async def test_a_log_without_its_database_is_refused(tmp_path: Path) -> None:
    """SQLite would delete it, and every job in it."""
    (tmp_path / WAL_NAME).write_bytes(b"log")

    assert f"its log {WAL_NAME} is there" in await refusal_of(tmp_path)
    assert (tmp_path / WAL_NAME).read_bytes() == b"log"
    assert not (tmp_path / DATABASE_NAME).exists()


async def test_a_damaged_log_is_refused_as_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    data = tmp_path / "data"
    async with open_sqlite_store(data, reserve_bytes=RESERVE_BYTES) as store:
        await store.load()
        for job_id in range(1, 20):
            await submit(store, a_job(job_id))
        # As a killed process leaves them.
        (kept / DATABASE_NAME).write_bytes((data / DATABASE_NAME).read_bytes())
        log = bytearray((data / WAL_NAME).read_bytes())
    log[len(log) // 2] ^= 1
    (kept / WAL_NAME).write_bytes(log)

    assert "transactions lie behind a damaged frame" in await refusal_of(kept)
    assert (kept / WAL_NAME).read_bytes() == log


async def test_a_database_that_cannot_have_a_log_is_refused(tmp_path: Path) -> None:
    def connect_in_memory(_: Path) -> sqlite3.Connection:
        return sqlite3.connect(":memory:", isolation_level=None)

    assert "keeps journal_mode at 'memory'" in await refusal_of(tmp_path, connect_in_memory)


async def test_a_build_that_does_not_sync_every_commit_is_refused(tmp_path: Path) -> None:
    class Lazy(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            return super().execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"))

    def connect_lazily(database: Path) -> sqlite3.Connection:
        return sqlite3.connect(database, isolation_level=None, factory=Lazy)

    assert "keeps synchronous at 1 and 2 is needed" in await refusal_of(tmp_path, connect_lazily)


@pytest.mark.parametrize(
    ("name", "help_text"),
    [
        ("SQLITE_FULL", "there is no room on its disk"),
        ("SQLITE_READONLY", "see to their owner and mode"),
        ("SQLITE_CANTOPEN", "see to their owner and mode"),
        ("SQLITE_BUSY", "another program holds it locked"),
        ("SQLITE_CORRUPT", "it is damaged; keep a copy"),
        ("SQLITE_IOERR", "see to its disk"),
    ],
)
async def test_what_keeps_a_database_from_opening_is_said_with_what_to_do(
    tmp_path: Path, name: str, help_text: str
) -> None:
    faults = Faults()
    faults.plan("PRAGMA journal_mode", name)

    message = await refusal_of(tmp_path, faults.connect)

    assert str(tmp_path / DATABASE_NAME) in message
    assert help_text in message


async def test_a_database_opens_on_the_room_that_was_set_aside(tmp_path: Path) -> None:
    await open_and_submit(tmp_path)
    faults = Faults()
    faults.plan("PRAGMA journal_mode", "SQLITE_FULL")

    await open_and_close(tmp_path, faults.connect)


async def test_a_disk_that_stays_full_is_refused(tmp_path: Path) -> None:
    await open_and_submit(tmp_path)
    faults = Faults()
    faults.plan("PRAGMA journal_mode", "SQLITE_FULL", times=2)

    assert "there is no room on its disk" in await refusal_of(tmp_path, faults.connect)


async def test_a_lock_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).symlink_to("/dev/full")

    assert "there is no room on its disk" in await refusal_of(tmp_path)


async def test_a_killed_process_leaves_a_database_that_opens(tmp_path: Path) -> None:
    with holder_of(tmp_path):
        pass

    await open_and_submit(tmp_path)
