"""`penstock triggers ...`, against servers that follow a script."""

import json

import pytest

from penstock.cli.exits import Exit
from penstock.protocol.replies import ErrorReply, Value, encode
from tests.unit.cli.conftest import Penstock
from tests.unit.cli.scripts import playing
from tests.unit.cli.terminals import on_a_terminal
from tests.unit.client.scripted import ScriptedServer

TRIGGER: dict[str, Value] = {
    "name": "mail-receipt",
    "stream": "orders",
    "match": {"type": "order.paid"},
    "task": "send_receipt",
    "payload": b"[${order}]",
    "options": {"queue": "mail"},
    "cursor": b"1700000000000-0",
    "lag": 3,
    "fired": 10,
    "skipped": 5,
    "refused": 0,
    "last_error": None,
    "loops": 0,
    "waiting_since": 1_700_000_000_000,
    "reason": "queue mail is full",
}
SHOWN = encode(TRIGGER, resp3=True)
LISTED = encode([TRIGGER], resp3=True)
OK = b"+OK\r\n"


def test_a_trigger_is_set_with_what_was_given(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, OK)) as server:
        ended = penstock(
            *("triggers", "set", "mail-receipt", "orders", "send_receipt", "[${order}]"),
            *("--match", "type=order.paid", "--match", "country=D*", "--from", "start"),
            *("--queue", "mail", "--group", "${customer}", "--attempts", "5"),
            *("--server", server.address),
        )

    assert (ended.code, ended.out, ended.err) == (Exit.OK, "", "")
    (command,) = heard
    assert command[:14] == [
        *(b"TRIGGER.SET", b"mail-receipt", b"ON", b"orders", b"FROM", b"0-0"),
        *(b"MATCH", b"type", b"order.paid", b"country", b"D*"),
        *(b"SUBMIT", b"send_receipt", b"[${order}]"),
    ]
    options = dict(zip(command[14::2], command[15::2], strict=True))
    assert options == {b"QUEUE": b"mail", b"GROUP": b"${customer}", b"ATTEMPTS": b"5"}


def test_a_trigger_begins_at_its_cursor_unless_told_otherwise(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, OK)) as server:
        penstock("triggers", "set", "t", "orders", "task", "--server", server.address)

    assert b"FROM" not in heard[0]


def test_triggers_are_listed_for_programs(penstock: Penstock) -> None:
    with ScriptedServer(playing([], LISTED)) as server:
        lines = penstock("triggers", "list", "--server", server.address).out
    with ScriptedServer(playing([], LISTED)) as server:
        documents = json.loads(
            penstock("triggers", "list", "--json", "--server", server.address).out
        )

    assert lines == "mail-receipt\torders\tsend_receipt\t10\t5\t0\t0\t3\t1700000000000-0\n"
    assert documents[0]["match"] == {"type": "order.paid"}
    assert documents[0]["waiting_since"] == 1_700_000_000_000


def test_a_person_sees_what_a_trigger_waits_for(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = on_a_terminal(monkeypatch, columns=130)
    with ScriptedServer(playing([], LISTED)) as server:
        penstock("triggers", "list", "--server", server.address)

    told = shown.plain()
    assert "queue mail is full" in told
    assert "type=order.paid" in told
    assert "loops" not in told


def test_a_trigger_is_shown_with_its_template(penstock: Penstock) -> None:
    with ScriptedServer(playing([], SHOWN)) as server:
        ended = penstock("triggers", "show", "mail-receipt", "--server", server.address)

    rows = dict(line.split("\t") for line in ended.out.splitlines())
    assert (rows["match"], rows["payload"], rows["options"]) == (
        *("type=order.paid", "[${order}]", "queue=mail"),
    )
    assert rows["reason"] == "queue mail is full"


def test_a_trigger_is_deleted_and_may_leave_its_cursor(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, SHOWN, b":1\r\n")) as server:
        ended = penstock("triggers", "delete", "mail-receipt", "--keep", "--server", server.address)

    assert (ended.code, ended.out) == (Exit.OK, "")
    assert heard[-1] == [b"TRIGGER.DEL", b"mail-receipt", b"KEEP"]


def test_a_trigger_that_is_not_there_is_told(penstock: Penstock) -> None:
    gone = encode(ErrorReply("NOTRIGGER", "there is no trigger t"), resp3=True)
    with ScriptedServer(playing([], gone)) as server:
        ended = penstock("triggers", "delete", "t", "--server", server.address)

    assert ended.code == Exit.REFUSED
    assert ended.err.startswith("penstock: NOTRIGGER")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["set", "t", "s"], "Missing argument 'TASK'"),
        (["set", "t", "s", "task", "--match", "x"], "x is no FIELD=PATTERN"),
        (["set", "t", "s", "task", "--from", "then"], "--from is then: it must be an id"),
        (["set", "t", "s", "task", "--key", "k"], "No such option: --key"),
        (["set", "t", "s", "task", "--attempts", "0"], "--attempts is 0"),
        (["show"], "Missing argument 'NAME'"),
    ],
)
def test_what_is_not_clear_is_a_mistake(
    penstock: Penstock, arguments: list[str], told: str
) -> None:
    ended = penstock("triggers", *arguments)

    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert told in ended.err
