"""What becomes of what a task raised, and how the server is told."""

import pytest

from penstock.protocol.requests import RequestParser
from penstock.worker import Cancel, Cancelled, Dead, Retries, Retry, Snooze
from penstock.worker.claims import Claim
from penstock.worker.errors import ArgumentError
from penstock.worker.outcomes import Outcome, Verdict, command, failed, hopeless, released


def claim(failures: int = 0) -> Claim:
    return Claim(7, 2, "default", "work", b"", 1_000, failures)


def words(outcome: Outcome) -> list[bytes]:
    parser = RequestParser()
    parser.authenticated = True
    parser.feed(command(outcome))
    request = parser.next()
    assert request is not None
    return request


@pytest.mark.parametrize(
    ("outcome", "request_words"),
    [
        (Outcome(claim(), Verdict.COMPLETED, b"1"), [b"JOB.COMPLETE", b"7", b"2", b"1"]),
        (released(claim()), [b"JOB.RELEASE", b"7", b"2"]),
        (failed(claim(), Snooze(1.5)), [b"JOB.RELEASE", b"7", b"2", b"DELAY", b"1500"]),
        (failed(claim(), Retry(reason="r")), [b"JOB.FAIL", b"7", b"2", b"Retry: r"]),
        (
            failed(claim(), Retry(2, "r")),
            [b"JOB.FAIL", b"7", b"2", b"Retry: r", b"AFTER", b"2000"],
        ),
        (failed(claim(), Dead("d")), [b"JOB.FAIL", b"7", b"2", b"Dead: d", b"DEAD"]),
        (failed(claim(), Cancel("c")), [b"JOB.FAIL", b"7", b"2", b"c", b"CANCEL"]),
        (
            failed(claim(), Cancelled("job 7 was cancelled")),
            [b"JOB.FAIL", b"7", b"2", b"Cancelled: job 7 was cancelled", b"CANCEL"],
        ),
        (
            hopeless(claim(), ArgumentError("a")),
            [b"JOB.FAIL", b"7", b"2", b"ArgumentError: a\na", b"DEAD"],
        ),
    ],
)
def test_the_server_is_told_in_its_own_words(outcome: Outcome, request_words: list[bytes]) -> None:
    assert words(outcome) == request_words


def test_an_ending_that_was_raised_shows_where() -> None:
    try:
        raise Retry(1) from TimeoutError("no answer")
    except Retry as error:
        outcome = failed(claim(), error)

    assert outcome.data.startswith(b"Retry: TimeoutError: no answer\n")
    assert b"raise Retry(1) from" in outcome.data


def test_a_failure_waits_as_the_task_s_policy_says() -> None:
    policy = Retries(delays=[1, 2])

    assert failed(claim(failures=0), ValueError(), policy).after_ms == 1_000
    assert failed(claim(failures=1), ValueError(), policy).after_ms == 2_000


def test_what_retry_says_goes_before_the_task_s_policy() -> None:
    assert failed(claim(), Retry(9), Retries(delays=[1])).after_ms == 9_000
    assert failed(claim(), Retry(), Retries(delays=[1])).after_ms == 1_000


@pytest.mark.parametrize("error", [ValueError(), Retry(9)])
def test_a_job_is_dead_when_the_task_s_attempts_are_used_up(error: Exception) -> None:
    policy = Retries(attempts=2)

    assert failed(claim(failures=0), error, policy).verdict is Verdict.FAILED
    assert failed(claim(failures=1), error, policy).verdict is Verdict.HOPELESS


def test_a_snooze_uses_up_no_attempt() -> None:
    assert failed(claim(failures=5), Snooze(1), Retries(attempts=1)).verdict is Verdict.SNOOZED


def test_text_that_utf_8_cannot_hold_reaches_the_server_all_the_same() -> None:
    for ending in (Retry(reason="\ud800"), Dead("\ud800"), Cancel("\ud800")):
        assert b"\\ud800" in failed(claim(), ending).data
