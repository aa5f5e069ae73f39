"""What was acknowledged is there after kill -9, and a key that was used finds its job again."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import a_server
from tests.integration.wire import OK, Wire, as_error, claim, show

pytestmark = pytest.mark.integration


class Past(NamedTuple):
    """A server that was killed and started again, and what it had said before."""

    server: ServerProcess
    submitted: int
    transaction: Reply
    keyed: int
    completed: int
    claimed: int
    scheduled: int


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Each last word came right before the kill."""
    with a_server(tmp_path_factory.mktemp("durability")) as server:
        with Wire(server) as caller, Wire(server) as worker:
            scheduled = caller.number("JOB.SUBMIT", "task", "", "DELAY", 3_600_000)
            keyed = caller.number("JOB.SUBMIT", "task", "payload", "QUEUE", "kept", "KEY", "used")
            claimed = caller.number("JOB.SUBMIT", "task", "", "QUEUE", "claimed")
            claim(worker, "claimed")
            caller.send(("JOB.CALL", "task", "in", "QUEUE", "calls", "KEY", "called"))
            (called,) = claim(worker, "calls")
            worker.ask("JOB.COMPLETE", *called.token, "out")
            assert caller.reply() == b"out"
            _spoil_a_transaction(caller)
            caller.send(
                ("MULTI",),
                *[("JOB.SUBMIT", "task", "", "QUEUE", "transaction")] * 100,
                ("EXEC",),
                ("JOB.SUBMIT", "task", "last", "QUEUE", "submitted"),
            )
            *_, transaction, submitted = caller.replies(1 + 100 + 2)
            server.kill()
        server.start()
        assert isinstance(submitted, int)
        yield Past(server, submitted, transaction, keyed, called.id, claimed, scheduled)


def _spoil_a_transaction(caller: Wire) -> None:
    caller.send(
        ("MULTI",),
        ("JOB.SUBMIT", "task", "", "QUEUE", "spoiled"),
        ("JOB.SUBMIT", "task", "", "PRIORITY", "high"),
        ("JOB.SUBMIT", "task", "", "QUEUE", "spoiled"),
        ("EXEC",),
    )
    assert as_error(caller.replies(5)[-1]).code == "EXECABORT"


@pytest.fixture
def wire(past: Past) -> Iterator[Wire]:
    with Wire(past.server) as connected:
        yield connected


def test_a_submission_is_on_disk_before_its_reply(past: Past, wire: Wire) -> None:
    shown = show(wire, past.submitted)

    assert (shown["state"], shown["payload"]) == (b"ready", b"last")


def test_a_transaction_is_on_disk_as_a_whole_before_its_reply(past: Past, wire: Wire) -> None:
    claims: list[int] = []
    while more := claim(wire, "transaction", count=100, wait_ms=0):
        claims += [claimed.id for claimed in more]

    assert claims == past.transaction
    assert len(claims) == 100


def test_of_a_spoiled_transaction_nothing_is_stored(wire: Wire) -> None:
    assert wire.error("QUEUE.SHOW", "spoiled").code == "NOQUEUE"


def test_a_key_gives_the_first_job_after_a_restart(past: Past, wire: Wire) -> None:
    submit = ("JOB.SUBMIT", "task", "payload", "QUEUE", "kept", "KEY", "used")

    wire.send(submit, submit)

    assert wire.replies(2) == [past.keyed, past.keyed]


@pytest.mark.parametrize(
    "words",
    [
        ("task", "another payload", "QUEUE", "kept"),
        ("another-task", "payload", "QUEUE", "kept"),
        ("task", "payload", "QUEUE", "another-queue"),
    ],
)
def test_a_key_that_was_used_for_something_else_is_refused_after_a_restart(
    past: Past, wire: Wire, words: tuple[str, ...]
) -> None:
    refused = wire.error("JOB.SUBMIT", *words, "KEY", "used")

    assert (refused.code, f"job {past.keyed} " in refused.text) == ("KEYREUSED", True)


def test_a_call_sent_again_under_its_key_gives_the_result_after_a_restart(wire: Wire) -> None:
    assert wire.ask("JOB.CALL", "task", "in", "QUEUE", "calls", "KEY", "called") == b"out"


def test_a_result_outlives_the_server(past: Past, wire: Wire) -> None:
    assert wire.ask("JOB.WAIT", past.completed, "WAIT", 0) == b"out"


def test_completing_again_is_fine_after_a_restart(past: Past, wire: Wire) -> None:
    assert wire.ask("JOB.COMPLETE", past.completed, 1, "out") == OK


def test_a_job_that_was_claimed_is_ready_again(past: Past, wire: Wire) -> None:
    shown = show(wire, past.claimed)
    (claimed,) = claim(wire, "claimed")

    assert (shown["state"], shown["failures"]) == (b"ready", 0)
    assert claimed.id == past.claimed


def test_a_delayed_job_is_still_delayed(past: Past, wire: Wire) -> None:
    assert show(wire, past.scheduled)["state"] == b"scheduled"


def test_ids_go_on_after_the_last_one(past: Past, wire: Wire) -> None:
    assert wire.number("JOB.SUBMIT", "task", "", "QUEUE", "after") > past.submitted


def test_a_key_that_comes_many_times_at_once_makes_one_job(past: Past) -> None:
    wires = [Wire(past.server) for _ in range(10)]
    for one in wires:
        one.send(*[("JOB.SUBMIT", "task", "", "QUEUE", "many", "KEY", "many")] * 50)
    ids = {reply for one in wires for reply in one.replies(50)}
    for one in wires:
        one.socket.close()

    assert len(ids) == 1


def test_a_key_twice_in_one_transaction_makes_one_job(wire: Wire) -> None:
    submit = ("JOB.SUBMIT", "task", "", "QUEUE", "twice", "KEY", "twice")
    wire.send(("MULTI",), submit, submit, ("EXEC",))

    ids = wire.replies(4)[-1]

    assert isinstance(ids, list)
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_two_calls_with_one_key_both_get_its_result(past: Past, wire: Wire) -> None:
    call = ("JOB.CALL", "task", "", "QUEUE", "both", "KEY", "both")
    with Wire(past.server) as worker:
        wire.send(call, call)
        (claimed,) = claim(worker, "both")
        worker.ask("JOB.COMPLETE", *claimed.token, "shared")

        assert wire.replies(2) == [b"shared", b"shared"]
        assert claim(worker, "both", wait_ms=0) == []
