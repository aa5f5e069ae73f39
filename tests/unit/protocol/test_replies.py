"""Replies as the server sends them, in RESP2 and in RESP3."""

import pytest

from penstock.protocol import replies
from penstock.protocol.errors import ErrorCode
from penstock.protocol.reader import Push, ReplyReader
from penstock.protocol.replies import ErrorReply, Simple, Value, Verbatim, encode


@pytest.mark.parametrize(
    ("value", "resp2", "resp3"),
    [
        (None, b"$-1\r\n", b"_\r\n"),
        (True, b":1\r\n", b"#t\r\n"),
        (False, b":0\r\n", b"#f\r\n"),
        (7, b":7\r\n", b":7\r\n"),
        (-7, b":-7\r\n", b":-7\r\n"),
        (2.5, b"$3\r\n2.5\r\n", b",2.5\r\n"),
        (float("inf"), b"$3\r\ninf\r\n", b",inf\r\n"),
        (b"", b"$0\r\n\r\n", b"$0\r\n\r\n"),
        (b"a\r\nb", b"$4\r\na\r\nb\r\n", b"$4\r\na\r\nb\r\n"),
        ("é", b"$2\r\n\xc3\xa9\r\n", b"$2\r\n\xc3\xa9\r\n"),
        (Simple("OK"), b"+OK\r\n", b"+OK\r\n"),
        (Simple("a\r\nb"), b"+a  b\r\n", b"+a  b\r\n"),
        (Verbatim("a:1"), b"$3\r\na:1\r\n", b"=7\r\ntxt:a:1\r\n"),
        (ErrorReply("NOJOB", "no job 7"), b"-NOJOB no job 7\r\n", b"-NOJOB no job 7\r\n"),
        ([], b"*0\r\n", b"*0\r\n"),
        ((1, None), b"*2\r\n:1\r\n$-1\r\n", b"*2\r\n:1\r\n_\r\n"),
        ({}, b"*0\r\n", b"%0\r\n"),
        ({"a": 1, "b": []}, b"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*0\r\n", None),
        ({"a": {"b": 1}}, b"*2\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n:1\r\n", None),
        ([{"a": True}], None, b"*1\r\n%1\r\n$1\r\na\r\n#t\r\n"),
    ],
)
def test_a_value_has_one_form_in_each_version(
    value: Value, resp2: bytes | None, resp3: bytes | None
) -> None:
    if resp2 is not None:
        assert encode(value, resp3=False) == resp2
    if resp3 is not None:
        assert encode(value, resp3=True) == resp3


@pytest.mark.parametrize("resp3", [False, True])
@pytest.mark.parametrize(
    ("quick", "value"),
    [
        (replies.integer(42), 42),
        (replies.bulk(b"\x00"), b"\x00"),
        (replies.error(ErrorCode.DEAD, "job 7"), ErrorReply("DEAD", "job 7")),
        (replies.array([replies.integer(1), replies.bulk(b"x")]), [1, b"x"]),
        (
            replies.claimed_job(7, 2, "q", "add", b"[1]", 500, (1, 3)),
            [7, 2, b"q", b"add", b"[1]", 500, 1, 3],
        ),
        (replies.OK, Simple("OK")),
        (replies.PONG, Simple("PONG")),
        (replies.QUEUED, Simple("QUEUED")),
        (replies.RESET, Simple("RESET")),
        (replies.EMPTY_ARRAY, []),
    ],
)
def test_the_quick_forms_are_those_of_encode(quick: bytes, value: Value, resp3: bool) -> None:
    assert quick == encode(value, resp3)


@pytest.mark.parametrize("resp3", [False, True])
def test_the_quick_null_is_that_of_encode(resp3: bool) -> None:
    assert replies.null(resp3) == encode(None, resp3)


def test_line_breaks_in_an_error_cannot_forge_a_reply() -> None:
    assert replies.error(ErrorCode.ERR, "a\r\n+OK\n") == b"-ERR a  +OK \r\n"


def test_an_error_with_text_that_is_not_unicode_goes_out_escaped() -> None:
    assert replies.error(ErrorCode.ERR, "\udc80") == b"-ERR \\udc80\r\n"


def test_a_worker_is_told_of_a_cancellation_by_a_push() -> None:
    reader = ReplyReader()
    reader.feed(replies.cancel_push(17, 2))

    assert reader.next() == Push([b"cancel", 17, 2])
