"""A disk with too little room for more jobs: they are refused, and everything else goes on."""

from pathlib import Path
from urllib.request import urlopen

import pytest

from penstock.loadtest.processes import ServerProcess
from tests.integration.server_process import a_server, events, metrics, until
from tests.integration.small_disk import MIB, SmallDisk, on_small_disk
from tests.integration.wire import OK, Wire, claim, info, show

pytestmark = pytest.mark.integration


@pytest.mark.mounts
@pytest.mark.parametrize("leaving_mib", [50, 0])
def test_a_low_disk_refuses_new_jobs_and_nothing_else_until_there_is_room(
    tmp_path: Path, leaving_mib: int
) -> None:
    within = on_small_disk(tmp_path / "data", size_mib=200)
    with (
        a_server(tmp_path, within=within, disk_free_min="60MiB") as server,
        Wire(server) as caller,
        Wire(server) as worker,
        Wire(server) as submitter,
    ):
        disk = SmallDisk(server.pid, tmp_path / "data")
        caller.send(("JOB.CALL", "task", "running"))
        (running,) = claim(worker, "default")
        waiting = submitter.number("JOB.SUBMIT", "task", "", "QUEUE", "more")
        before = info(submitter)["disk_low"]
        disk.fill(leaving_mib=leaving_mib)
        until(lambda: info(submitter)["disk_low"] == "1", "the disk is seen to be low")

        refused = submitter.error("JOB.SUBMIT", "task", "")
        assert (before, refused.code) == ("0", "DISKLOW")
        assert f"the disk of {tmp_path / 'data'} has " in refused.text
        assert "disk_free_min is 60.0 MiB; once 75.0 MiB are free" in refused.text
        assert worker.ask("JOB.COMPLETE", *running.token, "done") == OK
        assert caller.reply() == b"done"
        (given_back,) = claim(worker, "more")
        assert worker.ask("JOB.RELEASE", *given_back.token) == OK
        assert show(worker, waiting)["state"] == b"ready"
        seen = metrics(server)
        assert seen["penstock_disk_low"] == 1
        assert seen["penstock_disk_free_bytes"] < 60 * MIB
        assert readiness(server) == (200, "ok, but the disk has too little room")

        disk.empty()
        until(
            lambda: isinstance(submitter.ask("JOB.SUBMIT", "task", ""), int), "jobs are taken again"
        )
        assert info(submitter)["disk_low"] == "0"
        assert readiness(server) == (200, "ok")
        edges = [seen["level"] for seen in events(server) if seen["logger"] == "penstock.disk"]
        assert edges == ["warning", "info"]


def readiness(server: ServerProcess) -> tuple[int, str]:
    """Return what a probe gets: the code, and the text up to its colon."""
    with urlopen(f"http://{server.announced('http')}/readyz", timeout=10) as page:
        return page.status, page.read().decode().partition(":")[0].strip()


def test_a_memory_store_has_no_disk(tmp_path: Path) -> None:
    with (
        a_server(tmp_path, store="memory", disk_free_min="1024TiB") as server,
        Wire(server) as any_,
    ):
        assert isinstance(any_.ask("JOB.SUBMIT", "task", ""), int)
        assert "disk_free_bytes" not in info(any_)
        assert "penstock_disk_free_bytes" not in metrics(server)


def test_a_mark_above_the_disk_refuses_from_the_first_job_on(tmp_path: Path) -> None:
    with a_server(tmp_path, disk_free_min="1024TiB") as server, Wire(server) as caller:
        assert caller.error("JOB.SUBMIT", "task", "").code == "DISKLOW"
        assert caller.error("JOB.CALL", "task", "").code == "DISKLOW"
        caller.ask("MULTI")
        caller.ask("JOB.SUBMIT", "task", "")
        aborted = caller.error("EXEC")
        assert (aborted.code, "DISKLOW" in aborted.text) == ("EXECABORT", True)
