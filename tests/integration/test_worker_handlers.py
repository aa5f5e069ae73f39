"""Handlers that workers run: they are registered as workers start, here and elsewhere."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from penstock.client import Client, JobInfo
from penstock.loadtest.processes import ServerProcess, free_port
from tests.conftest import ROOT
from tests.integration.handler_tasks import archive, ship
from tests.integration.server_process import a_server, until

pytestmark = pytest.mark.integration

APP = "tests.integration.handler_tasks"
HANDLERS = ["archive", "count-cents", "in_order", "ship"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("handlers")
    with a_server(directory, "--workers", "2", "--app", APP) as running:
        with Client(str(running.target)) as client:
            until_registered(client)
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(str(server.target)) as client:
        yield client


def until_registered(client: Client) -> None:
    until(lambda: [one.name for one in client.triggers()] == HANDLERS, "the handlers")


def jobs_of(client: Client, event_id: str) -> dict[str, JobInfo]:
    """Return the jobs that an event made, by the trigger."""
    found = [client.show(job.id) for job in client.jobs() if (job.key or "").endswith(event_id)]
    return {str(job.key).split(":")[1]: job for job in found}


def ended(client: Client, event_id: str, count: int) -> dict[str, JobInfo]:
    def are_ended() -> bool:
        jobs = jobs_of(client, event_id)
        return len(jobs) == count and all(job.finished_at for job in jobs.values())

    until(are_ended, f"{count} jobs of {event_id}")
    return jobs_of(client, event_id)


def result(job: JobInfo) -> object:
    return msgspec.json.decode(job.result or b"null")


def test_an_event_becomes_a_job_of_each_handler_that_it_matches(client: Client) -> None:
    event_id = client.publish("orders", type="order.paid", order_id="7", cents=950, note="a gift")
    jobs = ended(client, event_id, 2)

    fields = {"type": "order.paid", "order_id": "7", "cents": "950", "note": "a gift"}
    assert result(jobs["ship"]) == ["orders", event_id, fields, 1]
    assert result(jobs["count-cents"]) == [950, "a gift"]
    assert jobs["count-cents"].timeout_ms == 20_000


def test_an_event_that_matches_none_makes_no_job(client: Client) -> None:
    event_id = client.publish("orders", type="other", cents=1)
    later = client.publish("orders", type="order.paid", cents=1)
    ended(client, later, 2)

    assert jobs_of(client, event_id) == {}


def test_a_handler_that_fails_is_tried_again(client: Client) -> None:
    event_id = client.publish("orders", type="order.paid", cents=1, failures=2)
    job = ended(client, event_id, 2)["ship"]

    assert (job.state, job.failures) == ("completed", 2)
    assert result(job)[3] == 3  # type: ignore[index]


def test_a_handler_that_goes_on_failing_is_a_dead_letter(client: Client) -> None:
    event_id = client.publish("orders", type="order.paid", cents=1, failures=9)
    job = ended(client, event_id, 2)["ship"]

    assert (job.state, job.failures) == ("dead", 3)
    assert job.errors[-1].error.startswith("ConnectionError: the warehouse does not answer")


def test_a_field_that_does_not_fit_is_a_dead_letter_at_once(client: Client) -> None:
    event_id = client.publish("orders", type="order.made", cents="many")
    job = ended(client, event_id, 1)["count-cents"]

    assert (job.state, job.failures) == ("dead", 1)
    assert "count-cents(): 'cents'" in job.errors[0].error


def test_jobs_of_one_group_run_in_the_order_of_their_events(client: Client) -> None:
    published = [
        client.publish("grouped", account=f"acc-{number % 2}", number=number) for number in range(8)
    ]
    jobs = [ended(client, event_id, 1)["in_order"] for event_id in published]

    for half in (jobs[0::2], jobs[1::2]):
        times = [(job.claimed_at, job.finished_at) for job in half]
        assert len({job.group for job in half}) == 1
        assert times == sorted(times)


def test_a_handler_that_was_deregistered_goes_on_at_its_cursor(
    server: ServerProcess, client: Client
) -> None:
    assert ship.deregister(client)
    assert not ship.deregister(client)
    meanwhile = client.publish("orders", type="order.paid", cents=1)
    ended(client, meanwhile, 1)
    with remote_worker(server):
        until_registered(client)
        jobs = ended(client, meanwhile, 2)

    assert jobs["ship"].state == "completed"


def test_a_handler_begins_in_the_past_once_and_goes_on_ever_after(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with a_server(tmp_path, listen=address), Client(address) as client:
        published = [client.publish("history", number=number) for number in range(3)]

    for number in (3, 4):  # Two starts, after a stop and after a kill.
        flags = ("--workers", "1", "--app", APP)
        with a_server(tmp_path, *flags, listen=address) as server, Client(address) as client:
            until_registered(client)
            published.append(client.publish("history", number=number))
            results = [result(ended(client, one, 1)["archive"]) for one in published]
            assert results == list(range(number + 1))
            assert client.trigger(archive.name).cursor == published[-1]
            server.kill()


@contextmanager
def remote_worker(server: ServerProcess) -> Iterator[None]:
    command = ("worker", "--app", APP, "--connect", str(server.target), "--processes", "1")
    with subprocess.Popen(
        [sys.executable, "-m", "penstock.cli", *command], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()
