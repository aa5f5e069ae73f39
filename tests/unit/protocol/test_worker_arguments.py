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
    OutputArguments,
    ProgressArguments,
    parse_claim,
    parse_output,
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
        ("JOB.FAIL 7 1 x after 0", FailArguments(7, 1, "x", after_ms=0)),
        ("JOB.FAIL 7 1 x AFTER 500", FailArguments(7, 1, "x", after_ms=500)),
        ("JOB.FAIL 7 1 x CANCEL", FailArguments(7, 1, "x", cancel=True)),
        ("JOB.EXTEND 7 1", ExtendArguments(7, 1, None)),
        ("JOB.EXTEND 7 1 500", ExtendArguments(7, 1, 500)),
        ("JOB.RELEASE 7 2", LeaseArguments(7, 2)),
        ("JOB.RELEASE 7 2 delay 60000", LeaseArguments(7, 2, 60_000)),
        ("JOB.PROGRESS 7 2 0", ProgressArguments(7, 2, 0)),
        ("JOB.PROGRESS 7 2 100 'Seite 3 von 7'", ProgressArguments(7, 2, 100, "Seite 3 von 7")),
        (r'JOB.OUTPUT 7 2 "one\ntwo\n"', OutputArguments(7, 2, "one\ntwo\n")),
        ("JOB.OUTPUT 7 2 ''", OutputArguments(7, 2, "")),
    ],
)
def test_what_a_worker_says_of_its_job_is_read(line: str, value: object) -> None:
    assert read(line) == value


def test_of_a_long_output_the_end_is_read() -> None:
    text = "first" + "x" * limits.JOB_OUTPUT_BYTES_MAX

    assert parse_output([b"JOB.OUTPUT", b"7", b"2", text.encode()]).text == text[5:]


def test_a_long_output_is_not_cut_within_a_character() -> None:
    text = "€" * limits.JOB_OUTPUT_BYTES_MAX

    kept = parse_output([b"JOB.OUTPUT", b"7", b"2", text.encode()]).text

    assert set(kept) == {"€"}
    assert limits.JOB_OUTPUT_BYTES_MAX - 3 <= len(kept.encode()) <= limits.JOB_OUTPUT_BYTES_MAX
