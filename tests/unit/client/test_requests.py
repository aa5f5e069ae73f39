"""Requests as bytes that the server's own parser reads, and replies as values or exceptions."""

from typing import Any

import pytest

from penstock.client import requests
from penstock.client.errors import (
    JobFailed,
    OutcomeUnknown,
    PenstockError,
    ProtocolError,
    Refused,
    WaitTimeout,
)
from penstock.client.options import Options
from penstock.client.tasks import decode_json, keep_bytes
from penstock.client.ticket import NEVER, Ticket
from penstock.config import limits
from penstock.protocol.job_arguments import parse_wait
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply, Simple
from penstock.protocol.requests import RequestParser
from penstock.protocol.submit_arguments import parse_call, parse_submit
from penstock.protocol.worker_arguments import parse_claim


def parsed(raw: bytes) -> list[bytes]:
    parser = RequestParser()
    parser.authenticated = True
    parser.feed(raw)
    arguments = parser.next()
    assert arguments is not None
    assert parser.next() is None
    assert not parser.pending
    return arguments


def test_a_submission_carries_its_options() -> None:
    options = Options("q", 5, 6, None, 7, 8)
    request = requests.submit("t", b"\r\n", options, "k", "the task's own")

    submit = parse_submit(parsed(request.stem))
    assert (submit.task, submit.payload, submit.queue, submit.key) == ("t", b"\r\n", "q", "k")
    assert (submit.priority, submit.delay_ms) == (5, 6)
    assert (submit.timeout_ms, submit.attempts_max) == (7, 8)


def test_a_task_may_name_its_queue() -> None:
    request = requests.submit("t", b"", Options(at=77), None, "slow")

    submit = parse_submit(parsed(request.stem))
    assert (submit.queue, submit.at, submit.key) == ("slow", 77, None)


def sent(request: requests.Request[Any]) -> list[bytes]:
    return parsed(Ticket(request, None, 1, NEVER).encoded(0.0))


def test_waits_and_claims_are_what_the_server_reads() -> None:
    call = requests.call("t", b"", Options(wait_ms=500), "k", decode=keep_bytes)
    assert parse_call(sent(call)).wait_ms == 500
    assert parse_wait(sent(requests.wait(7, 500, decode=keep_bytes))).wait_ms == 500
    claim = parse_claim(sent(requests.claim(["a", "b"], 3, 0)))
    assert (claim.queues, claim.jobs_max, claim.wait_ms) == (("a", "b"), 3, 0)


TOO_LARGE = bytes(limits.ARGUMENT_BYTES_MAX + 1)


def test_a_payload_that_no_server_takes_is_refused_here() -> None:
    with pytest.raises(Refused, match="TOOLARGE the payload has"):
        requests.submit("t", TOO_LARGE, Options(), "k")


def test_a_result_that_no_server_takes_is_refused_here() -> None:
    with pytest.raises(Refused, match="TOOLARGE the result has"):
        requests.complete(1, 1, TOO_LARGE)


def test_an_error_that_is_no_unicode_is_escaped() -> None:
    assert parsed(requests.fail(1, 2, "E: \udc80").stem)[3] == b"E: \\udc80"


ERRORS: list[tuple[str, str, type[PenstockError], dict[str, object]]] = [
    (
        "DEAD",
        "job 17 failed 3 of 3 attempts: ValueError: boom: again",
        JobFailed,
        {"job_id": 17, "type": "ValueError", "message": "boom: again"},
    ),
    (
        "DEAD",
        "job 17 failed 3 of 3 attempts: it is broken",
        JobFailed,
        {"job_id": 17, "type": "Error", "message": "it is broken"},
    ),
    (
        "DEAD",
        "job 17 failed 1 of 3 attempts: KeyError:",
        JobFailed,
        {"type": "KeyError", "message": ""},
    ),
    (
        "DEAD",
        "job 17 failed for good at attempt 1: ResultError: no use",
        JobFailed,
        {"job_id": 17, "type": "ResultError", "message": "no use"},
    ),
    ("DEAD", "in words of another server", Refused, {"code": "DEAD"}),
    ("TIMEOUT", "job 17 did not finish within 5 ms", WaitTimeout, {"job_id": 17}),
    ("DRAINING", "the server leaves; job 17 goes on when it is back", WaitTimeout, {"job_id": 17}),
    ("DRAINING", "the server leaves", Refused, {"code": "DRAINING"}),
    ("UNKNOWN", "half-way", OutcomeUnknown, {"key": None}),
    ("NOJOB", "job 5 is not known", Refused, {"code": "NOJOB", "text": "job 5 is not known"}),
]


@pytest.mark.parametrize(("code", "text", "kind", "attributes"), ERRORS)
def test_an_error_reply_becomes_an_exception(
    code: str, text: str, kind: type[PenstockError], attributes: dict[str, object]
) -> None:
    error = requests.error_of(ErrorReply(code, text))

    assert type(error) is kind
    assert {name: getattr(error, name) for name in attributes} == attributes


CALL = requests.call("t", b"", Options(), None, decode=decode_json)
SUBMIT = requests.submit("t", b"", Options(), None)

READ: list[tuple[requests.Request[Any], Reply, object]] = [
    (SUBMIT, 5, 5),
    (CALL, b"5", 5),
    (requests.complete(1, 1, b""), Simple("OK"), None),
    (requests.extend(1, 1, None), 500, 500),
    (requests.execute(["PING"]), Simple("PONG"), "PONG"),
    (requests.queues(), [], []),
    (requests.claim(["q"], 1, 0), [], []),
]


@pytest.mark.parametrize(("request_", "reply", "value"), READ)
def test_a_reply_is_read(request_: requests.Request[Any], reply: Reply, value: object) -> None:
    assert request_.read(reply) == value


@pytest.mark.parametrize("request_", [each for each, _, _ in READ])
def test_an_error_is_raised_for_every_request(request_: requests.Request[Any]) -> None:
    with pytest.raises(Refused, match="NOJOB"):
        request_.read(ErrorReply("NOJOB", "x"))


UNREADABLE: list[tuple[requests.Request[Any], Reply]] = [
    (SUBMIT, b"5"),
    (SUBMIT, True),
    (CALL, 5),
    (requests.complete(1, 1, b""), b"what"),
    (requests.show(1), 5),
    (requests.show(1), {5: 5}),
    (requests.show(1), {b"errors": 5}),
    (requests.show(1), {b"id": 1, b"errors": []}),
    (requests.queues(), 5),
    (requests.queue("q"), {b"name": b"q"}),
    (requests.claim(["q"], 1, 0), 5),
    (requests.claim(["q"], 1, 0), [[1, 2]]),
]


@pytest.mark.parametrize(("request_", "reply"), UNREADABLE)
def test_a_reply_of_another_shape_is_an_error(
    request_: requests.Request[Any], reply: Reply
) -> None:
    with pytest.raises(ProtocolError):
        request_.read(reply)
