"""Triggers: an event that matches submits a job, in the same transaction, once."""

import json
from collections.abc import Callable, Iterator

import pytest

from penstock.config.limits import TRIGGER_DEPTH_MAX
from penstock.loadtest.processes import ServerProcess
from penstock.protocol.reader import Reply
from tests.integration.event_wire import group_of, ids, wipe
from tests.integration.server_process import a_server, until, until_logged
from tests.integration.wire import OK, Wire, Word, claim, fields, show

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with a_server(tmp_path_factory.mktemp("triggers")) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server) as wire:
        wipe(wire)
        yield wire


@pytest.fixture
def restart(server: ServerProcess) -> Callable[[], Wire]:
    """Kill the server and start it again; return a connection to it."""

    def restart() -> Wire:
        server.kill()
        server.start()
        return Wire(server)

    return restart


def set_(wire: Wire, name: str, *words: Word) -> None:
    assert wire.ask("TRIGGER.SET", name, "ON", *words) == OK


def shown(wire: Wire, name: str = "t") -> dict[str, Reply]:
    return fields(wire.ask("TRIGGER.SHOW", name))


def jobs(wire: Wire, queue: str = "default") -> list[dict[str, Reply]]:
    """Return the jobs of a queue in the order of their submission, with their payloads."""
    page = wire.ask("JOB.LIST", "QUEUE", queue, "COUNT", 1_000)
    assert isinstance(page, list), page
    assert isinstance(page[1], list), page
    listed = [fields(job)["id"] for job in page[1]]
    return [show(wire, job_id) for job_id in listed if isinstance(job_id, int)]


def keys(wire: Wire, queue: str = "default") -> list[Reply]:
    return [job["key"] for job in jobs(wire, queue)]


def payloads(wire: Wire, queue: str = "default") -> list[object]:
    found = []
    for job in jobs(wire, queue):
        assert isinstance(job["payload"], bytes)
        found.append(json.loads(job["payload"]))
    return found


# --- firing ---------------------------------------------------------------------------------------


def test_an_event_submits_a_job_that_is_there_when_it_is_acknowledged(wire: Wire) -> None:
    set_(wire, "t", "s", "SUBMIT", "task", "QUEUE", "q", "PRIORITY", 7)

    assert wire.ask("XADD", "s", "1-1", "a", "x", "b", "y") == b"1-1"

    (job,) = jobs(wire, "q")
    assert (job["task"], job["priority"], job["key"]) == (b"task", 7, b"trigger:t:s:1-1")
    event = {"stream": "s", "id": "1-1", "fields": {"a": "x", "b": "y"}}
    assert payloads(wire, "q") == [[event]]


def test_only_what_matches_every_pattern_submits(wire: Wire) -> None:
    match = ("MATCH", "type", "order.*", "land", "[ad]e")
    set_(wire, "t", "s", *match, "SUBMIT", "task")

    wire.send(
        ("XADD", "s", "1-1", "type", "order.paid", "land", "de"),
        ("XADD", "s", "1-2", "type", "order.paid", "land", "fr"),
        ("XADD", "s", "1-3", "type", "order.paid"),
        ("XADD", "s", "1-4", "type", "invoice", "land", "de"),
        ("XADD", "s", "1-5", "land", "ae", "type", "order."),
    )
    wire.replies(5)

    assert keys(wire) == [b"trigger:t:s:1-1", b"trigger:t:s:1-5"]
    about = shown(wire)
    assert (about["fired"], about["skipped"], about["lag"]) == (2, 3, 0)
    assert about["cursor"] == b"1-5"


def test_a_payload_is_made_of_the_event(wire: Wire) -> None:
    template = (
        '{"order": ${order}, "sum": ${sum:json}, "none": ${none}, "id": ${@id}, '
        '"of": ${@stream}, "all": ${@fields}, "plain": "$${x}"}'
    )
    options = ("GROUP", "order-${order}", "TENANT", "${land}")
    set_(wire, "t", "s", "SUBMIT", "task", template, *options)

    wire.ask("XADD", "s", "1-1", "order", 'a "17"', "sum", "[1, 2]", "land", "de")

    ((job,), (payload,)) = (jobs(wire), payloads(wire))
    assert payload == {
        "order": 'a "17"',
        "sum": [1, 2],
        "none": None,
        "id": "1-1",
        "of": "s",
        "all": {"order": 'a "17"', "sum": "[1, 2]", "land": "de"},
        "plain": "${x}",
    }
    assert (job["group"], job["tenant"]) == (b'order-a "17"', b"de")


def test_several_triggers_of_a_stream_fire_each_for_itself(wire: Wire) -> None:
    for name in ("one", "two"):
        set_(wire, name, "s", "SUBMIT", f"task-{name}")

    wire.ask("XADD", "s", "1-1", "a", 1)

    assert keys(wire) == [b"trigger:one:s:1-1", b"trigger:two:s:1-1"]
    assert [job["task"] for job in jobs(wire)] == [b"task-one", b"task-two"]


def test_an_event_whose_job_can_never_be_made_is_counted_and_passed_over(
    server: ServerProcess, wire: Wire
) -> None:
    set_(wire, "t", "s", "SUBMIT", "task", "[1]", "GROUP", "${name}")

    wire.ask("XADD", "s", "1-1", "name", "x" * 300)
    wire.ask("XADD", "s", "1-2", "name", "good")

    assert keys(wire) == [b"trigger:t:s:1-2"]
    about = shown(wire)
    assert (about["fired"], about["refused"], about["lag"]) == (1, 1, 0)
    assert isinstance(about["last_error"], bytes)


# --- where it begins ------------------------------------------------------------------------------


def add(wire: Wire, *numbers: int) -> None:
    wire.send(*[("XADD", "s", f"1-{n}", "n", n) for n in numbers])
    wire.replies(len(numbers))


def until_caught_up(wire: Wire) -> None:
    until(lambda: shown(wire)["lag"] == 0, "the trigger has seen everything")


@pytest.mark.parametrize(
    ("start", "wanted"),
    [
        ((), []),
        (("FROM", "$"), []),
        (("FROM", "0"), [1, 2, 3]),
        (("FROM", "1-2"), [3]),
        (("FROM", "CURSOR"), []),
    ],
)
def test_a_trigger_begins_where_it_is_told(
    wire: Wire, start: tuple[str, ...], wanted: list[int]
) -> None:
    add(wire, 1, 2, 3)

    set_(wire, "t", "s", *start, "SUBMIT", "task")
    until_caught_up(wire)
    add(wire, 4)

    assert keys(wire) == [f"trigger:t:s:1-{n}".encode() for n in (*wanted, 4)]


def test_a_long_past_is_replayed_in_order_and_once(wire: Wire, restart: Callable[[], Wire]) -> None:
    numbers = range(1, 2_501)
    add(wire, *numbers)
    set_(wire, "t", "s", "FROM", "0", "SUBMIT", "task", "${n:json}", "QUEUE", "q")

    with restart() as again:
        until_caught_up(again)
        done: list[bytes] = []
        while len(done) < len(numbers):
            done += [one.payload for one in claim(again, "q", count=1_000)]

    assert done == [str(n).encode() for n in numbers]


def test_a_trigger_that_is_set_again_goes_on_at_its_cursor(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    set_(wire, "t", "s", "SUBMIT", "task")
    add(wire, 1)
    assert wire.ask("TRIGGER.DEL", "t", "KEEP") == 1
    add(wire, 2, 3)
    assert keys(wire) == [b"trigger:t:s:1-1"]

    with restart() as again:
        set_(again, "t", "s", "SUBMIT", "other")
        until_caught_up(again)
        assert keys(again) == [f"trigger:t:s:1-{n}".encode() for n in (1, 2, 3)]
        assert [job["task"] for job in jobs(again)] == [b"task", b"other", b"other"]


def test_a_trigger_that_is_deleted_is_gone_with_its_cursor(wire: Wire) -> None:
    set_(wire, "t", "s", "SUBMIT", "task")
    assert group_of(wire, "s", "trigger:t")["pending"] == 0

    assert wire.ask("TRIGGER.DEL", "t") == 1

    assert wire.ask("TRIGGER.DEL", "t") == 0
    assert wire.error("TRIGGER.SHOW", "t").code == "NOTRIGGER"
    assert wire.ask("TRIGGER.LIST") == []
    assert wire.ask("XINFO", "GROUPS", "s") == []
    add(wire, 1)
    assert keys(wire) == []


def test_the_cursor_of_a_trigger_holds_trimming_up(wire: Wire) -> None:
    wire.ask("QUEUE.SET", "default", "LENGTH", 1, "RESERVE", 0)
    set_(wire, "t", "s", "SUBMIT", "task")
    add(wire, 1, 2, 3)

    assert wire.ask("XTRIM", "s", "MAXLEN", 0) == 1
    assert ids(wire.ask("XRANGE", "s", "-", "+")) == [b"1-2", b"1-3"]


def test_triggers_are_listed_and_shown_as_they_were_set(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    set_(wire, "b", "s", "MATCH", "type", "order.*", "SUBMIT", "task", "[1]", "QUEUE", "q")
    set_(wire, "a", "s", "SUBMIT", "task")

    with restart() as again:
        listed = again.ask("TRIGGER.LIST")
        assert isinstance(listed, list)
        assert [fields(one)["name"] for one in listed] == [b"a", b"b"]
        about = shown(again, "b")
        assert (about["name"], about["stream"], about["task"]) == (b"b", b"s", b"task")
        assert about["payload"] == b"[1]"
        assert b"order.*" in str(about["match"]).encode()
        assert "queue" in str(about["options"]).lower()
        add(again, 1)
        assert keys(again) == [b"trigger:a:s:1-1"]
        again.ask("XADD", "s", "2-1", "type", "order.paid")
        assert keys(again, "q") == [b"trigger:b:s:2-1"]


# --- when its jobs cannot be accepted -------------------------------------------------------------


def test_a_trigger_waits_while_its_queue_is_full_and_misses_nothing(wire: Wire) -> None:
    wire.ask("QUEUE.SET", "q", "LENGTH", 2, "RESERVE", 0)
    set_(wire, "t", "s", "SUBMIT", "task", "${n:json}", "QUEUE", "q")
    add(wire, *range(1, 8))

    about = shown(wire)
    assert (about["fired"], about["lag"]) == (2, 5)
    assert isinstance(about["waiting_since"], int)
    done: list[bytes] = []
    while len(done) < 7:
        (job,) = claim(wire, "q")
        done.append(job.payload)
        assert wire.ask("JOB.COMPLETE", *job.token) == OK

    assert done == [str(n).encode() for n in range(1, 8)]
    about = shown(wire)
    assert (about["fired"], about["lag"], about["waiting_since"]) == (7, 0, None)


def test_a_trigger_fires_once_for_an_event_whatever_is_killed(
    wire: Wire, restart: Callable[[], Wire]
) -> None:
    set_(wire, "t", "s", "SUBMIT", "task")
    add(wire, 1, 2)

    with restart() as again:
        assert keys(again) == [b"trigger:t:s:1-1", b"trigger:t:s:1-2"]
        add(again, 3)
        assert len(keys(again)) == 3
        assert shown(again)["lag"] == 0


# --- loops ----------------------------------------------------------------------------------------


def test_a_loop_of_jobs_and_their_events_ends(server: ServerProcess, wire: Wire) -> None:
    """Every job of the queue that is submitted submits another one."""
    set_(wire, "loop", "jobs:q", "MATCH", "from", "", "SUBMIT", "task", "[1]", "QUEUE", "q")

    wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")

    until(lambda: shown(wire, "loop")["loops"] == 1, "the loop is noticed")
    assert len(jobs(wire, "q")) == 1 + TRIGGER_DEPTH_MAX
    until_logged(server, "loop of triggers cut", trigger="loop")
    wire.ask("JOB.SUBMIT", "task", "", "QUEUE", "q")
    until(lambda: shown(wire, "loop")["loops"] == 2, "the next one too")
