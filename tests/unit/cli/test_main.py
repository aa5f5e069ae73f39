"""The command as a whole: help, versions, mistakes and exit codes."""

import json
import os
import re
import subprocess
import sys

import pytest

from penstock.cli.exits import MEANINGS, Exit
from tests.unit.cli.conftest import Penstock

# A process that is started here finds what this one has found, from any directory.
SAME_PATH = {"PYTHONPATH": os.pathsep.join(os.path.abspath(each) for each in sys.path)}

VERBS = [
    *("serve", "worker"),
    *("submit", "call", "wait", "show", "jobs", "cancel", "redrive", "discard"),
    *("queues", "dead", "peek", "queue"),
    *("events", "triggers", "cron"),
    *("config", "version"),
]
GROUPED_VERBS = [
    *(["queue", verb] for verb in ("show", "set", "pause", "resume", "purge", "delete")),
    *(["events", verb] for verb in ("tail", "publish", "list", "groups", "show", "trim", "retain")),
    *(["triggers", verb] for verb in ("list", "show", "set", "delete")),
    *(["cron", verb] for verb in ("list", "show", "set", "delete", "next")),
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(penstock: Penstock, verb: str) -> None:
    ended = penstock(verb, "--help")

    assert ended.code == Exit.OK
    assert f"Usage: penstock {verb}" in ended.out


@pytest.mark.parametrize("verb", GROUPED_VERBS, ids=" ".join)
def test_every_verb_of_a_group_explains_itself(penstock: Penstock, verb: list[str]) -> None:
    ended = penstock(*verb, "--help")

    assert ended.code == Exit.OK
    assert f"Usage: penstock {' '.join(verb)}" in ended.out


@pytest.mark.parametrize("verb", [*([each] for each in VERBS), *GROUPED_VERBS], ids=" ".join)
def test_help_shows_what_people_write_and_no_types(penstock: Penstock, verb: list[str]) -> None:
    told = penstock(*verb, "--help").out

    assert re.findall(r"<\w+>|BOOLEAN|\bTEXT\.\.\.", told) == []


def test_help_lists_every_verb_with_what_it_does(penstock: Penstock) -> None:
    ended = penstock("--help")

    assert ended.code == Exit.OK
    for verb in VERBS:
        assert re.search(rf"│ {verb} +[A-Z]", ended.out), verb


def test_help_has_its_panels_in_their_order(penstock: Penstock) -> None:
    told = penstock("--help").out

    panels = re.findall(r"^╭─ ([A-Z][a-z ]+) ─", told, re.MULTILINE)
    assert panels == ["Options", "Servers and workers", "Jobs", "Queues", "Events", "About"]


def test_help_tells_the_exit_codes(penstock: Penstock) -> None:
    told = " ".join(re.sub("[│╭╮╰╯─]", " ", penstock("--help").out).split())

    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning.removesuffix('.')}" in told


def test_without_a_verb_the_help_is_shown_and_it_is_a_mistake(penstock: Penstock) -> None:
    ended = penstock()

    assert ended.code == Exit.USAGE
    assert "Usage: penstock" in ended.out


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_versions_are_printed_on_one_line(penstock: Penstock, arguments: list[str]) -> None:
    ended = penstock(*arguments)

    assert ended.code == Exit.OK
    assert re.fullmatch(r"penstock .+ \(Python 3\.\d+\.\S+\)\n", ended.out)


def test_the_versions_are_printed_for_programs(penstock: Penstock) -> None:
    assert set(json.loads(penstock("version", "--json").out)) == {"penstock", "python"}


MISTAKES = [
    (
        ["sumbit"],
        "penstock: No such command 'sumbit'",
    ),
    (["submit"], "penstock submit: Missing argument 'TASK' (see penstock submit --help)"),
    (["call", "add", "--prioriti", "1"], "penstock call: No such option: --prioriti"),
    (["call", "add", "1", "2"], "penstock call: Got unexpected extra argument"),
    (["call", "add", "--priority", "-1"], "--priority is -1: it must be a whole number from 0 to"),
    (["call", "add", "--priority", "+5"], "--priority is +5: it must be a whole number"),
    (["submit", "add", "--delay", "soon"], "--delay is soon: a duration is 500ms, 10s, 5m, 1h"),
    (["submit", "add", "--timeout", "1.5s"], "--timeout is 1.5s: a duration is"),
    (["submit", "add", "--attempts", "0"], "--attempts is 0: it must be a whole number of attem"),
    (["submit", "add", "--at", "noon"], "--at is noon: it must be a time as ISO 8601"),
    (["submit", "add", "--at", "2027-01-31", "--delay", "1s"], "--delay and --at exclude each"),
    (["submit", "add", "1", "--file", "x"], "PAYLOAD and --file exclude each other"),
    (["call", "add", "--wait", "x"], "--wait is x: a duration is"),
    (["wait", "x"], "ID is x: it must be a whole number from 1 to"),
    (["show", "0"], "ID is 0: it must be a whole number from 1 to"),
    (["queues", "--server", "7711"], "--server is 7711: it must be HOST:PORT"),
    (["queues", "--server", "unix:"], "--server is unix:: it must be HOST:PORT"),
    (["worker"], "a worker needs tasks: name their module with --app"),
    (["worker", "--app", "a.py"], "--app is a.py: it must be MODULE or MODULE:ATTRIBUTE"),
    (["worker", "--app", "a", "--processes", "0"], "--processes is 0: it must be a whole"),
    (["worker", "--app", "a", "--concurrency", "0"], "--concurrency is 0: it must be a whole"),
    (["worker", "--app", "a", "--queues", "a,,b"], "--queues is a,,b: '' cannot name a queue"),
    (["worker", "--app", "a", "--connect", "x"], "--connect is x: it must be HOST:PORT"),
    (["worker", "--app", "a", "--log-level", "x"], "--log-level is x: it must be one of debug"),
    (["worker", "--app", "a", "--log-format", "x"], "--log-format is x: it must be one of auto"),
    (["serve", "--listen", "0.0.0.0:7711"], "set PENSTOCK_PASSWORD, or listen on 127.0.0.1:7711"),
    (["serve", "--workers", "many"], "workers is many (from --workers): it must be a whole"),
    (["serve", "--config", "none.toml"], "none.toml cannot be read (No such file or directory)"),
    (["serve", "--password", "x"], "penstock serve: No such option: --password"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_mistake_is_told_in_one_line_on_standard_error(
    penstock: Penstock, arguments: list[str], said: str
) -> None:
    ended = penstock(*arguments)

    assert ended.code == Exit.USAGE
    assert ended.out == ""
    assert said in ended.err
    assert ended.err.startswith("penstock")
    assert ended.err.count("\n") == 1


def test_a_server_variable_that_is_wrong_is_named(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_SERVER", "somewhere")

    assert "PENSTOCK_SERVER is somewhere: it must be HOST:PORT" in penstock("queues").err


def test_no_color_takes_the_colours_out_of_the_help() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "--help"],
        env={**SAME_PATH, "NO_COLOR": "1", "FORCE_COLOR": "1"},
        capture_output=True,
        check=True,
    )

    assert b"\x1b[3" not in ended.stdout  # Bold may stay: https://no-color.org is about colour.


HEAVY = ("aiosqlite", "msgspec", "prometheus_client", "starlette", "structlog", "uvloop")


def test_asking_for_the_version_loads_no_part_of_the_server_or_the_client() -> None:
    """What a command imports is what it costs: this one is to be quick."""
    program = (
        "import sys; from penstock.cli.main import main; main(['version']);"
        "print(*sorted({name.partition('.')[0] if not name.startswith('penstock.') else"
        " '.'.join(name.split('.')[:2]) for name in sys.modules}))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], env=SAME_PATH, capture_output=True, check=True, text=True
    )

    loaded = set(ended.stdout.splitlines()[-1].split())
    assert {name for name in loaded if name.startswith("penstock.")} == {
        "penstock.cli",
        "penstock.config",
    }
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"], ["--help"], ["version"]])
def test_whoever_stops_reading_ends_the_command_quietly(arguments: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)

    ended = subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments],
        stdout=write_end,
        stderr=subprocess.PIPE,
        env=SAME_PATH,
        check=False,
    )
    os.close(write_end)

    assert ended.stderr == b""
    assert ended.returncode == Exit.OUTPUT_CLOSED
