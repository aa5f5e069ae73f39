"""Replies come in the order of the requests and are true when they come: over real sockets.

The workers here are connections of the tests, so that each job ends when a test says so.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.loadtest.processes import ServerProcess
from tests.integration.server_process import a_server, until
from tests.integration.wire import OK, Wire, as_claims, as_error, claim, clients, show

pytestmark = pytest.mark.integration

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(
        tmp_path_factory.mktemp("responses"), retry_base_ms=20, retry_cap_ms=40
    ) as running:
        yield running


@pytest.fixture
def connect(server: ServerProcess) -> Iterator[Callable[[], Wire]]:
    wires: list[Wire] = []

    def make() -> Wire:
        wires.append(Wire(server))
        return wires[-1]

    yield make
    for wire in wires:
        wire.socket.close()


@pytest.fixture
def caller(connect: Callable[[], Wire]) -> Wire:
    return connect()


@pytest.fixture
def worker(connect: Callable[[], Wire]) -> Wire:
    return connect()


@pytest.fixture
def queue() -> str:
    return f"queue-{next(_numbers)}"


# --- order ---------------------------------------------------------------------------------------


def test_calls_that_finish_out_of_order_are_answered_in_request_order(
    caller: Wire, worker: Wire, queue: str
) -> None:
    caller.send(*(("JOB.CALL", "task", payload, "QUEUE", queue) for payload in ("a", "b", "c")))
    claims = [claim(worker, queue)[0] for _ in range(3)]

    for claimed in reversed(claims[1:]):
        assert worker.ask("JOB.COMPLETE", *claimed.token, claimed.payload.upper()) == OK
    answered_early = caller.has_reply()
    worker.ask("JOB.COMPLETE", *claims[0].token, "A")

    assert not answered_early
    assert caller.replies(3) == [b"A", b"B", b"C"]


def test_commands_behind_a_call_are_carried_out_and_answered_after_it(
    caller: Wire, worker: Wire, queue: str
) -> None:
    caller.send(
        ("JOB.CALL", "first", "", "QUEUE", queue),
        ("JOB.SUBMIT", "second", "", "QUEUE", queue),
        ("PING",),
        ("NOTHING",),
    )
    first, second = (claim(worker, queue)[0] for _ in range(2))
    answered_early = caller.has_reply()

    worker.ask("JOB.COMPLETE", *first.token, "done")

    assert not answered_early
    *replies, refused = caller.replies(4)
    assert replies == [b"done", second.id, "PONG"]
    assert as_error(refused).code == "ERR"


def test_ten_thousand_pipelined_commands_are_answered_in_order(caller: Wire, queue: str) -> None:
    """More than may be in flight, so that reading pauses and goes on in between."""
    count = 5_000
    caller.socket.settimeout(60)
    for number in range(count):
        caller.send(("JOB.SUBMIT", "task", "", "QUEUE", queue), ("ECHO", number))

    replies = caller.replies(2 * count)

    ids = replies[::2]
    assert ids == sorted(ids, key=lambda one: one if isinstance(one, int) else -1)
    assert replies[1::2] == [b"%d" % number for number in range(count)]


def test_claims_that_do_not_wait_are_answered_one_in_flight_at_a_time(tmp_path: Path) -> None:
    """Each is answered while the request is carried out, and lets the next one in."""
    count = 3_000
    with a_server(tmp_path, requests_in_flight_max=1) as narrow, Wire(narrow) as worker:
        worker.send(*[("JOB.CLAIM", "queue", "WAIT", 0)] * count)
        assert worker.replies(count) == [[]] * count


# --- priorities, delays --------------------------------------------------------------------------


def test_the_most_urgent_job_is_claimed_first_and_equals_in_order_of_submission(
    caller: Wire, worker: Wire, queue: str
) -> None:
    priorities = (1000, 5, 4_294_967_295, 0, 5, 1000)
    caller.send(
        *(
            ("JOB.SUBMIT", "task", index, "QUEUE", queue, "PRIORITY", priority)
            for index, priority in enumerate(priorities)
        )
    )
    caller.replies(len(priorities))

    claims = [claim(worker, queue)[0] for _ in priorities]

    assert [claimed.payload for claimed in claims] == [b"3", b"1", b"4", b"0", b"5", b"2"]


def test_a_claim_takes_from_all_its_queues_the_most_urgent_first(
    caller: Wire, worker: Wire, queue: str
) -> None:
    names = (f"{queue}-a", f"{queue}-b")
    for name, priority in zip(names, (7, 3), strict=True):
        caller.ask("JOB.SUBMIT", "task", name, "QUEUE", name, "PRIORITY", priority)

    claims = as_claims(worker.ask("JOB.CLAIM", *names, "COUNT", 2))

    assert [claimed.payload.decode() for claimed in claims] == [names[1], names[0]]


def test_an_urgent_job_overtakes_those_that_wait_longer(
    caller: Wire, worker: Wire, queue: str
) -> None:
    caller.send(*[("JOB.SUBMIT", "task", "patient", "QUEUE", queue)] * 100)
    caller.replies(100)
    caller.ask("JOB.SUBMIT", "task", "urgent", "QUEUE", queue, "PRIORITY", 0)

    (claimed,) = claim(worker, queue)

    assert claimed.payload == b"urgent"


def test_a_delayed_job_is_not_given_out_before_it_is_due(
    caller: Wire, worker: Wire, queue: str
) -> None:
    delayed = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue, "DELAY", 300)
    early = claim(worker, queue, wait_ms=0)

    (claimed,) = claim(worker, queue)
    worker.ask("JOB.COMPLETE", *claimed.token)

    assert early == []
    assert claimed.id == delayed
    shown = show(caller, delayed)
    submitted_at, due_at, claimed_at = map(
        int, (str(shown[name]) for name in ("submitted_at", "due_at", "claimed_at"))
    )
    assert submitted_at + 300 == due_at <= claimed_at


# --- waits ---------------------------------------------------------------------------------------


def test_a_call_that_waits_too_short_is_told_and_its_job_goes_on(
    caller: Wire, worker: Wire, queue: str
) -> None:
    ended = caller.error("JOB.CALL", "task", "", "QUEUE", queue, "WAIT", 30)
    (claimed,) = claim(worker, queue)
    worker.ask("JOB.COMPLETE", *claimed.token, "late")

    assert ended.code == "TIMEOUT"
    assert ended.text == (
        f"job {claimed.id} did not finish within 30 ms; JOB.WAIT {claimed.id} waits on"
    )
    assert caller.ask("JOB.WAIT", claimed.id, "WAIT", 0) == b"late"


def test_a_wait_ends_with_its_time(caller: Wire, queue: str) -> None:
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue)

    ended = caller.error("JOB.WAIT", job_id, "WAIT", 1)

    assert (ended.code, f"job {job_id} " in ended.text) == ("TIMEOUT", True)


def test_all_who_wait_for_a_job_are_answered(
    connect: Callable[[], Wire], worker: Wire, queue: str
) -> None:
    callers = [connect() for _ in range(3)]
    job_id = callers[0].number("JOB.SUBMIT", "task", "", "QUEUE", queue)
    for caller in callers:
        caller.send(("JOB.WAIT", job_id))
    (claimed,) = claim(worker, queue)

    worker.ask("JOB.COMPLETE", *claimed.token, "for all")

    assert [caller.reply() for caller in callers] == [b"for all"] * 3


def test_waiting_for_a_job_that_never_was_is_refused(caller: Wire) -> None:
    assert caller.error("JOB.WAIT", 2**62).code == "NOJOB"


def test_a_claim_without_jobs_is_answered_with_nothing_when_its_wait_ends(
    worker: Wire, queue: str
) -> None:
    assert claim(worker, queue, wait_ms=20) == []


# --- failures ------------------------------------------------------------------------------------


def test_a_job_that_fails_is_tried_again_until_it_is_dead(
    caller: Wire, worker: Wire, queue: str
) -> None:
    caller.send(("JOB.CALL", "task", "", "QUEUE", queue, "ATTEMPTS", 3))
    attempts = []
    for number in range(3):
        (claimed,) = claim(worker, queue)
        attempts.append(claimed.attempt)
        assert worker.ask("JOB.FAIL", *claimed.token, f"ValueError: {number}\ntrace") == OK

    died = as_error(caller.reply())
    shown = show(caller, claimed.id)

    assert attempts == [1, 2, 3]
    assert died.code == "DEAD"
    assert died.text == f"job {claimed.id} failed 3 of 3 attempts: ValueError: 2"
    assert (shown["state"], shown["failures"]) == (b"dead", 3)
    errors = shown["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 3
    assert claim(worker, queue, wait_ms=0) == []


def test_a_failure_that_is_final_is_not_tried_again(caller: Wire, worker: Wire, queue: str) -> None:
    caller.send(("JOB.CALL", "task", "", "QUEUE", queue, "ATTEMPTS", 3))
    (claimed,) = claim(worker, queue)

    worker.ask("JOB.FAIL", *claimed.token, "ResultError: no use", "DEAD")

    assert as_error(caller.reply()).text == (
        f"job {claimed.id} failed for good at attempt 1: ResultError: no use"
    )


def test_waiting_for_a_dead_job_tells_its_last_error(
    caller: Wire, worker: Wire, queue: str
) -> None:
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue, "ATTEMPTS", 1)
    (claimed,) = claim(worker, queue)
    worker.ask("JOB.FAIL", *claimed.token, "ValueError: boom")

    dead = caller.error("JOB.WAIT", job_id)

    assert (dead.code, dead.text.endswith("attempts: ValueError: boom")) == ("DEAD", True)


# --- leases --------------------------------------------------------------------------------------


def test_completing_twice_is_fine_and_changes_nothing(
    caller: Wire, worker: Wire, queue: str
) -> None:
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue)
    (claimed,) = claim(worker, queue)

    replies = [worker.ask("JOB.COMPLETE", *claimed.token, result) for result in ("one", "two")]

    assert replies == [OK, OK]
    assert caller.ask("JOB.WAIT", job_id) == b"one"


def test_completing_twice_in_one_write_is_fine(caller: Wire, worker: Wire, queue: str) -> None:
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue)
    (claimed,) = claim(worker, queue)

    worker.send(*[("JOB.COMPLETE", *claimed.token, "once")] * 2)

    assert worker.replies(2) == [OK, OK]
    assert caller.ask("JOB.WAIT", job_id) == b"once"


@pytest.mark.parametrize(
    "late",
    [("JOB.COMPLETE", "result"), ("JOB.FAIL", "error"), ("JOB.EXTEND",), ("JOB.RELEASE",)],
    ids=lambda words: words[0],
)
def test_an_attempt_that_gave_its_job_back_has_no_say_any_more(
    caller: Wire, worker: Wire, queue: str, late: tuple[str, ...]
) -> None:
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue)
    (first,) = claim(worker, queue)
    assert worker.ask("JOB.RELEASE", *first.token) == OK
    (second,) = claim(worker, queue)

    verb, *words = late
    refused = worker.error(verb, *first.token, *words)

    assert (refused.code, f"job {job_id} " in refused.text) == ("LEASELOST", True)
    assert worker.ask("JOB.COMPLETE", *second.token, "second") == OK
    assert caller.ask("JOB.WAIT", job_id) == b"second"


def test_giving_a_job_back_is_no_failure(caller: Wire, worker: Wire, queue: str) -> None:
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue, "ATTEMPTS", 1)
    (first,) = claim(worker, queue)
    worker.ask("JOB.RELEASE", *first.token)

    (second,) = claim(worker, queue)
    shown = show(caller, job_id)

    assert (second.id, second.attempt) == (job_id, 2)
    assert (shown["failures"], shown["errors"]) == (0, [])


def test_extending_a_lease_tells_how_long_it_lasts(caller: Wire, worker: Wire, queue: str) -> None:
    caller.ask("JOB.SUBMIT", "task", "", "QUEUE", queue, "TIMEOUT", 2_000)
    (claimed,) = claim(worker, queue)

    assert worker.ask("JOB.EXTEND", *claimed.token) == 12_000
    assert worker.ask("JOB.EXTEND", *claimed.token, 60_000) == 70_000


def test_the_jobs_of_a_worker_that_disconnects_are_given_to_others_at_once(
    caller: Wire, worker: Wire, connect: Callable[[], Wire], queue: str
) -> None:
    other = connect()
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue)
    worker.ask("CLIENT", "SETNAME", "lost-one")
    claim(worker, queue)
    other.send(("JOB.CLAIM", queue, "WAIT", 20_000))
    worker.socket.close()

    (second,) = as_claims(other.reply())

    assert (second.id, second.attempt) == (job_id, 2)
    errors = show(caller, job_id)["errors"]
    assert "lost-one disconnected while it ran this job" in str(errors)


def test_a_claim_whose_worker_left_takes_no_job(
    caller: Wire, worker: Wire, connect: Callable[[], Wire], queue: str
) -> None:
    worker.ask("CLIENT", "SETNAME", "leaver")
    worker.send(("JOB.CLAIM", queue, "WAIT", 20_000))
    worker.socket.close()
    until(lambda: "name=leaver" not in clients(caller), "the worker is gone")
    caller.ask("JOB.SUBMIT", "task", "", "QUEUE", queue)

    (claimed,) = claim(connect(), queue)

    assert claimed.attempt == 1


def test_a_silent_worker_loses_its_job_and_its_late_answer_is_refused(
    caller: Wire, worker: Wire, connect: Callable[[], Wire], queue: str
) -> None:
    """The lease lasts the timeout, 1 ms here, and the grace of ten seconds."""
    other = connect()
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue, "TIMEOUT", 1)
    (first,) = claim(worker, queue)

    (second,) = claim(other, queue, wait_ms=20_000)
    late = worker.error("JOB.COMPLETE", *first.token, "late")
    other.ask("JOB.COMPLETE", *second.token, "in time")

    assert (second.id, second.attempt) == (job_id, 2)
    assert late.code == "LEASELOST"
    assert caller.ask("JOB.WAIT", job_id) == b"in time"
    assert "LeaseExpired: " in str(show(caller, job_id)["errors"])
