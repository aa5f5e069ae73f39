"""What is seen of the disk, what is told of it, and what is logged."""

import errno
import threading
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from penstock.jobs.space import LowSpace
from penstock.server.disk import DiskState, DiskWatch, read_free_bytes
from penstock.server.information import information
from penstock.server.statistics import Readiness
from tests.unit.server.desk import ServerDesk

DATA = Path("/data")


class Desk:
    """A watch over a disk whose free room a test sets."""

    def __init__(self, min_bytes: int | None = 100) -> None:
        self.free: int | OSError = 1000
        self.state = DiskState()
        self.told: list[LowSpace | None] = []
        self.watch = DiskWatch(
            DATA, min_bytes, self.state, self.told.append, read_free=self._read_free
        )

    def _read_free(self, directory: Path) -> int:
        assert directory == DATA
        if isinstance(self.free, OSError):
            raise self.free
        return self.free

    async def see(self, free: int | OSError) -> LowSpace | None:
        self.free = free
        await self.watch.look()
        return self.state.low


async def test_what_is_free_is_kept_and_the_verdict_is_told() -> None:
    desk = Desk()

    await desk.see(1000)
    await desk.see(99)
    await desk.see(98)

    assert desk.state == DiskState(98, LowSpace("/data", 98, 100))
    assert desk.told == [None, LowSpace("/data", 99, 100), LowSpace("/data", 98, 100)]


async def test_both_edges_are_logged_once() -> None:
    desk = Desk()

    with capture_logs() as logged:
        for free in [1000, 99, 50, 110, 99, 125, 110, 1000]:
            await desk.see(free)

    assert [(line["log_level"], line["free_bytes"]) for line in logged] == [
        ("warning", 99),
        ("info", 125),
    ]


async def test_a_disk_that_cannot_be_read_changes_nothing_and_is_logged_once() -> None:
    desk = Desk()
    gone = OSError(errno.EIO, "Input/output error")

    await desk.see(99)
    with capture_logs() as logged:
        low = [await desk.see(gone), await desk.see(gone)]
    free = desk.state.free_bytes
    await desk.see(1000)

    assert low == [LowSpace("/data", 99, 100)] * 2
    assert free is None
    assert [line["reason"] for line in logged] == ["Input/output error"]
    assert desk.told == [LowSpace("/data", 99, 100), None]


async def test_without_a_mark_the_disk_is_only_looked_at() -> None:
    desk = Desk(min_bytes=None)

    await desk.see(0)

    assert desk.state == DiskState(0, None)
    assert desk.told == []


async def test_a_disk_that_blocks_blocks_nobody_else() -> None:
    answers = threading.Event()

    def hang(directory: Path) -> int:
        answers.wait(20)
        return 1

    state = DiskState()
    watch = DiskWatch(DATA, 100, state, lambda low: None, read_free=hang)
    try:
        with anyio.move_on_after(0.01) as scope:
            await watch.look()
    finally:
        answers.set()

    assert scope.cancelled_caught
    assert state == DiskState()


async def test_it_has_looked_when_it_has_started() -> None:
    desk = Desk()
    desk.free = 7

    async with anyio.create_task_group() as tasks:
        await tasks.start(desk.watch.run)
        tasks.cancel_scope.cancel()

    assert desk.state.free_bytes == 7


def test_a_real_directory_has_something_free(tmp_path: Path) -> None:
    assert read_free_bytes(tmp_path) > 0


def test_a_low_disk_is_a_remark_and_not_a_reason_to_be_unready() -> None:
    disk = DiskState()
    readiness = Readiness(disk)
    readiness.reason = None
    before = readiness.remark()

    disk.low = LowSpace("/data", 1, 100)

    assert before is None
    assert readiness.unready() is None
    assert "submissions are refused (DISKLOW)" in (readiness.remark() or "")


@pytest.mark.parametrize(
    ("disk", "fields"),
    [
        (DiskState(), ["disk_low:0"]),
        (DiskState(5), ["disk_free_bytes:5", "disk_low:0"]),
        (DiskState(5, LowSpace("/data", 5, 9)), ["disk_free_bytes:5", "disk_low:1"]),
    ],
)
async def test_info_says_what_is_free(disk: DiskState, fields: list[str]) -> None:
    desk = ServerDesk()
    desk.context.status.disk = disk

    text = information(desk.context, ["persistence"])

    assert [line for line in text.split() if line.startswith("disk_")] == fields
