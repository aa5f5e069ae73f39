"""docs/cli.md says what the command does."""

import re
from pathlib import Path

from penstock.cli.cron_verbs import cron_app
from penstock.cli.event_verbs import events_app
from penstock.cli.exits import MEANINGS
from penstock.cli.lines import BATCH_LINES_MAX
from penstock.cli.main import app
from penstock.cli.queue_verbs import queue_app
from penstock.cli.trigger_verbs import triggers_app

GROUPS = {"queue": queue_app, "events": events_app, "triggers": triggers_app, "cron": cron_app}

DOCUMENT = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def test_every_exit_code_is_documented_with_its_meaning() -> None:
    documented = re.findall(r"^\| (\d+) \| (.+) \|$", DOCUMENT, re.MULTILINE)

    assert documented == [(str(code.value), meaning) for code, meaning in MEANINGS.items()]


def test_every_verb_is_documented() -> None:
    groups = "|".join(GROUPS)
    documented = re.findall(rf"^\| `penstock ((?:{groups}) \w+|\w+)", DOCUMENT, re.MULTILINE)
    verbs = [command.callback.__name__ for command in app.registered_commands if command.callback]
    grouped = [
        f"{name} {command.name}"
        for name, group in GROUPS.items()
        for command in group.registered_commands
    ]

    assert documented == [*verbs, *grouped]


def test_the_size_of_a_batch_is_documented() -> None:
    assert f"at most {BATCH_LINES_MAX:,} at a time" in DOCUMENT
