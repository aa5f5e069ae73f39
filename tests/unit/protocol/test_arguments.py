"""The arguments of each command as values; what is refused is in the transcripts."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config import limits
from penstock.protocol import arguments as reading
from penstock.protocol.arguments import (
    AuthArguments,
    CallArguments,
    ClaimArguments,
    CompleteArguments,
    ExtendArguments,
    FailArguments,
    HelloArguments,
    LeaseArguments,
    SubmitArguments,
    WaitArguments,
)
from penstock.protocol.errors import ArgumentError
from penstock.protocol.inline import split_inline
from penstock.protocol.values import shown


def words(line: str) -> list[bytes]:
    split = split_inline(line.encode())
    assert split is not None
    return split


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.SUBMIT add [2,3]", SubmitArguments("add", b"[2,3]")),
        ('JOB.SUBMIT add ""', SubmitArguments("add", b"")),
        ("JOB.SUBMIT a.b:c/d@e+f-g_H9 x QUEUE x", SubmitArguments("a.b:c/d@e+f-g_H9", b"x", "x")),
        (
            "JOB.SUBMIT add x KEY k ATTEMPTS 5 TIMEOUT 4 DELAY 3 PRIORITY 2 QUEUE q",
            SubmitArguments("add", b"x", "q", 2, 3, None, 4, 5, "k"),
        ),
        ("job.submit add x priority 0 At 7", SubmitArguments("add", b"x", priority=0, at=7)),
        (
            "JOB.SUBMIT add x PRIORITY 4294967295 DELAY 31622400000",
            SubmitArguments("add", b"x", priority=4_294_967_295, delay_ms=31_622_400_000),
        ),
        ("JOB.SUBMIT add x KEY 'ключ 1'", SubmitArguments("add", b"x", key="ключ 1")),
        ("JOB.SUBMIT add x QUEUE QUEUE", SubmitArguments("add", b"x", "QUEUE")),
    ],
)
def test_submit_is_read(line: str, value: SubmitArguments) -> None:
    assert reading.parse_submit(words(line)) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.CALL add x", CallArguments(SubmitArguments("add", b"x"), 3_600_000)),
        ("JOB.CALL add x WAIT 0", CallArguments(SubmitArguments("add", b"x"), 0)),
        (
            "JOB.CALL add x wait 5 KEY k",
            CallArguments(SubmitArguments("add", b"x", key="k"), 5),
        ),
        (
            "JOB.CALL add x KEY k",
            CallArguments(SubmitArguments("add", b"x", key="k"), 3_600_000),
        ),
    ],
)
def test_call_is_read(line: str, value: CallArguments) -> None:
    assert reading.parse_call(words(line)) == value


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
    assert reading.parse_claim(words(line)) == value


def test_claim_takes_no_more_queues_than_the_maximum() -> None:
    queues = [b"q%d" % number for number in range(limits.CLAIM_QUEUES_MAX)]
    assert len(reading.parse_claim([b"JOB.CLAIM", *queues]).queues) == limits.CLAIM_QUEUES_MAX

    with pytest.raises(ArgumentError, match=r"JOB\.CLAIM takes 256 queues, not 257"):
        reading.parse_claim([b"JOB.CLAIM", *queues, b"more"])


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.WAIT 7", WaitArguments(7, 3_600_000)),
        ("JOB.WAIT 7 WAIT 5", WaitArguments(7, 5)),
        ("JOB.SHOW 9223372036854775807", 2**63 - 1),
        ("JOB.COMPLETE 7 1", CompleteArguments(7, 1, b"")),
        ("JOB.COMPLETE 7 1 5", CompleteArguments(7, 1, b"5")),
        ("JOB.FAIL 7 1 'ValueError: x'", FailArguments(7, 1, "ValueError: x")),
        ("JOB.FAIL 7 1 x dead", FailArguments(7, 1, "x", dead=True)),
        (r'JOB.FAIL 7 1 "a\x00\xffb\n"', FailArguments(7, 1, "a\ufffd\ufffdb\n")),
        ("JOB.EXTEND 7 1", ExtendArguments(7, 1, None)),
        ("JOB.EXTEND 7 1 500", ExtendArguments(7, 1, 500)),
        ("JOB.RELEASE 7 2", LeaseArguments(7, 2)),
        ("QUEUE.SHOW reports", "reports"),
    ],
)
def test_commands_about_a_job_or_a_queue_are_read(line: str, value: object) -> None:
    readers: dict[bytes, Any] = {
        b"JOB.WAIT": reading.parse_wait,
        b"JOB.SHOW": reading.parse_job_id,
        b"JOB.COMPLETE": reading.parse_complete,
        b"JOB.FAIL": reading.parse_fail,
        b"JOB.EXTEND": reading.parse_extend,
        b"JOB.RELEASE": reading.parse_lease,
        b"QUEUE.SHOW": reading.parse_queue_name,
    }
    arguments = words(line)

    assert readers[arguments[0]](arguments) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("HELLO", HelloArguments()),
        ("HELLO 2", HelloArguments(2)),
        ("hello 3", HelloArguments(3)),
        ("HELLO 3 AUTH default pw", HelloArguments(3, b"default", b"pw")),
        ("HELLO 3 setname n auth u p", HelloArguments(3, b"u", b"p", "n")),
        ("HELLO 3 SETNAME ''", HelloArguments(3, client_name="")),
    ],
)
def test_hello_is_read(line: str, value: HelloArguments) -> None:
    assert reading.parse_hello(words(line)) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("AUTH pw", AuthArguments(None, b"pw")),
        ("AUTH default pw", AuthArguments(b"default", b"pw")),
    ],
)
def test_auth_is_read(line: str, value: AuthArguments) -> None:
    assert reading.parse_auth(words(line)) == value


def test_select_is_read() -> None:
    assert reading.parse_select(words("SELECT 15")) == 15


def test_a_client_name_is_read() -> None:
    assert reading.read_client_name(b"worker-1") == "worker-1"


def test_a_client_name_has_a_longest_length() -> None:
    with pytest.raises(ArgumentError, match="Client names cannot contain"):
        reading.read_client_name(b"x" * (limits.NAME_BYTES_MAX + 1))


@pytest.mark.parametrize(("length", "fits"), [(1, True), (200, True), (201, False), (9999, False)])
def test_a_name_has_a_longest_length(length: int, fits: bool) -> None:
    arguments = [b"JOB.SUBMIT", b"x" * length, b""]

    if fits:
        assert reading.parse_submit(arguments).task == "x" * length
    else:
        with pytest.raises(ArgumentError, match="task must be 1 to 200 characters"):
            reading.parse_submit(arguments)


@pytest.mark.parametrize(("length", "fits"), [(255, True), (256, False)])
def test_a_key_has_a_longest_length(length: int, fits: bool) -> None:
    arguments = [b"JOB.SUBMIT", b"add", b"", b"KEY", b"k" * length]

    if fits:
        assert reading.parse_submit(arguments).key == "k" * length
    else:
        with pytest.raises(ArgumentError, match="KEY must be 1 to 255 bytes"):
            reading.parse_submit(arguments)


@pytest.mark.parametrize(
    "read", [reading.parse_submit, reading.parse_call, reading.parse_claim, reading.parse_hello]
)
@given(rest=st.lists(st.binary(max_size=12), min_size=2, max_size=12))
def test_no_arguments_raise_anything_but_a_refusal(
    read: Callable[[list[bytes]], object], rest: list[bytes]
) -> None:
    with suppress(ArgumentError):
        read([b"COMMAND", *rest])


@given(st.binary(max_size=300))
def test_an_argument_is_shown_in_one_short_line(raw: bytes) -> None:
    quoted = shown(raw)

    assert quoted.isprintable()
    assert len(quoted) <= 67


@given(st.permutations(["QUEUE q", "PRIORITY 1", "DELAY 2", "TIMEOUT 3", "ATTEMPTS 4", "KEY k"]))
def test_options_mean_the_same_in_any_order(options: list[str]) -> None:
    line = f"JOB.SUBMIT add x {' '.join(options)}"

    assert reading.parse_submit(words(line)) == SubmitArguments(
        "add", b"x", "q", 1, 2, None, 3, 4, "k"
    )
