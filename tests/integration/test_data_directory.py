"""Data directories that cannot be used, or cannot be used for a while."""

import resource
import sqlite3
from pathlib import Path

import pytest

from penstock.jobs.store.sqlite.directory import DATABASE_NAME
from penstock.protocol.replies import ErrorReply
from tests.integration.server_process import a_server, refused_start, until
from tests.integration.small_disk import MIB, SmallDisk, on_small_disk
from tests.integration.wire import OK, Closed, Wire, as_error, claim, show

pytestmark = pytest.mark.integration

PAYLOAD = bytes(200_000)


# --- what is refused at the start ----------------------------------------------------------------


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")

    ended = refused_start(tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert "data is a file; name a directory for the data" in ended.err


@pytest.mark.mounts
def test_a_directory_that_is_read_only_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    read_only = on_small_disk(data, size_mib=1, then='mount -o remount,ro "$0"')

    ended = refused_start(tmp_path, within=read_only)

    assert (ended.code, ended.out) == (2, "")
    assert f"the data directory {data} cannot be written by this user" in ended.err


def test_a_database_of_a_newer_server_is_refused_and_left_alone(tmp_path: Path) -> None:
    with a_server(tmp_path):
        pass
    database = tmp_path / "data" / DATABASE_NAME
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 999")
    connection.close()

    ended = refused_start(tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert "has schema 999" in ended.err
    assert "a newer server wrote it; start that version again" in ended.err


@pytest.mark.parametrize("content", [b"", b"not a database at all\n" * 100])
def test_a_database_of_another_program_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    database = tmp_path / "data" / DATABASE_NAME
    database.parent.mkdir()
    if content:
        database.write_bytes(content)
    else:
        connection = sqlite3.connect(database)
        connection.execute("CREATE TABLE another (program TEXT)")
        connection.close()
    before = database.read_bytes()

    ended = refused_start(tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert f"{database} is " in ended.err
    assert "name another data directory" in ended.err
    assert database.read_bytes() == before


def test_an_error_at_the_start_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")

    assert "Traceback" not in refused_start(tmp_path).err


# --- a disk that is full for a while -------------------------------------------------------------


def submit_until_refused(caller: Wire) -> tuple[list[int], ErrorReply]:
    """Submit until the server has no room; return the jobs it has, and what it said."""
    stored = []
    while isinstance(reply := caller.ask("JOB.SUBMIT", "task", PAYLOAD, "QUEUE", "more"), int):
        stored.append(reply)
    return stored, as_error(reply)


@pytest.mark.mounts
def test_a_full_disk_stops_new_jobs_and_nothing_else_until_there_is_room(tmp_path: Path) -> None:
    within = on_small_disk(tmp_path / "data", size_mib=110)
    with (
        a_server(tmp_path, within=within, disk_free_min="off") as server,
        Wire(server) as caller,
        Wire(server) as worker,
        Wire(server) as submitter,
    ):
        disk = SmallDisk(server.pid, tmp_path / "data")
        caller.send(("JOB.CALL", "task", "running"))
        (running,) = claim(worker, "default")
        waiting = submitter.number("JOB.SUBMIT", "task", "", "QUEUE", "more")
        disk.fill()

        stored, refused = submit_until_refused(submitter)
        assert refused.code == "DISKFULL"
        assert refused.text.startswith("nothing was stored: ")
        assert worker.ask("JOB.COMPLETE", *running.token, "done") == OK
        assert caller.reply() == b"done"
        (given_back,) = claim(worker, "more")
        assert worker.ask("JOB.RELEASE", *given_back.token) == OK
        assert submitter.error("JOB.SUBMIT", "task", "").code == "DISKFULL"

        disk.empty()
        until(
            lambda: isinstance(submitter.ask("JOB.SUBMIT", "task", PAYLOAD), int),
            "jobs are taken again",
        )
        states = [show(worker, job_id)["state"] for job_id in [waiting, *stored]]
        assert states == [b"ready"] * (1 + len(stored))


# --- a disk that fails ---------------------------------------------------------------------------


def test_when_writing_fails_the_outcome_is_unknown_and_the_server_ends(tmp_path: Path) -> None:
    """Files may not grow beyond a limit: neither full nor fine, an error that nobody expects."""
    with a_server(tmp_path) as server, Wire(server) as caller, Wire(server) as waiting:
        waiting.send(("JOB.CALL", "task", "waits for its worker"))
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))

        stored, told = submit_until_refused(caller)

        assert told.code == "UNKNOWN"
        assert "send it again under the same key" in told.text
        assert server.wait() == 74
        assert "Traceback" not in server.log.read_text()
        with pytest.raises(Closed):
            waiting.reply()
        server.start()
        with Wire(server) as again:
            states = [show(again, job_id)["state"] for job_id in [1, *stored]]
            assert states == [b"ready"] * (1 + len(stored))
