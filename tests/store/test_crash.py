"""What was acknowledged is there, whatever became of the process."""

import resource
import subprocess
import sys
from pathlib import Path

from penstock.jobs.model import JobId
from penstock.jobs.store.port import Batch
from penstock.jobs.store.sqlite import open_sqlite_store
from tests.store.shelves import RESERVE_BYTES

# Commits batch after batch, completing what it submitted, and names what was acknowledged.
WRITER = """
import asyncio, resource, sys
from pathlib import Path

directory, root, file_bytes_max = sys.argv[1:]
sys.path.append(root)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_bytes_max),) * 2)
from penstock.jobs.model import JobId
from penstock.jobs.store.port import Batch, StoreError
from penstock.jobs.store.sqlite import open_sqlite_store
from tests.store.records import a_job, claimed, completed, submission

async def write():
    async with open_sqlite_store(Path(directory), reserve_bytes=65536) as store:
        next_id = (await store.load()).next_id
        while True:
            jobs = [a_job(i, key=f"key-{i}") for i in range(next_id, next_id + 5)]
            next_id += 5
            await store.commit(Batch(submissions=[submission(j, b"%d" % j.id) for j in jobs]))
            print("submitted", *(j.id for j in jobs), flush=True)
            await store.commit(Batch(updates=[completed(claimed(jobs[0]))],
                                     results=[(jobs[0].id, b"result")]))
            print("completed", jobs[0].id, flush=True)

try:
    asyncio.run(write())
except StoreError as error:
    print(type(error).__name__, flush=True)
"""

ROUNDS = 3
ROOT = Path(__file__).resolve().parents[2]


def writer_of(directory: Path, file_bytes_max: int) -> list[str]:
    return [sys.executable, "-c", WRITER, str(directory), str(ROOT), str(file_bytes_max)]


def kill_writer_after(directory: Path, lines_count: int) -> list[str]:
    with subprocess.Popen(
        writer_of(directory, resource.RLIM_INFINITY), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(lines_count)]
        process.kill()
        return lines + process.stdout.readlines()


def run_writer(directory: Path, file_bytes_max: int) -> list[str]:
    writer = writer_of(directory, file_bytes_max)
    done = subprocess.run(writer, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines(keepends=True)


def read_acknowledged(lines: list[str], submitted: set[int], completed: set[int]) -> None:
    """Take whole lines only: the last may have been cut."""
    for line in lines:
        word, *numbers = line.split()
        if line.endswith("\n") and word in ("submitted", "completed"):
            (submitted if word == "submitted" else completed).update(map(int, numbers))


async def check(directory: Path, submitted: set[int], completed: set[int]) -> None:
    async with open_sqlite_store(directory, reserve_bytes=RESERVE_BYTES) as store:
        snapshot = await store.load()
        commit = await store.commit(Batch(records=[JobId(i) for i in sorted(submitted)]))
    assert set(commit.records) == submitted
    assert snapshot.next_id > max(submitted)
    for job_id, record in commit.records.items():
        assert record.payload == b"%d" % job_id
    assert {i for i, record in commit.records.items() if record.result is not None} >= completed


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    submitted: set[int] = set()
    completed: set[int] = set()
    for _ in range(ROUNDS):
        read_acknowledged(kill_writer_after(tmp_path, 100), submitted, completed)

        await check(tmp_path, submitted, completed)

    assert len(submitted) >= ROUNDS * 250


async def test_nothing_acknowledged_is_lost_when_the_disk_refuses_to_write(tmp_path: Path) -> None:
    *lines, last = run_writer(tmp_path, file_bytes_max=400_000)

    submitted: set[int] = set()
    completed: set[int] = set()
    read_acknowledged(lines, submitted, completed)
    assert last == "StoreFailed\n"
    assert submitted
    await check(tmp_path, submitted, completed)
