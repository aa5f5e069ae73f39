"""`penstock cron ...`, against servers that follow a script."""

import json
from datetime import UTC, datetime

import pytest

from penstock.cli.exits import Exit
from penstock.protocol.replies import ErrorReply, Value, encode
from tests.unit.cli.conftest import Penstock
from tests.unit.cli.scripts import playing
from tests.unit.cli.terminals import on_a_terminal
from tests.unit.client.scripted import ScriptedServer

# So far ahead that it is as many days whenever, after this is read, a test is run.
IN_DAYS = round(datetime.now(UTC).timestamp() * 1000) + 100 * 86_400_000 + 21_600_000
SCHEDULE: dict[str, Value] = {
    "name": "report",
    "expression": "0 8 * * 1-5",
    "tz": "Europe/Berlin",
    "task": "make_report",
    "payload": b'["daily"]',
    "options": {"queue": "slow"},
    "missed": "all",
    "missed_max": 10,
    "jitter_ms": 5_000,
    "overlap": "skip",
    "next_at": IN_DAYS,
    "last_at": None,
    "last_job": None,
    "runs": 0,
    "skipped": 2,
    "last_error": None,
}
SHOWN = encode(SCHEDULE, resp3=True)
LISTED = encode([SCHEDULE], resp3=True)
OK = b"+OK\r\n"


def test_a_schedule_is_set_with_what_was_given(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, OK)) as server:
        ended = penstock(
            *("cron", "set", "report", "0 8 * * 1-5", "make_report", '["daily"]'),
            *("--tz", "Europe/Berlin", "--missed", "all", "--missed-max", "10", "--jitter", "5s"),
            *("--overlap", "skip", "--queue", "slow", "--timeout", "1m"),
            *("--server", server.address),
        )

    assert (ended.code, ended.out, ended.err) == (Exit.OK, "", "")
    (command,) = heard
    assert command[:7] == [
        *(b"CRON.SET", b"report", b"0 8 * * 1-5", b"TZ", b"Europe/Berlin"),
        *(b"make_report", b'["daily"]'),
    ]
    assert dict(zip(command[7::2], command[8::2], strict=True)) == {
        **{b"MISSED": b"all", b"MISSED-MAX": b"10", b"JITTER": b"5000", b"OVERLAP": b"skip"},
        **{b"QUEUE": b"slow", b"TIMEOUT": b"60000"},
    }


def test_a_payload_that_is_no_json_goes_as_it_is(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, OK)) as server:
        penstock("cron", "set", "r", "@daily", "raw_task", "any text", "--server", server.address)

    assert heard[0][-1] == b"any text"


def test_a_person_is_told_when_it_runs_next(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch, columns=100)
    with ScriptedServer(playing([], OK, encode([IN_DAYS], resp3=True))) as server:
        ended = penstock("cron", "set", "r", "@daily", "task", "--server", server.address)

    assert "it runs next at 20" in ended.err
    assert "in 100 d" in ended.err


def test_schedules_are_listed_for_programs(penstock: Penstock) -> None:
    with ScriptedServer(playing([], LISTED)) as server:
        line = penstock("cron", "list", "--server", server.address).out.rstrip("\n")
    with ScriptedServer(playing([], LISTED)) as server:
        documents = json.loads(penstock("cron", "list", "--json", "--server", server.address).out)

    assert line.split("\t")[:5] == [
        *("report", "0 8 * * 1-5", "Europe/Berlin", "make_report", str(IN_DAYS)),
    ]
    assert documents[0]["missed_max"] == 10


def test_a_person_sees_when_each_runs_next(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = on_a_terminal(monkeypatch, columns=130)
    with ScriptedServer(playing([], LISTED)) as server:
        penstock("cron", "list", "--server", server.address)

    told = shown.plain()
    assert "in 100 d" in told
    assert "Europe/Berlin" in told
    assert "last error" not in told


def test_a_schedule_is_shown_with_its_policies(penstock: Penstock) -> None:
    with ScriptedServer(playing([], SHOWN)) as server:
        ended = penstock("cron", "show", "report", "--server", server.address)

    rows = dict(line.split("\t") for line in ended.out.splitlines())
    assert (rows["missed"], rows["jitter"], rows["overlap"]) == ("all, at most 10", "5 s", "skip")


def test_the_next_runs_are_printed(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    times = encode([1_000, 2_000], resp3=True)
    with ScriptedServer(playing(heard, times)) as server:
        ended = penstock("cron", "next", "report", "--count", "2", "--server", server.address)

    assert ended.out == "1000\n2000\n"
    assert heard == [[b"CRON.NEXT", b"report", b"COUNT", b"2"]]


def test_a_schedule_is_deleted(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, SHOWN, b":1\r\n")) as server:
        ended = penstock("cron", "delete", "report", "--server", server.address)

    assert (ended.code, ended.out) == (Exit.OK, "")
    assert heard[-1] == [b"CRON.DEL", b"report"]


def test_a_schedule_that_is_not_there_is_told(penstock: Penstock) -> None:
    gone = encode(ErrorReply("NOSCHEDULE", "there is no schedule r"), resp3=True)
    with ScriptedServer(playing([], gone)) as server:
        ended = penstock("cron", "next", "r", "--server", server.address)

    assert ended.code == Exit.REFUSED
    assert ended.err.startswith("penstock: NOSCHEDULE")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["set", "r", "@daily"], "Missing argument 'TASK'"),
        (["set", "r", "@daily", "t", "--missed", "twice"], "--missed is twice: it must be one of"),
        (["set", "r", "@daily", "t", "--overlap", "x"], "--overlap is x: it must be one of"),
        (["set", "r", "@daily", "t", "--jitter", "x"], "--jitter is x: a duration is"),
        (["set", "r", "@daily", "t", "--delay", "1s"], "No such option: --delay"),
        (["set", "r", "@daily", "t", "--key", "k"], "No such option: --key"),
        (["next", "r", "--count", "0"], "--count is 0: it must be a whole number"),
    ],
)
def test_what_is_not_clear_is_a_mistake(
    penstock: Penstock, arguments: list[str], told: str
) -> None:
    ended = penstock("cron", *arguments)

    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert told in ended.err
