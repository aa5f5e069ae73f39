"""The words for the states of a job."""

from penstock.jobs.model import FINISHED, WAITING, State
from penstock.protocol import states


def test_the_words_are_those_of_the_records() -> None:
    assert list(states.STATES) == [state.value for state in State]


def test_words_for_several_states_are_those_of_the_records() -> None:
    assert states.STATE_FILTERS["waiting"] == {state.value for state in WAITING}
    assert states.STATE_FILTERS["finished"] == {state.value for state in FINISHED}
