"""What went into an outbox becomes one job, whoever is killed: the application or the server."""

import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from examples import outbox as example
from penstock.client import Client, EntryState, Outbox, OutboxJob
from penstock.loadtest.processes import ServerProcess, free_port
from tests.integration.outbox_app import payload
from tests.integration.recorded_tasks import digest
from tests.integration.small_disk import on_small_disk
from tests.integration.storm import read_effects
from tests.integration.test_kill9_server import recorded_server

pytestmark = pytest.mark.integration

FLUSH_MS = 60_000


class Application:
    """One process of the application; what it said before it was killed is what it was promised."""

    def __init__(
        self,
        how: str,
        address: str,
        path: Path,
        name: str,
        count: int = 0,
        within: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [
                *within,
                *(sys.executable, "-m", "tests.integration.outbox_app"),
                *(how, address, str(path), name, str(count)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lines: list[str] = []

    def read(self, count: int) -> None:
        """Wait until it said so many more lines."""
        assert self._process.stdout is not None
        for _ in range(count):
            line = self._process.stdout.readline().decode()
            assert line, f"{self.name} ended after {len(self._lines)} lines"
            self._lines.append(line.strip())

    def kill(self) -> list[str]:
        """Kill it with kill -9 and return all that it said."""
        self._process.kill()
        return self.end()

    def end(self) -> list[str]:
        """Wait for its end and return all that it said."""
        with self._process as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            rest = process.stdout.read()
        # The last line may be cut: it was not said.
        whole = rest.decode().rpartition("\n")[0]
        self._lines += whole.split("\n") if whole else []
        return self._lines


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def server(tmp_path: Path, address: str) -> Iterator[ServerProcess]:
    with recorded_server(tmp_path, address) as process:
        yield process


def jobs_by_key(tmp_path: Path) -> dict[str, set[int]]:
    """Return the jobs that ran for each submission; attempts of one job are one."""
    jobs: dict[str, set[int]] = defaultdict(set)
    for effect in read_effects(tmp_path / "effects"):
        jobs[effect.key].add(effect.job_id)
    return jobs


def send_the_rest(address: str, path: Path) -> None:
    """Do what the application does when it is started once more, and wait for all its jobs."""
    with Client(address, outbox=path) as client:
        assert client.outbox.flush(FLUSH_MS)
        status = client.outbox.status()
        assert (status.pending, status.refused) == (0, 0)
        after = 0
        while entries := client.outbox.acknowledged(after=after):
            with client.pipeline() as pipeline:
                for entry in entries:
                    assert entry.job_id is not None
                    pipeline.wait_raw(entry.job_id)
            after = entries[-1].id


def check_each_ran_once(tmp_path: Path, promised: dict[str, list[str]]) -> None:
    jobs = jobs_by_key(tmp_path)
    keys = {f"{name}-{number}" for name, numbers in promised.items() for number in numbers}
    assert keys <= jobs.keys(), f"{len(keys - jobs.keys())} of {len(keys)} were lost"
    twice = {key: ids for key, ids in jobs.items() if len(ids) > 1}
    assert twice == {}


@pytest.mark.parametrize("how", ["submit", "pipeline", "async"])
def test_what_submit_returned_for_runs_once_though_application_and_server_are_killed(
    how: str, server: ServerProcess, address: str, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    path = tmp_path / "app.outbox"
    promised: dict[str, list[str]] = {}
    for life in range(6):
        application = Application(how, address, path, f"life{life}")
        application.read(random.randint(1, 200))
        if life % 2:
            server.kill()
            application.read(random.randint(1, 200))
        if life % 4 == 1:
            server.start()
        promised[application.name] = application.kill()
        if not server.running:
            server.start()

    send_the_rest(address, path)

    assert sum(map(len, promised.values())) > 100
    check_each_ran_once(tmp_path, promised)


def test_processes_that_share_an_outbox_take_over_from_one_that_is_killed(
    server: ServerProcess, address: str, tmp_path: Path
) -> None:
    path = tmp_path / "app.outbox"
    applications = [Application("submit", address, path, f"part{n}") for n in range(3)]
    for application in applications:
        application.read(50)
    promised = {applications[0].name: applications[0].kill()}
    for application in applications[1:]:
        application.read(50)
    last = Application("idle", address, path, "last")
    last.read(1)
    promised |= {application.name: application.kill() for application in applications[1:]}

    # Nobody but the idle process is there to send what is left.
    with Outbox(path) as outbox:
        assert outbox.flush(FLUSH_MS)
    assert last.end() == ["open"]

    send_the_rest(address, path)
    check_each_ran_once(tmp_path, promised)


def test_a_program_that_just_ends_is_told_what_remains(address: str, tmp_path: Path) -> None:
    path = tmp_path / "app.outbox"

    said = Application("leave", address, path, "left", 5).end()

    assert said == ["0", "1", "2", "3", "4", "remaining 5"]
    with Outbox(path) as outbox:
        assert outbox.status().pending == 5


@pytest.mark.mounts
def test_a_full_disk_refuses_submissions_until_there_is_room_again(
    address: str, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    within = on_small_disk(disk, size_mib=4)

    said = Application("fill", address, disk / "app.outbox", "full", within=within).end()

    refusal, written_since = said
    assert refusal.startswith("there is no room for the outbox")
    assert written_since == "1"


def test_jobs_that_were_submitted_without_a_server_give_their_results(
    address: str, tmp_path: Path
) -> None:
    with (
        recorded_server(tmp_path, address) as server,
        Client(address, outbox=tmp_path / "app.outbox") as client,
    ):
        server.kill()
        job = client.submit_raw("record", payload("away", 1))
        assert isinstance(job, OutboxJob)
        assert (job.id, job.state) == (None, EntryState.PENDING)
        starting = threading.Thread(target=server.start)
        starting.start()

        assert job.result(FLUSH_MS) == digest(payload("away", 1))

        starting.join()
        assert job.id is not None


def test_the_example_submits_with_and_without_a_server(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "example.outbox")
    example.main(address, path)
    assert "11 wait in" in capsys.readouterr().out

    with recorded_server(tmp_path, address):
        example.main(address, path)

    said = capsys.readouterr().out
    assert "entry 10 is job" in said
    assert said.count("was refused: ERR") == 2
    assert "0 wait in" in said


def test_entries_are_jobs_in_the_order_of_submission(
    server: ServerProcess, address: str, tmp_path: Path
) -> None:
    with Client(address, outbox=tmp_path / "app.outbox") as client:
        jobs = [client.submit_raw("record", payload("ordered", n)) for n in range(300)]
        ids = [job.wait_acknowledged(FLUSH_MS) for job in jobs]

    assert ids == sorted(ids)
