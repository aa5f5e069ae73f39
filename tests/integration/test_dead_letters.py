"""Dead letters over real connections: looked at, redriven and discarded, by one or by many."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import a_server, events, until, until_logged
from tests.integration.wire import OK, Claimed, Wire, as_error, claim, fields, show

pytestmark = pytest.mark.integration

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("dead-letters"), retry_base_ms=1) as running:
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


def submit(wire: Wire, queue: str, count: int, *options: str | int, task: str = "task") -> None:
    wire.send(*[("JOB.SUBMIT", task, "", "QUEUE", queue, "ATTEMPTS", 1, *options)] * count)
    wire.replies(count)


def die(worker: Wire, queue: str, error: str = "ValueError: boom") -> list[int]:
    """Have all ready jobs of a queue fail; return them, who are dead then."""
    ids = []
    while claims := claim(worker, queue, count=1_000, wait_ms=0):
        worker.send(*[("JOB.FAIL", *one.token, error) for one in claims])
        assert worker.replies(len(claims)) == [OK] * len(claims)
        ids += [one.id for one in claims]
    return ids


def the_dead(caller: Wire, worker: Wire, queue: str, count: int) -> list[int]:
    submit(caller, queue, count)
    return die(worker, queue)


def counts(wire: Wire, queue: str) -> tuple[int, int]:
    """Return how many jobs are ready and dead."""
    shown = fields(wire.ask("QUEUE.SHOW", queue))
    ready, dead = shown["ready"], shown["dead"]
    assert isinstance(ready, int)
    assert isinstance(dead, int)
    return ready, dead


def complete_one(worker: Wire, queue: str) -> Claimed:
    (claimed,) = claim(worker, queue)
    assert worker.ask("JOB.COMPLETE", *claimed.token, "done") == OK
    return claimed


# --- one by its id -------------------------------------------------------------------------------


def test_a_dead_job_is_redriven_with_all_its_attempts(
    caller: Wire, worker: Wire, queue: str
) -> None:
    (job_id,) = the_dead(caller, worker, queue, 1)

    answer = caller.ask("JOB.REDRIVE", job_id)

    shown = show(caller, job_id)
    assert answer == 1
    assert (shown["state"], shown["failures"], shown["attempt"]) == (b"ready", 0, 1)
    assert (shown["finished_at"], shown["remove_at"]) == (None, None)
    errors = shown["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 1
    claimed = complete_one(worker, queue)
    assert (claimed.id, claimed.attempt) == (job_id, 2)
    assert caller.ask("JOB.WAIT", job_id) == b"done"


def test_a_job_that_is_redriven_can_be_waited_for_and_die_again(
    caller: Wire, worker: Wire, queue: str
) -> None:
    (job_id,) = the_dead(caller, worker, queue, 1)
    assert caller.ask("JOB.REDRIVE", job_id) == 1
    caller.send(("JOB.WAIT", job_id))

    (claimed,) = claim(worker, queue)
    worker.ask("JOB.FAIL", *claimed.token, "KeyError: again")

    assert as_error(caller.reply()).text == f"job {job_id} failed 1 of 1 attempts: KeyError: again"


@pytest.mark.parametrize("state", ["cancelled", "expired"])
def test_a_job_that_ended_early_is_redriven(caller: Wire, queue: str, state: str) -> None:
    options = ("DEADLINE", 1) if state == "expired" else ()
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue, *options)
    if state == "cancelled":
        caller.ask("JOB.CANCEL", job_id, "REASON", "by mistake")
    else:
        assert caller.error("JOB.WAIT", job_id).code == "EXPIRED"
    ended = show(caller, job_id)

    assert caller.ask("JOB.REDRIVE", job_id) == 1

    shown = show(caller, job_id)
    assert (ended["state"], shown["state"]) == (state.encode(), b"ready")
    assert (shown["reason"], shown["expires_at"]) == (None, None)


def test_a_job_of_a_group_waits_for_its_turn_when_it_is_redriven(
    caller: Wire, worker: Wire, queue: str
) -> None:
    submit(caller, queue, 2, "GROUP", "g")
    (first,) = claim(worker, queue)
    worker.ask("JOB.FAIL", *first.token, "ValueError: boom")
    (second,) = claim(worker, queue)

    caller.ask("JOB.REDRIVE", first.id)

    assert show(caller, first.id)["state"] == b"blocked"
    worker.ask("JOB.COMPLETE", *second.token)
    assert [one.id for one in claim(worker, queue)] == [first.id]


@pytest.mark.parametrize("state", ["scheduled", "ready", "claimed", "completed"])
def test_what_needs_no_redriving_is_not_redriven(
    caller: Wire, worker: Wire, queue: str, state: str
) -> None:
    options = ("DELAY", 60_000) if state == "scheduled" else ()
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue, *options)
    if state == "claimed":
        claim(worker, queue)
    elif state == "completed":
        complete_one(worker, queue)

    refused = caller.error("JOB.REDRIVE", job_id)

    assert refused.code == ("FINISHED" if state == "completed" else "ERR")
    assert refused.text.startswith(f"job {job_id} is {state}")


def test_redriving_twice_at_once_redrives_once(caller: Wire, worker: Wire, queue: str) -> None:
    (job_id,) = the_dead(caller, worker, queue, 1)
    caller.send(("JOB.REDRIVE", job_id), ("JOB.REDRIVE", job_id))

    first, second = caller.replies(2)

    assert first == 1
    assert as_error(second).text.startswith(f"job {job_id} is ready: it runs without")
    assert counts(caller, queue) == (1, 0)


@pytest.mark.parametrize("command", ["JOB.REDRIVE", "JOB.DISCARD"])
def test_a_job_that_is_not_there_is_refused(caller: Wire, command: str) -> None:
    assert caller.error(command, 2**62).code == "NOJOB"
    assert caller.error(command, "QUEUE", "nobody-was-here").code == "NOQUEUE"


@pytest.mark.parametrize("state", ["completed", "dead", "cancelled"])
def test_a_finished_job_is_discarded(caller: Wire, worker: Wire, queue: str, state: str) -> None:
    job_id = caller.number(
        *("JOB.SUBMIT", "task", "", "QUEUE", queue, "ATTEMPTS", 1, "KEY", f"key of {queue}")
    )
    if state == "completed":
        complete_one(worker, queue)
    elif state == "dead":
        die(worker, queue)
    else:
        caller.ask("JOB.CANCEL", job_id)

    answer = caller.ask("JOB.DISCARD", job_id)

    shown = fields(caller.ask("QUEUE.SHOW", queue))
    assert answer == 1
    assert caller.error("JOB.SHOW", job_id).code == "NOJOB"
    assert shown[state] == 0
    again = caller.number("JOB.SUBMIT", "other", "", "KEY", f"key of {queue}", "DELAY", 1_000)
    assert again > job_id


def test_discarding_twice_at_once_discards_once(caller: Wire, worker: Wire, queue: str) -> None:
    (job_id,) = the_dead(caller, worker, queue, 1)
    caller.send(*[("JOB.DISCARD", job_id)] * 2)

    first, second = caller.replies(2)

    assert first == 1
    assert as_error(second).code == "NOJOB"
    assert counts(caller, queue) == (0, 0)


@pytest.mark.parametrize("state", ["scheduled", "ready", "claimed"])
def test_what_is_not_finished_is_not_discarded(
    caller: Wire, worker: Wire, queue: str, state: str
) -> None:
    options = ("DELAY", 60_000) if state == "scheduled" else ()
    job_id = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue, *options)
    if state == "claimed":
        claim(worker, queue)

    refused = caller.error("JOB.DISCARD", job_id)

    assert refused.code == "ERR"
    assert refused.text == (
        f"job {job_id} is {state} and not finished; cancel it before it is discarded"
    )


# --- many by a filter ----------------------------------------------------------------------------


def test_all_dead_jobs_of_a_queue_are_redriven(caller: Wire, worker: Wire, queue: str) -> None:
    dead = the_dead(caller, worker, queue, 1_300)
    other = the_dead(caller, worker, f"{queue}-other", 1)
    cancelled = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue)
    caller.ask("JOB.CANCEL", cancelled)

    answer = caller.ask("JOB.REDRIVE", "QUEUE", queue)

    assert answer == 1_300
    assert counts(caller, queue) == (1_300, 0)
    assert counts(caller, f"{queue}-other") == (0, len(other))
    assert show(caller, cancelled)["state"] == b"cancelled"
    assert sorted(die(worker, queue)) == sorted(dead)


def test_a_limit_redrives_the_oldest(caller: Wire, worker: Wire, queue: str) -> None:
    dead = the_dead(caller, worker, queue, 10)

    assert caller.ask("JOB.REDRIVE", "QUEUE", queue, "LIMIT", 3) == 3

    assert counts(caller, queue) == (3, 7)
    assert [one.id for one in claim(worker, queue, count=10)] == sorted(dead)[:3]


@pytest.mark.parametrize("command", ["JOB.REDRIVE", "JOB.DISCARD"])
def test_a_filter_finds_the_jobs_that_are_meant(
    caller: Wire, worker: Wire, queue: str, command: str
) -> None:
    submit(caller, queue, 2, task="mail")
    die(worker, queue, "TimeoutError: smtp.example")
    submit(caller, queue, 3, task="bill")
    die(worker, queue, "TimeoutError: bank.example")
    middle = until_later(caller, until_later(caller, 0))
    submit(caller, queue, 4, task="bill")
    die(worker, queue, "ValueError: 100% wrong")

    found = [
        caller.ask(command, "QUEUE", queue, *wanted)
        for wanted in (
            ("ERROR", "timeouterror"),
            ("TASK", "mail", "ERROR", "ValueError"),
            ("TASK", "mail"),
            ("SINCE", middle, "ERROR", "bank.example"),
            ("UNTIL", middle, "ERROR", "bank.example"),
            ("SINCE", middle),
        )
    ]

    assert found == [0, 0, 2, 0, 3, 4]


def until_later(caller: Wire, instant: Reply) -> int:
    """Let the server's clock go on beyond an instant; return where it is."""
    now = instant
    while now == instant:
        probe = caller.number("JOB.SUBMIT", "task", "", "QUEUE", "clock")
        now = show(caller, probe)["submitted_at"]
    assert isinstance(now, int)
    return now


def test_a_filter_discards_dead_jobs_alone(caller: Wire, worker: Wire, queue: str) -> None:
    submit(caller, queue, 1)
    completed = complete_one(worker, queue)
    dead = the_dead(caller, worker, queue, 1_100)
    waiting = caller.number("JOB.SUBMIT", "task", "", "QUEUE", queue)

    answer = caller.ask("JOB.DISCARD", "QUEUE", queue)

    assert answer == 1_100
    assert counts(caller, queue) == (1, 0)
    assert caller.error("JOB.SHOW", dead[0]).code == "NOJOB"
    assert show(caller, completed.id)["state"] == b"completed"
    assert show(caller, waiting)["state"] == b"ready"


def test_redriving_and_discarding_the_same_jobs_at_once_does_each_one_of_them(
    caller: Wire, worker: Wire, queue: str
) -> None:
    dead = the_dead(caller, worker, queue, 2_000)
    caller.send(
        ("JOB.REDRIVE", "QUEUE", queue), ("JOB.DISCARD", "QUEUE", queue), ("JOB.REDRIVE", dead[-1])
    )

    redriven, discarded, _ = caller.replies(3)

    assert isinstance(redriven, int)
    assert isinstance(discarded, int)
    ready, still_dead = counts(caller, queue)
    assert still_dead == 0
    assert ready + discarded == 2_000


def test_at_a_rate_it_goes_on_after_the_answer(
    server: ServerProcess, caller: Wire, worker: Wire, queue: str
) -> None:
    dead = the_dead(caller, worker, queue, 30)
    begun = time.monotonic()

    answer = caller.ask("JOB.REDRIVE", "QUEUE", queue, "RATE", 20, "LIMIT", 25)

    ready_then, _ = counts(caller, queue)
    until_logged(server, "chore ended", chore=f"redrive {queue}")
    lasted = time.monotonic() - begun
    assert answer == 25
    assert ready_then < 25
    assert counts(caller, queue) == (25, 5)
    assert lasted > 1.0  # A second holds 20 of them.
    assert die(worker, queue) == sorted(dead)[:25]


def test_a_job_that_dies_again_is_not_redriven_again(
    server: ServerProcess, caller: Wire, worker: Wire, queue: str
) -> None:
    the_dead(caller, worker, queue, 5)
    caller.ask("JOB.REDRIVE", "QUEUE", queue, "RATE", 10)
    died: list[int] = []
    while len(died) < 5:
        died += die(worker, queue)

    until_logged(server, "chore ended", chore=f"redrive {queue}")

    assert len(set(died)) == 5
    assert counts(caller, queue) == (0, 5)


def test_an_error_beyond_the_commands_form_is_told(caller: Wire) -> None:
    refused = caller.error("JOB.DISCARD", "QUEUE", "default", "RATE", 5)

    assert refused.code == "ERR"
    assert "RATE" in refused.text


# --- what stays ----------------------------------------------------------------------------------


def test_what_was_redriven_or_discarded_stays_so_after_a_crash(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as caller, Wire(server) as worker:
        dead = the_dead(caller, worker, "default", 3)
        assert caller.ask("JOB.REDRIVE", dead[0]) == 1
        assert caller.ask("JOB.DISCARD", dead[1]) == 1
        server.kill()

    with a_server(tmp_path) as server, Wire(server) as caller:
        assert show(caller, dead[0])["state"] == b"ready"
        assert caller.error("JOB.SHOW", dead[1]).code == "NOJOB"
        assert show(caller, dead[2])["state"] == b"dead"
        assert counts(caller, "default") == (1, 1)


def test_a_storm_of_deaths_is_logged_in_a_few_lines(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as caller, Wire(server) as worker:
        the_dead(caller, worker, "default", 1_000)

        until(lambda: len(deaths(server)) + unlogged_count(server) == 1_000, "all are counted")

        first = deaths(server)[0]
        assert 20 <= len(deaths(server)) <= 200
        assert (first["level"], first["task"], first["failures"]) == ("warning", "task", 1)
        assert first["error"] == "ValueError: boom"


def deaths(server: ServerProcess) -> list[dict[str, object]]:
    return [event for event in events(server) if event["event"] == "job died"]


def unlogged_count(server: ServerProcess) -> int:
    sums = [one["jobs"] for one in events(server) if "one by one" in str(one["event"])]
    return sum(jobs for jobs in sums if isinstance(jobs, int))
