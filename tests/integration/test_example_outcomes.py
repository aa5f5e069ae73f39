"""The example of ends, cancelling and telling does what it says."""

from collections.abc import Iterator

import pytest

from penstock.loadtest.processes import ServerProcess
from tests.integration.server_process import a_server, events, until
from tests.integration.wire import Wire, as_error, show

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("example")
    with a_server(directory, "--workers", "1", "--app", "examples.outcomes") as running:
        yield running


@pytest.fixture
def caller(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        yield wire


@pytest.mark.parametrize(
    ("status", "code", "ending"),
    [
        (404, "DEAD", "Dead: there is no such card"),
        (409, "CANCELLED", "it was charged before"),
    ],
)
def test_a_card_that_cannot_be_charged(caller: Wire, status: int, code: str, ending: str) -> None:
    refused = as_error(caller.ask("JOB.CALL", "charge", f"[9.5, {status}]"))

    assert refused.code == code
    assert refused.text.endswith(ending)


def test_a_card_is_charged(caller: Wire) -> None:
    assert caller.ask("JOB.CALL", "charge", "[9.5]") == b'"charged 9.50"'


def test_a_reminder_that_is_due_is_given(caller: Wire) -> None:
    assert caller.ask("JOB.CALL", "remind", '["2026-01-01T00:00:00Z", "tea"]') == b'"tea"'


def test_a_reminder_of_another_year_keeps_no_worker_busy(caller: Wire) -> None:
    job_id = caller.number("JOB.SUBMIT", "remind", '["2999-01-01T00:00:00Z", "tea"]')
    until(lambda: show(caller, job_id)["releases"] == 1, "the reminder")

    assert show(caller, job_id)["state"] == b"scheduled"


@pytest.mark.parametrize(
    ("task", "payload", "line"),
    [
        ("convert", "[100, 0.1]", "throwing away "),
        ("download", "[60]", "removing the part that is there"),
    ],
)
def test_what_is_cancelled_cleans_up(
    server: ServerProcess, caller: Wire, task: str, payload: str, line: str
) -> None:
    job_id = caller.number("JOB.SUBMIT", task, payload)
    until(lambda: show(caller, job_id)["state"] == b"claimed", f"{task} to begin")

    caller.ask("JOB.CANCEL", job_id)

    until(lambda: show(caller, job_id)["state"] == b"cancelled", f"{task} to stop")
    until(lambda: (job_id, line) in _printed(server, len(line)), f"{task} to say so")


def _printed(server: ServerProcess, length: int) -> list[tuple[object, str]]:
    """Return the starts of the lines that were logged, each with its job."""
    logged = [event for event in events(server) if event["event"] == "output"]
    return [(event["job"], str(event["line"])[:length]) for event in logged]
