"""The commands about streams, triggers and schedules against a real server."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.cli.exits import Exit
from penstock.client import Client
from penstock.loadtest.processes import ServerProcess, free_port
from tests.integration.commands import Commands
from tests.integration.server_process import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data: Path = tmp_path_factory.mktemp("events") / "data"
    # On a port that stays the same after a restart.
    listen = f"127.0.0.1:{free_port()}"
    flags = ("--http", "off", "--workers", "1", "--app", "examples.basics")
    with ServerProcess(data, *flags, listen=listen) as running:
        yield running


@pytest.fixture
def penstock(server: ServerProcess) -> Commands:
    return Commands(server.announced("resp"))


def published(penstock: Commands, stream: str, *fields: str) -> str:
    ended = penstock.run("events", "publish", stream, *fields)
    assert ended.code == Exit.OK, ended.err
    return ended.out.strip()


def numbered(penstock: Commands, stream: str, count: int) -> list[str]:
    lines = "".join(f'{{"n": {number}}}\n' for number in range(count))
    ended = penstock.run("events", "publish", stream, "--file", "-", stdin=lines)
    assert ended.code == Exit.OK, ended.err
    return ended.out.split()


def followed(penstock: Commands, stream: str, *flags: str) -> list[str]:
    ended = penstock.run("events", "tail", stream, *flags)
    assert ended.code == Exit.OK, ended.err
    return ended.out.splitlines()


# --- publishing and following --------------------------------------------------------------------


def test_what_is_published_is_followed(penstock: Commands) -> None:
    event_id = published(penstock, "followed", "type=order.paid", "order=17")

    (line,) = followed(penstock, "followed", "--from", "start", "--no-follow", "--json")

    document = json.loads(line)
    assert document["id"] == event_id
    assert document["fields"] == {"type": "order.paid", "order": "17"}


def test_following_waits_for_what_comes(penstock: Commands) -> None:
    first = published(penstock, "awaited", "n=1")

    with penstock.running("events", "tail", "awaited", "--from", "start") as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == f"{first}\tn=1\n"
        second = published(penstock, "awaited", "n=2")
        assert tail.stdout.readline() == f"{second}\tn=2\n"
        tail.send_signal(signal.SIGINT)
        assert tail.wait() == Exit.INTERRUPTED


def test_following_goes_on_after_a_server_was_killed(
    penstock: Commands, server: ServerProcess
) -> None:
    published(penstock, "surviving", "n=1")

    with penstock.running("events", "tail", "surviving", "--from", "start", "--field", "n") as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == "1\n"
        server.kill()
        server.start()
        published(penstock, "surviving", "n=2")
        assert tail.stdout.readline() == "2\n"


def test_the_lines_of_a_file_are_published_once_under_their_key(
    penstock: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f'{{"n": {number}}}\n' for number in range(2_500)))
    command = ("events", "publish", "imported", "--file", str(file), "--key", "import")

    first, again = penstock.run(*command), penstock.run(*command)

    assert (first.code, first.err) == (Exit.OK, "")
    assert again.out == first.out
    values = followed(penstock, "imported", "--from", "start", "--no-follow", "--field", "n")
    assert values == [str(number) for number in range(2_500)]


def test_a_group_goes_on_where_it_was(penstock: Commands) -> None:
    numbered(penstock, "shared", 5)
    flags = ("--group", "g", "--from", "start", "--field", "n")

    first = followed(penstock, "shared", *flags, "--count", "2")
    rest = followed(penstock, "shared", *flags, "--no-follow")

    assert (first, rest) == (["0", "1"], ["2", "3", "4"])


def test_the_last_events_come_first_where_they_are_asked_for(penstock: Commands) -> None:
    numbered(penstock, "ended", 6)

    assert followed(penstock, "ended", "--last", "2", "--no-follow", "--field", "n") == ["4", "5"]
    matching = ("--last", "2", "--match", "n=[0-3]", "--no-follow", "--field", "n")
    assert followed(penstock, "ended", *matching) == ["2", "3"]


def test_events_are_shown_one_by_one(penstock: Commands) -> None:
    event_id = published(penstock, "shown", "type=a", "text=two\nlines")
    published(penstock, "shown", "type=b")

    shown = penstock.on_terminal("events", "show", "shown", event_id).out
    last = json.loads(penstock.run("events", "show", "shown", "last", "--json").out)

    assert "two" in shown
    assert last["fields"] == {"type": "b"}
    assert penstock.run("events", "show", "shown", "1-0").code == Exit.REFUSED


# --- streams and groups --------------------------------------------------------------------------


def test_streams_are_listed_with_how_far_their_groups_are_behind(
    penstock: Commands, server: ServerProcess
) -> None:
    ids = numbered(penstock, "listed", 5)
    with Client(server.announced("resp")) as client:
        client.create_group("listed", "g", "start")

    (stream,) = json.loads(penstock.run("events", "list", "list*", "--json").out)
    (group,) = json.loads(penstock.run("events", "groups", "listed", "--json").out)

    assert stream == {
        **{"name": "listed", "length": 5, "last_id": ids[-1]},
        **{"groups": 1, "lag": 5, "added": 5, "length_max": None, "age_ms_max": None},
    }
    assert (group["name"], group["cursor"], group["lag"]) == ("g", "0-0", 5)
    assert "listed" in penstock.on_terminal("events", "list").out


def test_a_stream_that_is_not_there_is_a_refusal(penstock: Commands) -> None:
    for command in (["groups", "none"], ["trim", "none", "--length", "1"]):
        ended = penstock.run("events", *command)
        assert ended.code == Exit.REFUSED
        assert ended.err.startswith("penstock: ERR ")


def test_trimming_asks_a_person_first(penstock: Commands) -> None:
    numbered(penstock, "trimmed", 5)
    command = ("events", "trim", "trimmed", "--length", "2")

    declined = penstock.on_terminal(*command, answer="n\n")
    done = penstock.on_terminal(*command, answer="y\n")

    assert declined.code == Exit.DECLINED
    assert "remove the oldest 3 events of the 5 of stream trimmed for good? [y/N]" in declined.out
    assert done.code == Exit.OK
    assert done.out.endswith("3\n")
    assert len(followed(penstock, "trimmed", "--from", "start", "--no-follow")) == 2


def test_trimming_stops_at_what_a_group_has_not_finished(penstock: Commands) -> None:
    numbered(penstock, "held", 5)
    followed(penstock, "held", "--group", "g", "--from", "start", "--count", "2")

    seen = penstock.on_terminal("events", "trim", "held", "--length", "1", "--yes").out

    assert seen.startswith("2\n")
    assert "3 events are left: a group has not finished" in seen


def test_what_is_retained_is_trimmed_by_the_server(penstock: Commands) -> None:
    numbered(penstock, "retained", 5)

    ended = penstock.run("events", "retain", "retained", "--length", "2", "--age", "7d")

    def length() -> int:
        (stream,) = json.loads(penstock.run("events", "list", "retained", "--json").out)
        return int(stream["length"])

    assert (ended.code, ended.out, ended.err) == (Exit.OK, "", "")
    until(lambda: length() == 2, "a stream of two events")
    assert "2, 7 d" in penstock.on_terminal("events", "list", "retained").out


# --- what happens by itself ----------------------------------------------------------------------


def finished(server: ServerProcess, queue: str, count: int) -> list[bytes | None]:
    """Wait until so many jobs of a queue are completed; return their payloads."""
    with Client(server.announced("resp")) as client:
        until(lambda: client.queue(queue).completed >= count, f"{count} jobs")
        ids = [job.id for job in client.jobs(queue=queue, state="completed")]
        return [client.show(job_id).payload for job_id in ids]


def test_a_trigger_submits_a_job_for_each_event_that_matches(
    penstock: Commands, server: ServerProcess
) -> None:
    options = ("--match", "type=order.*", "--queue", "default", "--group", "${order}")
    done = penstock.run("triggers", "set", "t", "fired", "echo", "[${order}]", *options)
    published(penstock, "fired", "type=order.paid", "order=17")
    published(penstock, "fired", "type=other", "order=18")

    assert (done.code, done.out, done.err) == (Exit.OK, "", "")
    assert b'["17"]' in finished(server, "default", 1)
    shown = json.loads(penstock.run("triggers", "show", "t", "--json").out)
    assert (shown["fired"], shown["skipped"], shown["lag"]) == (1, 1, 0)
    assert "type=order.*" in penstock.on_terminal("triggers", "list").out


def test_a_trigger_that_left_its_cursor_goes_on_there(penstock: Commands) -> None:
    command = ("triggers", "set", "kept", "passing", "echo")
    penstock.run(*command)
    published(penstock, "passing", "n=1")
    penstock.run("triggers", "delete", "kept", "--keep")
    published(penstock, "passing", "n=2")

    penstock.run(*command)

    def fired() -> int:
        return int(json.loads(penstock.run("triggers", "show", "kept", "--json").out)["fired"])

    until(lambda: fired() == 1, "one job of the trigger")
    declined = penstock.on_terminal("triggers", "delete", "kept", answer="\n")
    assert declined.code == Exit.DECLINED
    assert "delete trigger kept of stream passing and forget how far it came?" in declined.out
    assert penstock.run("triggers", "delete", "kept").code == Exit.OK
    assert penstock.run("triggers", "delete", "kept").code == Exit.REFUSED


def test_a_group_is_moved_and_forgotten(penstock: Commands) -> None:
    numbered(penstock, "moved", 4)
    flags = ("--group", "g", "--from", "start", "--field", "n", "--no-follow")
    followed(penstock, "moved", *flags)

    assert penstock.run("events", "move", "moved", "g", "start").code == Exit.OK
    assert followed(penstock, "moved", *flags) == ["0", "1", "2", "3"]
    assert penstock.run("events", "delete", "moved", "g").code == Exit.OK
    assert penstock.run("events", "delete", "moved", "g").code == Exit.REFUSED
    assert penstock.run("events", "delete", "moved").code == Exit.OK
    assert json.loads(penstock.run("events", "list", "moved", "--json").out) == []


def test_a_schedule_is_set_shown_and_deleted(penstock: Commands) -> None:
    timing = ("--tz", "Europe/Berlin", "--missed", "skip", "--jitter", "1m", "--overlap", "wait")
    done = penstock.run("cron", "set", "nightly", "30 2 * * *", "echo", '["all"]', *timing)

    shown = json.loads(penstock.run("cron", "show", "nightly", "--json").out)
    next_runs = penstock.run("cron", "next", "nightly", "--count", "3").out.split()

    assert (done.code, done.err) == (Exit.OK, "")
    assert (shown["tz"], shown["missed"], shown["jitter_ms"]) == ("Europe/Berlin", "skip", 60_000)
    assert len(next_runs) == 3
    assert shown["next_at"] is not None
    assert "nightly" in penstock.on_terminal("cron", "list").out
    assert penstock.run("cron", "delete", "nightly").code == Exit.OK
    assert penstock.run("cron", "show", "nightly").code == Exit.REFUSED


def test_a_schedule_submits_its_job(penstock: Commands) -> None:
    done = penstock.run("cron", "set", "often", "* * * * * *", "echo", "[1]")
    assert done.code == Exit.OK, done.err

    def runs() -> int:
        return int(json.loads(penstock.run("cron", "show", "often", "--json").out)["runs"])

    until(lambda: runs() >= 1, "a run of the schedule")
    assert penstock.run("cron", "delete", "often").code == Exit.OK


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cron", "set", "c", "61 * * * *", "echo"], "ERR "),
        (["cron", "set", "c", "@daily", "echo", "--tz", "Nowhere/At_all"], "ERR "),
        (["triggers", "set", "no name", "s", "echo"], "ERR "),
        (["events", "publish", "jobs:default", "a=1"], "ERR "),
    ],
)
def test_what_the_server_refuses_is_told(
    penstock: Commands, arguments: list[str], told: str
) -> None:
    ended = penstock.run(*arguments)

    assert (ended.code, ended.out) == (Exit.REFUSED, "")
    assert ended.err.startswith(f"penstock: {told}")
