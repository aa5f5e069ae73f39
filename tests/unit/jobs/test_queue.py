"""The numbers of a queue."""

import pytest

from penstock.jobs.changes import Change
from penstock.jobs.model import FINISHED, State
from penstock.jobs.transitions import TRANSITIONS, Cause
from tests.unit.jobs.desk import Desk
from tests.unit.jobs.jobs import a_queue

ENDS = {cause for (state, cause) in TRANSITIONS if state is State.CLAIMED}


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLAIMED])
def test_a_queue_starts_with_what_the_store_counted(state: State) -> None:
    queue = a_queue()

    queue.restore(state, 3)

    assert getattr(queue, f"{state.value}_count") == 3


def test_no_queue_starts_with_claimed_jobs() -> None:
    with pytest.raises(AssertionError, match="ends the leases"):
        a_queue().restore(State.CLAIMED, 1)


@pytest.mark.parametrize("state", [state for state in State if state in FINISHED])
def test_removed_jobs_are_counted_no_longer(state: State) -> None:
    queue = a_queue()
    queue.restore(state, 3)

    queue.removed(state, 2)

    assert getattr(queue, f"{state.value}_count") == 1


@pytest.mark.parametrize("state", [state for state in State if state not in FINISHED])
def test_unfinished_jobs_are_never_removed(state: State) -> None:
    with pytest.raises(AssertionError, match="only finished jobs"):
        a_queue().removed(state, 1)


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in ENDS])
def test_nothing_else_ends_an_attempt(cause: Cause) -> None:
    with pytest.raises(AssertionError, match="does not end an attempt"):
        a_queue().observe_end(Change(cause, Desk().claimed()))
