"""The life of jobs as events: told where somebody listens, in the order in which it happened."""

import time
from collections.abc import Callable, Iterator

import pytest

from penstock.loadtest.processes import ServerProcess
from tests.integration.event_wire import GROUP, read_ids, told, until_blocked, wipe
from tests.integration.server_process import a_server, until
from tests.integration.wire import OK, Wire, claim

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("job-events"), retry_base_ms=1, retry_cap_ms=1) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        wipe(wire)
        wire.ask("CLIENT", "SETNAME", "tester")
        yield wire


@pytest.fixture
def restart(server: ServerProcess) -> Callable[[], Wire]:
    """Kill the server and start it again; return a connection to it."""

    def restart() -> Wire:
        server.kill()
        server.start()
        return Wire(server)

    return restart


def follow(wire: Wire, stream: str) -> None:
    assert wire.ask("XGROUP", "CREATE", stream, "g", "$", "MKSTREAM") == OK


def steps(wire: Wire, stream: str = "jobs:q") -> list[tuple[str, str, str]]:
    """Return what a stream tells: from, to and reason of each event."""
    events = told(wire.ask("XRANGE", stream, "-", "+"))
    return [(event["from"], event["to"], event["reason"]) for event in events]


def test_nothing_is_told_where_nobody_listens(wire: Wire) -> None:
    wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")

    assert wire.ask("KEYS", "*") == []


def test_the_life_of_a_job_is_told_from_its_submission_to_its_end(wire: Wire) -> None:
    follow(wire, "jobs:q")
    before_ms = time.time_ns() // 1_000_000

    job_id = wire.number("JOB.SUBMIT", "task", "", "QUEUE", "q", "KEY", "k", "TENANT", "acme")
    (claimed,) = claim(wire, "q")
    wire.ask("JOB.FAIL", *claimed.token, "ValueError: no\n  in line 3")
    (again,) = claim(wire, "q")
    wire.ask("JOB.COMPLETE", *again.token, "done")

    events = told(wire.ask("XRANGE", "jobs:q", "-", "+"))
    assert steps(wire) == [
        ("", "ready", "submit"),
        ("ready", "claimed", "claim"),
        ("claimed", "scheduled", "retry"),
        ("scheduled", "ready", "fall due"),
        ("ready", "claimed", "claim"),
        ("claimed", "completed", "complete"),
    ]
    assert {(event["id"], event["queue"], event["task"]) for event in events} == {
        (str(job_id), "q", "task")
    }
    assert [event["attempt"] for event in events] == ["0", "1", "1", "1", "2", "2"]
    assert {event["key"] for event in events} == {"k"}
    assert {event["tenant"] for event in events} == {"acme"}
    assert {event["producer"] for event in events} == {"tester"}
    assert [event.get("error") for event in events if event["reason"] == "retry"] == [
        "ValueError: no"
    ]
    times = [int(event["at"]) for event in events]
    assert times == sorted(times)
    assert before_ms <= times[0] <= times[-1] <= time.time_ns() // 1_000_000


def test_the_stream_of_all_is_told_of_every_queue(wire: Wire) -> None:
    follow(wire, "jobs:*")
    follow(wire, "jobs:q")

    for queue in ("q", "other"):
        wire.ask("JOB.SUBMIT", "task", "", "QUEUE", queue)

    queues = [event["queue"] for event in told(wire.ask("XRANGE", "jobs:*", "-", "+"))]
    assert queues == ["q", "other"]
    assert len(steps(wire)) == 1
    assert wire.ask("EXISTS", "jobs:other") == 0


def test_cancelling_releasing_burying_and_redriving_are_told(wire: Wire) -> None:
    follow(wire, "jobs:q")
    options = ("QUEUE", "q", "ATTEMPTS", 1)

    cancelled = wire.number("JOB.SUBMIT", "task", "", *options)
    wire.ask("JOB.CANCEL", cancelled, "REASON", "not needed")
    wire.ask("JOB.SUBMIT", "task", "", *options)
    (released,) = claim(wire, "q")
    wire.ask("JOB.RELEASE", *released.token)
    (buried,) = claim(wire, "q")
    wire.ask("JOB.FAIL", *buried.token, "Error: no")
    wire.ask("JOB.REDRIVE", buried.id)

    assert steps(wire) == [
        ("", "ready", "submit"),
        ("ready", "cancelled", "cancel"),
        ("", "ready", "submit"),
        ("ready", "claimed", "claim"),
        ("claimed", "ready", "release"),
        ("ready", "claimed", "claim"),
        ("claimed", "dead", "give up"),
        ("dead", "ready", "redrive"),
    ]
    events = told(wire.ask("XRANGE", "jobs:q", "-", "+"))
    assert events[1]["note"] == "not needed"


def test_groups_keys_and_delays_are_told_as_the_store_decided(wire: Wire) -> None:
    follow(wire, "jobs:q")

    first = wire.number("JOB.SUBMIT", "task", "", "QUEUE", "q", "GROUP", "order", "KEY", "k")
    assert (
        wire.number("JOB.SUBMIT", "task", "", "QUEUE", "q", "GROUP", "order", "KEY", "k") == first
    )
    second = wire.number("JOB.SUBMIT", "task", "", "QUEUE", "q", "GROUP", "order")
    (claimed,) = claim(wire, "q")
    wire.ask("JOB.COMPLETE", *claimed.token)
    wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "q", "DELAY", 60_000)

    events = told(wire.ask("XRANGE", "jobs:q", "-", "+"))
    assert [(event["id"], event["to"], event["reason"]) for event in events[:5]] == [
        (str(first), "ready", "submit"),
        (str(second), "blocked", "block"),
        (str(first), "claimed", "claim"),
        (str(first), "completed", "complete"),
        (str(second), "ready", "unblock"),
    ]
    assert (events[5]["to"], events[5]["reason"]) == ("scheduled", "schedule")
    assert int(events[5]["due_at"]) >= int(events[5]["at"]) + 60_000 - 1


def test_a_purge_is_told_of_each_job(wire: Wire) -> None:
    follow(wire, "jobs:q")
    submitted = [str(wire.number("JOB.SUBMIT", "task", "", "QUEUE", "q")) for _ in range(5)]

    assert wire.ask("QUEUE.PURGE", "q") == 5

    # It is answered once it is on record; the jobs are removed, and told of, slice by slice.
    until(lambda: len(steps(wire)) == 10, "all are removed")
    removed = [e for e in told(wire.ask("XRANGE", "jobs:q", "-", "+")) if e["to"] == "removed"]
    assert sorted(event["id"] for event in removed) == sorted(submitted)
    assert {(event["from"], event["reason"]) for event in removed} == {("ready", "purge")}


def test_a_worker_that_dies_and_a_server_that_dies_are_told(
    wire: Wire, server: ServerProcess, restart: Callable[[], Wire]
) -> None:
    follow(wire, "jobs:q")
    wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")
    with Wire(server) as worker:
        claim(worker, "q")
    (claimed,) = claim(wire, "q")
    assert claimed.attempt == 2

    with restart() as again:
        assert steps(again) == [
            ("", "ready", "submit"),
            ("ready", "claimed", "claim"),
            ("claimed", "scheduled", "retry"),  # A worker that goes away is a failure ...
            ("scheduled", "ready", "fall due"),
            ("ready", "claimed", "claim"),
            ("claimed", "ready", "release"),  # ... and a server that does is none.
        ]


def test_a_follower_is_woken_by_the_transition(wire: Wire, server: ServerProcess) -> None:
    follow(wire, "jobs:q")
    with Wire(server) as follower, Wire(server) as plain:
        follower.send((*GROUP, "c", "BLOCK", 0, "STREAMS", "jobs:q", ">"))
        plain.send(("XREAD", "BLOCK", 0, "STREAMS", "jobs:q", "$"))
        until_blocked(wire, 2)

        wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")

        assert len(read_ids(follower.reply())) == 1
        assert len(read_ids(plain.reply())) == 1


def test_telling_ends_with_the_last_group_and_lasts_otherwise(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    follow(wire, "jobs:q")
    assert wire.ask("XGROUP", "CREATE", "jobs:q", "h", "$") == OK
    assert wire.ask("XGROUP", "DESTROY", "jobs:q", "g") == 1

    with restart() as again:
        again.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")
        assert len(steps(again)) == 1
        assert again.ask("XGROUP", "DESTROY", "jobs:q", "h") == 1
        again.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")
        assert len(steps(again)) == 1


def test_a_group_of_a_deleted_stream_is_gone_and_nothing_is_told(wire: Wire) -> None:
    follow(wire, "jobs:q")

    assert wire.ask("DEL", "jobs:q") == 1
    wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")

    assert wire.ask("EXISTS", "jobs:q") == 0
