"""The session on one connection: requests in, bytes out, replies in order, bounds."""

import pytest

from penstock.client import requests
from penstock.client.errors import OutcomeUnknown, Refused
from penstock.client.options import Options
from penstock.client.session import greeting
from penstock.client.ticket import NEVER
from penstock.config import limits
from penstock.protocol.replies import ErrorReply, encode
from tests.unit.client.talk import HELLO, RETRY, WELCOME, Talk, call, claim, failure, submit

# --- the greeting --------------------------------------------------------------------------------


def test_the_greeting_says_who_comes() -> None:
    assert greeting("secret", "web-1") == (
        b"*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n"
        b"$7\r\nSETNAME\r\n$5\r\nweb-1\r\n\r\n"
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


CANCEL = b">3\r\n$6\r\ncancel\r\n:5\r\n:2\r\n"


def test_attempts_that_are_to_stop_are_told_once_to_who_wants_to_know() -> None:
    talk = Talk(wants_cancels=True).connect()
    talk.receive(CANCEL + CANCEL.replace(b":5", b":6"))

    assert talk.session.take_cancels() == [(5, 2), (6, 2)]
    assert talk.session.take_cancels() == []


@pytest.mark.parametrize("push", [b">2\r\n$4\r\nnews\r\n:5\r\n", b">2\r\n$6\r\ncancel\r\n:5\r\n"])
def test_pushes_of_other_kinds_or_shapes_tell_nobody_to_stop(push: bytes) -> None:
    talk = Talk(wants_cancels=True).connect()
    talk.receive(push)

    assert talk.session.take_cancels() == []


def test_attempts_that_are_to_stop_are_not_kept_for_nobody() -> None:
    talk = Talk().connect()
    talk.receive(CANCEL)

    assert talk.session.take_cancels() == []


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


def test_an_http_server_is_told_from_one_of_ours() -> None:
    talk = Talk()
    talk.session.connected(talk.now)
    talk.sent()

    talk.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert talk.session.broken is not None
    assert "an HTTP server answers there" in talk.session.broken
