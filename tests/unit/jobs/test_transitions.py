"""The table of a job's life: what may happen, where it leads, and nothing else."""

from itertools import product

import pytest

from penstock.jobs.model import FINISHED, State
from penstock.jobs.transitions import TRANSITIONS, Cause, next_state

EVERYTHING = list(product((None, *State), Cause))


@pytest.mark.parametrize(("before", "cause"), TRANSITIONS)
def test_what_the_table_allows_leads_where_it_says(before: State | None, cause: Cause) -> None:
    assert next_state(before, cause) is TRANSITIONS[before, cause]


@pytest.mark.parametrize(
    ("before", "cause"), [step for step in EVERYTHING if step not in TRANSITIONS]
)
def test_what_the_table_does_not_name_cannot_happen(before: State | None, cause: Cause) -> None:
    with pytest.raises(AssertionError, match="cannot happen to a job"):
        next_state(before, cause)


@pytest.mark.parametrize("state", [state for state in State if state in FINISHED])
def test_only_people_bring_a_finished_job_back(state: State) -> None:
    causes = {cause for before, cause in TRANSITIONS if before is state}

    assert causes <= {Cause.REDRIVE, Cause.REJOIN}


def test_what_was_completed_stays_completed() -> None:
    assert all(before is not State.COMPLETED for before, _ in TRANSITIONS)


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_reached(state: State) -> None:
    assert state in TRANSITIONS.values()


@pytest.mark.parametrize("state", [state for state in State if state not in FINISHED])
def test_every_state_that_is_not_an_end_leads_on(state: State) -> None:
    assert any(before is state for before, _ in TRANSITIONS)
