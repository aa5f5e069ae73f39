"""The limits and orders of queues, as clients see them."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import a_server, metrics, until
from tests.integration.wire import OK, Claimed, Wire, as_claims, as_error, claim, fields

pytestmark = pytest.mark.integration

JOB = ("JOB.SUBMIT", "task", "payload", "QUEUE", "q")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with a_server(tmp_path, store="memory") as server:
        yield server


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        yield wire


def set_(wire: Wire, *words: str | int) -> None:
    assert wire.ask("QUEUE.SET", "q", *words) == OK


def submit(wire: Wire, count: int, *options: str | int) -> list[int]:
    """Submit jobs in one go; return their ids."""
    wire.send(*((*JOB, *options) for _ in range(count)))
    replies = wire.replies(count)
    assert all(isinstance(reply, int) for reply in replies), replies
    return [reply for reply in replies if isinstance(reply, int)]


def show(wire: Wire) -> dict[str, Reply]:
    return fields(wire.ask("QUEUE.SHOW", "q"))


def ids(wire: Wire, count: int) -> list[int]:
    """Claim what there is, up to a number of jobs; return their ids."""
    claimed: list[int] = []
    # One claim gives fewer if their payloads are to be read from the store.
    while jobs := claim(wire, "q", count=count - len(claimed), wait_ms=0):
        claimed += [job.id for job in jobs]
        if len(claimed) == count:
            break
    return claimed


def complete_one(wire: Wire) -> None:
    (job,) = claim(wire, "q")
    assert wire.ask("JOB.COMPLETE", *job.token, "") == OK


# --- how much may wait ---------------------------------------------------------------------------


def test_a_full_queue_refuses_and_says_when_to_come_again(wire: Wire) -> None:
    set_(wire, "LENGTH", 3, "RESERVE", 0)
    submit(wire, 3)

    refused = wire.error(*JOB)

    assert refused.code == "QUEUEFULL"
    assert "queue q is full: 3 jobs wait and length_max is 3" in refused.text
    assert re.search(r"try again in about \d+ ms$", refused.text)
    complete_one(wire)
    submit(wire, 1)


def test_a_limit_of_bytes_counts_the_payloads_that_wait(wire: Wire) -> None:
    set_(wire, "BYTES", 20, "RESERVE", 0)
    submit(wire, 2)

    refused = wire.error(*JOB)

    assert (refused.code, "bytes_max, 20" in refused.text) == ("QUEUEFULL", True)
    complete_one(wire)
    submit(wire, 1)


def test_submissions_sent_together_do_not_exceed_the_limit_together(wire: Wire) -> None:
    set_(wire, "LENGTH", 5, "RESERVE", 0)
    wire.send(*[JOB] * 20)

    replies = wire.replies(20)

    assert sum(isinstance(reply, int) for reply in replies) == 5
    assert show(wire)["ready"] == 5


def test_calls_and_urgent_jobs_have_room_of_their_own(server: ServerProcess, wire: Wire) -> None:
    set_(wire, "LENGTH", 10, "RESERVE", 30)
    submit(wire, 7)

    assert wire.error(*JOB).code == "QUEUEFULL"
    submit(wire, 1, "PRIORITY", 1)
    with Wire(server) as caller:
        caller.send(("JOB.CALL", "task", "", "QUEUE", "q", "WAIT", 60_000))
        until(lambda: show(wire)["ready"] == 9, "the call is let in")
    submit(wire, 1, "PRIORITY", 1)
    assert wire.error(*JOB, "PRIORITY", 1).code == "QUEUEFULL"


def test_a_limit_holds_across_a_restart(tmp_path: Path) -> None:
    """How much waits must be known before the first submission is answered."""
    with a_server(tmp_path) as server:
        with Wire(server) as wire:
            set_(wire, "BYTES", 700, "LENGTH", 1_000, "RESERVE", 0)
            submit(wire, 100)
            server.kill()
        server.start()
        with Wire(server) as wire:
            assert wire.error(*JOB).code == "QUEUEFULL"
            assert show(wire)["bytes"] == 700
            complete_one(wire)
            submit(wire, 1)


def test_a_queue_that_lets_submissions_wait_answers_them_in_order_once_there_is_room(
    server: ServerProcess, wire: Wire
) -> None:
    set_(wire, "LENGTH", 2, "FULL", "wait", "RESERVE", 0)
    first = submit(wire, 2)
    with Wire(server) as producer:
        producer.send(JOB, JOB, ("PING",))
        until(lambda: show(wire)["waiting_submissions"] == 2, "two submissions wait")
        waiting = metrics(server)["penstock_submissions_waiting"]
        unanswered = not producer.has_reply()

        complete_one(wire)
        third = producer.reply()
        still_waiting = show(wire)["waiting_submissions"]
        complete_one(wire)
        fourth = producer.reply()

        assert producer.reply() == "PONG"
    assert (unanswered, waiting, still_waiting) == (True, 2, 1)
    assert [*first, third, fourth] == sorted([*first, int(str(third)), int(str(fourth))])
    assert show(wire)["ready"] == 2


def test_who_leaves_while_a_submission_waits_has_submitted_nothing(
    server: ServerProcess, wire: Wire
) -> None:
    set_(wire, "LENGTH", 1, "FULL", "wait", "RESERVE", 0)
    submit(wire, 1)
    with Wire(server) as producer:
        producer.send(JOB)
        until(lambda: show(wire)["waiting_submissions"] == 1, "a submission waits")
    until(lambda: show(wire)["waiting_submissions"] == 0, "it waits no more")

    complete_one(wire)

    assert (show(wire)["ready"], show(wire)["submitted"]) == (0, 1)


def test_raising_the_limit_lets_in_those_who_wait(server: ServerProcess, wire: Wire) -> None:
    set_(wire, "LENGTH", 1, "FULL", "wait", "RESERVE", 0)
    submit(wire, 1)
    with Wire(server) as producer:
        producer.send(JOB, JOB)
        until(lambda: show(wire)["waiting_submissions"] == 2, "two submissions wait")

        set_(wire, "LENGTH", 10)

        assert all(isinstance(reply, int) for reply in producer.replies(2))


def test_a_queue_that_drops_cancels_its_least_urgent_jobs(wire: Wire) -> None:
    set_(wire, "LENGTH", 3, "FULL", "drop")
    (least,) = submit(wire, 1, "PRIORITY", 9)
    others = submit(wire, 2, "PRIORITY", 5)

    (urgent,) = submit(wire, 1, "PRIORITY", 1)

    until(lambda: show(wire)["cancelled"] == 1, "a job was dropped")
    dropped = fields(wire.ask("JOB.SHOW", least))
    assert dropped["state"] == b"cancelled"
    assert b"dropped" in bytes(str(dropped["reason"]), "utf-8")
    assert ids(wire, 5) == [urgent, *others]


def test_a_submission_that_is_less_urgent_than_all_others_is_the_one_dropped(wire: Wire) -> None:
    set_(wire, "LENGTH", 2, "FULL", "drop")
    kept = submit(wire, 2, "PRIORITY", 5)

    (dropped,) = submit(wire, 1, "PRIORITY", 9)

    until(lambda: show(wire)["cancelled"] == 1, "a job was dropped")
    assert fields(wire.ask("JOB.SHOW", dropped))["state"] == b"cancelled"
    assert ids(wire, 5) == kept


# --- how much may run ----------------------------------------------------------------------------


def test_no_more_jobs_run_than_may(server: ServerProcess, wire: Wire) -> None:
    set_(wire, "CONCURRENCY", 2)
    submitted = submit(wire, 5)
    running = claim(wire, "q", count=5)
    with Wire(server) as worker:
        worker.send(("JOB.CLAIM", "q", "COUNT", 5, "WAIT", 20_000))
        until(lambda: show(wire)["waiting_claims"] == 1, "a claim waits")

        assert wire.ask("JOB.COMPLETE", *running[0].token, "") == OK

        assert [job.id for job in as_claims(worker.reply())] == [submitted[2]]
    assert [job.id for job in running] == submitted[:2]


def test_of_one_tenant_no_more_jobs_run_than_may_and_others_pass_it(wire: Wire) -> None:
    set_(wire, "TENANT-CONCURRENCY", 1)
    loud = submit(wire, 3, "TENANT", "loud")
    (quiet,) = submit(wire, 1, "TENANT", "quiet")
    first = claim(wire, "q", count=5)

    assert wire.ask("JOB.COMPLETE", *first[0].token, "") == OK

    assert [job.id for job in first] == [loud[0], quiet]
    assert ids(wire, 5) == [loud[1]]


def test_no_more_jobs_start_than_the_rate_allows(wire: Wire) -> None:
    set_(wire, "RATE", 20, "RATE-PERIOD", 1_000, "BURST", 1)
    submit(wire, 20)
    started_at = time.monotonic()
    started: list[Claimed] = []

    while len(started) < 10:
        started += claim(wire, "q", count=20)

    took = time.monotonic() - started_at
    assert len(started) == 10
    assert took >= 0.4  # The first of ten may start at once; the others are 50 ms apart.


def test_a_claim_that_waits_is_answered_when_the_rate_allows(wire: Wire) -> None:
    set_(wire, "RATE", 1, "RATE-PERIOD", 300, "BURST", 1)
    submit(wire, 2)
    claim(wire, "q")
    started_at = time.monotonic()

    claimed = claim(wire, "q", wait_ms=20_000)

    assert len(claimed) == 1
    assert time.monotonic() - started_at < 10


# --- what runs first -----------------------------------------------------------------------------


def test_in_a_strict_order_the_most_urgent_job_goes_first(wire: Wire) -> None:
    first = submit(wire, 2, "PRIORITY", 5)
    (urgent,) = submit(wire, 1, "PRIORITY", 1)

    assert ids(wire, 5) == [urgent, *first]


def test_in_an_ageing_order_a_job_that_waited_goes_before_a_more_urgent_new_one(
    wire: Wire,
) -> None:
    set_(wire, "AGEING", 40)  # Five steps of priority are worth 200 ms.
    began_at = time.monotonic()
    wire.send((*JOB, "PRIORITY", 5), (*JOB, "PRIORITY", 0))
    old, urgent = wire.replies(2)
    until(lambda: time.monotonic() - began_at > 0.3, "the first job has waited for its steps")

    (late,) = submit(wire, 1, "PRIORITY", 0)

    assert ids(wire, 5) == [urgent, old, late]


def test_in_a_fair_order_tenants_take_turns(wire: Wire) -> None:
    set_(wire, "ORDER", "fair")
    loud = submit(wire, 6, "TENANT", "loud")
    quiet = submit(wire, 2, "TENANT", "quiet")

    order = ids(wire, 10)

    assert order == [loud[0], quiet[0], loud[1], quiet[1], *loud[2:]]


def test_in_a_fair_order_a_weight_is_a_share(wire: Wire) -> None:
    set_(wire, "ORDER", "fair", "WEIGHT", "heavy", 3)
    heavy = submit(wire, 30, "TENANT", "heavy")
    submit(wire, 30, "TENANT", "light")

    first = ids(wire, 20)

    assert 14 <= len(set(first) & set(heavy)) <= 16


def test_a_fair_order_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A tenant that has much waiting is not first again because the server forgot about it."""
    with a_server(tmp_path) as server:
        with Wire(server) as wire:
            set_(wire, "ORDER", "fair")
            loud = submit(wire, 50, "TENANT", "loud")
            server.kill()
        server.start()
        with Wire(server) as wire:
            more = submit(wire, 1, "TENANT", "loud")
            quiet = submit(wire, 2, "TENANT", "quiet")
            order = ids(wire, 60)

    assert order.index(quiet[1]) < 5
    assert order[-1] == more[0]
    assert set(order) == {*loud, *more, *quiet}


# --- what is refused between MULTI and EXEC ------------------------------------------------------


def test_a_transaction_for_a_full_queue_is_refused_as_a_whole(wire: Wire) -> None:
    set_(wire, "LENGTH", 2, "RESERVE", 0)
    wire.send(("MULTI",), JOB, JOB, JOB, ("EXEC",))

    *_, executed = wire.replies(5)

    assert as_error(executed).code == "EXECABORT"
    assert "QUEUEFULL" in as_error(executed).text
    assert show(wire)["ready"] == 0
