"""How events are written."""

import json

import pytest

from penstock.cli.event_text import EventLines, event_document
from penstock.client import Event
from tests.unit.cli.terminals import TerminalText, on_a_terminal

ORDER = Event("orders", "1700000000123-0", ((b"type", b"order.paid"), (b"order", b"17")))
ODD = Event(
    "orders",
    "1700000000124-0",
    ((b"note", b"a\tb\n\x1b[2J"), (b"item", b"1"), (b"item", b"2"), (b"raw", b"\xff")),
)


def written(*events: Event, names: tuple[str, ...] = (), as_json: bool = False) -> EventLines:
    lines = EventLines(names, as_json=as_json, with_deliveries=False)
    for event in events:
        lines.write(event)
    return lines


def test_on_a_pipe_an_event_is_its_id_and_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    written(ORDER, ODD)

    first, second = capsys.readouterr().out.splitlines()
    assert first == "1700000000123-0\ttype=order.paid\torder=17"
    assert second == r"1700000000124-0" + "\t" + r"note=a\tb\n\\x1b[2J" + "\titem=1\titem=2" + (
        "\t" + r"raw=\\xff"
    )


def test_in_json_a_repeated_field_is_a_list_and_bytes_stand_apart() -> None:
    assert event_document(ODD) == {
        "stream": "orders",
        "id": "1700000000124-0",
        "published_at": 1_700_000_000_124,
        "fields": {"note": "a\tb\n\x1b[2J", "item": ["1", "2"]},
        "fields_base64": {"raw": "/w=="},
    }


def test_fields_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    written(ORDER, ODD, names=("order", "item"))
    written(ORDER, names=("order",), as_json=True)

    *values, document = capsys.readouterr().out.splitlines()
    assert values == ["17\t", "\t2"]
    assert json.loads(document)["fields"] == {"order": "17"}


def test_how_often_an_event_was_given_is_told_of_groups(capsys: pytest.CaptureFixture[str]) -> None:
    again = Event("orders", "1-0", ((b"a", b"b"),), deliveries=3)

    EventLines((), as_json=True, with_deliveries=True).write(again)

    assert json.loads(capsys.readouterr().out)["deliveries"] == 3


def test_a_person_sees_one_line_for_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    long = Event("orders", "1700000000125-0", ((b"text", b"x y" * 1_000),))
    shown: TerminalText = on_a_terminal(monkeypatch, columns=60)

    written(ORDER, ODD, long)

    lines = shown.plain().splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("1700000000123-0 type=order.paid order=17")
    assert lines[2].endswith("…")
    assert all(len(line) <= 60 for line in lines)
    assert "\x1b[2J" not in shown.getvalue()


def test_a_value_that_could_be_misread_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_a_terminal(monkeypatch, columns=200)

    written(Event("s", "1-0", ((b"a", b"two words"), (b"b", b""), (b"c", b"x=y"), (b"d", b"ok"))))

    assert shown.plain().rstrip().endswith('a="two words" b="" c="x=y" d=ok')


def test_one_field_on_a_terminal_is_the_bare_value(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_a_terminal(monkeypatch, columns=200)

    written(ORDER, names=("type",))

    assert shown.getvalue() == "order.paid\n"


def test_events_are_counted() -> None:
    assert written(ORDER, ORDER, names=("order",)).written == 2
