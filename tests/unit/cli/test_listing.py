"""`penstock jobs`, `dead` and `peek`, against servers that follow a script."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from penstock.cli.exits import Exit
from penstock.cli.listing import FACTS
from penstock.cli.output import show_moment
from penstock.protocol.replies import Value, encode
from tests.unit.cli.conftest import Penstock
from tests.unit.cli.scripts import playing
from tests.unit.client.scripted import ScriptedServer
from tests.unit.client.test_operations import job, page

ERROR = "ValueError: a\x1b[31m tab\there"
DEAD: Value = job(7, tenant="acme", finished_at=1_000, error=ERROR)


def pages(*jobs: Value) -> bytes:
    return encode([0, list(jobs)], resp3=True)


def test_jobs_are_lines_with_every_fact(penstock: Penstock) -> None:
    with ScriptedServer(playing([], pages(DEAD))) as server:
        ended = penstock("jobs", "--server", server.address)

    (line,) = ended.out.splitlines()
    facts = dict(zip(FACTS, line.split("\t"), strict=True))
    assert (ended.code, ended.err) == (Exit.OK, "")
    assert (facts["id"], facts["tenant"], facts["finished_at"]) == ("7", "acme", "1000")
    assert facts["group"] == ""
    assert facts["error"] == r"ValueError: a\\x1b[31m tab\there"


def test_jobs_are_objects_for_programs(penstock: Penstock) -> None:
    with ScriptedServer(playing([], pages(DEAD, job(8)))) as server:
        ended = penstock("jobs", "--json", "--server", server.address)

    first, second = map(json.loads, ended.out.splitlines())
    assert tuple(first) == FACTS
    assert (first["error"], second["error"]) == (ERROR, None)


def test_all_pages_are_written_where_no_person_looks(penstock: Penstock) -> None:
    with ScriptedServer(playing([], page(5, 1, 2), page(0, 6))) as server:
        ended = penstock("jobs", "--json", "--server", server.address)

    assert [json.loads(line)["id"] for line in ended.out.splitlines()] == [1, 2, 6]


def test_filters_are_sent_as_the_server_reads_them(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    filters = (
        *("--queue", "mail", "--state", "waiting", "--task", "send", "--tenant", "acme"),
        *("--group", "g", "--key", "k", "--error", "E", "--connection", "web-1"),
        *("--since", "1970-01-01T00:00:01Z", "--until", "2000", "--limit", "3"),
    )
    with ScriptedServer(playing(heard, pages())) as server:
        assert penstock("jobs", *filters, "--server", server.address).code == Exit.OK

    words = heard[0][1:]
    asked = dict(zip(words[::2], words[1::2], strict=True))
    assert asked == {
        b"QUEUE": b"mail",
        b"STATE": b"waiting",
        b"TASK": b"send",
        b"TENANT": b"acme",
        b"GROUP": b"g",
        b"KEY": b"k",
        b"ERROR": b"E",
        b"CONNECTION": b"web-1",
        b"SINCE": b"1000",
        b"UNTIL": b"2000",
        b"COUNT": b"3",
    }


def test_a_time_may_be_how_long_ago(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    before = datetime.now(UTC).timestamp()
    with ScriptedServer(playing(heard, pages())) as server:
        penstock("jobs", "--since", "1h", "--server", server.address)

    since = int(heard[0][2]) / 1000
    assert before - 3601 < since < datetime.now(UTC).timestamp() - 3599


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        (["--state", "waitin"], "--state is waitin: it must be one of scheduled, blocked"),
        (["--since", "yesterday"], "--since is yesterday: it must be a time as ISO 8601"),
        (["--limit", "0"], "--limit is 0: it must be a whole number of jobs from 1"),
    ],
)
def test_a_filter_that_cannot_be_understood_is_a_mistake(
    penstock: Penstock, filters: list[str], told: str
) -> None:
    ended = penstock("jobs", *filters)

    assert ended.code == Exit.USAGE
    assert told in ended.err


def test_dead_jobs_are_those_of_one_queue(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, pages(DEAD))) as server:
        ended = penstock("dead", "mail", "--server", server.address)

    assert heard[0][:5] == [b"JOB.LIST", b"QUEUE", b"mail", b"STATE", b"dead"]
    assert ended.out.startswith("7\t")


def test_a_look_ahead_says_how_far(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, encode([job(3), job(1)], resp3=True))) as server:
        ended = penstock("peek", "mail", "--count", "2", "--server", server.address)

    assert heard == [[b"QUEUE.PEEK", b"mail", b"COUNT", b"2"]]
    assert [line.partition("\t")[0] for line in ended.out.splitlines()] == ["3", "1"]


NOON = datetime(2026, 11, 23, 12, 0, 5).astimezone()


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (NOON, "12:00:05"),
        (NOON - timedelta(days=1), "11-22 12:00"),
        (NOON - timedelta(days=400), "2025-10-19"),
        (None, ""),
    ],
)
def test_a_moment_is_shown_as_shortly_as_it_is_clear(instant: datetime | None, shown: str) -> None:
    unix_ms = None if instant is None else round(instant.timestamp() * 1000)

    assert show_moment(unix_ms, NOON) == shown
