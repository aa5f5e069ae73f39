"""The commands about jobs and queues against a real server, on pipes and on a terminal."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from penstock.cli.exits import Exit
from penstock.cli.listing import TERMINAL_JOBS_MAX
from penstock.client import Client
from penstock.loadtest.processes import ServerProcess
from tests.integration.commands import Commands, Ended

pytestmark = pytest.mark.integration

Penstock: TypeAlias = Callable[..., Ended]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data: Path = tmp_path_factory.mktemp("operations") / "data"
    with ServerProcess(
        data, "--http", "127.0.0.1:0", "--workers", "1", "--app", "examples.basics"
    ) as running:
        yield running


@pytest.fixture
def commands(server: ServerProcess) -> Commands:
    return Commands(server.announced("resp"))


@pytest.fixture
def penstock(commands: Commands) -> Penstock:
    return commands.run


@pytest.fixture
def on_terminal(commands: Commands) -> Penstock:
    return commands.on_terminal


def submitted(penstock: Penstock, *arguments: str) -> str:
    ended = penstock("submit", *arguments)
    assert ended.code == Exit.OK, ended.err
    return ended.out.strip()


def test_jobs_are_listed_by_their_policies(penstock: Penstock) -> None:
    policies = ("--tenant", "acme", "--group", "g", "--deadline", "1h", "--retry-delays", "1s,1m")
    first = submitted(penstock, "echo", "1", "--queue", "listed", *policies)
    second = submitted(penstock, "echo", "2", "--queue", "listed", *policies)

    ended = penstock("jobs", "--queue", "listed", "--tenant", "acme", "--group", "g", "--json")

    documents = list(map(json.loads, ended.out.splitlines()))
    assert [(str(each["id"]), each["state"]) for each in documents] == [
        (first, "ready"),
        (second, "blocked"),
    ]


def test_a_waiting_job_says_why_it_waits(penstock: Penstock, on_terminal: Penstock) -> None:
    job_id = submitted(penstock, "echo", "1", "--queue", "halted")
    penstock("queue", "pause", "halted")

    seen = on_terminal("show", job_id).out
    document = json.loads(penstock("show", job_id, "--json").out)

    assert "queue halted is paused" in seen
    assert "result" not in seen
    assert document["waits_for"]["cause"] == "paused"


def test_the_attempts_of_a_dead_job_are_shown_one_by_one(
    penstock: Penstock, on_terminal: Penstock
) -> None:
    options = ("--attempts", "2", "--retry-delays", "1", "--wait", "1m", "--queue", "default")
    ended = penstock("submit", "fail", '"on purpose"', "--key", "shown", *options)
    assert ended.code == Exit.JOB_FAILED
    job_id = submitted(penstock, "fail", '"on purpose"', "--key", "shown")

    seen = on_terminal("show", job_id).out

    for attempt in (1, 2):
        assert f"attempt {attempt} " in seen
    assert seen.count("ms on worker-1") == 2
    assert seen.count("Traceback") == 2


def test_dead_jobs_are_listed_redriven_and_discarded(penstock: Penstock) -> None:
    for number in range(3):
        penstock("call", "fail", f'"no {number}"', "--attempts", "1")

    dead = [line.split("\t") for line in penstock("dead", "default").out.splitlines()]
    assert [facts[-1] for facts in dead][-3:] == [f"ValueError: no {n}" for n in range(3)]

    assert penstock("redrive", dead[-1][0]) == Ended(Exit.OK, f"{dead[-1][0]}\tredriven\n", "")
    assert penstock("wait", dead[-1][0]).code == Exit.JOB_FAILED
    by_text = penstock("discard", "--queue", "default", "--error", "no 1", "--json")
    assert json.loads(by_text.out) == {"discarded": 1}
    assert penstock("discard", dead[-3][0]).code == Exit.OK
    assert penstock("show", dead[-3][0]).err.startswith("penstock: NOJOB ")


def test_a_cancelled_job_ends_the_wait_for_it(penstock: Penstock) -> None:
    job_id = submitted(penstock, "echo", "1", "--queue", "nobody")

    assert penstock("cancel", job_id, "--reason", "twice").out == f"{job_id}\tcancelled\n"
    ended = penstock("wait", job_id)

    assert (ended.code, ended.err) == (
        Exit.JOB_FAILED,
        f"penstock: job {job_id} was cancelled: twice\n",
    )


def test_jobs_of_a_file_that_will_not_run_are_told_one_by_one(
    penstock: Penstock, tmp_path: Path
) -> None:
    file = tmp_path / "lines"
    file.write_text("1\n2\n")

    ended = penstock(
        *("submit", "echo", "--file", str(file), "--wait", "1m"),
        *("--queue", "nobody", "--deadline", "1ms"),
    )

    assert (ended.code, ended.out) == (Exit.JOB_FAILED, "")
    assert ended.err.count(" expired: ") == 2
    assert ended.err.endswith("penstock: 2 of 2 jobs failed\n")


def test_a_full_queue_refuses_and_says_when_to_come_back(penstock: Penstock) -> None:
    assert penstock("queue", "set", "small", "length_max=1").code == Exit.OK
    submitted(penstock, "echo", "1", "--queue", "small")

    ended = penstock("submit", "echo", "2", "--queue", "small")

    assert ended.code == Exit.REFUSED
    assert ended.err.startswith("penstock: QUEUEFULL queue small is full")
    assert "try again in about" in ended.err


def test_a_person_is_asked_before_jobs_are_removed(
    penstock: Penstock, on_terminal: Penstock
) -> None:
    submitted(penstock, "echo", "1", "--queue", "asked")

    refused = on_terminal("queue", "purge", "asked", answer="n\n")
    assert refused.code == Exit.DECLINED
    assert "remove the 1 waiting job of queue asked for good? [y/N]" in refused.out
    assert json.loads(penstock("queue", "show", "asked", "--json").out)["ready"] == 1

    assert on_terminal("queue", "purge", "asked", answer="y\n").code == Exit.OK
    assert on_terminal("queue", "delete", "asked", "--yes") == Ended(Exit.OK, "", "")
    assert penstock("queue", "show", "asked").err.startswith("penstock: NOQUEUE ")


def test_a_terminal_shows_the_first_jobs_and_says_that_there_are_more(
    server: ServerProcess, penstock: Penstock, on_terminal: Penstock
) -> None:
    with Client(server.announced("resp")) as client, client.pipeline() as pipeline:
        for number in range(TERMINAL_JOBS_MAX + 1):
            pipeline.options(queue="long").submit("t", number)

    seen = on_terminal("jobs", "--queue", "long").out

    assert seen.count(" long ") == TERMINAL_JOBS_MAX
    assert f"these are the first {TERMINAL_JOBS_MAX}; --limit N shows more" in seen
    assert len(penstock("jobs", "--queue", "long").out.splitlines()) == TERMINAL_JOBS_MAX + 1
    assert penstock("peek", "long", "--count", "2").out.count("\n") == 2


def test_the_port_for_http_is_told_from_that_for_clients(
    server: ServerProcess, penstock: Penstock
) -> None:
    ended = penstock("queues", "--server", server.announced("http"))

    assert ended.code == Exit.UNREACHABLE
    assert ended.err.startswith("penstock: an HTTP server answers there; Penstock has another port")


def test_ctrl_c_ends_a_long_submission_with_how_far_it_came(commands: Commands) -> None:
    arguments = ("submit", "echo", "--file", "-", "--queue", "stopped")
    with commands.running(*arguments, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("1\n2\n")
        process.stdin.flush()
        ids = [process.stdout.readline() for _ in range(2)]
        process.send_signal(2)
        _, told = process.communicate()

    assert all(ids)
    assert process.returncode == Exit.INTERRUPTED
    assert told == "penstock: stopped after 2 acknowledged jobs\n"
