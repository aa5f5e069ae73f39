"""Requests about jobs, as the server's own parsers read them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.client import Cancellation, ProtocolError, Refused, job_requests
from penstock.client.filters import JobFilter, job_words
from penstock.client.requests import Lost, Request
from penstock.protocol.job_arguments import parse_cancel
from penstock.protocol.list_arguments import parse_discard, parse_list, parse_redrive
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply, Simple
from tests.unit.client.test_requests import parsed

EVERY: JobFilter = {
    "queue": "mail",
    "state": "waiting",
    "task": "send",
    "tenant": "acme",
    "group": "g 1",
    "key": "k 1",
    "since": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    "until": 2_000,
    "error": "Value Error",
    "connection": "me",
}


def test_a_list_carries_its_filters() -> None:
    found = parse_list(parsed(job_requests.page(job_words(EVERY), 50, 17).stem))

    assert (found.queue, found.task, found.tenant) == ("mail", "send", "acme")
    assert (found.group, found.key, found.error) == ("g 1", "k 1", "Value Error")
    assert (found.submitted_from, found.submitted_until) == (1_000, 2_000)
    assert found.states == frozenset({"scheduled", "blocked", "ready"})
    assert (found.connection, found.jobs_max, found.cursor) == ("me", 50, 17)


def test_filters_of_none_are_any() -> None:
    assert job_words({"queue": None, "since": None}) == []


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(TypeError, match="no filter 'colour'; there are connection, error"):
        job_words({"colour": "red"})  # type: ignore[typeddict-unknown-key]


def test_a_filter_of_a_wrong_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="no text and no number"):
        job_words({"task": ["a"]})  # type: ignore[typeddict-item]


def test_a_state_is_no_filter_of_dead_jobs() -> None:
    with pytest.raises(TypeError, match="'state'"):
        job_requests.discard_dead("q", {"state": "dead"})  # type: ignore[typeddict-unknown-key]


def test_a_cancellation_carries_its_reason() -> None:
    found = parse_cancel(parsed(job_requests.cancel(7, "ordered twice").stem))

    assert (found.job_id, found.reason) == (7, "ordered twice")
    assert parse_cancel(parsed(job_requests.cancel(7, None).stem)).reason is None


def test_one_job_is_redriven_by_its_id() -> None:
    assert parse_redrive(parsed(job_requests.redrive(7).stem)).job_id == 7
    assert parse_discard(parsed(job_requests.discard(7).stem)).job_id == 7


def test_dead_jobs_are_redriven_by_filters() -> None:
    request = job_requests.redrive_dead("q", {"task": "t", "error": "E", "since": 1}, 5, 6)

    found = parse_redrive(parsed(request.stem))
    assert (found.queue, found.task, found.error, found.submitted_from) == ("q", "t", "E", 1)
    assert (found.per_second, found.jobs_max) == (5, 6)


def test_dead_jobs_are_discarded_by_filters() -> None:
    found = parse_discard(parsed(job_requests.discard_dead("q", {"until": 9}).stem))

    assert (found.queue, found.submitted_until) == ("q", 9)


READ: list[tuple[Request[Any], Reply, object]] = [
    (job_requests.cancel(1, None), Simple("CANCELLED"), Cancellation.CANCELLED),
    (job_requests.cancel(1, None), Simple("TOLD"), Cancellation.TOLD),
    (job_requests.redrive(1), 1, None),
    (job_requests.redrive_dead("q", {}, None, None), 5, 5),
    (job_requests.discard(1), 1, None),
    (job_requests.discard_dead("q", {}), 0, 0),
]


@pytest.mark.parametrize(("request_", "reply", "value"), READ)
def test_a_reply_is_read(request_: Request[Any], reply: Reply, value: object) -> None:
    assert request_.read(reply) == value


@pytest.mark.parametrize("request_", [each for each, _, _ in READ])
def test_a_refusal_is_raised(request_: Request[Any]) -> None:
    with pytest.raises(Refused, match="FINISHED"):
        request_.read(ErrorReply("FINISHED", "job 1 is completed already"))


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (job_requests.cancel(1, None), Simple("MAYBE")),
        (job_requests.cancel(1, None), 5),
        (job_requests.redrive(1), b"1"),
        (job_requests.page([], 1, 0), []),
        (job_requests.page([], 1, 0), [0, [{b"id": 1}]]),
    ],
)
def test_a_reply_of_another_shape_is_an_error(request_: Request[Any], reply: Reply) -> None:
    with pytest.raises(ProtocolError):
        request_.read(reply)


def test_what_would_be_done_twice_is_not_sent_twice() -> None:
    assert job_requests.redrive(1).lost is Lost.UNKNOWN
    assert job_requests.cancel(1, None).lost is Lost.SEND_AGAIN
    assert job_requests.page([], 1, 0).lost is Lost.ASK_AGAIN
