"""Whole queues over a real connection: set, paused, purged, deleted, and looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.server_process import a_server, until, until_logged
from tests.integration.wire import OK, Wire, claim, fields

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with a_server(tmp_path, store="memory") as server:
        yield server


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        wire.ask("CLIENT", "SETNAME", "tester")
        yield wire


def submit(wire: Wire, count: int, *options: str | int, queue: str = "q") -> list[int]:
    """Submit jobs in one go; return their ids."""
    wire.send(*(("JOB.SUBMIT", "task", "payload", "QUEUE", queue, *options) for _ in range(count)))
    replies = wire.replies(count)
    assert all(isinstance(reply, int) for reply in replies), replies
    return [reply for reply in replies if isinstance(reply, int)]


def show(wire: Wire, queue: str = "q") -> dict[str, Reply]:
    return fields(wire.ask("QUEUE.SHOW", queue))


def settings(wire: Wire, queue: str = "q") -> dict[str, Reply]:
    """Return what is set for a queue, without what is not."""
    shown = fields(show(wire, queue)["settings"])
    return {name: value for name, value in shown.items() if value not in (None, [])}


def names(wire: Wire) -> list[Reply]:
    listed = wire.ask("QUEUE.LIST")
    assert isinstance(listed, list)
    return [fields(queue)["name"] for queue in listed]


def peek(wire: Wire, queue: str = "q", count: int = 1_000) -> list[Reply]:
    """Return the ids of the jobs that run next."""
    peeked = wire.ask("QUEUE.PEEK", queue, "COUNT", count)
    assert isinstance(peeked, list), peeked
    return [fields(job)["id"] for job in peeked]


# --- QUEUE.SET -----------------------------------------------------------------------------------


def test_a_queue_comes_to_be_with_its_settings(server: ServerProcess, wire: Wire) -> None:
    assert wire.ask("QUEUE.SET", "q", "LENGTH", 10, "FULL", "wait", "RETRY-JITTER", "none") == OK

    assert names(wire) == [b"q"]
    assert settings(wire) == {"length_max": 10, "when_full": b"wait", "retry_jitter": b"none"}
    logged = until_logged(server, "queue set", queue="q", by="tester")
    assert logged["changes"] == {"length_max": 10, "when_full": "wait", "retry_jitter": "none"}


def test_settings_are_shown_by_the_names_and_in_the_words_of_the_settings_file(wire: Wire) -> None:
    wire.ask("QUEUE.SET", "q", "ORDER", "fair", "WEIGHT", "a", 2, "WEIGHT", "b", 3)
    wire.ask("QUEUE.SET", "q", "RETRY-DELAYS", "1,20,300", "RATE", 5)

    shown = settings(wire)

    assert shown == {
        "order": b"fair",
        "weights": [b"a", 2, b"b", 3],
        "retry_delays_ms": [1, 20, 300],
        "rate_count": 5,
    }


def test_a_setting_goes_back_to_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text("[queue.q]\nlength_max = 7\n")
    with a_server(tmp_path, "--config", str(file)) as server, Wire(server) as wire:
        wire.ask("QUEUE.SET", "q", "LENGTH", 3)
        before = settings(wire)["length_max"]

        assert wire.ask("QUEUE.SET", "q", "LENGTH", "default") == OK

        submit(wire, 1)
        assert (before, settings(wire)["length_max"]) == (3, 7)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("LENGTH", "0"), "LENGTH"),
        (("LENGTH", "many"), "LENGTH"),
        (("FULL", "explode"), "FULL"),
        (("COLOUR", "red"), "unknown setting"),
        (("FULL", "wait"), "FULL has no effect without LENGTH or BYTES"),
        (("BURST", "5"), "BURST has no effect without RATE"),
        (("ORDER", "ageing"), "AGEING"),
        (("WEIGHT", "a", "2"), "ORDER"),
        (("RETRY-DELAYS", "1,2", "RETRY-BASE", "5"), "RETRY-DELAYS"),
        (("RETRY-BASE", "9", "RETRY-CAP", "5"), "more than RETRY-CAP"),
        (("CONCURRENCY", "2", "TENANT-CONCURRENCY", "3"), "more than CONCURRENCY"),
        (("AGEING", "5", "ORDER", "fair"), "AGEING"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_reason_and_changes_nothing(
    wire: Wire, words: tuple[str, ...], text: str
) -> None:
    refused = wire.error("QUEUE.SET", "q", "ATTEMPTS", 5, *words)

    assert refused.code == "ERR"
    assert text in refused.text
    assert wire.error("QUEUE.SHOW", "q").code == "NOQUEUE"


def test_what_a_queue_sets_is_what_its_jobs_get_that_do_not_say_otherwise(wire: Wire) -> None:
    wire.ask("QUEUE.SET", "q", "ATTEMPTS", 7, "TIMEOUT", 1234)
    (plain,) = submit(wire, 1)
    (said,) = submit(wire, 1, "ATTEMPTS", 2)

    shown = fields(wire.ask("JOB.SHOW", plain)), fields(wire.ask("JOB.SHOW", said))

    assert [(job["attempts_max"], job["timeout_ms"]) for job in shown] == [(7, 1234), (2, 1234)]


def test_all_that_is_set_survives_a_restart(tmp_path: Path) -> None:
    words = "AGEING 5000 LENGTH 9 BYTES 99 FULL drop RESERVE 5 CONCURRENCY 4 TENANT-CONCURRENCY 3 "
    words += "RATE 6 RATE-PERIOD 70 BURST 8 ATTEMPTS 9 TIMEOUT 10 RETRY-BASE 11 RETRY-CAP 12 "
    words += "RETRY-JITTER none KEEP 13 DEAD-KEEP 14"
    with a_server(tmp_path) as server:
        with Wire(server) as wire:
            assert wire.ask("QUEUE.SET", "q", *words.split()) == OK
            assert wire.ask("QUEUE.SET", "fair", "ORDER", "fair", "WEIGHT", "a", 2) == OK
            assert wire.ask("QUEUE.PAUSE", "fair") == OK
            before = settings(wire), settings(wire, "fair")
            server.kill()
        server.start()
        with Wire(server) as wire:
            after = settings(wire), settings(wire, "fair")
            paused = show(wire, "fair")["paused"], show(wire)["paused"]

    assert before == after
    assert len(before[0]) == 18
    assert paused == (1, 0)


# --- QUEUE.PAUSE, QUEUE.RESUME -------------------------------------------------------------------


def test_a_paused_queue_takes_jobs_and_gives_none_out(server: ServerProcess, wire: Wire) -> None:
    submit(wire, 1)
    assert wire.ask("QUEUE.PAUSE", "q") == OK
    (job_id, *_) = submit(wire, 2)

    paused = claim(wire, "q", wait_ms=0), show(wire)["paused"]
    with Wire(server) as worker:
        worker.send(("JOB.CLAIM", "q", "COUNT", 3, "WAIT", 20_000))
        until(lambda: show(wire)["waiting_claims"] == 1, "a claim waits")
        assert wire.ask("QUEUE.RESUME", "q") == OK
        claims = worker.reply()

    assert paused == ([], 1)
    assert isinstance(claims, list)
    assert len(claims) == 3
    assert show(wire)["paused"] == 0
    until_logged(server, "queue paused", queue="q", by="tester")
    until_logged(server, "queue resumed", queue="q", by="tester")
    assert job_id


def test_what_runs_goes_on_in_a_paused_queue(wire: Wire) -> None:
    submit(wire, 1)
    (running,) = claim(wire, "q")
    wire.ask("QUEUE.PAUSE", "q")

    assert wire.ask("JOB.COMPLETE", *running.token, "") == OK


@pytest.mark.parametrize("command", ["PAUSE", "RESUME", "PURGE", "DELETE", "PEEK", "SHOW"])
def test_a_queue_that_is_not_known_is_refused(wire: Wire, command: str) -> None:
    assert wire.error(f"QUEUE.{command}", "nowhere").code == "NOQUEUE"


def test_a_queue_can_be_stopped_before_its_first_job_is_stored(wire: Wire) -> None:
    wire.send(("JOB.SUBMIT", "task", "", "QUEUE", "q"), ("QUEUE.PAUSE", "q"))

    _, paused = wire.replies(2)

    assert (paused, claim(wire, "q", wait_ms=0)) == (OK, [])


# --- QUEUE.PURGE ---------------------------------------------------------------------------------


def test_a_purge_removes_what_waits_and_leaves_what_runs_or_finished(
    server: ServerProcess, wire: Wire
) -> None:
    submit(wire, 2)
    finished, running = claim(wire, "q", count=2)
    wire.ask("JOB.COMPLETE", *finished.token, "")
    ready = submit(wire, 3)
    submit(wire, 2, "DELAY", 100_000)
    submit(wire, 2, "GROUP", "g")

    assert wire.ask("QUEUE.PURGE", "q") == 7

    until(lambda: not show(wire)["purging"], "the purge has ended")
    shown = show(wire)
    counts = [shown[name] for name in ("ready", "scheduled", "blocked", "claimed", "completed")]
    assert counts == [0, 0, 0, 1, 1]
    assert wire.error("JOB.SHOW", ready[0]).code == "NOJOB"
    assert wire.ask("JOB.RELEASE", *running.token) == OK
    assert [again.id for again in claim(wire, "q")] == [running.id]
    assert until_logged(server, "queue purged", queue="q", by="tester")["jobs"] == 7
    assert until_logged(server, "chore ended", chore="purge q")["jobs"] == 7


def test_what_is_submitted_after_a_purge_stays(wire: Wire) -> None:
    submit(wire, 5)
    job = ("JOB.SUBMIT", "task", "", "QUEUE", "q")
    wire.send(job, ("QUEUE.PURGE", "q"), job)

    before, _, after = wire.replies(3)

    until(lambda: not show(wire)["purging"], "the purge has ended")
    assert peek(wire) == [after]
    assert wire.error("JOB.SHOW", int(str(before))).code == "NOJOB"


def test_who_waits_for_a_purged_job_is_told(server: ServerProcess, wire: Wire) -> None:
    with Wire(server) as caller:
        caller.send(("JOB.CALL", "task", "", "QUEUE", "q"))
        until(lambda: names(wire) == [b"q"], "the job is there")
        wire.ask("QUEUE.PURGE", "q")

        reply = caller.reply()

    assert getattr(reply, "code", None) == "CANCELLED"
    assert "purged" in getattr(reply, "text", "")


def test_a_purge_of_20000_jobs_lets_others_be_served(tmp_path: Path) -> None:
    with a_server(tmp_path) as server, Wire(server) as wire, Wire(server) as other:
        for _ in range(10):
            submit(wire, 2_000)
        assert wire.ask("QUEUE.PURGE", "q") == 20_000
        served = 0
        while show(wire)["purging"]:
            submit(other, 1, queue="other")
            (job,) = claim(other, "other")
            assert other.ask("JOB.COMPLETE", *job.token, "") == OK
            served += 1
        shown = show(wire)

    assert served >= 5
    assert (shown["ready"], shown["purging"]) == (0, 0)


def test_a_purge_goes_on_after_the_server_was_killed_in_its_middle(tmp_path: Path) -> None:
    with a_server(tmp_path) as server:
        with Wire(server) as wire:
            for _ in range(5):
                submit(wire, 2_000)
            (running,) = claim(wire, "q")
            assert wire.ask("QUEUE.PURGE", "q") == 9_999
            server.kill()
        server.start()
        with Wire(server) as wire:
            until_logged(server, "chore started", chore="purge q")
            (later,) = submit(wire, 1)
            until(lambda: not show(wire)["purging"], "the purge has ended")
            left = peek(wire)

    assert left == [running.id, later]


# --- a new order ---------------------------------------------------------------------------------


def test_a_new_order_puts_what_waits_into_it(wire: Wire) -> None:
    first = submit(wire, 3, "TENANT", "loud")
    quiet = submit(wire, 1, "TENANT", "quiet")
    before = peek(wire)

    wire.ask("QUEUE.SET", "q", "ORDER", "fair")

    until(lambda: not show(wire)["reordering"], "the queue is in its new order")
    assert before == [*first, *quiet]
    assert peek(wire) == [first[0], quiet[0], *first[1:]]
    claims = claim(wire, "q", count=4)
    assert [job.id for job in claims] == [first[0], quiet[0], *first[1:]]


def test_a_new_order_is_carried_on_after_the_server_was_killed_in_its_middle(
    tmp_path: Path,
) -> None:
    with a_server(tmp_path) as server:
        with Wire(server) as wire:
            loud = [job for _ in range(5) for job in submit(wire, 2_000, "TENANT", "loud")]
            (quiet,) = submit(wire, 1, "TENANT", "quiet")
            assert wire.ask("QUEUE.SET", "q", "ORDER", "fair") == OK
            server.kill()
        server.start()
        with Wire(server) as wire:
            until_logged(server, "chore started", chore="reorder q")
            until(lambda: not show(wire)["reordering"], "the queue is in its new order")
            assert peek(wire, count=3) == [loud[0], quiet, loud[1]]
            assert [job.id for job in claim(wire, "q", count=2)] == [loud[0], quiet]


def test_an_order_that_changes_twice_ends_up_as_the_last_says(wire: Wire) -> None:
    submitted = submit(wire, 1_500, "PRIORITY", 5)
    urgent = submit(wire, 1, "PRIORITY", 1)
    wire.send(
        ("QUEUE.SET", "q", "ORDER", "fair"),
        ("QUEUE.SET", "q", "AGEING", 1_000_000),
        ("QUEUE.SET", "q", "ORDER", "strict"),
    )

    assert wire.replies(3) == [OK, OK, OK]

    until(lambda: not show(wire)["reordering"], "the queue is in its new order")
    assert peek(wire, count=3) == [*urgent, *submitted[:2]]


# --- QUEUE.DELETE --------------------------------------------------------------------------------


def test_deleting_a_queue_forgets_its_finished_jobs_and_its_settings(
    server: ServerProcess, wire: Wire
) -> None:
    wire.ask("QUEUE.SET", "q", "ATTEMPTS", 1)
    submit(wire, 2)
    completed, dead = claim(wire, "q", count=2)
    wire.ask("JOB.COMPLETE", *completed.token, "")
    wire.ask("JOB.FAIL", *dead.token, "boom")

    assert wire.ask("QUEUE.DELETE", "q") == OK

    assert names(wire) == []
    assert wire.error("JOB.SHOW", completed.id).code == "NOJOB"
    assert wire.error("JOB.SHOW", dead.id).code == "NOJOB"
    assert until_logged(server, "queue deleted", queue="q", by="tester")["jobs"] == 2
    submit(wire, 1)
    assert settings(wire) == {}


def test_a_queue_with_jobs_that_wait_is_deleted_by_force_only(wire: Wire) -> None:
    (ready,) = submit(wire, 1)
    submit(wire, 1, "DELAY", 100_000)

    refused = wire.error("QUEUE.DELETE", "q")

    assert (refused.code, "2 jobs waiting" in refused.text) == ("NOTEMPTY", True)
    assert wire.ask("QUEUE.DELETE", "q", "FORCE") == OK
    assert names(wire) == []
    assert wire.error("JOB.SHOW", ready).code == "NOJOB"


def test_a_queue_with_jobs_that_run_is_not_deleted(wire: Wire) -> None:
    submit(wire, 1)
    claim(wire, "q")

    refused = wire.error("QUEUE.DELETE", "q", "FORCE")

    assert (refused.code, "1 job running" in refused.text) == ("NOTEMPTY", True)


def test_a_queue_takes_no_jobs_while_it_is_deleted(wire: Wire) -> None:
    job = ("JOB.SUBMIT", "task", "", "QUEUE", "q")
    submit(wire, 3)
    wire.send(job, ("QUEUE.DELETE", "q", "FORCE"), job, ("QUEUE.DELETE", "q"))

    before, deleted, after, again = wire.replies(4)

    assert isinstance(before, int)
    assert deleted == OK
    assert [getattr(reply, "code", None) for reply in (after, again)] == ["OVERLOADED"] * 2
    assert "queue q is being deleted" in getattr(after, "text", "")
    assert names(wire) == []
    submit(wire, 1)


def test_a_deleted_queue_stays_deleted(tmp_path: Path) -> None:
    with a_server(tmp_path) as server:
        with Wire(server) as wire:
            wire.ask("QUEUE.SET", "q", "LENGTH", 100_000)
            for _ in range(3):
                submit(wire, 2_000)
            assert wire.ask("QUEUE.DELETE", "q", "FORCE") == OK
            server.kill()
        server.start()
        with Wire(server) as wire:
            assert names(wire) == []


# --- looking -------------------------------------------------------------------------------------


def test_peeking_shows_the_next_jobs_in_the_order_they_run(wire: Wire) -> None:
    later = submit(wire, 2, "PRIORITY", 9)
    (urgent,) = submit(wire, 1, "PRIORITY", 1)
    submit(wire, 1, "DELAY", 100_000)

    assert peek(wire) == [urgent, *later]
    assert peek(wire, count=1) == [urgent]
    assert [job.id for job in claim(wire, "q", count=3)] == [urgent, *later]
    assert peek(wire) == []


def test_peeking_leaves_out_what_was_claimed_just_now(wire: Wire) -> None:
    first, second, third = submit(wire, 3)
    wire.send(("JOB.CLAIM", "q"), ("QUEUE.PEEK", "q", "COUNT", 2))

    _, peeked = wire.replies(2)

    assert first
    assert isinstance(peeked, list)
    assert [fields(job)["id"] for job in peeked] == [second, third]


def test_a_peeked_job_has_the_names_of_a_list(wire: Wire) -> None:
    (job_id,) = submit(wire, 1, "TENANT", "t", "KEY", "k", "ATTEMPTS", 5, "RETRY-DELAYS", "0")
    (job,) = claim(wire, "q")
    wire.ask("JOB.FAIL", *job.token, "ValueError: no\nand why")
    until(lambda: show(wire)["ready"] == 1, "the job is ready again")

    peeked = wire.ask("QUEUE.PEEK", "q")

    assert isinstance(peeked, list)
    shown = fields(peeked[0])
    assert (shown["id"], shown["state"], shown["tenant"]) == (job_id, b"ready", b"t")
    assert (shown["failures"], shown["error"]) == (1, b"ValueError: no")


def test_bytes_are_shown_where_they_are_limited(wire: Wire) -> None:
    submit(wire, 2)
    before = show(wire)["bytes"]
    wire.ask("QUEUE.SET", "q", "BYTES", 1_000)
    until(lambda: show(wire)["bytes"] == 14, "the bytes are counted")

    claim(wire, "q")

    assert (before, show(wire)["bytes"]) == (None, 7)
