"""Which sentence and which exit code an error becomes."""

import pytest

from penstock.cli.exits import Exit
from penstock.cli.failures import explain
from penstock.client import JobCancelled, JobExpired, JobFailed, QueueFull, Refused

SENTENCES: list[tuple[Exception, Exit, str]] = [
    (
        JobFailed(7, "ValueError", "boom", "ValueError: boom\nTraceback ...\n"),
        Exit.JOB_FAILED,
        "job 7 failed: ValueError: boom (penstock show 7 has the traceback)",
    ),
    (
        JobFailed(7, "WorkerLost", "it was killed", "WorkerLost: it was killed\n"),
        Exit.JOB_FAILED,
        "job 7 failed: WorkerLost: it was killed (penstock show 7 shows its attempts)",
    ),
    (JobCancelled(7, "twice"), Exit.JOB_FAILED, "job 7 was cancelled: twice"),
    (JobExpired(7, "too late"), Exit.JOB_FAILED, "job 7 expired: too late"),
    (
        QueueFull("QUEUEFULL", "queue q is full; try again in about 5 ms"),
        Exit.REFUSED,
        "QUEUEFULL queue q is full; try again in about 5 ms",
    ),
    (
        Refused("NOAUTH", "HELLO must be called with ..."),
        Exit.REFUSED,
        "NOAUTH the server wants a password; put it into the variable PENSTOCK_PASSWORD, such as"
        " PENSTOCK_PASSWORD=... penstock queues",
    ),
    (
        Refused("WRONGPASS", "invalid username-password pair or user is disabled."),
        Exit.REFUSED,
        "WRONGPASS the password in PENSTOCK_PASSWORD is not the server's; ask its operator for it",
    ),
]


@pytest.mark.parametrize(("error", "code", "sentence"), SENTENCES)
def test_an_error_becomes_a_sentence(error: Exception, code: Exit, sentence: str) -> None:
    failure = explain(error)

    assert failure is not None
    assert (failure.code, str(failure)) == (code, sentence)


def test_a_mistake_of_ours_is_not_explained_away() -> None:
    assert explain(RuntimeError("x")) is None
