"""The documents say what the code does, as far as a program can tell."""

import re
from pathlib import Path

import pytest

from penstock.jobs.counters import Histogram, JournalCounters, QueueCounters
from penstock.server.metric_views import EventsView, QueueView, ServerView
from penstock.server.metrics import Telemetry
from tests.architecture.sources import ROOT, name

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def prose(path: Path) -> str:
    """Return a document without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """Return the anchors that a forge makes of a document's headings."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_target_of_make_that_is_named_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE))

    named = re.findall(
        r"(?:^|`|\$ )make ([a-z]+)\b", path.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert set(named) <= targets


def test_every_target_of_make_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: ([a-z]+)$", makefile, re.MULTILINE)

    assert phony
    for target in phony:
        assert re.search(rf"^{target}:.*## [A-Z]", makefile, re.MULTILINE), target


def test_every_metric_is_documented() -> None:
    page = Telemetry(QuietServer()).snapshot().render().decode()
    shown = set(re.findall(r"^# TYPE (penstock_\w+) (\w+)$", page, re.MULTILINE))
    documented = set(
        re.findall(
            r"^\| `(penstock_\w+)` \| (\w+) \|",
            (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    )

    assert documented == shown


class QuietServer:
    """A server where nothing has happened."""

    journal = JournalCounters()

    def queues(self) -> list[QueueView]:
        empty = Histogram((1.0,))
        return [QueueView("default", QueueCounters(), 0, 0, 0, empty, empty)]

    def events(self) -> EventsView:
        return EventsView()

    def server(self) -> ServerView:
        return ServerView(0, 0, 0, 0, 0, 0, 0, 0, 0.0)
