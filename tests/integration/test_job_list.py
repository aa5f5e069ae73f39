"""JOB.LIST over real connections: every filter, and pages of 20,000 jobs that change meanwhile."""

import itertools
from collections.abc import Callable, Iterator
from random import Random

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import a_server
from tests.integration.wire import OK, Wire, Word, claim, fields, show

pytestmark = pytest.mark.integration

JOBS = 20_000
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("job-list"), retry_base_ms=60_000) as running:
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


def page(wire: Wire, *options: Word) -> tuple[int, list[dict[str, Reply]]]:
    """Return the cursor and the jobs of one page."""
    reply = wire.ask("JOB.LIST", *options)
    assert isinstance(reply, list), reply
    cursor, jobs = reply
    assert isinstance(cursor, int)
    assert isinstance(jobs, list)
    return cursor, [fields(job) for job in jobs]


def listed(
    wire: Wire, *options: str | int, between: Callable[[], None] = lambda: None
) -> list[dict[str, Reply]]:
    """Return the jobs of all pages; something may happen between one and the next."""
    jobs: list[dict[str, Reply]] = []
    cursor = 0
    while True:
        cursor, more = page(wire, *options, "CURSOR", cursor)
        jobs += more
        if not cursor:
            return jobs
        between()


def ids(jobs: list[dict[str, Reply]]) -> list[Reply]:
    return [job["id"] for job in jobs]


def first_id(jobs: list[dict[str, Reply]]) -> int:
    job_id = jobs[0]["id"]
    assert isinstance(job_id, int)
    return job_id


def submit(wire: Wire, queue: str, *options: str | int, task: str = "task") -> int:
    return wire.number("JOB.SUBMIT", task, "", "QUEUE", queue, *options)


# --- what it says --------------------------------------------------------------------------------


def test_a_job_is_listed_with_what_people_look_for(caller: Wire, worker: Wire, queue: str) -> None:
    options = ("TENANT", "acme", "GROUP", "g", "KEY", f"key of {queue}", "PRIORITY", 7)
    job_id = submit(caller, queue, *options, task="mail")
    (claimed,) = claim(worker, queue)
    worker.ask("JOB.FAIL", *claimed.token, "ValueError: boom\ntrace")

    cursor, (job,) = page(caller, "QUEUE", queue)

    shown = show(caller, job_id)
    assert cursor == 0
    assert job == {
        "id": job_id,
        "queue": queue.encode(),
        "task": b"mail",
        "state": b"scheduled",
        "priority": 7,
        "attempt": 1,
        "failures": 1,
        "releases": 0,
        "tenant": b"acme",
        "group": b"g",
        "key": f"key of {queue}".encode(),
        "submitted_at": shown["submitted_at"],
        "due_at": shown["due_at"],
        "claimed_at": None,
        "finished_at": None,
        "reason": None,
        "error": b"ValueError: boom",
    }


def test_in_resp3_jobs_are_maps(caller: Wire, queue: str) -> None:
    job_id = submit(caller, queue)
    caller.ask("HELLO", 3)

    reply = caller.ask("JOB.LIST", "QUEUE", queue)

    assert isinstance(reply, list)
    _, jobs = reply
    assert isinstance(jobs, list)
    (job,) = jobs
    assert isinstance(job, dict)
    assert job[b"id"] == job_id


def test_a_queue_without_jobs_lists_none(caller: Wire) -> None:
    assert page(caller, "QUEUE", "nobody-was-here") == (0, [])


# --- filters -------------------------------------------------------------------------------------


def test_each_filter_finds_its_jobs(caller: Wire, queue: str) -> None:
    first = submit(caller, queue, "TENANT", f"tenant-{queue}", task=f"task-{queue}")
    second = submit(caller, queue, "GROUP", f"group-{queue}")
    third = submit(caller, queue, "KEY", f"key-{queue}")
    fourth = submit(caller, f"{queue}-b", "GROUP", f"group-{queue}")

    assert ids(listed(caller, "TENANT", f"tenant-{queue}")) == [first]
    assert ids(listed(caller, "TASK", f"task-{queue}")) == [first]
    assert ids(listed(caller, "GROUP", f"group-{queue}")) == [second, fourth]
    assert ids(listed(caller, "GROUP", f"group-{queue}", "QUEUE", queue)) == [second]
    assert ids(listed(caller, "KEY", f"key-{queue}")) == [third]
    assert ids(listed(caller, "QUEUE", queue)) == [first, second, third]


def test_each_state_finds_the_jobs_that_are_in_it(caller: Wire, worker: Wire, queue: str) -> None:
    completed, dead, claimed = (submit(caller, queue, "ATTEMPTS", 1) for _ in range(3))
    tokens = [one.token for one in claim(worker, queue, count=3)]
    worker.ask("JOB.COMPLETE", *tokens[0])
    worker.ask("JOB.FAIL", *tokens[1], "ValueError: boom")
    ready = submit(caller, queue)
    scheduled = submit(caller, queue, "DELAY", 60_000)
    cancelled = submit(caller, queue)
    caller.ask("JOB.CANCEL", cancelled, "REASON", "ordered twice")
    expired = submit(caller, queue, "DEADLINE", 1)
    caller.ask("JOB.WAIT", expired)
    submit(caller, queue, "GROUP", "g")
    blocked = submit(caller, queue, "GROUP", "g")
    every = {
        "ready": [ready, blocked - 1],
        "scheduled": [scheduled],
        "blocked": [blocked],
        "claimed": [claimed],
        "completed": [completed],
        "dead": [dead],
        "cancelled": [cancelled],
        "expired": [expired],
    }

    found = {state: ids(listed(caller, "QUEUE", queue, "STATE", state)) for state in every}
    waiting = ids(listed(caller, "QUEUE", queue, "STATE", "waiting"))
    unfinished = ids(listed(caller, "QUEUE", queue, "STATE", "unfinished"))
    finished = ids(listed(caller, "QUEUE", queue, "STATE", "finished"))

    assert found == every
    assert waiting == sorted([ready, blocked - 1, scheduled, blocked])
    assert unfinished == sorted([ready, blocked - 1, scheduled, blocked, claimed])
    assert finished == sorted([completed, dead, cancelled, expired])


def test_a_job_that_was_claimed_just_now_is_listed_as_claimed(
    caller: Wire, worker: Wire, queue: str
) -> None:
    """A claim is written a moment later; nobody is to see the difference."""
    job_ids = [submit(caller, queue) for _ in range(3)]
    claim(worker, queue, count=2)

    assert [job["state"] for job in listed(caller, "QUEUE", queue)] == [
        b"claimed",
        b"claimed",
        b"ready",
    ]
    claim(worker, queue)
    assert ids(listed(caller, "QUEUE", queue, "STATE", "claimed")) == job_ids
    assert listed(caller, "QUEUE", queue, "STATE", "ready") == []


def test_a_span_of_time_finds_what_was_submitted_in_it(caller: Wire, queue: str) -> None:
    jobs = []
    times: list[int] = []
    while len(set(times)) < 3:
        jobs.append(submit(caller, queue))
        submitted_at = show(caller, jobs[-1])["submitted_at"]
        assert isinstance(submitted_at, int)
        times.append(submitted_at)
    middle, last = sorted(set(times))[1:]

    found = ids(listed(caller, "QUEUE", queue, "SINCE", middle, "UNTIL", last))

    assert found == [job for job, at in zip(jobs, times, strict=True) if at == middle]


def test_an_error_is_found_by_its_text(caller: Wire, worker: Wire, queue: str) -> None:
    for number in range(3):
        submit(caller, queue, "ATTEMPTS", 1 + number % 2)
    errors = ("ValueError: 100% of it", "KeyError: 'x'\n  at line 100", "ValueError: no")
    for claimed, error in zip(claim(worker, queue, count=3), errors, strict=True):
        worker.ask("JOB.FAIL", *claimed.token, error)

    assert len(listed(caller, "QUEUE", queue, "ERROR", "ValueError")) == 2
    assert len(listed(caller, "QUEUE", queue, "ERROR", "100")) == 2
    assert len(listed(caller, "QUEUE", queue, "ERROR", "100%")) == 1
    assert len(listed(caller, "QUEUE", queue, "ERROR", "valueerror")) == 0
    (job,) = listed(caller, "QUEUE", queue, "ERROR", "at line")
    assert job["error"] == b"KeyError: 'x'"


def test_a_producer_finds_its_own_submissions_that_are_pending(
    caller: Wire, worker: Wire, connect: Callable[[], Wire], queue: str
) -> None:
    producer = connect()
    producer.ask("CLIENT", "SETNAME", f"web-{queue}")
    mine = [submit(producer, queue) for _ in range(3)]
    submit(caller, queue)
    (claimed,) = claim(worker, queue)
    worker.ask("JOB.COMPLETE", *claimed.token)

    own = ids(listed(producer, "CONNECTION", "me", "STATE", "unfinished"))
    of_another = ids(listed(caller, "CONNECTION", f"web-{queue}", "STATE", "unfinished"))

    assert claimed.id == mine[0]
    assert own == of_another == mine[1:]
    assert ids(listed(producer, "CONNECTION", "ME")) == mine


def test_a_connection_without_a_name_is_told_to_take_one(caller: Wire) -> None:
    refused = caller.error("JOB.LIST", "CONNECTION", "me")

    assert refused.code == "ERR"
    assert "CLIENT SETNAME" in refused.text


# --- pages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(server: ServerProcess) -> list[int]:
    """Submit 20,000 jobs to ten queues."""
    job_ids: list[int] = []
    with Wire(server) as wire:
        for _ in range(JOBS // 1_000):
            wire.send(
                *(
                    ("JOB.SUBMIT", "crowd", "", "QUEUE", f"crowd-{n % 10}", "TENANT", f"t{n % 7}")
                    for n in range(1_000)
                )
            )
            job_ids += (job_id for job_id in wire.replies(1_000) if isinstance(job_id, int))
    assert len(job_ids) == JOBS
    return job_ids


@pytest.mark.parametrize("count", [100, 999, 1_000])
def test_pages_give_every_job_once_in_the_order_of_ids(
    caller: Wire, crowd: list[int], count: int
) -> None:
    assert ids(listed(caller, "TASK", "crowd", "COUNT", count)) == crowd


def test_a_filter_that_lets_little_through_gives_its_pages_empty(
    caller: Wire, crowd: list[int], queue: str
) -> None:
    """So that no page takes long: the cursor goes on where nothing was found."""
    rare = submit(caller, queue, task="rare")
    pages: list[list[Reply]] = []
    cursor = 0
    while not pages or cursor:
        cursor, jobs = page(caller, "TASK", "rare", "CURSOR", cursor)
        pages.append(ids(jobs))

    assert [job_id for one in pages for job_id in one] == [rare]
    assert pages.count([]) >= JOBS // 5_000 - 1
    assert len(pages) <= JOBS // 5_000 + 2


def test_no_job_is_missed_or_met_twice_while_jobs_change(
    caller: Wire, worker: Wire, crowd: list[int], seed: int
) -> None:
    """Between two pages jobs are claimed, completed, given back, cancelled and submitted."""
    random = Random(seed)
    held: list[tuple[int, int]] = []

    def change() -> None:
        name = f"crowd-{random.randrange(10)}"
        held.extend(one.token for one in claim(worker, name, count=20, wait_ms=0))
        random.shuffle(held)
        for _ in range(min(15, len(held))):
            verb = random.choice(("JOB.COMPLETE", "JOB.RELEASE"))
            assert worker.ask(verb, *held.pop()) == OK
        caller.ask("JOB.CANCEL", random.choice(crowd))
        submit(caller, name, task="crowd")

    found = ids(listed(caller, "TASK", "crowd", "COUNT", 500, between=change))

    assert len(found) == len(set(found))
    assert found[:JOBS] == crowd
    worker.send(*[("JOB.RELEASE", *token) for token in held])
    worker.replies(len(held))


def test_jobs_that_stay_in_a_state_are_all_found_while_others_leave_it(
    caller: Wire, worker: Wire, crowd: list[int]
) -> None:
    assert crowd
    before = ids(listed(caller, "TASK", "crowd", "STATE", "ready", "COUNT", 1_000))
    taken: list[Reply] = []

    def take_some() -> None:
        taken.extend(one.id for one in claim(worker, "crowd-3", count=10, wait_ms=0))

    found = ids(listed(caller, "TASK", "crowd", "STATE", "ready", "COUNT", 300, between=take_some))

    assert len(found) == len(set(found))
    assert set(before) - set(taken) <= set(found) <= set(before)


def test_any_id_is_a_cursor_that_goes_on_behind_it(caller: Wire, crowd: list[int]) -> None:
    cursor, first = page(caller, "TENANT", "t3", "TASK", "crowd")
    _, second = page(caller, "TENANT", "t3", "TASK", "crowd", "CURSOR", first_id(first[41:]))

    assert cursor == first[-1]["id"]
    assert ids(second)[:58] == ids(first)[42:]
    assert page(caller, "TASK", "crowd", "CURSOR", 2**62) == (0, [])
