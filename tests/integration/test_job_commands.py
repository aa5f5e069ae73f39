"""What people learn of one job, over real connections: what it is, how far, why it waits."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import a_server, until
from tests.integration.wire import OK, Wire, claim, clients, fields, show

pytestmark = pytest.mark.integration

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("job-commands"), retry_base_ms=60_000) as running:
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


def waits_for(wire: Wire, job_id: int) -> dict[str, Reply]:
    return fields(show(wire, job_id)["waits_for"])


def text(reply: Reply) -> str:
    assert isinstance(reply, bytes), reply
    return reply.decode()


# --- all about a job -----------------------------------------------------------------------------


def test_a_job_shows_what_it_was_submitted_with(caller: Wire, queue: str) -> None:
    caller.ask("CLIENT", "SETNAME", "web-3")
    options = ("TENANT", "acme", "GROUP", "order-7", "KEEP", 5_000, "DEADLINE", 60_000)
    job_id = caller.number(
        *("JOB.SUBMIT", "mail", "hello", "QUEUE", queue, *options, "RETRY-DELAYS", "5,10")
    )

    shown = show(caller, job_id)

    assert shown["tenant"] == b"acme"
    assert shown["group"] == b"order-7"
    assert shown["producer"] == b"web-3"
    assert shown["keep_ms"] == 5_000
    submitted_at = shown["submitted_at"]
    assert isinstance(submitted_at, int)
    assert shown["expires_at"] == submitted_at + 60_000
    assert shown["payload_bytes"] == 5
    assert fields(shown["retry"])["delays_ms"] == [5, 10]
    assert (shown["releases"], shown["cancel_asked_at"], shown["reason"]) == (0, None, None)
    assert (shown["progress"], shown["output"]) == (None, None)


def test_maps_within_a_job_are_maps_in_resp3(caller: Wire, queue: str) -> None:
    caller.ask("HELLO", 3)
    job_id = caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue, "RETRY-BASE", 7)

    shown = show(caller, job_id)

    assert isinstance(shown["retry"], dict)
    assert shown["retry"][b"base_ms"] == 7
    assert shown["retry"][b"jitter"] == b"full"
    assert isinstance(shown["waits_for"], dict)
    assert shown["waits_for"][b"behind_at_least"] is False


def test_a_running_job_shows_how_far_it_is_and_what_it_printed(
    caller: Wire, worker: Wire, queue: str
) -> None:
    caller.ask("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    (claimed,) = claim(worker, queue)
    assert worker.ask("JOB.PROGRESS", *claimed.token, 40, "halfway, nearly") == OK
    assert worker.ask("JOB.OUTPUT", *claimed.token, "one\n") == OK
    assert worker.ask("JOB.OUTPUT", *claimed.token, "two\n") == OK

    shown = show(caller, claimed.id)

    progress = fields(shown["progress"])
    assert (progress["percent"], progress["note"]) == (40, b"halfway, nearly")
    claimed_at, told_at = shown["claimed_at"], progress["at"]
    assert isinstance(claimed_at, int)
    assert isinstance(told_at, int)
    assert claimed_at <= told_at
    assert shown["output"] == b"one\ntwo\n"
    assert shown["waits_for"] is None


def test_progress_without_a_note_has_none(caller: Wire, worker: Wire, queue: str) -> None:
    caller.ask("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    (claimed,) = claim(worker, queue)
    worker.ask("JOB.PROGRESS", *claimed.token, 100)

    assert fields(show(caller, claimed.id)["progress"])["note"] is None


def test_what_a_failed_attempt_printed_stays_with_its_error(
    caller: Wire, worker: Wire, queue: str
) -> None:
    caller.ask("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    (claimed,) = claim(worker, queue)
    worker.ask("JOB.OUTPUT", *claimed.token, "before the end")
    worker.ask("JOB.FAIL", *claimed.token, "ValueError: boom")

    shown = show(caller, claimed.id)

    errors = shown["errors"]
    assert isinstance(errors, list)
    assert fields(errors[0])["output"] == b"before the end"
    assert (shown["progress"], shown["output"]) == (None, None)


def test_a_claim_tells_how_often_its_job_failed_and_was_given_back(
    caller: Wire, worker: Wire, queue: str
) -> None:
    caller.ask("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    (first,) = claim(worker, queue)
    worker.ask("JOB.FAIL", *first.token, "ValueError: boom", "AFTER", 0)
    (second,) = claim(worker, queue)
    worker.ask("JOB.RELEASE", *second.token)
    (third,) = claim(worker, queue)

    counts = [(one.attempt, one.failures, one.releases) for one in (first, second, third)]

    assert counts == [(1, 0, 0), (2, 1, 0), (3, 1, 1)]


# --- why it waits --------------------------------------------------------------------------------


def test_a_delayed_job_waits_until_it_is_due(caller: Wire, queue: str) -> None:
    job_id = caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue, "DELAY", 3_600_000)

    reason = waits_for(caller, job_id)

    assert reason["cause"] == b"due"
    assert text(reason["why"]).startswith("it falls due in ")
    estimate_ms = reason["estimate_ms"]
    assert isinstance(estimate_ms, int)
    assert 3_500_000 < estimate_ms <= 3_600_000


def test_a_failed_job_waits_for_its_next_attempt(caller: Wire, worker: Wire, queue: str) -> None:
    caller.ask("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    (claimed,) = claim(worker, queue)
    worker.ask("JOB.FAIL", *claimed.token, "ValueError: boom", "AFTER", 60_000)

    reason = waits_for(caller, claimed.id)

    assert reason["cause"] == b"due"
    assert text(reason["why"]).startswith("it failed 1 of 3 attempts and is tried again in ")


def test_a_job_of_a_group_names_the_one_that_holds_it(
    caller: Wire, worker: Wire, queue: str
) -> None:
    ids = [
        caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue, "GROUP", "order-7")
        for _ in range(3)
    ]
    before = waits_for(caller, ids[2])
    (claimed,) = claim(worker, queue)
    while_it_runs = waits_for(caller, ids[2])
    worker.ask("JOB.FAIL", *claimed.token, "ValueError: boom", "AFTER", 3_600_000)
    while_it_waits = waits_for(caller, ids[2])
    caller.ask("JOB.CANCEL", claimed.id)
    after = waits_for(caller, ids[2])

    for reason, holder in ((before, 0), (while_it_runs, 0), (while_it_waits, 0), (after, 1)):
        assert (reason["cause"], reason["holder"]) == (b"group", ids[holder])
    assert f"its group order-7 is held by job {ids[0]}, " in text(before["why"])
    assert "which has been running for " in text(while_it_runs["why"])
    assert "which is due in " in text(while_it_waits["why"])


def test_a_job_of_a_queue_that_nobody_works_for_says_so(caller: Wire, queue: str) -> None:
    for _ in range(3):
        job_id = caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue)

    reason = waits_for(caller, job_id)

    assert (reason["cause"], reason["behind"]) == (b"no_worker", 2)
    assert text(reason["why"]) == (
        f"no worker asks for jobs of queue {queue}; 2 jobs of queue {queue} go before it"
    )


def test_a_job_counts_those_before_it(caller: Wire, worker: Wire, queue: str) -> None:
    caller.ask("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    claim(worker, queue)
    ids = [caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue) for _ in range(4)]
    urgent = caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue, "PRIORITY", 1)

    reasons = [waits_for(caller, job_id) for job_id in (*ids, urgent)]

    assert [reason["cause"] for reason in reasons] == [b"behind"] * 5
    assert [reason["behind"] for reason in reasons] == [1, 2, 3, 4, 0]
    assert text(reasons[-1]["why"]) == f"it is the next of queue {queue}"


def test_beyond_what_memory_holds_the_store_counts(caller: Wire, queue: str) -> None:
    submit = ("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    for _ in range(12):
        caller.send(*[submit] * 1_000)
        ids = caller.replies(1_000)
    last = ids[-1]
    assert isinstance(last, int)

    near, far = waits_for(caller, last - 5_000), waits_for(caller, last)

    assert (near["behind"], near["behind_at_least"]) == (6_999, 0)
    assert (far["behind"], far["behind_at_least"]) == (10_000, 1)
    assert "; at least 10000 jobs of queue" in text(far["why"])
    caller.ask("QUEUE.PURGE", queue)


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        (("CONCURRENCY", 1), b"concurrency"),
        (("TENANT-CONCURRENCY", 1), b"tenant_concurrency"),
        (("RATE", 1, "RATE-PERIOD", 3_600_000), b"rate"),
    ],
)
def test_a_job_names_the_limit_that_holds_it(
    caller: Wire, worker: Wire, queue: str, settings: tuple[str | int, ...], cause: bytes
) -> None:
    for _ in range(2):
        last = caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue, "TENANT", "acme")
    if cause != b"rate":  # A bucket begins empty: nothing may be begun yet.
        claim(worker, queue)
    caller.ask("QUEUE.SET", queue, *settings)

    assert waits_for(caller, last)["cause"] == cause


def test_a_job_of_a_paused_queue_waits_for_it(caller: Wire, queue: str) -> None:
    job_id = caller.number("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    caller.ask("QUEUE.PAUSE", queue)

    reason = waits_for(caller, job_id)

    assert (reason["cause"], reason["why"]) == (b"paused", f"queue {queue} is paused".encode())


# --- connections ---------------------------------------------------------------------------------


def test_a_client_list_tells_what_each_connection_has_in_flight(
    caller: Wire, worker: Wire, queue: str
) -> None:
    worker.ask("CLIENT", "SETNAME", f"worker-of-{queue}")
    for _ in range(2):
        caller.ask("JOB.SUBMIT", "mail", "", "QUEUE", queue)
    claim(worker, queue, count=2)
    worker.send(("JOB.CLAIM", queue, "WAIT", 60_000), ("PING",))

    def line() -> str:
        return next(one for one in clients(caller).splitlines() if f"worker-of-{queue}" in one)

    until(lambda: "waits=1" in line(), "the claim waits")
    assert " in-flight=2 claims=2 waits=1 " in line()
