"""`penstock cancel`, `redrive` and `discard`, against servers that follow a script."""

import io
import json
import sys

import pytest

from penstock.cli.asking import confirm
from penstock.cli.exits import CommandFailed, Exit
from tests.unit.cli.conftest import Penstock
from tests.unit.cli.scripts import playing
from tests.unit.cli.test_queue_verbs import SHOWN
from tests.unit.client.scripted import ScriptedServer

NOJOB = b"-NOJOB job 8 is not known\r\n"


def test_each_cancelled_job_is_told(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    with ScriptedServer(playing(heard, b"+CANCELLED\r\n", b"+TOLD\r\n")) as server:
        ended = penstock("cancel", "7", "9", "--reason", "twice", "--server", server.address)

    assert ended == (Exit.OK, "7\tcancelled\n9\ttold\n", "")
    assert heard[0] == [b"JOB.CANCEL", b"7", b"REASON", b"twice"]


def test_a_refused_job_keeps_the_others_from_nothing(penstock: Penstock) -> None:
    with ScriptedServer(playing([], NOJOB, b"+TOLD\r\n")) as server:
        ended = penstock("cancel", "8", "9", "--server", server.address)

    assert (ended.code, ended.out) == (Exit.REFUSED, "9\ttold\n")
    assert ended.err == ("penstock: NOJOB job 8 is not known\npenstock: 1 of 2 jobs were refused\n")


def test_one_refused_job_is_one_line(penstock: Penstock) -> None:
    with ScriptedServer(playing([], NOJOB)) as server:
        ended = penstock("redrive", "8", "--server", server.address)

    assert ended == (Exit.REFUSED, "", "penstock: NOJOB job 8 is not known\n")


def test_what_became_of_each_job_is_an_object_for_programs(penstock: Penstock) -> None:
    with ScriptedServer(playing([], b":1\r\n", NOJOB)) as server:
        ended = penstock("discard", "7", "8", "--json", "--server", server.address)

    assert ended.code == Exit.REFUSED
    assert list(map(json.loads, ended.out.splitlines())) == [
        {"id": 7, "result": "discarded"},
        {"id": 8, "code": "NOJOB", "error": "job 8 is not known"},
    ]


def test_dead_jobs_are_redriven_by_filters(penstock: Penstock) -> None:
    heard: list[list[bytes]] = []
    filters = ("--queue", "mail", "--task", "send", "--rate", "5", "--limit", "6")
    with ScriptedServer(playing(heard, SHOWN, b":3\r\n")) as server:
        ended = penstock("redrive", *filters, "--server", server.address)

    assert ended == (Exit.OK, "3\n", "")
    assert heard[-1][1:] == [
        *(b"QUEUE", b"mail", b"TASK", b"send", b"RATE", b"5", b"LIMIT", b"6"),
    ]


def test_dead_jobs_are_discarded_by_filters(penstock: Penstock) -> None:
    with ScriptedServer(playing([], SHOWN, b":3\r\n")) as server:
        ended = penstock("discard", "--queue", "mail", "--json", "--server", server.address)

    assert (ended.code, json.loads(ended.out)) == (Exit.OK, {"discarded": 3})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["redrive"], "name the jobs by their ids, or with --queue"),
        (["redrive", "--task", "t"], "name the jobs by their ids, or with --queue"),
        (["redrive", "7", "--queue", "q"], "ids and --queue exclude each other"),
        (["redrive", "7", "--rate", "5"], "ids and --rate exclude each other"),
        (["discard", "7", "--error", "E"], "ids and --error exclude each other"),
        (["redrive", "--queue", "q", "--rate", "0"], "--rate is 0: it must be a whole number"),
        (["cancel"], "Missing argument 'ID'"),
        (["cancel", "x"], "ID is x: it must be a whole number"),
    ],
)
def test_what_is_not_clear_is_a_mistake(
    penstock: Penstock, arguments: list[str], told: str
) -> None:
    ended = penstock(*arguments)

    assert ended.code == Exit.USAGE
    assert told in ended.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def types(monkeypatch: pytest.MonkeyPatch, answer: str) -> Terminal:
    """Let somebody sit at a terminal; return what that shows."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", " y \n"])
def test_a_question_can_be_answered_with_yes(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    shown = types(monkeypatch, answer)

    confirm("remove it?", yes=False)

    assert shown.getvalue() == "penstock: remove it? [y/N] "


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yeah\n"])
def test_any_other_answer_is_no(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    types(monkeypatch, answer)

    with pytest.raises(CommandFailed, match="nothing was done") as caught:
        confirm("remove it?", yes=False)

    assert caught.value.code == Exit.DECLINED


def test_what_was_said_beforehand_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = types(monkeypatch, "")

    confirm("remove it?", yes=True)

    assert shown.getvalue() == ""
