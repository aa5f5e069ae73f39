"""The load tester against the real server, as people run it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.loadtest.processes import ServerProcess
from tests.conftest import ROOT
from tests.unit.loadtest.stream_peer import StreamFault, serving_stream

pytestmark = pytest.mark.integration
SECONDS_MAX = 100


def loadtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    python = (sys.executable, "-P") if sys.flags.safe_path else (sys.executable,)
    command = [*python, "-m", "penstock.loadtest", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )


def report(*arguments: str) -> dict[str, Any]:
    done = loadtest(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("loaded") / "data"
    flags = ("--http", "off", "--workers", "2", "--app", "examples.basics")
    with ServerProcess(data, *flags, "--unix", str(data.with_name("sock"))) as running:
        yield running


def address(server: ServerProcess) -> str:
    return server.announced("resp")


@pytest.mark.parametrize(
    "shape", [("-c", "5", "-P", "8"), ("--rate", "500", "-c", "3")], ids=["closed", "open"]
)
def test_a_mixed_load_finds_the_server_sound(server: ServerProcess, shape: tuple[str, ...]) -> None:
    bounds = ("--count", "300", "--duration", "20s", "--warm-up", "0s")
    found = report(
        *("--server", address(server), "--workload", "mixed", *shape, *bounds),
        *("--priorities", "0=1,1000=9"),
    )

    assert found["violations"] == 0
    assert found["ok"] == found["sent"] == 300
    assert found["check"]["looked_up"] == found["check"]["acknowledged"] > 0
    assert found["latencies"]["call"]["p50_us"] > 0


def test_a_load_goes_over_a_unix_socket(server: ServerProcess) -> None:
    found = report("--server", f"unix:{server.log.with_name('sock')}", "-n", "200")

    assert found["ok"] >= 200


def test_the_table_says_what_matters(server: ServerProcess) -> None:
    done = loadtest("--server", address(server), "-n", "100", "--warm-up", "0s")

    assert done.returncode == 0
    assert "Nothing lost, doubled or out of order." in done.stdout
    assert "p99.9" in done.stdout


def test_a_backlog_is_measured_and_survives_the_kill(tmp_path: Path) -> None:
    done = loadtest("backlog", "--jobs", "3000", "--directory", str(tmp_path), "--json")

    found = json.loads(done.stdout)
    assert found["jobs"] == 3000
    assert found["rss_full_bytes"] > found["rss_empty_bytes"] // 2 > 0
    assert found["restart_seconds"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_crowd_is_measured_and_survives_the_kill(tmp_path: Path) -> None:
    done = loadtest("crowd", "--jobs", "4000", "--directory", str(tmp_path), "--json")

    found = json.loads(done.stdout)
    assert found["jobs"] == 4000
    assert found["empty"]["submit_us"] > 0
    assert found["full"]["claim_us"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_flood_delays_the_others_in_strict_order_only(tmp_path: Path) -> None:
    done = loadtest("fairness", "--directory", str(tmp_path), "--json")

    strict, fair = json.loads(done.stdout)
    assert strict["quiet_median"] > 1_000
    assert fair["quiet_most"] <= 20


@pytest.mark.program("redis-server")
@pytest.mark.program("redis-benchmark")
@pytest.mark.program("redis-cli")
@pytest.mark.parametrize(("what", "case"), [("peers", "submit"), ("streams", "XADD")])
def test_the_comparison_runs_both_and_prints_a_table(what: str, case: str, tmp_path: Path) -> None:
    done = loadtest(what, "-n", "2000", "--rounds", "1", "--directory", str(tmp_path))

    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(f"| {case}")]
    assert len(rows) == 3
    assert all(float(row.split("|")[-2]) > 0 for row in rows)
    assert list(tmp_path.iterdir()) == []


SERVERS = [
    pytest.param((), id="penstock"),
    pytest.param(("--redis",), id="redis", marks=pytest.mark.program("redis-server")),
]


@pytest.mark.parametrize("which", SERVERS)
def test_a_ticker_is_seen_by_all_who_come_go_and_sleep(
    which: tuple[str, ...], tmp_path: Path
) -> None:
    shape = ("--consumers", "12", "--processes", "2", "--duration", "4s", "--sleep", "1s")
    found = report("ticker", *which, *shape, "--directory", str(tmp_path))

    assert found["violations"] == 0
    assert found["ticks"] == 200
    assert found["stays"] >= 12
    assert found["sleeper"]["behind"] >= 45
    assert found["from_reply"]["p99_us"] <= found["from_sending"]["p99_us"]
    assert list(tmp_path.iterdir()) == []


TICKING = ("--rate", "20", "--consumers", "3", "--processes", "1", "--duration", "1500ms")


def ticker_of(fault: StreamFault) -> subprocess.CompletedProcess[str]:
    with serving_stream(fault) as address:
        return loadtest("ticker", "--server", address, *TICKING, "--sleep", "0")


def test_a_ticker_finds_a_server_that_keeps_its_promises_sound() -> None:
    done = ticker_of(StreamFault.NONE)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nobody missed a tick, or saw one twice or out of order." in done.stdout


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (StreamFault.SKIP, "missed tick 4, between 3 and 5"),
        (StreamFault.REPEAT, "saw tick 3 after tick 4"),
        (StreamFault.FORGET, "missed ticks 4 to 29, after its last"),
        (StreamFault.LOSE, "30 ticks were acknowledged, and the stream holds 29"),
    ],
    ids=lambda value: value.value if isinstance(value, StreamFault) else "",
)
def test_a_ticker_finds_a_broken_promise(fault: StreamFault, text: str) -> None:
    done = ticker_of(fault)

    assert done.returncode == 1, done.stdout + done.stderr
    assert text in done.stdout


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (StreamFault.REFUSE, 2, "a tick was refused: DISKFULL nothing was stored"),
        (StreamFault.CLOSE, 3, "the connection was lost"),
    ],
    ids=lambda value: value.value if isinstance(value, StreamFault) else "",
)
def test_a_ticker_that_could_not_be_measured_says_so(
    fault: StreamFault, code: int, text: str
) -> None:
    done = ticker_of(fault)

    assert done.returncode == code, done.stdout + done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("which", SERVERS)
def test_a_long_stream_is_measured_and_survives_the_kill(
    which: tuple[str, ...], tmp_path: Path
) -> None:
    found = report("events-memory", "-n", "5000", *which, "--directory", str(tmp_path))

    assert found["events"] == 5000
    assert found["rss_most_bytes"] >= found["rss_full_bytes"] > 0
    assert found["restart_seconds"] > 0
    assert list(tmp_path.iterdir()) == []
