"""The session as its shells see it: requests in, bytes out, replies in order, losses survived."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.client import requests
from penstock.client.backoff import Backoff
from penstock.client.errors import (
    ConnectionLost,
    OutcomeUnknown,
    PenstockError,
    Refused,
    WaitTimeout,
)
from penstock.client.options import Options
from penstock.client.requests import Request
from penstock.client.session import Session, greeting
from penstock.client.tasks import decode_json
from penstock.client.ticket import NEVER
from penstock.config import limits
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply, encode

HELLO = greeting(None, None)
WELCOME = encode({"server": "penstock"}, resp3=True)
RETRY = 30.0


@dataclass(eq=False)
class Caller:
    """Whoever waits for a reply, or no longer does."""

    gone: bool = False
    got: list[Reply | PenstockError] = field(default_factory=list)


class Talk:
    """A session and its shell's part, with the time in the test's hands."""

    def __init__(self, retry: float = RETRY) -> None:
        self.now = 100.0
        self.session: Session[Caller] = Session(
            HELLO,
            retry_seconds=retry,
            is_abandoned=lambda caller: caller.gone,
            backoff=Backoff(lambda: 1.0),
        )

    def ask(self, request: Request[Any]) -> Caller:
        caller = Caller()
        self.session.request(request, caller, self.now)
        return caller

    def sent(self) -> bytes:
        return self.session.bytes_to_send(self.now)

    def receive(self, data: bytes) -> list[Caller]:
        answers = self.session.receive(data, self.now)
        for caller, reply in answers:
            caller.got.append(reply)
        return [caller for caller, _ in answers]

    def lose(self, reason: str = "it broke") -> None:
        self.take(self.session.connection_lost(reason, self.now))

    def tick(self) -> None:
        self.take(self.session.tick(self.now))

    def take(self, failures: list[tuple[Caller, PenstockError]]) -> None:
        for caller, error in failures:
            caller.got.append(error)

    def connect(self) -> "Talk":
        self.session.connected(self.now)
        assert self.sent() == HELLO
        assert self.receive(WELCOME) == []
        assert self.session.is_open
        return self


def submit(key: str | None = "k", task: str = "t", **options: Any) -> Request[int]:
    return requests.submit(task, b"[]", Options(**options), key)


def call(key: str | None = "k", wait_ms: int | None = None) -> Request[Any]:
    return requests.call("t", b"[]", Options(wait_ms=wait_ms), key, decode=decode_json)


def claim(wait_ms: int = 1000) -> Request[Any]:
    return requests.claim(["default"], 2, wait_ms)


def failure(caller: Caller) -> PenstockError:
    (error,) = caller.got
    assert isinstance(error, PenstockError)
    return error


# --- the greeting --------------------------------------------------------------------------------


def test_the_greeting_says_who_comes() -> None:
    assert greeting("secret", "web-1") == (
        b"*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n"
        b"$7\r\nSETNAME\r\n$5\r\nweb-1\r\n"
    )


def test_requests_wait_for_the_answer_to_the_greeting() -> None:
    talk = Talk()
    talk.ask(submit())
    talk.session.connected(talk.now)

    assert talk.sent() == HELLO
    assert talk.sent() == b""
    talk.receive(WELCOME)
    assert talk.sent() == submit().stem


@pytest.mark.parametrize("code", ["NOAUTH", "WRONGPASS", "NOPROTO"])
def test_a_refused_greeting_fails_what_waits_with_its_code(code: str) -> None:
    talk = Talk()
    caller = talk.ask(submit())
    talk.session.connected(talk.now)
    talk.receive(b"-%b not you\r\n" % code.encode())

    assert talk.session.broken == f"the server refused the connection: {code} not you"
    talk.lose()
    error = failure(caller)
    assert isinstance(error, Refused)
    assert error.code == code
    assert talk.session.refusal is not None
    talk.connect()
    assert talk.session.refusal is None


def test_a_job_that_may_be_accepted_is_in_doubt_even_when_the_password_changed() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit())
    talk.sent()
    talk.lose()
    talk.session.connected(talk.now)
    talk.receive(b"-WRONGPASS no\r\n")
    talk.lose()

    assert isinstance(failure(caller), OutcomeUnknown)


def test_a_server_that_is_full_is_tried_again() -> None:
    talk = Talk()
    caller = talk.ask(submit())
    talk.session.connected(talk.now)
    talk.receive(b"-ERR max number of clients reached\r\n")
    talk.lose()

    assert caller.got == []
    assert "max number of clients" in talk.session.why_apart


def test_a_server_of_another_kind_is_named_as_such() -> None:
    talk = Talk()
    talk.session.connected(talk.now)
    talk.receive(b"+OK\r\n")

    assert "no Penstock server" in str(talk.session.broken)


def test_a_server_that_does_not_greet_is_given_up() -> None:
    talk = Talk()
    talk.session.connected(talk.now)
    talk.now = talk.session.next_at()
    talk.tick()

    assert talk.session.broken == "the server did not answer the greeting"


# --- replies -------------------------------------------------------------------------------------


def test_replies_go_to_their_requests_in_order() -> None:
    talk = Talk().connect()
    callers = [talk.ask(submit(f"k{n}")) for n in range(3)]
    assert talk.sent() == b"".join(submit(f"k{n}").stem for n in range(3))

    assert talk.receive(b":1\r\n:2\r\n:") == callers[:2]
    assert talk.receive(b"3\r\n") == callers[2:]
    assert [caller.got for caller in callers] == [[1], [2], [3]]
    assert talk.session.is_idle


def test_pushes_are_no_replies() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit())
    talk.sent()
    talk.receive(b">2\r\n$4\r\nnews\r\n:1\r\n:7\r\n")

    assert caller.got == [7]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"?\r\n", "no replies"),
        (b":1\r\n", "reply to no request"),
        (b"-ERR too slow\r\n", "the server ended the connection: ERR too slow"),
    ],
)
def test_bytes_out_of_place_break_the_connection(data: bytes, said: str) -> None:
    talk = Talk().connect()
    talk.receive(data)

    assert said in str(talk.session.broken)
    assert talk.receive(b":1\r\n") == []
    talk.lose("the shell closed it")
    assert said in talk.session.why_apart


def test_an_error_reply_is_a_reply() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit())
    talk.sent()
    talk.receive(b"-KEYREUSED no\r\n")

    assert caller.got == [ErrorReply("KEYREUSED", "no")]


# --- nobody waits any more -----------------------------------------------------------------------


def test_the_reply_to_nobody_keeps_the_order() -> None:
    talk = Talk().connect()
    first, second = talk.ask(submit("a")), talk.ask(submit("b"))
    talk.sent()
    first.gone = True
    talk.receive(b":1\r\n:2\r\n")

    assert (first.got, second.got) == ([], [2])


def test_a_request_that_nobody_waits_for_any_more_is_not_sent() -> None:
    talk = Talk().connect()
    talk.ask(submit("a")).gone = True
    talk.ask(submit("b"))

    assert talk.sent() == submit("b").stem


def test_a_request_that_nobody_waits_for_any_more_is_not_sent_again() -> None:
    talk = Talk().connect()
    caller = talk.ask(submit("a"))
    talk.sent()
    caller.gone = True
    talk.lose()
    talk.connect()

    assert talk.sent() == b""
    assert talk.session.is_idle


CLAIMED = encode([[5, 1, b"default", b"t", b"", 1000], [6, 2, b"default", b"t", b"", 1000]], True)
RELEASES = requests.release(5, 1).stem + requests.release(6, 2).stem


def test_jobs_claimed_for_nobody_are_released() -> None:
    talk = Talk().connect()
    caller = talk.ask(claim())
    talk.sent()
    caller.gone = True
    talk.receive(CLAIMED)

    assert talk.sent() == RELEASES
    assert talk.receive(b"+OK\r\n+OK\r\n") == []
    assert talk.session.is_idle


def test_jobs_received_by_nobody_are_released() -> None:
    talk = Talk().connect()
    talk.session.discard(claim(), [[5, 1, b"default", b"t", b"", 1000]], talk.now)

    assert talk.sent() == requests.release(5, 1).stem


def test_releases_are_not_sent_over_another_connection() -> None:
    talk = Talk().connect()
    talk.session.discard(claim(), [[5, 1, b"default", b"t", b"", 1000]], talk.now)
    talk.lose()
    talk.session.discard(claim(), [[6, 1, b"default", b"t", b"", 1000]], talk.now)
    talk.connect()

    assert talk.sent() == b""


def test_releases_on_their_way_are_lost_with_the_connection() -> None:
    talk = Talk().connect()
    talk.session.discard(claim(), [[5, 1, b"default", b"t", b"", 1000]], talk.now)
    talk.sent()
    talk.lose()

    assert talk.session.is_idle


def test_an_error_to_an_abandoned_claim_takes_nothing_back() -> None:
    talk = Talk().connect()
    talk.session.discard(claim(), ErrorReply("DRAINING", "no"), talk.now)
    talk.session.discard(submit(), 5, talk.now)

    assert talk.sent() == b""


def test_claims_that_cannot_be_read_break_the_connection() -> None:
    talk = Talk().connect()
    talk.session.discard(claim(), [b"what"], talk.now)

    assert "a claimed job" in str(talk.session.broken)


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
        requests.fail(1, 2, "E: x", True),
        requests.fail(1, 2, "E: x", False),
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


# --- a server that is silent ---------------------------------------------------------------------


def test_a_silent_server_is_left() -> None:
    talk = Talk().connect()
    talk.ask(requests.show(1))
    talk.now += 50
    talk.sent()
    due = talk.session.next_at()
    assert due == pytest.approx(talk.now + limits.CLIENT_ANSWER_SECONDS, abs=0.1)
    talk.now = due
    talk.tick()

    assert talk.session.broken == "the server did not answer in time"


def test_a_server_may_be_silent_for_as_long_as_the_request_waits() -> None:
    talk = Talk().connect()
    talk.ask(call(wait_ms=60_000))
    talk.sent()

    expected = talk.now + 60 + limits.CLIENT_ANSWER_SECONDS
    assert talk.session.next_at() == pytest.approx(expected, abs=0.1)


def test_each_reply_gives_the_next_request_its_full_time() -> None:
    talk = Talk().connect()
    talk.ask(submit("a"))
    talk.ask(submit("b"))
    talk.sent()
    talk.now += 20
    talk.receive(b":1\r\n")

    expected = talk.now + limits.CLIENT_ANSWER_SECONDS
    assert talk.session.next_at() == pytest.approx(expected, abs=0.1)


def test_a_connection_without_requests_has_no_deadline() -> None:
    assert Talk().connect().session.next_at() == NEVER


def test_a_large_request_has_the_time_that_a_slow_line_takes() -> None:
    talk = Talk().connect()
    talk.ask(requests.submit("t", bytes(1 << 20), Options(), "k"))
    talk.sent()

    assert talk.session.next_at() > talk.now + 64 + limits.CLIENT_ANSWER_SECONDS


# --- bounds --------------------------------------------------------------------------------------


def test_there_is_room_for_so_many_requests() -> None:
    talk = Talk().connect()
    for n in range(limits.CLIENT_REQUESTS_MAX):
        assert talk.session.has_room(10)
        talk.ask(submit(f"{n}"))
    assert not talk.session.has_room(10)
    talk.sent()
    assert not talk.session.has_room(10)
    talk.receive(b":1\r\n")

    assert talk.session.has_room(10)


def test_there_is_room_for_so_many_bytes() -> None:
    talk = Talk().connect()
    talk.ask(requests.submit("t", bytes(limits.CLIENT_REQUESTS_BYTES_MAX - 200), Options(), "k"))

    assert talk.session.has_room(10)
    assert not talk.session.has_room(200)


def test_one_large_request_goes_alone() -> None:
    talk = Talk().connect()
    size = limits.CLIENT_REQUESTS_BYTES_MAX + 1
    assert talk.session.has_room(size)
    talk.ask(submit())

    assert not talk.session.has_room(size)


def test_failed_requests_give_their_room_back() -> None:
    talk = Talk().connect()
    payload = bytes(limits.CLIENT_REQUESTS_BYTES_MAX)
    for lose in (talk.lose, talk.tick):
        talk.ask(requests.submit("t", payload, Options(), None))
        if talk.session.is_open:
            talk.sent()
        talk.now += RETRY
        lose()

        assert talk.session.has_room(len(payload))


def test_a_session_is_quick_unless_something_waits_in_front() -> None:
    talk = Talk().connect()
    talk.ask(submit("a"))
    talk.sent()
    assert talk.session.is_quick
    talk.ask(call())

    assert not talk.session.is_quick
