"""The arguments of workers' commands as values; what is refused is in the transcripts."""

import pytest

from penstock.config import limits
from penstock.protocol.errors import ArgumentError
from penstock.protocol.worker_arguments import (
    ClaimArguments,
    CompleteArguments,
    ExtendArguments,
    FailArguments,
    LeaseArguments,
    parse_claim,
)
from tests.unit.protocol.readers import read, words


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.CLAIM a", ClaimArguments(("a",), 1, 1000)),
        ("JOB.CLAIM a b", ClaimArguments(("a", "b"), 1, 1000)),
        ("JOB.CLAIM a b a", ClaimArguments(("a", "b"))),
        ("JOB.CLAIM A a", ClaimArguments(("A", "a"))),
        ("JOB.CLAIM a COUNT 5", ClaimArguments(("a",), 5, 1000)),
        ("JOB.CLAIM a b wait 0 count 2", ClaimArguments(("a", "b"), 2, 0)),
        ("JOB.CLAIM count", ClaimArguments(("count",))),
        ("JOB.CLAIM wait a wait 7", ClaimArguments(("wait", "a"), 1, 7)),
    ],
)
def test_claim_is_read(line: str, value: ClaimArguments) -> None:
    assert parse_claim(words(line)) == value


def test_claim_takes_no_more_queues_than_the_maximum() -> None:
    queues = [b"q%d" % number for number in range(limits.CLAIM_QUEUES_MAX)]
    assert len(parse_claim([b"JOB.CLAIM", *queues]).queues) == limits.CLAIM_QUEUES_MAX

    with pytest.raises(ArgumentError, match=r"JOB\.CLAIM takes 256 queues, not 257"):
        parse_claim([b"JOB.CLAIM", *queues, b"more"])


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.COMPLETE 7 1", CompleteArguments(7, 1, b"")),
        ("JOB.COMPLETE 7 1 5", CompleteArguments(7, 1, b"5")),
        ("JOB.FAIL 7 1 'ValueError: x'", FailArguments(7, 1, "ValueError: x")),
        ("JOB.FAIL 7 1 x dead", FailArguments(7, 1, "x", dead=True)),
        (r'JOB.FAIL 7 1 "a\x00\xffb\n"', FailArguments(7, 1, "a\ufffd\ufffdb\n")),
        ("JOB.EXTEND 7 1", ExtendArguments(7, 1, None)),
        ("JOB.EXTEND 7 1 500", ExtendArguments(7, 1, 500)),
        ("JOB.RELEASE 7 2", LeaseArguments(7, 2)),
    ],
)
def test_what_a_worker_says_of_its_job_is_read(line: str, value: object) -> None:
    assert read(line) == value
