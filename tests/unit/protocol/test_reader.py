"""The reader of replies: values, however the bytes arrive, and what it refuses."""

import math
from collections.abc import Callable, Iterable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocol.errors import ReplyViolation
from penstock.protocol.reader import INCOMPLETE, Push, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply, Simple, Value, Verbatim, encode

CASES: Final[list[tuple[bytes, Reply]]] = [
    (b"+OK\r\n", Simple("OK")),
    (b"+\r\n", Simple("")),
    (b"-NOJOB no job 7\r\n", ErrorReply("NOJOB", "no job 7")),
    (b"-LONELY\r\n", ErrorReply("LONELY", "")),
    (b":0\r\n", 0),
    (b":-7\r\n", -7),
    (b":+7\r\n", 7),
    (b":9223372036854775807\r\n", 2**63 - 1),
    (b"$0\r\n\r\n", b""),
    (b"$4\r\na\r\nb\r\n", b"a\r\nb"),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"_\r\n", None),
    (b"#t\r\n", True),
    (b"#f\r\n", False),
    (b",2.5\r\n", 2.5),
    (b",-1e3\r\n", -1000.0),
    (b",inf\r\n", math.inf),
    (b",-inf\r\n", -math.inf),
    (b"(12345678901234567\r\n", 12345678901234567),
    (b"!8\r\nERR a\r\nb\r\n", ErrorReply("ERR", "a\r\nb")),
    (b"=7\r\ntxt:a:1\r\n", b"a:1"),
    (b"*0\r\n", []),
    (b"*2\r\n:1\r\n$1\r\nx\r\n", [1, b"x"]),
    (b"*2\r\n*1\r\n*0\r\n*1\r\n_\r\n", [[[]], [None]]),
    (b"~2\r\n:1\r\n:2\r\n", [1, 2]),
    (b"%0\r\n", {}),
    (b"%2\r\n$1\r\na\r\n*1\r\n:1\r\n$1\r\nb\r\n%1\r\n:3\r\n#t\r\n", {b"a": [1], b"b": {3: True}}),
    (b"*1\r\n-ERR x\r\n", [ErrorReply("ERR", "x")]),
    (b">2\r\n$3\r\nnew\r\n:1\r\n", Push([b"new", 1])),
]

VIOLATIONS: Final = [
    (b"\r\n", "an empty line where a reply should start"),
    (b"hello\r\n", "not a reply: b'hello'"),
    (b"|1\r\n", r"not a reply: b'\|1'"),
    (b"_x\r\n", "not a reply: b'_x'"),
    (b"#y\r\n", "not a reply: b'#y'"),
    (b":\r\n", "not a whole number: b''"),
    (b":1_0\r\n", "not a whole number: b'1_0'"),
    (b":" + b"1" * 30 + b"\r\n", "not a whole number"),
    (b",1_0\r\n", "not a number: b'1_0'"),
    (b",\r\n", "not a number: b''"),
    (b"$?\r\n", r"a length or count that cannot be accepted: b'\?'"),
    (b"$-2\r\n", "a length or count that cannot be accepted: b'-2'"),
    (b"*-2\r\n", "a length or count that cannot be accepted: b'-2'"),
    (b"%-1\r\n", "a length or count that cannot be accepted: b'-1'"),
    (b"$99999999999\r\n", "a length or count that cannot be accepted"),
    (b"$1\r\nxy\r\n", "a bulk string without CRLF at its end"),
    (b"=3\r\nabc\r\n", "verbatim text without a format"),
    (b":1\n", "a line that does not end with CRLF"),
    (b"%1\r\n*0\r\n:1\r\n", "a map whose key is an aggregate"),
    (b"*1\r\n>1\r\n:1\r\n", "a push within a reply"),
]


def read_all(reader: ReplyReader, pieces: Iterable[bytes]) -> list[Reply]:
    values: list[Reply] = []
    for piece in pieces:
        reader.feed(piece)
        while (value := reader.next()) is not INCOMPLETE:
            values.append(value)
    return values


def bytewise(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


@pytest.mark.parametrize(("data", "value"), CASES)
def test_bytes_in_one_piece_give_the_value(data: bytes, value: Reply) -> None:
    reader = ReplyReader()

    values = read_all(reader, [data])

    assert values == [value]
    assert type(values[0]) is type(value)
    assert not reader.pending


@pytest.mark.parametrize(("data", "value"), CASES)
def test_bytes_one_at_a_time_give_the_same_value(data: bytes, value: Reply) -> None:
    assert read_all(ReplyReader(), bytewise(data)) == [value]


@pytest.mark.parametrize(("data", "value"), CASES)
def test_bytes_split_at_any_point_give_the_same_value(data: bytes, value: Reply) -> None:
    for point in range(len(data) + 1):
        assert read_all(ReplyReader(), [data[:point], data[point:]]) == [value]


@pytest.mark.parametrize(("data", "value"), CASES)
def test_bytes_with_another_reply_behind_give_both(data: bytes, value: Reply) -> None:
    assert read_all(ReplyReader(), [data + b":99\r\n"]) == [value, 99]


@pytest.mark.parametrize(("data", "value"), CASES)
def test_a_reply_that_is_not_whole_is_pending(data: bytes, value: Reply) -> None:
    for end in range(1, len(data)):
        reader = ReplyReader()

        assert read_all(reader, [data[:end]]) == []
        assert reader.pending


@pytest.mark.parametrize("pieces", [lambda data: [data], bytewise], ids=["whole", "bytewise"])
@pytest.mark.parametrize(("data", "text"), VIOLATIONS)
def test_what_is_no_reply_is_refused(
    data: bytes, text: str, pieces: Callable[[bytes], list[bytes]]
) -> None:
    with pytest.raises(ReplyViolation, match=text):
        read_all(ReplyReader(), pieces(data))


def test_not_a_number_is_read() -> None:
    value = read_all(ReplyReader(), [b",nan\r\n"])[0]

    assert isinstance(value, float)
    assert math.isnan(value)


def test_a_violation_is_raised_again() -> None:
    reader = ReplyReader()
    reader.feed(b"?\r\n")
    with pytest.raises(ReplyViolation):
        reader.next()

    reader.feed(b":1\r\n")

    with pytest.raises(ReplyViolation, match="not a reply"):
        reader.next()
    assert not reader.pending


@pytest.mark.parametrize("pieces", [lambda data: [data], bytewise], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    ("limits", "fits", "exceeds"),
    [
        ({"bulk_bytes_max": 3}, b"$3\r\nabc\r\n", b"$4\r\nabcd\r\n"),
        ({"line_bytes_max": 4}, b"+OK\r\n", b"+OKAY\r\n"),
        ({"line_bytes_max": 4}, b"+OK\r\n", b"+OKAY"),
        ({"depth_max": 2}, b"*1\r\n*1\r\n:1\r\n", b"*1\r\n*1\r\n*0\r\n"),
        ({"reply_bytes_max": 11}, b"*1\r\n$1\r\nx\r\n", b"*1\r\n$2\r\nxy\r\n"),
        ({"reply_bytes_max": 8}, b"*8\r\n", b"*9\r\n"),
    ],
)
def test_a_limit_is_the_last_value_that_fits(
    limits: dict[str, int], fits: bytes, exceeds: bytes, pieces: Callable[[bytes], list[bytes]]
) -> None:
    read_all(ReplyReader(**limits), pieces(fits))

    with pytest.raises(ReplyViolation):
        read_all(ReplyReader(**limits), pieces(exceeds))


def test_the_size_of_a_reply_is_counted_from_its_own_start() -> None:
    assert read_all(ReplyReader(reply_bytes_max=4), [b":1\r\n:2\r\n:3\r\n"]) == [1, 2, 3]


def test_a_large_reply_in_small_pieces_is_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    joins: list[int] = []
    join_tail = ReplyReader._join_tail

    def counted(reader: ReplyReader) -> None:
        joins.append(1)
        join_tail(reader)

    monkeypatch.setattr(ReplyReader, "_join_tail", counted)
    data = encode(b"x" * 1_000_000, resp3=False)

    values = read_all(ReplyReader(), [data[at : at + 1460] for at in range(0, len(data), 1460)])

    assert values == [b"x" * 1_000_000]
    assert len(joins) == 1


# --- round trips ---------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
    | st.from_regex(r"[a-zA-Z ]{0,9}", fullmatch=True).map(Simple)
    | st.builds(ErrorReply, st.just("ERR"), st.from_regex(r"[a-z]{1,9}", fullmatch=True))
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


def as_read(value: Value, resp3: bool) -> Reply:
    """What a client sees of a value the server sent."""
    if isinstance(value, dict):
        items = [(key.encode(), as_read(item, resp3)) for key, item in value.items()]
        return dict(items) if resp3 else [part for item in items for part in item]
    if isinstance(value, list):
        return [as_read(item, resp3) for item in value]
    if isinstance(value, bool):
        return value if resp3 else int(value)
    if isinstance(value, float):
        return value if resp3 else repr(value).encode()
    assert value is None or isinstance(value, int | bytes | Simple | ErrorReply)
    return value


@pytest.mark.parametrize("resp3", [False, True])
@given(values=st.lists(VALUES, max_size=3), size=st.integers(1, 50))
def test_what_is_encoded_is_read(values: list[Value], size: int, resp3: bool) -> None:
    sent = b"".join(encode(value, resp3) for value in values)

    read = read_all(ReplyReader(), [sent[at : at + size] for at in range(0, len(sent), size)])

    assert read == [as_read(value, resp3) for value in values]


def test_verbatim_text_is_read_as_bytes_in_both_versions() -> None:
    sent = [encode(Verbatim("a:1"), resp3) for resp3 in (False, True)]

    assert read_all(ReplyReader(), sent) == [b"a:1", b"a:1"]
