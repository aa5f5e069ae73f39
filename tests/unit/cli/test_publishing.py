"""`penstock events publish`, against servers that follow a script."""

import json
from pathlib import Path

import pytest

from penstock.cli.exits import Exit
from penstock.protocol.replies import ErrorReply, encode
from tests.unit.cli.conftest import Penstock
from tests.unit.cli.scripts import playing
from tests.unit.client.scripted import Conversation, Script, ScriptedServer

REFUSED = encode(ErrorReply("DISKFULL", "nothing was stored"), resp3=True)


def event_id(number: int) -> bytes:
    return encode(b"170000000000%d-0" % number, resp3=True)


def pipelining(heard: list[list[bytes]], *replies: bytes) -> Script:
    """Answer when all that is expected has come, as to a pipeline."""

    def script(talk: Conversation) -> None:
        talk.greet()
        heard.extend(talk.read_all(len(replies)))
        talk.reply(*replies)
        talk.until_hung_up()

    return script


def test_the_fields_go_as_they_are_and_the_id_comes_back(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, event_id(1))) as server:
        ended = penstock(
            *("events", "publish", "orders", "type=order.paid", "order=17", "note=a=b", "empty="),
            *("--key", "k1", "--server", server.address),
        )

    assert (ended.code, ended.out, ended.err) == (Exit.OK, "1700000000001-0\n", "")
    assert heard == [
        [
            *(b"EVENT.PUBLISH", b"orders", b"k1", b"type", b"order.paid"),
            *(b"order", b"17", b"note", b"a=b", b"empty", b""),
        ]
    ]


def test_the_lines_of_a_file_are_events_in_their_order(penstock: Penstock, tmp_path: Path) -> None:
    heard: list[list[bytes]] = []
    file = tmp_path / "events.jsonl"
    file.write_text('{"type": "a", "n": 5}\n\n{"type": "b", "list": [1, "x"]}\n')
    with ScriptedServer(pipelining(heard, event_id(1), event_id(2))) as server:
        ended = penstock(
            *("events", "publish", "orders", "--file", str(file), "--key", "k"),
            *("--json", "--server", server.address),
        )

    assert list(map(json.loads, ended.out.splitlines())) == [
        {"line": 1, "id": "1700000000001-0"},
        {"line": 3, "id": "1700000000002-0"},
    ]
    assert [command[2:] for command in heard] == [
        [b"k:1", b"type", b"a", b"n", b"5"],
        [b"k:3", b"type", b"b", b"list", b'[1,"x"]'],
    ]


def test_a_line_that_is_refused_is_named_and_ends_it(penstock: Penstock, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"a": 1}\n{"a": 2}\n{"a": 3}\n')
    with ScriptedServer(pipelining([], event_id(1), REFUSED, REFUSED)) as server:
        ended = penstock(
            *("events", "publish", "s", "--file", str(file), "--server", server.address)
        )

    assert (ended.code, ended.out) == (Exit.REFUSED, "1700000000001-0\n")
    assert "line 2 was refused (and 1 more lines were): DISKFULL nothing was stored" in ended.err
    assert "1 events were published, and nothing beyond line 3" in ended.err


@pytest.mark.parametrize("line", ["[1]", "{}", "text", '{"a": 1', "5"])
def test_a_line_that_is_no_event_is_a_mistake(
    penstock: Penstock, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(f'{{"a": 1}}\n{line}\n')
    with ScriptedServer(playing([])) as server:
        ended = penstock(
            *("events", "publish", "s", "--file", str(file), "--server", server.address)
        )

    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert "line 2 is no object of fields" in ended.err
    assert "0 events before it were published" in ended.err
