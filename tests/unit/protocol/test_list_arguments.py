"""The arguments of the commands about many jobs as values; refusals are in the transcripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocol.list_arguments import ListArguments, SelectionArguments
from penstock.protocol.states import STATES
from tests.unit.protocol.readers import read


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.LIST", ListArguments(jobs_max=100, cursor=0)),
        ("JOB.LIST COUNT 5 CURSOR 17", ListArguments(jobs_max=5, cursor=17)),
        (
            "JOB.LIST queue q task t tenant a group 'g 1' key k",
            ListArguments(queue="q", task="t", tenant="a", group="g 1", key="k"),
        ),
        (
            "JOB.LIST SINCE 0 UNTIL 9",
            ListArguments(submitted_from=0, submitted_until=9),
        ),
        ("JOB.LIST ERROR 'Timeout: no answer'", ListArguments(error="Timeout: no answer")),
        ("JOB.LIST CONNECTION web-1", ListArguments(connection="web-1")),
        ("JOB.LIST CONNECTION Me", ListArguments(connection="me")),
    ],
)
def test_a_list_is_read(line: str, value: ListArguments) -> None:
    assert read(line) == value


@pytest.mark.parametrize(
    ("word", "states"),
    [
        *[(state, {state}) for state in STATES],
        ("DEAD", {"dead"}),
        ("waiting", {"scheduled", "blocked", "ready"}),
        ("unfinished", {"scheduled", "blocked", "ready", "claimed"}),
        ("finished", {"completed", "dead", "cancelled", "expired"}),
    ],
)
def test_a_word_stands_for_states(word: str, states: set[str]) -> None:
    assert read(f"JOB.LIST STATE {word}") == ListArguments(states=frozenset(states))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.REDRIVE 17", SelectionArguments(17)),
        ("JOB.REDRIVE QUEUE q", SelectionArguments(queue="q")),
        (
            "JOB.REDRIVE queue q rate 50 limit 1000",
            SelectionArguments(queue="q", per_second=50, jobs_max=1000),
        ),
        ("JOB.DISCARD 17", SelectionArguments(17)),
        (
            "JOB.DISCARD ERROR 'no such file' QUEUE q",
            SelectionArguments(queue="q", error="no such file"),
        ),
    ],
)
def test_a_selection_is_read(line: str, value: SelectionArguments) -> None:
    assert read(line) == value


@given(st.permutations(["QUEUE q", "TASK t", "ERROR e", "SINCE 1", "UNTIL 2", "RATE 3", "LIMIT 4"]))
def test_a_selection_means_the_same_in_any_order(options: list[str]) -> None:
    assert read(f"JOB.REDRIVE {' '.join(options)}") == SelectionArguments(
        None, "q", "t", "e", 1, 2, 3, 4
    )
