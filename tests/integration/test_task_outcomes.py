"""How tasks end, are stopped and tell about themselves, as their callers see it."""

from collections.abc import Callable, Iterator

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import a_server, metrics, until, until_logged
from tests.integration.wire import Wire, as_error, show

pytestmark = pytest.mark.integration

APP = ("--workers", "1", "--app", "tests.integration.outcome_tasks")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("outcomes")
    with a_server(directory, *APP, retry_base_ms=10, retry_cap_ms=10) as running:
        yield running


@pytest.fixture
def caller(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        yield wire
        assert wire.ask("JOB.CALL", "sleep", "[0]") == b"0.0"


def until_shown(
    wire: Wire, job_id: int, holds: Callable[[dict[str, Reply]], bool]
) -> dict[str, Reply]:
    """Look at a job until it is as wanted."""
    until(lambda: holds(show(wire, job_id)), f"job {job_id}")
    return show(wire, job_id)


def is_cancelled(shown: dict[str, Reply]) -> bool:
    return shown["state"] == b"cancelled"


def pairs(flat: Reply) -> Iterator[tuple[Reply, Reply]]:
    """Read a map as RESP2 has it."""
    assert isinstance(flat, list), flat
    return zip(flat[::2], flat[1::2], strict=True)


# --- endings -------------------------------------------------------------------------------------


def test_a_retry_uses_up_an_attempt_and_keeps_its_reason(caller: Wire) -> None:
    died = as_error(caller.ask("JOB.CALL", "raise_ending", '["retry soon"]', "ATTEMPTS", 2))

    assert died.code == "DEAD"
    assert " failed 2 of 2 attempts: Retry: " in died.text


def test_a_retry_that_says_when_comes_back_then(caller: Wire) -> None:
    job_id = caller.number("JOB.SUBMIT", "raise_ending", '["retry"]')
    shown = until_shown(caller, job_id, lambda job: job["failures"] == 1)

    assert isinstance(shown["errors"], list)
    failed_at = dict(pairs(shown["errors"][0]))[b"failed_at"]
    assert isinstance(shown["due_at"], int)
    assert isinstance(failed_at, int)
    assert 2_400 <= shown["due_at"] - failed_at <= 2_600
    caller.ask("JOB.CANCEL", job_id)


def test_a_snooze_uses_up_no_attempt(caller: Wire) -> None:
    job_id = caller.number("JOB.SUBMIT", "raise_ending", '["snooze"]', "ATTEMPTS", 1)
    shown = until_shown(caller, job_id, lambda job: job["releases"] == 1)

    assert (shown["state"], shown["failures"], shown["attempt"]) == (b"scheduled", 0, 1)
    caller.ask("JOB.CANCEL", job_id)


def test_a_task_that_cancels_its_job_says_why(caller: Wire) -> None:
    refused = as_error(caller.ask("JOB.CALL", "raise_ending", '["cancel"]'))

    assert refused.code == "CANCELLED"
    assert refused.text.endswith("the order is gone")


def test_a_task_that_gives_up_is_not_tried_again(caller: Wire) -> None:
    died = as_error(caller.ask("JOB.CALL", "return_ending", '["dead"]', "ATTEMPTS", 5))

    assert died.code == "DEAD"
    assert died.text.endswith("Dead: no such customer")


def test_a_tasks_own_policy_ends_its_attempts(caller: Wire) -> None:
    died = as_error(caller.ask("JOB.CALL", "async_fail_by_policy", "", "ATTEMPTS", 5))

    assert died.code == "DEAD"
    assert died.text.endswith("ValueError: as planned")


# --- told to stop --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "first_line"),
    [
        ("sleep", b"sleeping\n"),
        ("be_busy", b"busy\n"),
        ("swallow_exceptions", b"swallowing\n"),
        ("nap", b"napping\n"),
    ],
)
def test_a_job_that_runs_is_stopped(
    server: ServerProcess, caller: Wire, task: str, first_line: bytes
) -> None:
    restarts = metrics(server)["penstock_worker_restarts_total"]
    job_id = caller.number("JOB.SUBMIT", task, "[60]")
    until_shown(caller, job_id, lambda job: job["output"] == first_line)

    assert caller.ask("JOB.CANCEL", job_id, "REASON", "not needed") == "TOLD"
    shown = until_shown(caller, job_id, is_cancelled)

    assert (shown["reason"], shown["failures"]) == (b"not needed", 0)
    assert metrics(server)["penstock_worker_restarts_total"] == restarts


def test_a_job_that_is_done_before_it_stops_is_done(caller: Wire) -> None:
    job_id = caller.number("JOB.SUBMIT", "finish_what_is_begun", "[60]")
    until_shown(caller, job_id, lambda job: job["output"] == b"working\n")

    assert caller.ask("JOB.CANCEL", job_id) == "TOLD"
    assert caller.ask("JOB.WAIT", job_id) == b'"done though job %d was cancelled"' % job_id


def test_a_task_that_ignores_everything_is_killed_after_the_grace(
    server: ServerProcess, caller: Wire
) -> None:
    job_id = caller.number("JOB.SUBMIT", "ignore_everything", "[60]")
    until_shown(caller, job_id, lambda job: job["output"] == b"ignoring\n")

    assert caller.ask("JOB.CANCEL", job_id, "REASON", "enough") == "TOLD"
    shown = until_shown(caller, job_id, is_cancelled)

    assert shown["reason"] == b"enough"
    until_logged(server, "killing a worker", worker="worker-1")


# --- telling -------------------------------------------------------------------------------------


def test_how_far_a_job_is_can_be_seen_while_it_runs(caller: Wire) -> None:
    job_id = caller.number("JOB.SUBMIT", "count_up", "[100, 0.1]")
    shown = until_shown(caller, job_id, lambda job: job["progress"] is not None)

    progress = dict(pairs(shown["progress"]))
    assert isinstance(progress[b"percent"], int)
    assert progress[b"note"] == b"step %d" % progress[b"percent"]
    caller.ask("JOB.CANCEL", job_id)
    until_shown(caller, job_id, is_cancelled)


def test_what_a_failed_attempt_printed_stands_with_its_error(caller: Wire) -> None:
    job_id = caller.number("JOB.SUBMIT", "say_and_fail", '["just before"]', "ATTEMPTS", 1)
    shown = until_shown(caller, job_id, lambda job: job["state"] == b"dead")

    assert isinstance(shown["errors"], list)
    assert dict(pairs(shown["errors"][0]))[b"output"] == b"just before\n"
