"""The diagram of a job's life is the table of its transitions."""

import re

from penstock.jobs.transitions import TRANSITIONS
from tests.architecture.sources import ROOT

DIAGRAM = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"^ *(\S+) --> (\S+): (.+)$")
NOT_THERE = "[*]"


def drawn() -> list[tuple[str, str, str]]:
    """Return every arrow of the diagram: from, why, to."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## The life of a job\n")[1]
    found = DIAGRAM.search(section)
    assert found is not None
    arrows = []
    for line in found[1].splitlines():
        arrow = ARROW.match(line)
        assert arrow is not None, f"not an arrow: {line!r}"
        before, after, cause = arrow.groups()
        arrows.append((before, cause, after))
    return arrows


def test_the_diagram_shows_exactly_the_transitions_that_there_are() -> None:
    table = [
        (NOT_THERE if before is None else before.value, cause.value, after.value)
        for (before, cause), after in TRANSITIONS.items()
    ]

    assert sorted(drawn()) == sorted(table)
