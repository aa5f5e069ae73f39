"""The arguments of submissions as values; what is refused is in the transcripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config import limits
from penstock.protocol.errors import ArgumentError
from penstock.protocol.submit_arguments import (
    CallArguments,
    RetryArguments,
    SubmitArguments,
    WishArguments,
    parse_call,
    parse_submit,
)
from tests.unit.protocol.readers import words


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
        (
            "JOB.SUBMIT add x TENANT acme GROUP 'order 7' DEADLINE 9 KEEP 8 KEY k WINDOW 6",
            SubmitArguments(
                "add",
                b"x",
                key="k",
                wishes=WishArguments("acme", "order 7", deadline_ms=9, keep_ms=8, window_ms=6),
            ),
        ),
        (
            "JOB.SUBMIT add x replace KEY k",
            SubmitArguments("add", b"x", key="k", wishes=WishArguments(replace=True)),
        ),
        (
            "JOB.SUBMIT add x DELAY 5 DEADLINE 6",
            SubmitArguments("add", b"x", delay_ms=5, wishes=WishArguments(deadline_ms=6)),
        ),
        (
            "JOB.SUBMIT add x RETRY-CAP 9",
            SubmitArguments("add", b"x", wishes=WishArguments(retry=RetryArguments(cap_ms=9))),
        ),
        (
            "JOB.SUBMIT add x RETRY-JITTER None RETRY-CAP 9 RETRY-BASE 9",
            SubmitArguments("add", b"x", wishes=WishArguments(retry=RetryArguments(9, 9, False))),
        ),
        (
            "JOB.SUBMIT add x RETRY-JITTER full",
            SubmitArguments("add", b"x", wishes=WishArguments(retry=RetryArguments(jitter=True))),
        ),
        (
            "JOB.SUBMIT add x RETRY-DELAYS 0",
            SubmitArguments(
                "add", b"x", wishes=WishArguments(retry=RetryArguments(delays_ms=(0,)))
            ),
        ),
        (
            "JOB.SUBMIT add x RETRY-DELAYS 1000,60000,5",
            SubmitArguments(
                "add", b"x", wishes=WishArguments(retry=RetryArguments(delays_ms=(1000, 60_000, 5)))
            ),
        ),
        ("JOB.SUBMIT add x QUEUE QUEUE", SubmitArguments("add", b"x", "QUEUE")),
    ],
)
def test_submit_is_read(line: str, value: SubmitArguments) -> None:
    assert parse_submit(words(line)) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("JOB.CALL add x", CallArguments(SubmitArguments("add", b"x"), 3_600_000)),
        (
            "JOB.CALL add x KEY k WINDOW 5 DEADLINE 7 WAIT 9",
            CallArguments(
                SubmitArguments(
                    "add", b"x", key="k", wishes=WishArguments(window_ms=5, deadline_ms=7)
                ),
                wait_ms=9,
            ),
        ),
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
    assert parse_call(words(line)) == value


@pytest.mark.parametrize(("length", "fits"), [(1, True), (200, True), (201, False), (9999, False)])
def test_a_name_has_a_longest_length(length: int, fits: bool) -> None:
    arguments = [b"JOB.SUBMIT", b"x" * length, b""]

    if fits:
        assert parse_submit(arguments).task == "x" * length
    else:
        with pytest.raises(ArgumentError, match="task must be 1 to 200 characters"):
            parse_submit(arguments)


@pytest.mark.parametrize(("length", "fits"), [(255, True), (256, False)])
def test_a_key_has_a_longest_length(length: int, fits: bool) -> None:
    arguments = [b"JOB.SUBMIT", b"add", b"", b"KEY", b"k" * length]

    if fits:
        assert parse_submit(arguments).key == "k" * length
    else:
        with pytest.raises(ArgumentError, match="KEY must be 1 to 255 bytes"):
            parse_submit(arguments)


@pytest.mark.parametrize("count", [1, limits.RETRY_DELAYS_MAX])
def test_as_many_delays_are_read_as_are_allowed(count: int) -> None:
    delays = b",".join([b"7"] * count)

    submit = parse_submit([b"JOB.SUBMIT", b"add", b"", b"RETRY-DELAYS", delays])

    assert submit.wishes == WishArguments(retry=RetryArguments(delays_ms=(7,) * count))


def test_more_delays_are_refused() -> None:
    delays = b",".join([b"7"] * (limits.RETRY_DELAYS_MAX + 1))

    with pytest.raises(ArgumentError, match="RETRY-DELAYS takes at most 100 numbers"):
        parse_submit([b"JOB.SUBMIT", b"add", b"", b"RETRY-DELAYS", delays])


@given(st.permutations(["KEY k", "WINDOW 1", "TENANT t", "GROUP g", "DEADLINE 2", "RETRY-CAP 3"]))
def test_policies_mean_the_same_in_any_order(options: list[str]) -> None:
    assert parse_submit(words(f"JOB.SUBMIT add x {' '.join(options)}")) == SubmitArguments(
        "add",
        b"x",
        key="k",
        wishes=WishArguments(
            tenant="t", group="g", deadline_ms=2, retry=RetryArguments(cap_ms=3), window_ms=1
        ),
    )


@given(st.permutations(["QUEUE q", "PRIORITY 1", "DELAY 2", "TIMEOUT 3", "ATTEMPTS 4", "KEY k"]))
def test_options_mean_the_same_in_any_order(options: list[str]) -> None:
    line = f"JOB.SUBMIT add x {' '.join(options)}"

    assert parse_submit(words(line)) == SubmitArguments("add", b"x", "q", 1, 2, None, 3, 4, "k")
