"""The session between connections: what is sent again, what is in doubt, what is given up."""

from typing import Any

import pytest

from penstock.client import requests
from penstock.client.errors import ConnectionLost, OutcomeUnknown, Refused, WaitTimeout
from penstock.client.requests import Request
from penstock.client.tasks import decode_json
from penstock.client.ticket import NEVER
from penstock.config import limits
from penstock.protocol.replies import ErrorReply
from tests.unit.client.talk import RETRY, Talk, call, claim, failure, submit

# --- lost connections ----------------------------------------------------------------------------


def test_what_was_unanswered_is_sent_again_in_order() -> None:
    talk = Talk().connect()
    answered, *others = [talk.ask(request) for request in (submit("a"), submit("b"), call("c"))]
    talk.sent()
    later = talk.ask(requests.show(9))
    talk.receive(b":1\r\n")
    talk.lose()
    talk.connect()

    assert talk.sent() == submit("b").stem + call("c").stem + requests.show(9).stem
    talk.receive(b":2\r\n$1\r\n5\r\n%0\r\n")
    assert [c.got for c in (answered, *others, later)] == [[1], [2], [b"5"], [{}]]


@pytest.mark.parametrize(
    "request_",
    [
        requests.wait(1, 100, decode=decode_json),
        requests.wait(1, None, decode=decode_json),
        requests.show(1),
        requests.queues(),
        requests.queue("default"),
        requests.complete(1, 2, b"x"),
        requests.fail(1, 2, "E: x", dead=True),
        requests.fail(1, 2, "E: x"),
        requests.extend(1, 2, None),
        requests.extend(1, 2, 5),
        requests.release(1, 2),
    ],
)
def test_questions_and_reports_are_sent_again(request_: Request[Any]) -> None:
    talk = Talk().connect()
    talk.ask(request_)
    first = talk.sent()
    talk.lose()
    talk.connect()

    assert talk.sent() == first


@pytest.mark.parametrize("request_", [submit(None), call(None), requests.execute(["PING"])])
def test_what_must_not_happen_twice_is_in_doubt(request_: Request[Any]) -> None:
    talk = Talk().connect()
    caller = talk.ask(request_)
    talk.sent()
    talk.lose("cable cut")

    error = failure(caller)
    assert isinstance(error, OutcomeUnknown)
    assert error.key is None
    assert "cable cut" in str(error)


def test_what_must_not_happen_twice_is_sent_when_it_never_was() -> None:
    talk = Talk()
    talk.ask(submit(None))
    talk.connect()

    assert talk.sent() == submit(None).stem


def test_a_lost_claim_took_nothing() -> None:
    talk = Talk().connect()
    caller = talk.ask(claim())
    talk.sent()
    talk.lose()

    error = failure(caller)
    assert isinstance(error, ConnectionLost)
    assert "given back" in str(error)


def test_a_call_sent_again_waits_for_what_is_left_of_its_time() -> None:
    talk = Talk().connect()
    talk.ask(call(wait_ms=5000))
    assert talk.sent().endswith(b"$4\r\nWAIT\r\n$4\r\n5000\r\n")
    talk.now += 3
    talk.lose()
    talk.connect()
    assert talk.sent().endswith(b"$4\r\nWAIT\r\n$4\r\n2000\r\n")
    talk.now += 3
    talk.lose()
    talk.connect()

    assert talk.sent().endswith(b"$4\r\nWAIT\r\n$1\r\n0\r\n")


# --- giving up -----------------------------------------------------------------------------------


def test_an_unanswered_submission_fails_when_no_server_comes_back() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit("mine"))
    talk.sent()
    talk.lose("it broke")
    talk.session.cannot_connect("nobody listens")
    talk.now += RETRY - 1
    talk.tick()
    assert caller.got == []
    assert talk.session.next_at() == talk.now + 1
    talk.now += 1
    talk.tick()

    error = failure(caller)
    assert isinstance(error, OutcomeUnknown)
    assert error.key == "mine"
    assert "nobody listens" in str(error)
    assert talk.session.is_idle
    assert talk.session.next_at() == NEVER


@pytest.mark.parametrize("request_", [submit(), submit(None), requests.show(1), claim()])
def test_a_request_that_was_never_sent_did_not_happen(request_: Request[Any]) -> None:
    talk = Talk()
    caller = talk.ask(request_)
    talk.now += RETRY
    talk.tick()

    assert isinstance(failure(caller), ConnectionLost)


def test_a_question_is_never_in_doubt() -> None:
    talk = Talk(retry=0).connect()
    caller = talk.ask(requests.show(1))
    talk.sent()
    talk.lose()

    assert isinstance(failure(caller), ConnectionLost)


def test_without_retries_a_lost_connection_fails_at_once() -> None:
    talk = Talk(retry=0).connect()
    caller = talk.ask(submit())
    talk.sent()
    talk.lose()

    assert isinstance(failure(caller), OutcomeUnknown)


def test_each_request_has_its_own_time() -> None:
    talk = Talk()
    first = talk.ask(submit("a"))
    talk.now += 10
    second = talk.ask(submit("b"))
    talk.now += RETRY - 10
    talk.tick()
    assert (len(first.got), len(second.got)) == (1, 0)
    talk.now += 10
    talk.tick()

    assert len(second.got) == 1


def test_a_request_that_makes_the_server_fail_is_not_sent_for_ever() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit())
    for _ in range(4):
        talk.sent()
        talk.now += RETRY / 3
        talk.lose()
        if caller.got:
            break
        talk.connect()

    assert isinstance(failure(caller), OutcomeUnknown)


def test_a_long_wait_survives_any_number_of_losses_that_are_far_apart() -> None:
    talk = Talk().connect()
    caller = talk.ask(call())
    for _ in range(5):
        assert talk.sent() == call().stem
        talk.now += RETRY + 1
        talk.lose()
        talk.now += RETRY - 1
        talk.tick()
        talk.connect()

    assert caller.got == []


def test_a_call_is_not_kept_beyond_its_own_wait() -> None:
    talk = Talk(retry=3600).connect()
    caller = talk.ask(call(wait_ms=1000))
    talk.sent()
    talk.lose()
    talk.now += 1 + limits.CLIENT_ANSWER_SECONDS
    talk.tick()

    assert isinstance(failure(caller), OutcomeUnknown)


def test_a_closed_session_says_of_each_request_what_is_known() -> None:
    talk = Talk().connect()
    sent = [talk.ask(submit("a")), talk.ask(submit(None)), talk.ask(requests.show(1))]
    talk.session.discard(claim(), [[5, 1, b"default", b"t", b"", 1000]], talk.now)
    talk.sent()
    unsent = talk.ask(submit("b"))
    talk.take(talk.session.close("closed"))

    kinds = [type(failure(caller)) for caller in (*sent, unsent)]
    assert kinds == [OutcomeUnknown, OutcomeUnknown, ConnectionLost, ConnectionLost]
    assert talk.session.is_idle


# --- a server that says: later -------------------------------------------------------------------


@pytest.mark.parametrize("code", [b"DRAINING", b"UNKNOWN"])
def test_a_submission_is_sent_again_to_the_server_that_follows(code: bytes) -> None:
    talk = Talk().connect()
    caller, other = talk.ask(submit("a")), talk.ask(submit("b"))
    talk.sent()
    talk.receive(b"-%b wait\r\n:2\r\n" % code)
    assert (caller.got, other.got) == ([], [2])
    talk.lose()
    talk.connect()

    assert talk.sent() == submit("a").stem
    talk.receive(b":7\r\n")
    assert caller.got == [7]


def test_deferred_requests_are_tried_again_on_the_same_connection_in_order() -> None:
    talk = Talk().connect()
    talk.ask(submit("a"))
    talk.ask(submit("b"))
    talk.sent()
    talk.receive(b"-DRAINING x\r\n-DRAINING x\r\n")
    talk.ask(submit("c"))
    assert talk.sent() == submit("c").stem
    talk.tick()
    assert talk.sent() == b""
    talk.now = talk.session.next_at()
    talk.tick()

    assert talk.sent() == submit("a").stem + submit("b").stem


def test_a_server_that_goes_on_draining_has_refused() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit())
    while not caller.got:
        talk.sent()
        talk.receive(b"-DRAINING shutting down\r\n")
        talk.now = talk.session.next_at()
        talk.tick()

    error = failure(caller)
    assert isinstance(error, Refused)
    assert error.code == "DRAINING"
    assert talk.now == 100 + RETRY


def test_an_unknown_outcome_stays_unknown_when_the_retries_are_used_up() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit("mine"))
    talk.sent()
    talk.receive(b"-UNKNOWN half-way\r\n")
    talk.lose()
    talk.now += RETRY
    talk.tick()

    error = failure(caller)
    assert isinstance(error, OutcomeUnknown)
    assert error.key == "mine"
    assert "half-way" in str(error)


def test_a_call_whose_job_goes_on_without_a_server_says_so() -> None:
    talk = Talk().connect()
    caller = talk.ask(call())
    talk.sent()
    talk.receive(b"-DRAINING the server is shutting down; job 17 goes on when it is back\r\n")
    talk.now += RETRY
    talk.tick()

    error = failure(caller)
    assert isinstance(error, WaitTimeout)
    assert error.job_id == 17


@pytest.mark.parametrize("code", ["DRAINING", "UNKNOWN"])
def test_what_carries_no_key_gets_the_answer_as_it_is(code: str) -> None:
    talk = Talk().connect()
    caller = talk.ask(submit(None))
    talk.sent()
    talk.receive(b"-%b no\r\n" % code.encode())

    assert caller.got == [ErrorReply(code, "no")]


def test_nobody_defers_for_a_caller_that_is_gone() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit())
    talk.sent()
    caller.gone = True
    talk.receive(b"-DRAINING no\r\n")

    assert talk.session.is_idle
