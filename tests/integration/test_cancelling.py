"""Cancelling jobs over real connections: at once if they wait, through their worker if they run."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Push, Reply
from tests.integration.server_process import a_server, events
from tests.integration.wire import OK, Claimed, Wire, as_claims, as_error, claim, show

pytestmark = pytest.mark.integration

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("cancelling"), retry_base_ms=1) as running:
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
    """A connection that is told by a push."""
    wire = connect()
    wire.ask("HELLO", 3)
    return wire


@pytest.fixture
def queue() -> str:
    return f"queue-{next(_numbers)}"


def submit(wire: Wire, queue: str, *options: str | int) -> int:
    return wire.number("JOB.SUBMIT", "task", "", "QUEUE", queue, *options)


def claimed_by(worker: Wire, caller: Wire, queue: str, *options: str | int) -> Claimed:
    submit(caller, queue, *options)
    (claimed,) = claim(worker, queue)
    return claimed


# --- jobs that wait ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "state"),
    [((), b"ready"), (("DELAY", 60_000), b"scheduled"), (("GROUP", "g"), b"blocked")],
)
def test_a_job_that_waits_is_cancelled_at_once(
    caller: Wire, worker: Wire, queue: str, options: tuple[str | int, ...], state: bytes
) -> None:
    if state == b"blocked":
        claimed_by(worker, caller, queue, *options)
    job_id = submit(caller, queue, *options)
    before = show(caller, job_id)

    answer = caller.ask("JOB.CANCEL", job_id, "REASON", "ordered twice")

    after = show(caller, job_id)
    assert (before["state"], after["state"]) == (state, b"cancelled")
    assert answer == "CANCELLED"
    assert after["reason"] == b"ordered twice"
    assert (after["waits_for"], after["cancel_asked_at"]) == (None, None)
    assert isinstance(after["finished_at"], int)
    assert claim(worker, queue, wait_ms=0) == []


def test_without_a_reason_it_is_told_who_cancelled(caller: Wire, queue: str) -> None:
    caller.ask("CLIENT", "SETNAME", "desk-4")
    job_id = submit(caller, queue)

    caller.ask("JOB.CANCEL", job_id)

    assert show(caller, job_id)["reason"] == b"cancelled by desk-4"


def test_cancelling_twice_is_cancelled_again_and_keeps_the_reason(caller: Wire, queue: str) -> None:
    job_id = submit(caller, queue)
    cancel = ("JOB.CANCEL", job_id, "REASON")
    caller.send((*cancel, "first"), (*cancel, "second"))

    assert caller.replies(2) == ["CANCELLED", "CANCELLED"]
    assert caller.ask(*cancel, "third") == "CANCELLED"
    assert show(caller, job_id)["reason"] == b"first"


def test_a_submission_and_its_cancelling_can_be_sent_together(caller: Wire, queue: str) -> None:
    first = submit(caller, queue)

    caller.send(("JOB.SUBMIT", "task", "", "QUEUE", queue), ("JOB.CANCEL", first + 1))

    assert caller.replies(2) == [first + 1, "CANCELLED"]


def test_who_waits_for_a_job_is_told_that_it_was_cancelled(
    caller: Wire, connect: Callable[[], Wire], queue: str
) -> None:
    waiting = connect()
    job_id = submit(caller, queue)
    waiting.send(("JOB.WAIT", job_id))

    caller.ask("JOB.CANCEL", job_id, "REASON", "ordered twice")

    for told in (as_error(waiting.reply()), waiting.error("JOB.WAIT", job_id)):
        assert told.code == "CANCELLED"
        assert told.text == f"job {job_id} was cancelled: ordered twice"


@pytest.mark.parametrize("ending", ["JOB.COMPLETE", "JOB.FAIL"])
def test_a_job_that_ended_otherwise_is_not_cancelled(
    caller: Wire, worker: Wire, queue: str, ending: str
) -> None:
    claimed = claimed_by(worker, caller, queue, "ATTEMPTS", 1)
    worker.ask(ending, *claimed.token, "text")

    refused = caller.error("JOB.CANCEL", claimed.id)

    state = {"JOB.COMPLETE": "completed", "JOB.FAIL": "dead"}[ending]
    assert refused.code == "FINISHED"
    assert refused.text == f"job {claimed.id} is {state} already; nothing was changed"


def test_a_job_that_is_not_there_is_not_cancelled(caller: Wire) -> None:
    assert caller.error("JOB.CANCEL", 2**62).code == "NOJOB"


def test_a_cancelled_job_is_still_cancelled_after_a_restart(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as caller, Wire(server) as worker:
        waiting = submit(caller, "other")
        claimed = claimed_by(worker, caller, "default")
        assert caller.ask("JOB.CANCEL", waiting) == "CANCELLED"
        assert caller.ask("JOB.CANCEL", claimed.id, "REASON", "too late") == "TOLD"
        server.kill()

    with a_server(tmp_path) as server, Wire(server) as caller:
        shown = [show(caller, job_id) for job_id in (waiting, claimed.id)]
        assert [one["state"] for one in shown] == [b"cancelled", b"cancelled"]
        assert shown[1]["reason"] == b"too late"
        assert claim(caller, "default", wait_ms=0) == []


# --- jobs that run -------------------------------------------------------------------------------


def test_the_worker_of_a_job_that_runs_is_told(caller: Wire, worker: Wire, queue: str) -> None:
    claimed = claimed_by(worker, caller, queue)

    answer = caller.ask("JOB.CANCEL", claimed.id, "REASON", "ordered twice")

    push = worker.reply()
    shown = show(caller, claimed.id)
    assert answer == "TOLD"
    assert isinstance(push, Push)
    assert list(push) == [b"cancel", claimed.id, claimed.attempt]
    assert (shown["state"], shown["reason"]) == (b"claimed", b"ordered twice")
    assert isinstance(shown["cancel_asked_at"], int)


def test_a_job_that_runs_is_told_again(caller: Wire, worker: Wire, queue: str) -> None:
    claimed = claimed_by(worker, caller, queue)

    answers = [caller.ask("JOB.CANCEL", claimed.id) for _ in range(2)]

    assert answers == ["TOLD", "TOLD"]
    assert [list(push) for push in worker.replies(2) if isinstance(push, Push)] == [
        [b"cancel", claimed.id, 1]
    ] * 2


def test_a_worker_without_pushes_learns_of_it_by_what_it_asks(
    caller: Wire, connect: Callable[[], Wire], queue: str
) -> None:
    worker = connect()
    claimed = claimed_by(worker, caller, queue)
    caller.ask("JOB.CANCEL", claimed.id)

    refused = [
        worker.error("JOB.EXTEND", *claimed.token),
        worker.error("JOB.PROGRESS", *claimed.token, 50),
        worker.error("JOB.OUTPUT", *claimed.token, "text"),
    ]

    assert {one.code for one in refused} == {"CANCELLED"}
    assert not worker.has_reply()


@pytest.mark.parametrize(
    "report",
    [
        ("JOB.FAIL", "Cancelled: stopped"),
        ("JOB.FAIL", "Cancelled: stopped", "DEAD"),
        ("JOB.FAIL", "Cancelled: stopped", "AFTER", 5),
        ("JOB.RELEASE",),
        ("JOB.RELEASE", "DELAY", 5),
    ],
)
def test_whatever_its_worker_says_a_job_that_was_told_to_stop_is_cancelled(
    caller: Wire, worker: Wire, queue: str, report: tuple[str | int, ...]
) -> None:
    claimed = claimed_by(worker, caller, queue)
    caller.send(("JOB.CANCEL", claimed.id, "REASON", "ordered twice"), ("JOB.WAIT", claimed.id))
    caller.reply()
    worker.reply()

    assert worker.ask(report[0], *claimed.token, *report[1:]) == OK

    told = as_error(caller.reply())
    shown = show(caller, claimed.id)
    assert (told.code, shown["state"]) == ("CANCELLED", b"cancelled")
    assert (shown["reason"], shown["failures"], shown["errors"]) == (b"ordered twice", 0, [])


def test_a_job_that_completed_all_the_same_has_completed(
    caller: Wire, worker: Wire, queue: str
) -> None:
    claimed = claimed_by(worker, caller, queue)
    caller.ask("JOB.CANCEL", claimed.id)
    worker.reply()

    assert worker.ask("JOB.COMPLETE", *claimed.token, "done") == OK
    assert caller.ask("JOB.WAIT", claimed.id) == b"done"


def test_a_job_whose_worker_is_lost_while_it_stops_is_cancelled(
    caller: Wire, worker: Wire, queue: str
) -> None:
    claimed = claimed_by(worker, caller, queue)
    caller.ask("JOB.CANCEL", claimed.id)

    worker.socket.close()

    assert caller.error("JOB.WAIT", claimed.id).code == "CANCELLED"
    assert show(caller, claimed.id)["failures"] == 0


def test_a_worker_that_does_not_stop_loses_its_job_after_the_grace(
    caller: Wire, worker: Wire, queue: str
) -> None:
    claimed = claimed_by(worker, caller, queue)
    caller.ask("JOB.CANCEL", claimed.id, "REASON", "ordered twice")
    worker.reply()

    told = caller.error("JOB.WAIT", claimed.id, "WAIT", 20_000)

    shown = show(caller, claimed.id)
    finished_at, asked_at = shown["finished_at"], shown["cancel_asked_at"]
    assert isinstance(finished_at, int)
    assert isinstance(asked_at, int)
    assert told.text == f"job {claimed.id} was cancelled: ordered twice"
    assert 10_000 <= finished_at - asked_at < 15_000
    assert (shown["failures"], shown["errors"]) == (0, [])
    assert worker.error("JOB.COMPLETE", *claimed.token).code == "LEASELOST"


def test_the_next_of_a_group_goes_on_when_the_one_before_is_cancelled(
    caller: Wire, worker: Wire, queue: str
) -> None:
    claimed = claimed_by(worker, caller, queue, "GROUP", "g")
    second, third = (submit(caller, queue, "GROUP", "g") for _ in range(2))
    caller.ask("JOB.CANCEL", second)
    caller.ask("JOB.CANCEL", claimed.id)
    worker.reply()
    assert claim(worker, queue, wait_ms=0) == []

    worker.ask("JOB.RELEASE", *claimed.token)

    (following,) = claim(worker, queue)
    assert following.id == third


def test_a_worker_may_cancel_its_own_job(caller: Wire, worker: Wire, queue: str) -> None:
    claimed = claimed_by(worker, caller, queue)

    worker.ask("JOB.FAIL", *claimed.token, "NotNeeded: sold out\ntrace", "CANCEL")

    shown = show(caller, claimed.id)
    assert (shown["state"], shown["reason"]) == (b"cancelled", b"NotNeeded: sold out")


# --- pushes and replies --------------------------------------------------------------------------


def test_pushes_stand_between_replies_whatever_is_on_its_way(
    caller: Wire, worker: Wire, queue: str
) -> None:
    """A worker with many requests in flight takes its replies in order, pushes left out."""
    for _ in range(100):
        submit(caller, queue)
    ids = [claimed.id for claimed in claim(worker, queue, count=100)]
    caller.send(*[("JOB.CANCEL", job_id) for job_id in ids])
    worker.send(*[("ECHO", str(number) * 50) for number in range(500)])

    replies: list[Reply] = []
    pushes: list[Push] = []
    while len(replies) < 500 or len(pushes) < 100:
        reply = worker.reply()
        if isinstance(reply, Push):
            pushes.append(reply)
        else:
            replies.append(reply)

    assert replies == [str(number).encode() * 50 for number in range(500)]
    assert sorted(push[1] for push in pushes if isinstance(push[1], int)) == ids
    assert caller.replies(100) == ["TOLD"] * 100


def test_a_push_does_not_wait_for_a_claim_that_waits(
    caller: Wire, worker: Wire, queue: str
) -> None:
    claimed = claimed_by(worker, caller, queue)
    worker.send(("JOB.CLAIM", queue, "WAIT", 60_000))

    caller.ask("JOB.CANCEL", claimed.id)

    assert isinstance(worker.reply(), Push)


def test_a_worker_hears_of_its_job_before_it_hears_that_it_is_cancelled(
    caller: Wire, worker: Wire, connect: Callable[[], Wire], queue: str
) -> None:
    """Its claim is answered behind a wait that lasts; the push comes right after the claim."""
    held_up_by = submit(caller, f"{queue}-other")
    job_id = submit(caller, queue)
    worker.send(("JOB.WAIT", held_up_by), ("JOB.CLAIM", queue), ("PING",))
    running = show(caller, job_id)
    while running["state"] != b"claimed":
        running = show(caller, job_id)
    assert caller.ask("JOB.CANCEL", job_id) == "TOLD"
    assert not worker.has_reply()

    other = connect()
    (claimed,) = claim(other, f"{queue}-other")
    other.ask("JOB.COMPLETE", *claimed.token, "done")

    waited, claims, push, pong = worker.replies(4)
    assert waited == b"done"
    assert [one.id for one in as_claims(claims)] == [job_id]
    assert isinstance(push, Push)
    assert list(push) == [b"cancel", job_id, 1]
    assert pong == "PONG"


def test_jobs_that_people_cancel_are_not_logged_as_losses(
    server: ServerProcess, caller: Wire, queue: str
) -> None:
    caller.ask("JOB.CANCEL", submit(caller, queue))
    submit(caller, queue, "DEADLINE", 1)
    job_id = submit(caller, queue, "DEADLINE", 1)

    assert caller.error("JOB.WAIT", job_id).code == "EXPIRED"

    lost = [event for event in events(server) if event.get("queue") == queue]
    assert {event["event"] for event in lost} == {"job expired"}
