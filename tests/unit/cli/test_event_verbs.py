"""`penstock events ...`, against servers that follow a script."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from penstock.cli import event_verbs
from penstock.cli.exits import Exit
from penstock.protocol.replies import ErrorReply, Value, encode
from tests.unit.cli.conftest import Penstock
from tests.unit.cli.scripts import playing
from tests.unit.cli.terminals import on_a_terminal
from tests.unit.client.scripted import ScriptedServer

FIRST: Value = [b"1700000000000-0", [b"type", b"order.paid", b"order", b"1"]]
NO_KEY = encode(ErrorReply("ERR", "no such key"), resp3=True)


def reply(value: Value) -> bytes:
    return encode(value, resp3=True)


def group(name: str, lag: int | None, pending: int = 0, trim: str = "keep") -> dict[str, Value]:
    return {
        "name": name,
        "cursor": "1700000000000-0",
        "read": 3,
        "lag": lag,
        "pending": pending,
        "consumers": 1,
        "trim": trim,
    }


GROUPS: list[Value] = [
    group("billing", 2),
    group("mail", 4, pending=1),
    group("new", None, trim="allow"),
]


def stream(length: int = 5, groups: list[Value] = GROUPS, maxlen: int | None = None) -> bytes:
    info: dict[str, Value] = {
        "name": "orders",
        "length": length,
        "first_id": "1700000000000-0" if length else None,
        "last_id": "1700000000500-3",
        "added": 9,
        "max_deleted_id": "0-0",
        "maxlen": maxlen,
        "maxage": None,
        "groups": groups,
        "triggers": [],
    }
    return reply(info)


def test_streams_are_listed_with_the_lag_of_their_last_group(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    names = reply([b"orders", b"empty"])
    with ScriptedServer(playing(heard, names, stream(0, []), stream(maxlen=7))) as server:
        ended = penstock("events", "list", "--server", server.address)

    assert ended.out.splitlines() == [
        "orders\t0\t1700000000500-3\t0\t\t9\t\t",
        "orders\t5\t1700000000500-3\t3\t4\t9\t7\t",
    ]
    assert heard == [[b"KEYS", b"*"], [b"STREAM.SHOW", b"empty"], [b"STREAM.SHOW", b"orders"]]


def test_a_stream_that_goes_away_meanwhile_is_left_out(penstock: Penstock) -> None:
    with ScriptedServer(playing([], reply([b"a", b"b"]), NO_KEY, stream(1, []))) as server:
        ended = penstock("events", "list", "--json", "--server", server.address)

    assert [each["length"] for each in json.loads(ended.out)] == [1]


@pytest.mark.parametrize("verb", [["groups"], ["trim", "--length", "1"], ["delete"]])
def test_a_stream_that_is_not_there_is_told(penstock: Penstock, verb: list[str]) -> None:
    name, *flags = verb
    with ScriptedServer(playing([], NO_KEY)) as server:
        ended = penstock("events", name, "none", *flags, "--server", server.address)

    assert (ended.code, ended.out) == (Exit.REFUSED, "")
    assert ended.err == "penstock: ERR no such key: there is no stream none\n"


def test_groups_are_listed_with_how_far_each_has_come(penstock: Penstock) -> None:
    with ScriptedServer(playing([], stream())) as server:
        ended = penstock("events", "groups", "orders", "--server", server.address)

    assert ended.out.splitlines() == [
        "billing\t1\t0\t1700000000000-0\t2\tno",
        "mail\t1\t1\t1700000000000-0\t4\tno",
        "new\t1\t0\t1700000000000-0\t\tyes",
    ]


def test_one_group_is_shown_with_its_consumers(penstock: Penstock) -> None:
    consumers = reply([{"name": b"host.1", "pending": 1, "idle": 2_000, "inactive": 3_000}])
    with ScriptedServer(playing([], stream(), consumers)) as server:
        ended = penstock("events", "groups", "orders", "mail", "--json", "--server", server.address)

    document = json.loads(ended.out)
    assert (document["name"], document["pending"], document["lag"]) == ("mail", 1, 4)
    assert document["consumers"] == [{"name": "host.1", "pending": 1, "idle_ms": 2_000}]


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        ("1700000000000-0", [b"XRANGE", b"orders", b"1700000000000-0", b"1700000000000-0"]),
        ("first", [b"XRANGE", b"orders", b"-", b"+"]),
        ("last", [b"XREVRANGE", b"orders", b"+", b"-"]),
    ],
)
def test_an_event_is_shown_with_its_fields(
    penstock: Penstock, wanted: str, command: list[bytes]
) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, reply([FIRST]))) as server:
        ended = penstock("events", "show", "orders", wanted, "--server", server.address)

    rows = dict(line.split("\t") for line in ended.out.splitlines())
    assert heard[0][:4] == command
    assert rows["type"] == "order.paid"
    assert list(rows) == ["published", "type", "order"]


@pytest.mark.parametrize(
    ("place", "start"),
    [("start", b"0-0"), ("now", b"$"), ("5-1", b"5-1"), ("2000", b"1999-9223372036854775807")],
)
def test_the_cursor_of_a_group_is_moved(penstock: Penstock, place: str, start: bytes) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, b"+OK\r\n")) as server:
        ended = penstock("events", "move", "orders", "mail", place, "--server", server.address)

    assert (ended.code, ended.out) == (Exit.OK, "")
    assert heard == [[b"XGROUP", b"SETID", b"orders", b"mail", start]]


@pytest.mark.parametrize(
    ("arguments", "question", "command"),
    [
        (["orders"], "delete stream orders, its 5 events and its 3 groups", [b"DEL", b"orders"]),
        (
            ["orders", "mail"],
            "forget group mail of stream orders, its cursor and what is pending in it?",
            [b"XGROUP", b"DESTROY", b"orders", b"mail"],
        ),
    ],
)
def test_a_stream_or_a_group_is_deleted(
    penstock: Penstock,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    question: str,
    command: list[bytes],
) -> None:
    asked: list[str] = []
    heard: list[list[bytes]] = []
    monkeypatch.setattr(event_verbs, "confirm", lambda text, *, yes: asked.append(text))
    with ScriptedServer(playing(heard, stream(), b":1\r\n")) as server:
        ended = penstock("events", "delete", *arguments, "--server", server.address)

    assert (ended.code, ended.out) == (Exit.OK, "")
    assert question in asked[0]
    assert heard[-1] == command


def test_a_group_that_is_not_there_is_told(penstock: Penstock) -> None:
    with ScriptedServer(playing([], stream(), b":0\r\n")) as server:
        ended = penstock("events", "delete", "orders", "x", "--server", server.address)

    assert ended.code == Exit.REFUSED
    assert ended.err == "penstock: NOGROUP stream orders has no group x\n"


def test_an_event_that_is_not_there_is_a_refusal(penstock: Penstock) -> None:
    with ScriptedServer(playing([], reply([]))) as server:
        ended = penstock("events", "show", "orders", "5-0", "--server", server.address)

    assert ended.code == Exit.REFUSED
    assert ended.err == "penstock: NOEVENT stream orders holds no event 5-0 (any more)\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--length", "2"], [b"MAXLEN", b"2"]),
        (["--before", "1700000000500-3"], [b"MINID", b"1700000000500-3"]),
        (["--before", "1700000000500"], [b"MINID", b"1700000000500-0"]),
        (["--before", "2023-11-14T22:13:20.5Z"], [b"MINID", b"1700000000500-0"]),
    ],
)
def test_a_stream_is_trimmed_as_the_server_reads_it(
    penstock: Penstock, arguments: list[str], words: list[bytes]
) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, stream(), b":3\r\n")) as server:
        ended = penstock("events", "trim", "orders", *arguments, "--server", server.address)

    assert (ended.code, ended.out, ended.err) == (Exit.OK, "3\n", "")
    assert heard[-1] == [b"XTRIM", b"orders", *words]


def test_events_are_trimmed_by_their_age(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, stream(), b":3\r\n")) as server:
        ended = penstock(
            *("events", "trim", "orders", "--age", "1h", "--json", "--server", server.address)
        )

    assert json.loads(ended.out) == {"trimmed": 3}
    kept_from = int(heard[-1][-1].partition(b"-")[0])
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert abs(kept_from - an_hour_ago.timestamp() * 1000) < 60_000


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["trim", "orders", "--length", "2"], "remove the oldest 3 events of the 5 of stream ord"),
        (["trim", "orders", "--before", "5-0"], "remove all events before 5-0 of stream orders"),
        (["retain", "orders", "--length", "4"], "this removes the oldest 1 event of the 5 of str"),
        (["retain", "orders", "--age", "2d"], "removes all events that are older than 2 d of str"),
    ],
)
def test_what_removes_events_for_good_asks_first(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch, arguments: list[str], question: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(event_verbs, "confirm", lambda text, *, yes: asked.append(text))
    monkeypatch.setattr(event_verbs, "_now_ms", lambda: 1_700_000_000_000 + 3 * 86_400_000)
    script = playing([], stream(groups=[]), b":3\r\n" if arguments[0] == "trim" else b"+OK\r\n")
    with ScriptedServer(script) as server:
        ended = penstock("events", *arguments, "--server", server.address)

    assert ended.code == Exit.OK
    assert len(asked) == 1
    assert question in asked[0]


def test_a_setting_that_removes_nothing_does_not_ask(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    heard: list[list[bytes]] = []
    monkeypatch.setattr(event_verbs, "confirm", lambda text, *, yes: asked.append(text))
    with ScriptedServer(playing(heard, stream(groups=[]), b"+OK\r\n")) as server:
        ended = penstock(
            *("events", "retain", "orders", "--length", "5", "--age", "none"),
            *("--server", server.address),
        )

    assert (ended.code, asked) == (Exit.OK, [])
    assert heard[-1] == [b"STREAM.SET", b"orders", b"MAXLEN", b"5", b"MAXAGE", b"none"]


def test_what_a_group_kept_from_trimming_is_told_to_a_person(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = on_a_terminal(monkeypatch, columns=100)
    with ScriptedServer(playing([], stream(), b":1\r\n", stream(4))) as server:
        ended = penstock(
            *("events", "trim", "orders", "--length", "2", "--yes", "--server", server.address)
        )

    assert shown.getvalue() == "1\n"
    assert "4 events are left: a group has not finished" in ended.err


def test_a_person_sees_the_streams_as_a_table(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = on_a_terminal(monkeypatch, columns=100)
    script = playing([], reply([b"orders"]), stream(12_345, maxlen=20_000))
    with ScriptedServer(script) as server:
        penstock("events", "list", "--server", server.address)

    head, _, row = shown.plain().strip().splitlines()[:3]
    assert head.split()[-3:] == ["groups", "lag", "keeps"]
    assert row.split() == ["orders", "12,345", "2023-11-14", "1700000000500-3", "3", "4", "20,000"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "s", "x"], "ID is x: it must be an id such as 1700000000000-0"),
        (["trim", "s"], "say which events: give one of --length, --before and --age"),
        (["trim", "s", "--length", "1", "--age", "1d"], "say which events: give one of"),
        (["trim", "s", "--length", "-1"], "--length is -1: it must be a whole number"),
        (["trim", "s", "--before", "noon"], "--before is noon: it must be an id such as"),
        (["trim", "s", "--age", "old"], "--age is old: a duration is"),
        (["retain", "s"], "say how much is kept: give --length, --age or both"),
        (["retain", "s", "--length", "all"], "--length is all: it must be a whole number"),
        (["tail", "s", "--last", "3", "--from", "now"], "--last excludes --from and --group"),
        (["tail", "s", "--last", "3", "--group", "g"], "--last excludes --from and --group"),
        (["tail", "s", "--consumer", "c"], "--consumer is one of a group"),
        (["tail", "s", "--from", "cursor"], "only a group has a cursor"),
        (["tail", "s", "--from", "noon"], "--from is noon: it must be an id such as"),
        (["tail", "s", "--match", "type"], "type is no FIELD=PATTERN"),
        (["tail", "s", "--match", "a=1", "--match", "a=2"], "a is given twice"),
        (["tail", "s", "--count", "0"], "--count is 0: it must be a whole number"),
        (["publish", "s"], "an event has at least one field; write FIELD=VALUE"),
        (["publish", "s", "a=1", "--file", "x"], "FIELD=VALUE and --file exclude each other"),
        (["publish", "s", "type"], "type is no FIELD=VALUE"),
        (["publish", "s", "=1"], "=1 is no FIELD=VALUE"),
        (["publish", "s", "--file", "none.jsonl"], "none.jsonl cannot be read"),
    ],
)
def test_what_is_not_clear_is_a_mistake(
    penstock: Penstock, arguments: list[str], told: str
) -> None:
    ended = penstock("events", *arguments)

    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert told in ended.err
