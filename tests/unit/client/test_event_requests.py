"""The requests about events: their bytes, what a lost reply means, how replies are read."""

from typing import Any

import pytest

from penstock.client import event_requests
from penstock.client.errors import OutcomeUnknown, ProtocolError, Refused
from penstock.client.event import Event
from penstock.client.requests import Request
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply, Simple
from tests.unit.client.talk import Talk, failure


def shown(events: list[Event]) -> list[tuple[str, dict[str, str]]]:
    return [(event.id, event.fields) for event in events]


# --- publishing ----------------------------------------------------------------------------------


def test_text_and_bytes_are_published_as_they_are_and_all_else_as_json() -> None:
    found = event_requests.field_words(
        {"text": "ä", "bytes": b"\xff", "number": 5}, {"none": None, "yes": True, "list": [1, "a"]}
    )

    assert found == [
        *("text", "ä", "bytes", b"\xff", "number", b"5"),
        *("none", b"null", "yes", b"true", "list", b'[1,"a"]'),
    ]


def test_an_event_has_a_field() -> None:
    with pytest.raises(ValueError, match="at least one field"):
        event_requests.field_words({}, {})


def test_a_field_is_given_once() -> None:
    with pytest.raises(TypeError, match="'a' is given twice"):
        event_requests.field_words({"a": 1}, {"a": 2})


def test_what_json_cannot_hold_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError):
        event_requests.field_words({"a": object()}, {})


def test_a_publication_is_sent_again_under_its_key() -> None:
    talk = Talk().connect()
    request = event_requests.publish("s", "k", ["a", b"1"])
    caller = talk.ask(request)
    first = talk.sent()
    assert first == encode_command((b"EVENT.PUBLISH", "s", "k", "a", "1"))
    talk.lose()
    talk.connect()
    assert talk.sent() == first
    talk.receive(b"$3\r\n1-0\r\n")

    assert [request.read(reply) for reply in caller.got] == ["1-0"]  # type: ignore[arg-type]


def test_a_publication_that_nobody_answers_is_in_doubt_and_says_its_key() -> None:
    talk = Talk(retry=0).connect()
    caller = talk.ask(event_requests.publish("s", "k", ["a", b"1"]))
    talk.sent()
    talk.lose()
    error = failure(caller)

    assert isinstance(error, OutcomeUnknown)
    assert error.key == "k"


def test_an_event_with_an_id_of_its_own_is_not_sent_twice() -> None:
    talk = Talk().connect()
    caller = talk.ask(event_requests.append("s", "5-1", ["a", b"1"]))
    assert talk.sent() == encode_command((b"XADD", "s", "5-1", "a", "1"))
    talk.lose()

    assert isinstance(failure(caller), OutcomeUnknown)


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (event_requests.trim_to("s", 9), ("XTRIM", "s", "MAXLEN", "~", 9)),
        (event_requests.last_id("s"), ("XREVRANGE", "s", "+", "-", "COUNT", 1)),
        (
            event_requests.read("s", "1-0", 5, 70),
            ("XREAD", "COUNT", 5, "BLOCK", 70, "STREAMS", "s", "1-0"),
        ),
        (
            event_requests.create_group("s", "g", "$"),
            ("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"),
        ),
        (
            event_requests.read_new("s", "g", "c", 5, 70),
            (
                *("XREADGROUP", "GROUP", "g", "c", "COUNT", 5, "BLOCK", 70),
                *("STREAMS", "s", ">"),
            ),
        ),
        (
            event_requests.read_own("s", "g", "c", 5, "0-0"),
            ("XREADGROUP", "GROUP", "g", "c", "COUNT", 5, "STREAMS", "s", "0-0"),
        ),
        (
            event_requests.read_undelivered("s", "g", "c", "1-0", "2-0", 9),
            ("XPENDING", "s", "g", "1-0", "2-0", 9, "c"),
        ),
        (
            event_requests.take_over("s", "g", "c", 60, "0-0", 9),
            ("XAUTOCLAIM", "s", "g", "c", 60, "0-0", "COUNT", 9),
        ),
        (
            event_requests.hold("s", "g", "c", ["1-0", "2-0"]),
            ("XCLAIM", "s", "g", "c", 0, "1-0", "2-0", "IDLE", 0, "JUSTID"),
        ),
        (event_requests.finished("s", "g", ["1-0", "2-0"]), ("XACK", "s", "g", "1-0", "2-0")),
        (event_requests.drop_consumer("s", "g", "c"), ("XGROUP", "DELCONSUMER", "s", "g", "c")),
        (event_requests.handled("s", "g", "k"), ("EVENT.HANDLED", "s", "g", "k")),
        (event_requests.confirm("s", "g", "k", None, None), ("EVENT.CONFIRM", "s", "g", "k")),
        (
            event_requests.confirm("s", "g", "k", 5, "1-0"),
            ("EVENT.CONFIRM", "s", "g", "k", "KEEP", 5, "ACK", "1-0"),
        ),
    ],
)
def test_a_request_is_what_the_protocol_says(
    request_: Request[Any], expected: tuple[str | int, ...]
) -> None:
    assert request_.stem == encode_command(expected)


@pytest.mark.parametrize(
    "request_",
    [
        event_requests.read("s", "1-0", 5, 70),
        event_requests.read_own("s", "g", "c", 5, "0-0"),
        event_requests.create_group("s", "g", "$"),
        event_requests.finished("s", "g", ["1-0"]),
        event_requests.confirm("s", "g", "k", None, None),
    ],
)
def test_what_is_as_good_twice_is_sent_again(request_: Request[Any]) -> None:
    assert request_.is_repeatable


@pytest.mark.parametrize(
    "request_",
    [
        event_requests.read_new("s", "g", "c", 5, 70),
        event_requests.take_over("s", "g", "c", 60, "0-0", 9),
    ],
)
def test_what_gives_events_is_not(request_: Request[Any]) -> None:
    assert not request_.is_repeatable


# --- replies -------------------------------------------------------------------------------------


def test_the_events_of_a_read_are_those_of_its_stream() -> None:
    read = event_requests.read("s", "0", 5, 70).read

    assert shown(read({b"s": [[b"1-0", [b"a", b"1"]], [b"2-0", [b"b", b""]]]})) == [
        ("1-0", {"a": "1"}),
        ("2-0", {"b": ""}),
    ]
    assert read(None) == []


def test_an_event_that_was_deleted_has_no_fields() -> None:
    read = event_requests.read_own("s", "g", "c", 5, "0-0").read

    assert [event.raw for event in read({b"s": [[b"1-0", None]]})] == [()]


def test_a_group_that_is_there_already_is_as_good_as_a_new_one() -> None:
    read = event_requests.create_group("s", "g", "$").read
    read(Simple("OK"))
    read(ErrorReply("BUSYGROUP", "Consumer Group name already exists"))
    with pytest.raises(Refused, match="ERR"):
        read(ErrorReply("ERR", "no"))


def test_what_was_taken_over_comes_with_a_cursor() -> None:
    read = event_requests.take_over("s", "g", "c", 60, "0-0", 9).read
    cursor, events = read([b"3-0", [[b"1-0", [b"a", b"1"]]], [b"2-0"]])

    assert cursor == "3-0"
    assert shown(events) == [("1-0", {"a": "1"})]


def test_pending_events_tell_how_often_they_were_delivered() -> None:
    read = event_requests.read_undelivered("s", "g", "c", "-", "+", 9).read

    assert read([[b"1-0", b"c", 500, 2]]) == [("1-0", 2)]


@pytest.mark.parametrize(("reply", "known"), [(0, False), (1, True)])
def test_a_key_is_handled_or_not(reply: int, known: bool) -> None:
    assert event_requests.handled("s", "g", "k").read(reply) is known


@pytest.mark.parametrize(("reply", "last"), [([], None), ([[b"1-0", [b"a", b"1"]]], "1-0")])
def test_a_stream_has_a_last_event_or_not(reply: Reply, last: str | None) -> None:
    assert event_requests.last_id("s").read(reply) == last


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (event_requests.publish("s", "k", ["a", b"1"]), 5),
        (event_requests.read("s", "0", 5, 70), [b"x"]),
        (event_requests.read("s", "0", 5, 70), {b"s": [[b"1-0"]]}),
        (event_requests.read("s", "0", 5, 70), {b"s": [[b"1-0", [5]]]}),
        (event_requests.read("s", "0", 5, 70), {b"s": 5}),
        (event_requests.take_over("s", "g", "c", 60, "0-0", 9), [b"0-0"]),
        (event_requests.read_undelivered("s", "g", "c", "-", "+", 9), [[b"1-0"]]),
        (event_requests.read_undelivered("s", "g", "c", "-", "+", 9), 5),
    ],
)
def test_a_reply_of_a_wrong_kind_is_refused(request_: Request[Any], reply: Reply) -> None:
    with pytest.raises(ProtocolError):
        request_.read(reply)


@pytest.mark.parametrize(
    "request_",
    [
        event_requests.publish("s", "k", ["a", b"1"]),
        event_requests.read_new("s", "g", "c", 5, 70),
        event_requests.finished("s", "g", ["1-0"]),
        event_requests.hold("s", "g", "c", ["1-0"]),
    ],
)
def test_a_refusal_is_raised(request_: Request[Any]) -> None:
    with pytest.raises(Refused, match="NOGROUP"):
        request_.read(ErrorReply("NOGROUP", "no such group"))
