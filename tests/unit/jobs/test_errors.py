"""Refusals say what happened, to what, and what to do; each has its code on the wire."""

import pytest

from penstock.config.limits import MIB
from penstock.jobs.errors import (
    AskedToStop,
    DiskLow,
    Draining,
    Finished,
    Invalid,
    KeyReused,
    LeaseLost,
    NoJob,
    NoQueue,
    NotEmpty,
    Overloaded,
    QueueFull,
    QueueLeaves,
    Refused,
    TooLarge,
)
from penstock.jobs.model import JobId, QueueName, State
from penstock.jobs.space import LowSpace
from penstock.protocol.errors import ErrorCode

REFUSALS = [
    (NoJob(JobId(17)), "NOJOB", "job 17 is not known"),
    (NoQueue(QueueName("q")), "NOQUEUE", "queue q is not known"),
    (LeaseLost(JobId(17), 2), "LEASELOST", "attempt 2 does not hold job 17"),
    (KeyReused("k", JobId(17)), "KEYREUSED", "key k was used for job 17"),
    (TooLarge("result", 9, 5), "TOOLARGE", "the result has 9 bytes, 5 are allowed"),
    (Invalid("why"), "ERR", "why"),
    (Draining(), "DRAINING", "send this again when it is back"),
    (
        DiskLow(LowSpace("/var/penstock", 100 * MIB, 256 * MIB)),
        "DISKLOW",
        "nothing was stored: the disk of /var/penstock has 100.0 MiB free and disk_free_min is "
        "256.0 MiB; once 320.0 MiB are free jobs are taken again: make room, or lower "
        "disk_free_min",
    ),
    (
        QueueFull(QueueName("q"), "9 jobs wait", 250),
        "QUEUEFULL",
        "queue q is full: 9 jobs wait; try again in about 250 ms",
    ),
    (AskedToStop(JobId(17), 2), "CANCELLED", "job 17 was cancelled: attempt 2 is to stop"),
    (QueueLeaves(QueueName("q")), "OVERLOADED", "queue q is being deleted; try again"),
    (Finished(JobId(17), State.DEAD), "FINISHED", "job 17 is dead already"),
    (NotEmpty(QueueName("q"), 3, 0), "NOTEMPTY", "queue q is not empty: 3 jobs waiting"),
    (NotEmpty(QueueName("q"), 3, 1), "NOTEMPTY", "queue q is not empty: 1 job running"),
    (Overloaded("queues", 3), "OVERLOADED", "queues: the limit of 3 is reached"),
]


@pytest.mark.parametrize(("refusal", "code", "text"), REFUSALS, ids=[c for _, c, _ in REFUSALS])
def test_a_refusal_has_a_code_and_a_text(refusal: Refused, code: str, text: str) -> None:
    assert refusal.code == code
    assert text in str(refusal)


@pytest.mark.parametrize("refusal", Refused.__subclasses__(), ids=lambda cls: cls.__name__)
def test_every_code_is_known_to_the_protocol(refusal: type[Refused]) -> None:
    assert ErrorCode(refusal.code)
