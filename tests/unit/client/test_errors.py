"""Exceptions keep what they know when they cross processes."""

import pickle

import pytest

from penstock.client import (
    ConnectionLost,
    JobCancelled,
    JobExpired,
    JobFailed,
    OutcomeUnknown,
    PenstockError,
    ProtocolError,
    QueueFull,
    Refused,
    ResultInvalid,
    WaitTimeout,
)

ERRORS = [
    Refused("NOJOB", "job 5 is not known"),
    QueueFull("QUEUEFULL", "queue q is full; try again in about 5 ms"),
    JobCancelled(17, "ordered twice"),
    JobExpired(17),
    JobFailed(17, "ValueError", "boom", "ValueError: boom\n...", summary="failed 3 of 3 attempts"),
    WaitTimeout(17, "job 17 did not finish"),
    OutcomeUnknown("nobody knows", "my key"),
    ConnectionLost("it broke"),
    ResultInvalid("no JSON"),
    ProtocolError("what is this"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_can_be_pickled(error: PenstockError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
