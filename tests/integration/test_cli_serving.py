"""`penstock serve` and `penstock worker` as the processes that scripts start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.cli.exits import Exit
from penstock.client import Client
from penstock.loadtest.processes import ServerProcess

pytestmark = pytest.mark.integration

PLAIN = {name: text for name, text in os.environ.items() if not name.startswith("PENSTOCK_")}


def penstock(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments],
        env={**PLAIN, **variables},
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_server_that_is_asked_to_stop_exits_with_0(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--http", "off", "--workers", "0") as server:
        assert server.stop() == Exit.OK


def test_a_server_takes_its_settings_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('http = "off"\nworkers = 0\npayload_bytes_max = 2\n')

    with ServerProcess(tmp_path / "data", "--config", str(file)) as server:
        ended = penstock("submit", "echo", "123", PENSTOCK_SERVER=server.announced("resp"))

    assert ended.returncode == Exit.REFUSED
    assert ended.stderr.startswith("penstock: TOOLARGE ")


def test_a_second_server_on_the_same_data_is_refused_with_the_pid_of_the_first(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with ServerProcess(data, "--http", "off", "--workers", "0") as first:
        second = penstock("serve", "--data", str(data), "--listen", "127.0.0.1:0", "--http", "off")

    assert second.returncode == Exit.IN_USE
    assert second.stdout == ""
    assert str(first.pid) in second.stderr


def test_a_port_that_is_taken_refuses_to_start(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "one", "--http", "off", "--workers", "0") as first:
        listen = first.announced("resp")
        second = penstock(
            *("serve", "--data", str(tmp_path / "two"), "--listen", listen, "--http", "off")
        )

    assert second.returncode == Exit.USAGE
    assert listen in second.stderr


def test_settings_that_cannot_be_used_start_nothing(tmp_path: Path) -> None:
    ended = penstock("serve", "--data", str(tmp_path / "data"), PENSTOCK_ATTEMPTS_MAX="0")

    assert ended.returncode == Exit.USAGE
    assert ended.stderr == (
        "penstock: attempts_max is 0 (from PENSTOCK_ATTEMPTS_MAX):"
        " it must be a whole number of attempts from 1 to 1000\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_worker_elsewhere_runs_what_the_server_was_given(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--http", "off", "--workers", "0") as server:
        command = ["worker", "--app", "examples.basics", "--processes", "1", "--queues", "far"]
        worker = subprocess.Popen(
            [sys.executable, "-m", "penstock.cli", *command],
            env={**PLAIN, "PENSTOCK_SERVER": server.announced("resp")},
            stderr=subprocess.PIPE,
        )
        with Client(server.announced("resp")) as client:
            result = client.options(queue="far").call("add", 2, 3)
        worker.send_signal(signal.SIGTERM)
        worker.communicate()

    assert result == 5
    assert worker.returncode == Exit.OK


def test_a_worker_whose_app_cannot_be_loaded_says_why() -> None:
    ended = penstock("worker", "--app", "no.such.module", "--processes", "1")

    assert ended.returncode == Exit.USAGE
    assert "no.such.module" in ended.stderr


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ([], 'reason="--app no.such.module: '),
        (["--log-format", "json"], '"reason": "--app no.such.module: '),
    ],
)
def test_a_worker_on_a_terminal_logs_for_people_unless_told_otherwise(
    form: list[str], said: str
) -> None:
    ours, theirs = os.openpty()
    try:
        code = subprocess.run(
            [sys.executable, "-m", "penstock.cli", "worker", "--app", "no.such.module", *form],
            env={**PLAIN, "NO_COLOR": "1"},
            stderr=theirs,
            check=False,
        ).returncode
        shown = os.read(ours, 64 * 1024).decode()
    finally:
        os.close(ours)
        os.close(theirs)

    assert code == Exit.USAGE
    assert said in shown
