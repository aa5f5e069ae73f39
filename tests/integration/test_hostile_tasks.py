"""Tasks that misbehave, as their callers see it: a clear answer, and a server that goes on."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import (
    a_server,
    command_of,
    descendants,
    events,
    is_gone,
    metrics,
    until,
    until_logged,
)
from tests.integration.wire import Wire, as_error, info, show

pytestmark = pytest.mark.integration

HOSTILE = ("--workers", "2", "--app", "tests.integration.hostile_tasks")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(
        tmp_path_factory.mktemp("hostile"),
        *HOSTILE,
        retry_base_ms=10,
        retry_cap_ms=10,
        result_bytes_max=1_000,
    ) as running:
        yield running
        assert "Traceback (most recent" not in "".join(
            line for line in running.log.read_text().splitlines() if '"output"' not in line
        )


@pytest.fixture
def caller(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        yield wire
        assert wire.ask("JOB.CALL", "echo", '["still here"]') == b'"still here"'


@pytest.mark.parametrize(
    ("task", "payload", "result"),
    [
        ("print_much", "[100]", b"100"),
        ("fork_and_return", "", b'"parent"'),
        ("fork_and_raise", "", b'"parent"'),
        ("close_descriptors", "", b'"closed"'),
        ("ignore_sigterm", "[0.01]", b'"done"'),
    ],
)
def test_a_task_that_does_its_work_in_the_end_is_answered(
    caller: Wire, task: str, payload: str, result: bytes
) -> None:
    assert caller.ask("JOB.CALL", task, payload) == result


@pytest.mark.parametrize(
    ("task", "payload", "error"),
    [
        ("no.such.task", "", "UnknownTask: 'no.such.task' is no task of this worker"),
        ("os.system", '["true"]', "UnknownTask: 'os.system' is no task of this worker"),
        ("return_an_object", "", "ResultError: return_an_object() returned what JSON cannot hold"),
        ("return_nan", "", "ResultError: return_nan() returned what JSON cannot hold"),
        ("echo", f'["{"x" * 1_000}"]', "ResultError: echo() returned 1002 bytes, which the server"),
        ("echo", "[" * 100_000, "ArgumentError: echo(): the payload is not the JSON"),
    ],
)
def test_what_no_attempt_could_do_better_is_dead_at_once(
    caller: Wire, task: str, payload: str, error: str
) -> None:
    died = as_error(caller.ask("JOB.CALL", task, payload, "ATTEMPTS", 3))

    assert died.code == "DEAD"
    assert f" failed for good at attempt 1: {error}" in died.text


@pytest.mark.parametrize(
    ("task", "payload", "error"),
    [
        ("sys_exit", "[3]", "SystemExit: 3"),
        ("hard_exit", "[7]", "exited with code 7 while it ran this job"),
        ("segfault", "", "was killed by SIGSEGV while it ran this job"),
        ("recurse", "", "RecursionError: maximum recursion depth exceeded"),
        ("raise_an_exit", "", "ExitsWhenShown: its message cannot be shown"),
        ("async_raise_an_exit", "", "ExitsWhenShown: its message cannot be shown"),
        ("cancel_all_tasks", "", "CancelledError:"),
        ("stop_the_loop", "", "exited with code 70 while it ran this job"),
    ],
)
def test_a_task_that_ends_itself_or_its_process_is_tried_again_and_dead(
    caller: Wire, task: str, payload: str, error: str
) -> None:
    died = as_error(caller.ask("JOB.CALL", task, payload, "ATTEMPTS", 2))

    assert died.code == "DEAD"
    assert " failed 2 of 2 attempts: " in died.text
    assert error in died.text


def test_jobs_beside_one_that_kills_its_workers_are_all_done(
    server: ServerProcess, caller: Wire
) -> None:
    poison = ("JOB.SUBMIT", "hard_exit", "[1]", "ATTEMPTS", 4)
    caller.send(poison, *(("JOB.CALL", "echo", f"[{number}]") for number in range(100)))

    poisoned, *replies = caller.replies(101)

    assert replies == [b"%d" % number for number in range(100)]
    assert isinstance(poisoned, int)
    assert caller.error("JOB.WAIT", poisoned).code == "DEAD"
    errors = show(caller, poisoned)["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 4
    assert metrics(server)["penstock_worker_restarts_total"] >= 4


@pytest.mark.parametrize(
    "poison",
    ["raise_an_exit", "async_raise_an_exit", "cancel_all_tasks", "stop_the_loop", "block_signals"],
)
def test_the_job_behind_a_poisonous_one_runs_on_the_only_worker(
    tmp_path: Path, poison: str
) -> None:
    app = ("--app", "tests.integration.hostile_tasks")
    with (
        a_server(tmp_path, "--workers", "1", *app, retry_base_ms=10, retry_cap_ms=10) as server,
        Wire(server) as caller,
    ):
        caller.send(
            ("JOB.SUBMIT", poison, "", "ATTEMPTS", 2), ("JOB.CALL", "echo", "[1]", "WAIT", 20_000)
        )

        assert caller.replies(2)[1] == b"1"


def test_a_soft_timeout_comes_after_a_job_that_blocked_all_signals(tmp_path: Path) -> None:
    with (
        a_server(tmp_path, "--workers", "1", "--app", "tests.integration.hostile_tasks") as server,
        Wire(server) as caller,
    ):
        assert caller.ask("JOB.CALL", "block_signals", "") == b'"blocked"'

        died = as_error(caller.ask("JOB.CALL", "sleep", "[60]", "TIMEOUT", 50, "ATTEMPTS", 1))

        assert "SoftTimeout: " in died.text


def test_what_a_task_prints_is_in_the_log(server: ServerProcess, caller: Wire) -> None:
    """Printed again until it is there: what others printed may have used up this second's share."""

    def is_logged() -> bool:
        caller.ask("JOB.CALL", "print_line", '["a line of a task"]')
        return any(event.get("line") == "a line of a task" for event in events(server))

    until(is_logged, "the line is in the log")


def test_of_100_megabytes_that_a_task_prints_little_is_logged(
    server: ServerProcess, caller: Wire
) -> None:
    before = server.log.stat().st_size

    caller.ask("JOB.CALL", "print_much", "[100]")

    until_logged(server, "output dropped: a worker prints more than is logged")
    assert server.log.stat().st_size - before < 2 * 1024 * 1024


def test_a_soft_timeout_is_the_caller_s_error(caller: Wire) -> None:
    died = as_error(caller.ask("JOB.CALL", "sleep", "[60]", "TIMEOUT", 50, "ATTEMPTS", 1))

    assert "SoftTimeout: sleep() ran longer than its timeout of 50 ms" in died.text


def test_a_hard_timeout_kills_the_task_and_what_it_started(
    server: ServerProcess, caller: Wire
) -> None:
    """Nothing but a kill ends it: the end of its lease, ten seconds after its timeout."""
    caller.send(("JOB.CALL", "hang_in_c_with_a_child", "", "TIMEOUT", 1_000, "ATTEMPTS", 1))
    until(lambda: bool(_sleepers(server.pid)), "the child is there")
    (child,) = _sleepers(server.pid)

    died = as_error(caller.reply())

    assert died.code == "DEAD"
    assert ": HardTimeout: " in died.text
    assert is_gone(child)


def _sleepers(pid: int) -> list[int]:
    return [child for child in descendants(pid) if command_of(child) == b"sleep\x00301\x00"]


def test_a_task_that_ignores_sigterm_does_not_hold_up_a_drain(tmp_path: Path) -> None:
    with a_server(tmp_path, *HOSTILE, drain_ms=300) as server:
        with Wire(server) as caller:
            caller.ask("JOB.SUBMIT", "ignore_sigterm", "[60]")
            until(lambda: info(caller)["jobs_claimed"] == "1", "it runs")
        workers = descendants(server.pid)
        server.send(signal.SIGTERM)

        assert server.wait() == 0
        assert all(map(is_gone, workers))


def test_a_call_after_the_worst_is_still_answered_in_order(caller: Wire) -> None:
    caller.send(
        ("JOB.CALL", "segfault", "", "ATTEMPTS", 1),
        ("JOB.CALL", "echo", "[1]"),
        ("JOB.CALL", "hard_exit", "[0]", "ATTEMPTS", 1),
        ("JOB.CALL", "echo", "[2]"),
    )

    replies: list[Reply] = caller.replies(4)

    assert [as_error(replies[0]).code, as_error(replies[2]).code] == ["DEAD", "DEAD"]
    assert [replies[1], replies[3]] == [b"1", b"2"]
