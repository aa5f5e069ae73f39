"""The life of a job as a table: what may happen to it, and where that takes it.

This is the only place that knows which state follows which. The diagram in ARCHITECTURE.md is
tested against `TRANSITIONS`.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from penstock.jobs.model import State


class Cause(Enum):
    """Why a job changes its state."""

    __hash__ = object.__hash__  # As that of State.

    SUBMIT = "submit"
    SCHEDULE = "schedule"  # Submitted with a delay.
    FALL_DUE = "fall due"
    CLAIM = "claim"
    COMPLETE = "complete"
    RETRY = "retry"  # An attempt failed and another is allowed.
    GIVE_UP = "give up"  # An attempt failed and was the last.
    RELEASE = "release"  # Given back: not a failure.
    SNOOZE = "snooze"  # Given back, to be run later.
    BLOCK = "block"  # Submitted while an earlier job of its group is unfinished.
    PROMOTE = "promote"  # ... which now is finished, and the job is not due yet.
    UNBLOCK = "unblock"  # ... and the job is due.
    CANCEL = "cancel"
    EXPIRE = "expire"
    REDRIVE = "redrive"  # People want it run again.
    REJOIN = "rejoin"  # ... and it belongs to an ordering group, which says when.


TRANSITIONS: Final[Mapping[tuple[State | None, Cause], State]] = {
    (None, Cause.SUBMIT): State.READY,
    (None, Cause.SCHEDULE): State.SCHEDULED,
    (State.SCHEDULED, Cause.FALL_DUE): State.READY,
    (State.READY, Cause.CLAIM): State.CLAIMED,
    (State.CLAIMED, Cause.COMPLETE): State.COMPLETED,
    (State.CLAIMED, Cause.RETRY): State.SCHEDULED,
    (State.CLAIMED, Cause.GIVE_UP): State.DEAD,
    (State.CLAIMED, Cause.RELEASE): State.READY,
    (State.CLAIMED, Cause.SNOOZE): State.SCHEDULED,
    (None, Cause.BLOCK): State.BLOCKED,
    (State.BLOCKED, Cause.PROMOTE): State.SCHEDULED,
    (State.BLOCKED, Cause.UNBLOCK): State.READY,
    (State.SCHEDULED, Cause.CANCEL): State.CANCELLED,
    (State.BLOCKED, Cause.CANCEL): State.CANCELLED,
    (State.READY, Cause.CANCEL): State.CANCELLED,
    (State.CLAIMED, Cause.CANCEL): State.CANCELLED,
    (State.SCHEDULED, Cause.EXPIRE): State.EXPIRED,
    (State.BLOCKED, Cause.EXPIRE): State.EXPIRED,
    (State.READY, Cause.EXPIRE): State.EXPIRED,
    (State.DEAD, Cause.REDRIVE): State.READY,
    (State.CANCELLED, Cause.REDRIVE): State.READY,
    (State.EXPIRED, Cause.REDRIVE): State.READY,
    (State.DEAD, Cause.REJOIN): State.BLOCKED,
    (State.CANCELLED, Cause.REJOIN): State.BLOCKED,
    (State.EXPIRED, Cause.REJOIN): State.BLOCKED,
}

_ONLY_BEFORE: Final[Mapping[Cause, State | None]] = {
    cause: next(state for state, other in TRANSITIONS if other is cause)
    for cause in Cause
    if sum(other is cause for _, other in TRANSITIONS) == 1
}


def next_state(state: State | None, cause: Cause) -> State:
    """Return the state that *cause* leads to; None is the state of a job that is not there yet."""
    after = TRANSITIONS.get((state, cause))
    assert after is not None, f"{cause} cannot happen to a job that is {state}"
    return after


def state_before(cause: Cause) -> State | None:
    """Return the one state in which *cause* happens to a job; None if there are several."""
    return _ONLY_BEFORE.get(cause)
