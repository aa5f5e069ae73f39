"""How servers end: drained by a signal, at once by a second one, or without a word."""

import signal
import socket
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from penstock.loadtest.processes import ServerProcess
from tests.integration.server_process import (
    a_server,
    descendants,
    events,
    is_gone,
    starting,
    until,
    until_logged,
)
from tests.integration.wire import OK, Wire, as_error, claim, info, show

pytestmark = pytest.mark.integration

PHASES = [
    "stop accepting",
    "refuse submissions",
    "finish running jobs",
    "give the rest back",
    "last batch",
    "last replies",
    "checkpoint",
]
BASICS = ("--workers", "1", "--app", "examples.basics")


def until_claimed(wire: Wire) -> None:
    until(lambda: info(wire)["jobs_claimed"] == "1", "the job is claimed")


def until_draining(server: ServerProcess) -> None:
    until_logged(server, "draining", phase="finish running jobs")


# --- a drain -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_running_job_finishes_and_its_caller_is_answered(
    tmp_path: Path, number: signal.Signals
) -> None:
    with a_server(tmp_path, *BASICS) as server, Wire(server) as caller, Wire(server) as watcher:
        caller.send(("JOB.CALL", "sleep", "[0.5]"))
        until_claimed(watcher)

        server.send(number)

        assert caller.reply() == b"0.5"
        assert caller.rest() == b""
        assert server.wait() == 0
        logged = [event.get("phase") for event in events(server) if event["event"] == "draining"]
        assert logged == PHASES
        assert events(server)[-1]["event"] == "stopped"


def test_while_it_drains_a_server_takes_no_work_and_says_so(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as caller, Wire(server) as worker:
        caller.send(("JOB.CALL", "task", "running"))
        (claimed,) = claim(worker, "default")
        worker.send(("JOB.CLAIM", "default", "WAIT", 60_000))
        server.send(signal.SIGTERM)
        until_draining(server)

        assert worker.reply() == []  # Its parked claim ended with nothing.
        assert worker.ask("JOB.CLAIM", "default", "WAIT", 60_000) == []
        refusals = [
            worker.error("JOB.SUBMIT", "task", ""),
            worker.error("JOB.CALL", "task", ""),
        ]
        worker.send(("MULTI",), ("JOB.SUBMIT", "task", ""), ("EXEC",))
        aborted = as_error(worker.replies(3)[-1])
        unready = _readiness(server)
        with pytest.raises(ConnectionRefusedError):
            Wire(server)
        completed = worker.ask("JOB.COMPLETE", *claimed.token, "in time")

        assert [refused.code for refused in refusals] == ["DRAINING", "DRAINING"]
        assert (aborted.code, "DRAINING" in aborted.text) == ("EXECABORT", True)
        assert unready == (503, "shutting down\n")
        assert completed == OK
        assert caller.reply() == b"in time"
        assert server.wait() == 0


def _readiness(server: ServerProcess) -> tuple[int, str]:
    try:
        with urlopen(f"http://{server.announced('http')}/readyz", timeout=10) as page:
            return page.status, page.read().decode()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_who_waits_for_a_job_that_cannot_finish_is_told_to_come_back(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as caller:
        caller.send(("JOB.CALL", "task", "waiting"), ("PING",))
        with Wire(server) as watcher:
            until(lambda: info(watcher)["blocked_clients"] == "1", "the call is parked")

        server.send(signal.SIGTERM)

        told = as_error(caller.reply())
        assert (told.code, "job 1 " in told.text) == ("DRAINING", True)
        assert caller.reply() == "PONG"
        assert caller.rest() == b""
        assert server.wait() == 0


def test_what_did_not_run_or_did_not_end_is_there_after_a_restart(tmp_path: Path) -> None:
    """The running job has less time than it needs; it is given back, which is no failure."""
    with a_server(tmp_path, *BASICS, drain_ms=300) as server:
        with Wire(server) as caller:
            running = caller.number("JOB.SUBMIT", "sleep", "[60]", "PRIORITY", 0)
            until_claimed(caller)
            waiting = caller.number("JOB.SUBMIT", "sleep", "[0]")
        began = time.monotonic()

        code = server.stop()

        assert code == 0
        assert time.monotonic() - began < 5
        assert "a phase did not end in time; going on" in server.log.read_text()
    with a_server(tmp_path) as again, Wire(again) as caller:
        for job_id in (running, waiting):
            shown = show(caller, job_id)
            assert (shown["state"], shown["failures"], shown["errors"]) == (b"ready", 0, [])


def test_a_worker_elsewhere_may_finish_during_the_drain(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as worker:
        job_id = worker.number("JOB.SUBMIT", "task", "")
        (claimed,) = claim(worker, "default")
        server.send(signal.SIGTERM)
        until_draining(server)

        assert worker.ask("JOB.COMPLETE", *claimed.token, "done") == OK
        assert worker.rest() == b""
        assert server.wait() == 0
    with a_server(tmp_path) as again, Wire(again) as caller:
        assert caller.ask("JOB.WAIT", job_id) == b"done"


def test_a_client_that_does_not_read_its_last_replies_does_not_stop_the_end(
    tmp_path: Path,
) -> None:
    with a_server(tmp_path) as server, Wire(server, buffer_bytes=4096) as unread:
        unread.send(*[("COMMAND", "DOCS")] * 2_000)
        until(unread.has_reply, "replies are on their way")

        assert server.stop() == 0


# --- at once -------------------------------------------------------------------------------------


def test_a_second_signal_ends_the_server_at_once(tmp_path: Path) -> None:
    with a_server(tmp_path, *BASICS) as server, Wire(server) as caller:
        caller.ask("JOB.SUBMIT", "sleep", "[60]")
        until_claimed(caller)
        workers = descendants(server.pid)
        server.send(signal.SIGTERM)
        until_draining(server)

        server.send(signal.SIGTERM)

        assert server.wait() == 143
        assert workers
        until(lambda: all(map(is_gone, workers)), "the workers are gone")


def test_no_worker_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    with a_server(tmp_path, "--workers", "2", "--app", "examples.basics") as server:
        with Wire(server) as caller:
            caller.ask("JOB.SUBMIT", "sleep", "[60]")
            until_claimed(caller)
        workers = descendants(server.pid)

        server.kill()

        assert len(workers) >= 2
        until(lambda: all(map(is_gone, workers)), "the workers are gone")


def test_a_signal_during_the_start_ends_it(tmp_path: Path) -> None:
    """The app loads for minutes: the server listens, and is not ready."""
    with starting(tmp_path, "--workers", "1", "--app", "tests.integration.slow_app") as server:
        assert server.stderr is not None
        assert any("worker started" in line for line in server.stderr)
        workers = descendants(server.pid)

        server.send_signal(signal.SIGTERM)
        said, _ = server.communicate(timeout=10)

    assert (server.returncode, said) == (0, "")
    assert workers
    until(lambda: all(map(is_gone, workers)), "the workers are gone")


# --- where it listens, and what it keeps ---------------------------------------------------------


def test_a_unix_socket_serves_and_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with a_server(tmp_path, "--unix", str(path)) as server:
        mode = path.stat().st_mode & 0o777
        with Wire(server, unix=path) as wire:
            answered = wire.ask("PING")
        server.stop()

    assert (answered, mode) == ("PONG", 0o660)
    assert not path.exists()


def test_a_unix_socket_that_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with a_server(tmp_path, "--unix", str(path)) as server:
        server.kill()
        assert path.exists()

        server.start()

        with Wire(server, unix=path) as wire:
            assert wire.ask("PING") == "PONG"


def test_a_memory_store_keeps_nothing_and_writes_nothing(tmp_path: Path) -> None:
    with a_server(tmp_path, store="memory") as server:
        with Wire(server) as caller:
            job_id = caller.number("JOB.SUBMIT", "task", "", "KEY", "key")
            assert caller.number("JOB.SUBMIT", "task", "", "KEY", "key") == job_id
        server.stop()
        server.start()
        with Wire(server) as caller:
            assert caller.error("JOB.SHOW", job_id).code == "NOJOB"

    assert not (tmp_path / "data").exists()


def test_http_can_be_left_off(tmp_path: Path) -> None:
    with a_server(tmp_path, "--http", "off") as server:
        assert server.announced("http") == "off"


def test_the_other_loop_serves_too(tmp_path: Path) -> None:
    """uvloop is the default; asyncio's own loop is the other choice."""
    with a_server(tmp_path, *BASICS, loop="asyncio") as server, Wire(server) as caller:
        caller.send(("JOB.CALL", "sleep", "[0.2]"), ("JOB.CALL", "add", "[2,3]"), ("PING",))
        assert caller.replies(3) == [b"0.2", b"5", "PONG"]

        assert server.stop() == 0


def test_ports_are_free_again_at_once(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as wire:
        listen = server.announced("resp")
        assert wire.ask("PING") == "PONG"
        server.kill()
    with a_server(tmp_path, listen=listen) as again:
        host, _, port = listen.rpartition(":")
        with socket.create_connection((host, int(port)), 5):
            assert again.announced("resp") == listen
