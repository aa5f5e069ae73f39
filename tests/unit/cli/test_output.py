"""What commands write."""

from typing import Any

import pytest

from penstock.cli.output import (
    is_json,
    note,
    plain_bytes,
    show_bytes,
    show_time,
    write_table,
)

IN_JSON: list[tuple[bytes | None, dict[str, Any]]] = [
    (None, {"result": None}),
    (b"5", {"result": 5}),
    (b"null", {"result": None}),
    (b'{"a": [1, "x"]}', {"result": {"a": [1, "x"]}}),
    (b'"5"', {"result": "5"}),
    (b"hello", {"result_text": "hello"}),
    (b"", {"result_text": ""}),
    (b"NaN", {"result_text": "NaN"}),
    (b"[Infinity]", {"result_text": "[Infinity]"}),
    (b"[" * 100_000, {"result_text": "[" * 100_000}),
    (b"\xff\x00", {"result_base64": "/wA="}),
]


@pytest.mark.parametrize(("content", "document"), IN_JSON)
def test_the_name_in_json_tells_what_the_bytes_are(
    content: bytes | None, document: dict[str, Any]
) -> None:
    assert plain_bytes("result", content) == document


@pytest.mark.parametrize(("content", "answer"), [(b"[1]", True), (b"[1", False), (b"", False)])
def test_json_is_told_from_other_bytes(content: bytes, answer: bool) -> None:
    assert is_json(content) is answer


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert show_bytes(b"red \x1b[31m \x00 \xff \xc2\x9b") == r"red \x1b[31m \x00 \xff \x9b"


def test_a_long_payload_is_cut_and_its_length_told() -> None:
    assert show_bytes(b"x" * 1_000_000) == "x" * 400 + "... (1000000 bytes)"


def test_a_character_is_not_lost_at_the_cut() -> None:
    assert show_bytes("é".encode() * 300) == "é" * 300


def test_times_are_shown_in_the_zone_of_the_reader() -> None:
    shown = show_time(1_700_000_000_123)

    assert shown.startswith("2023-11-1")
    assert ".123" in shown
    assert show_time(None) == ""


def test_a_table_for_programs_has_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(["a", "b"], [("1", "x\ty"), ("2", "line\nline\\")])

    assert capsys.readouterr().out == "1\tx\\ty\n2\tline\\nline\\\\\n"


def test_notes_go_to_standard_error_and_escape_what_they_quote(
    capsys: pytest.CaptureFixture[str],
) -> None:
    note("job 1 failed: \x1b[2J")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "penstock: job 1 failed: \\x1b[2J\n"
