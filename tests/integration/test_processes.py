"""How the load tester starts, watches and ends server processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.loadtest.machine import describe_machine, fdatasync_us
from penstock.loadtest.processes import ServerFailed, ServerProcess, child_pids, rss_bytes

pytestmark = pytest.mark.integration


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "--workers", "many")

    with pytest.raises(ServerFailed, match="many"):
        server.start()

    assert not server.running


def test_settings_of_the_caller_do_not_reach_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_WORKERS", "many")
    server = ServerProcess(tmp_path / "data", "--listen", "nowhere")

    with pytest.raises(ServerFailed, match="nowhere") as caught:
        server.start()

    assert "PENSTOCK_WORKERS" not in str(caught.value)


def test_the_readiness_line_is_read_by_its_words(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    server.ready_line = "penstock ready: resp 127.0.0.1:7711 http off workers 2 pid 17"

    assert server.announced("resp") == "127.0.0.1:7711"
    assert server.announced("pid") == "17"
    with pytest.raises(ServerFailed, match="unix"):
        server.announced("unix")


def test_the_memory_of_a_process_is_read() -> None:
    assert rss_bytes(os.getpid()) > 1_000_000


def test_children_are_those_that_run() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in child_pids(os.getpid())
        child.communicate(b"\n")

    assert child.pid not in child_pids(os.getpid())


def test_the_disk_is_timed_and_left_as_it_was(tmp_path: Path) -> None:
    assert fdatasync_us(tmp_path, syncs=3) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_machine_has_processors_and_memory() -> None:
    machine = describe_machine()

    assert machine.processors >= 1
    assert machine.memory_gib > 0
