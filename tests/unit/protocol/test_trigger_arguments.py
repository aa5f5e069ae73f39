"""The arguments of the commands about triggers as values; refusals are in the transcripts."""

import pytest

from penstock.protocol.event_ids import EventId
from penstock.protocol.submit_arguments import SubmitArguments, WishArguments
from penstock.protocol.trigger_arguments import (
    Start,
    TriggerDeleteArguments,
    TriggerSetArguments,
)
from tests.unit.protocol.readers import read

JOB = SubmitArguments("task", b"")


def test_a_trigger_needs_no_more_than_a_stream_and_a_task() -> None:
    assert read("TRIGGER.SET t ON s SUBMIT task") == TriggerSetArguments("t", "s", JOB)


@pytest.mark.parametrize(
    ("word", "start"),
    [
        ("0", (0, 0)),
        ("5-1", (5, 1)),
        ("$", Start.LAST),
        ("CURSOR", Start.CURSOR),
        ("cursor", Start.CURSOR),
    ],
)
def test_a_trigger_begins_where_it_is_told(word: str, start: EventId | Start) -> None:
    line = f"trigger.set t on s from {word} submit task"

    assert read(line) == TriggerSetArguments("t", "s", JOB, start)


@pytest.mark.parametrize(
    ("words", "matches"),
    [
        ("MATCH to dead", ((b"to", b"dead"),)),
        ("match to dead queue rep*", ((b"to", b"dead"), (b"queue", b"rep*"))),
        ("MATCH from ready to dead", ((b"from", b"ready"), (b"to", b"dead"))),
        ("MATCH submit x", ((b"submit", b"x"),)),
        ("FROM 0 MATCH to dead", ((b"to", b"dead"),)),
    ],
)
def test_pairs_end_at_the_task(words: str, matches: tuple[tuple[bytes, bytes], ...]) -> None:
    value = read(f"TRIGGER.SET t ON s {words} SUBMIT task")

    assert isinstance(value, TriggerSetArguments)
    assert value.matches == matches
    assert value.submit == JOB


def test_the_payload_stands_behind_the_task() -> None:
    value = read('TRIGGER.SET t ON s SUBMIT task "[${order}]" QUEUE q')

    assert value == TriggerSetArguments(
        "t", "s", SubmitArguments("task", b"[${order}]", "q"), template=b"[${order}]"
    )


def test_an_empty_payload_is_one() -> None:
    assert read('TRIGGER.SET t ON s SUBMIT task ""') == TriggerSetArguments(
        "t", "s", JOB, template=b""
    )


def test_the_name_of_an_option_is_no_payload() -> None:
    value = read("TRIGGER.SET t ON s SUBMIT task priority 5 TENANT ${customer} GROUP '${a} b'")

    wishes = WishArguments("${customer}", "${a} b")
    assert value == TriggerSetArguments(
        "t", "s", SubmitArguments("task", b"", priority=5, wishes=wishes)
    )


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("TRIGGER.SHOW t", "t"),
        ("TRIGGER.DEL t", TriggerDeleteArguments("t")),
        ("TRIGGER.DEL t keep", TriggerDeleteArguments("t", keeps_cursor=True)),
    ],
)
def test_commands_about_a_trigger_are_read(line: str, value: object) -> None:
    assert read(line) == value
