"""The parser of requests, by cases as data, by limits, and by what hypothesis thinks of."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocol.encoding import encode_command
from penstock.protocol.errors import CrossProtocol, ProtocolViolation
from penstock.protocol.requests import RequestParser

CASES: Final = Path(__file__).parents[2] / "protocol" / "cases" / "requests.toml"
PING: Final = b"*1\r\n$4\r\nPING\r\n"
QUICK_BYTES_MAX: Final = 256 * 1024
PIPELINE: Final = 100  # So many requests in one chunk are taken out of it together.


class Outcome(NamedTuple):
    """What became of some bytes."""

    requests: list[list[bytes]]
    violation: str | None
    cross: bool
    pending: bool


class Case(NamedTuple):
    name: str
    data: bytes
    outcome: Outcome
    authenticated: bool


def raw(text: str) -> bytes:
    return text.encode("latin-1")


def read_case(entry: dict[str, Any]) -> Case:
    requests = [[raw(word) for word in request] for request in entry.get("requests", [])]
    violation = entry.get("violation")
    cross = entry.get("cross", False)
    pending = entry.get("awaits", False) or violation is not None or cross
    return Case(
        entry["name"],
        raw(entry["bytes"]),
        Outcome(requests, violation, cross, pending),
        not entry.get("unauthenticated", False),
    )


ALL_CASES: Final = [read_case(entry) for entry in tomllib.loads(CASES.read_text())["case"]]
WHOLE_CASES: Final = [case for case in ALL_CASES if not case.outcome.pending]


def cases(which: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", which, ids=[case.name for case in which])


def new_parser(*, authenticated: bool = True) -> RequestParser:
    parser = RequestParser()
    parser.authenticated = authenticated
    return parser


def take_all(parser: RequestParser) -> Iterator[list[bytes]]:
    while (request := parser.next()) is not None:
        yield request


def replay(parser: RequestParser, pieces: Iterable[bytes]) -> Outcome:
    requests: list[list[bytes]] = []
    violation = None
    cross = False
    for piece in pieces:
        parser.feed(piece)
        try:
            requests.extend(take_all(parser))
        except ProtocolViolation as failure:
            violation = failure.text
        except CrossProtocol:
            cross = True
    return Outcome(requests, violation, cross, parser.pending)


def bytewise(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


# --- cases ---------------------------------------------------------------------------------------


@cases(ALL_CASES)
def test_bytes_in_one_piece_give_the_requests(case: Case) -> None:
    parser = new_parser(authenticated=case.authenticated)

    outcome = replay(parser, [case.data])

    assert outcome == case.outcome


@cases(ALL_CASES)
def test_bytes_one_at_a_time_give_the_same_requests(case: Case) -> None:
    parser = new_parser(authenticated=case.authenticated)

    outcome = replay(parser, bytewise(case.data))

    assert outcome == case.outcome


@cases(ALL_CASES)
def test_bytes_split_at_any_point_give_the_same_requests(case: Case) -> None:
    for point in range(len(case.data) + 1):
        parser = new_parser(authenticated=case.authenticated)

        outcome = replay(parser, [case.data[:point], case.data[point:]])

        assert outcome == case.outcome, f"split at {point}"


@cases(ALL_CASES)
def test_bytes_fed_before_any_is_taken_give_the_same_requests(case: Case) -> None:
    parser = new_parser(authenticated=case.authenticated)
    for piece in bytewise(case.data):
        parser.feed(piece)

    outcome = replay(parser, [b""])

    assert outcome == case.outcome


@cases(WHOLE_CASES)
def test_bytes_with_a_request_behind_give_that_too(case: Case) -> None:
    parser = new_parser(authenticated=case.authenticated)

    outcome = replay(parser, [case.data + PING])

    assert outcome.requests == [*case.outcome.requests, [b"PING"]]


@cases(WHOLE_CASES)
def test_bytes_with_part_of_a_request_behind_leave_that_pending(case: Case) -> None:
    parser = new_parser(authenticated=case.authenticated)

    outcome = replay(parser, [case.data + PING[:-1]])

    assert outcome == case.outcome._replace(pending=True)


@cases([case for case in WHOLE_CASES if case.outcome.requests])
@pytest.mark.parametrize("behind", [b"", PING, PING[:-1], b"PING\r\n", b"*x\r\n"])
def test_a_pipeline_of_one_request_gives_it_as_often(case: Case, behind: bytes) -> None:
    parser = new_parser(authenticated=case.authenticated)
    one_by_one = new_parser(authenticated=case.authenticated)

    outcome = replay(parser, [case.data * PIPELINE + behind])

    assert outcome.requests[: PIPELINE * len(case.outcome.requests)] == (
        case.outcome.requests * PIPELINE
    )
    assert outcome == replay(one_by_one, [*[case.data] * PIPELINE, behind])


# --- taking one by one ---------------------------------------------------------------------------


def test_a_new_parser_has_nothing() -> None:
    parser = RequestParser()

    assert parser.next() is None
    assert not parser.pending
    assert not parser.authenticated


def test_requests_that_are_not_taken_yet_are_pending() -> None:
    parser = new_parser()
    parser.feed(PING * 2)

    parser.next()

    assert parser.pending


def test_bytes_that_come_while_requests_wait_are_taken_after_them() -> None:
    parser = new_parser()
    parser.feed(PING + encode_command(["ECHO", "1"]))
    parser.next()

    parser.feed(encode_command(["ECHO", "2"]))

    assert list(take_all(parser)) == [[b"ECHO", b"1"], [b"ECHO", b"2"]]


def test_bytes_that_come_after_the_last_request_was_taken_are_read() -> None:
    parser = new_parser()
    parser.feed(PING)
    parser.next()

    parser.feed(PING)

    assert list(take_all(parser)) == [[b"PING"]]


def test_feeding_nothing_changes_nothing() -> None:
    parser = new_parser()

    parser.feed(b"")

    assert not parser.pending


def test_a_violation_is_raised_again() -> None:
    parser = new_parser()
    replay(parser, [b"*x\r\n"])

    parser.feed(PING)

    with pytest.raises(ProtocolViolation, match="invalid multibulk length"):
        parser.next()


def test_wider_limits_hold_from_the_request_after_authentication() -> None:
    words = [b"%d" % number for number in range(11)]
    parser = new_parser(authenticated=False)
    parser.feed(encode_command(["AUTH", "secret"]) + encode_command(words))
    assert parser.next() == [b"AUTH", b"secret"]

    parser.authenticated = True

    assert parser.next() == words


def test_narrower_limits_hold_again_after_a_reset() -> None:
    parser = new_parser()
    parser.feed(encode_command(["RESET"]) + encode_command([b"x"] * 11))
    parser.next()

    parser.authenticated = False

    with pytest.raises(ProtocolViolation, match="unauthenticated multibulk length"):
        parser.next()


def test_narrower_limits_hold_again_after_a_reset_within_a_pipeline() -> None:
    words = [b"x"] * 11
    parser = new_parser()
    parser.feed(encode_command(words) * PIPELINE)
    assert parser.next() == words

    parser.authenticated = False

    with pytest.raises(ProtocolViolation, match="unauthenticated multibulk length"):
        parser.next()


def test_what_is_left_of_a_pipeline_is_still_given_after_authentication() -> None:
    parser = new_parser(authenticated=False)
    parser.feed(encode_command(["AUTH", "secret"]) * PIPELINE)
    parser.next()

    parser.authenticated = True

    assert list(take_all(parser)) == [[b"AUTH", b"secret"]] * (PIPELINE - 1)


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [lambda data: [data], bytewise], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    ("limits", "data", "fits"),
    [
        ({"arguments_max": 3}, b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", True),
        ({"arguments_max": 3}, b"*4\r\n", "invalid multibulk length"),
        ({"arguments_max": 3}, b"a b c\r\n", True),
        ({"arguments_max": 3}, b"a b c d\r\n", "too big inline request"),
        ({"argument_bytes_max": 5}, b"*1\r\n$5\r\n12345\r\n", True),
        ({"argument_bytes_max": 5}, b"*1\r\n$6\r\n", "invalid bulk length"),
        ({"request_bytes_max": 8}, b"*2\r\n$5\r\n12345\r\n$3\r\n123\r\n", True),
        ({"request_bytes_max": 8}, b"*2\r\n$5\r\n12345\r\n$4\r\n", "invalid bulk length"),
        ({"line_bytes_max": 8}, b"PING 12\r\n", True),
        ({"line_bytes_max": 8}, b"PING 123\r\n", "too big inline request"),
        ({"line_bytes_max": 8}, b"PING 1234", "too big inline request"),
        ({"line_bytes_max": 8}, b"*12345678", "too big mbulk count string"),
        ({"line_bytes_max": 8}, b"*1\r\n$12345678", "too big bulk count string"),
    ],
)
def test_a_limit_is_the_last_value_that_fits(
    limits: dict[str, int], data: bytes, fits: bool | str, pieces: Callable[[bytes], list[bytes]]
) -> None:
    parser = RequestParser(**limits)
    parser.authenticated = True

    outcome = replay(parser, pieces(data))

    assert outcome.violation == (None if fits is True else fits)
    assert len(outcome.requests) == (1 if fits is True else 0)


def test_a_line_that_is_too_long_is_http_before_it_is_anything_else() -> None:
    parser = RequestParser(line_bytes_max=8)

    assert replay(parser, [b"POST /a/long/path"]).cross


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 8192, 8193, QUICK_BYTES_MAX, 1_000_000])
def test_an_argument_of_any_size_is_given_whole(size: int) -> None:
    request = [b"JOB.SUBMIT", b"hash", b"x" * size]
    parser = new_parser()

    outcome = replay(parser, [PING + encode_command(request) + PING])

    assert outcome.requests == [[b"PING"], request, [b"PING"]]


@pytest.mark.parametrize("count", [1, 2, 10, 11, 32, 33, 1024])
def test_any_number_of_arguments_is_given(count: int) -> None:
    request = [b"%d" % number for number in range(count)]
    parser = new_parser()

    outcome = replay(parser, [encode_command(request)])

    assert outcome.requests == [request]


def test_a_chunk_too_large_to_split_is_read_to_its_end() -> None:
    count = QUICK_BYTES_MAX // len(PING) + 100
    parser = new_parser()

    outcome = replay(parser, [PING * count])

    assert outcome == Outcome([[b"PING"]] * count, None, False, False)


def test_a_large_argument_in_small_pieces_is_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    joins: list[int] = []
    join_tail = RequestParser._join_tail

    def counted(parser: RequestParser) -> None:
        joins.append(1)
        join_tail(parser)

    monkeypatch.setattr(RequestParser, "_join_tail", counted)
    data = encode_command([b"ECHO", b"x" * 1_000_000])
    parser = new_parser()

    outcome = replay(parser, [data[at : at + 1460] for at in range(0, len(data), 1460)])

    assert len(outcome.requests) == 1
    assert len(joins) == 1


def test_a_line_in_single_bytes_is_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    joins: list[int] = []
    join_tail = RequestParser._join_tail

    def counted(parser: RequestParser) -> None:
        joins.append(1)
        join_tail(parser)

    monkeypatch.setattr(RequestParser, "_join_tail", counted)
    parser = new_parser()

    outcome = replay(parser, bytewise(b"ECHO " + b"x" * 1000 + b"\r\n"))

    assert len(outcome.requests) == 1
    assert len(joins) == 1


# --- round trips ---------------------------------------------------------------------------------

ARGUMENT = st.binary(max_size=40) | st.sampled_from([b"", b"\r\n", b"$1\r\n", b"*1\r\n", b"-1"])
REQUESTS = st.lists(st.lists(ARGUMENT, min_size=1, max_size=12), max_size=6)


@given(REQUESTS, st.data())
def test_what_is_encoded_is_parsed(requests: list[list[bytes]], data: st.DataObject) -> None:
    sent = b"".join(map(encode_command, requests))
    points = data.draw(st.lists(st.integers(0, len(sent)), max_size=8).map(sorted))
    bounds = [0, *points, len(sent)]
    pieces = [sent[start:end] for start, end in pairwise(bounds)]

    assert replay(new_parser(), pieces) == Outcome(requests, None, False, False)


@given(st.binary(max_size=200), st.integers(1, 200))
def test_garbage_gives_the_same_however_it_is_split(garbage: bytes, size: int) -> None:
    whole = replay(new_parser(), [garbage])

    pieces = [garbage[at : at + size] for at in range(0, len(garbage), size)]

    assert replay(new_parser(), pieces) == whole


WIRE = st.lists(
    st.sampled_from(
        [
            b"*1\r\n",
            b"*2\r\n",
            b"$1\r\n",
            b"$2\r\n",
            b"a\r\n",
            b"\r\n",
            b"\n",
            b"*-1\r\n",
            b"a",
            b'"',
        ]
    ),
    max_size=20,
).map(b"".join)


@given(WIRE, st.integers(1, 20))
def test_fragments_of_requests_give_the_same_however_they_are_split(
    fragments: bytes, size: int
) -> None:
    whole = replay(new_parser(), [fragments])

    pieces = [fragments[at : at + size] for at in range(0, len(fragments), size)]

    assert replay(new_parser(), pieces) == whole
