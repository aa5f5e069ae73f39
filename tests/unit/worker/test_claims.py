"""Reading the answer to JOB.CLAIM."""

import pytest

from penstock.protocol.reader import Reply
from penstock.worker.claims import Claim, MalformedClaim, read_claims


def test_a_claim_is_read() -> None:
    reply: Reply = [[7, 2, b"default", b"echo", b"\xff", 300]]

    assert read_claims(reply) == [Claim(7, 2, "default", "echo", b"\xff", 300)]


def test_what_a_newer_server_adds_to_a_claim_is_passed_over() -> None:
    reply: Reply = [[7, 2, b"default", b"echo", b"", 300, 1, 0, b"new"]]

    assert read_claims(reply) == [Claim(7, 2, "default", "echo", b"", 300, 1, 0)]


def test_no_claims_are_none() -> None:
    assert read_claims([]) == []


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"text",
        [None],
        [[]],
        [[7, 2, b"default", b"echo", b""]],
        [[b"7", 2, b"default", b"echo", b"", 300]],
        [[b"7", b"2", b"default", b"echo", b"", b"300"]],
        [[7, 2, b"\xff", b"echo", b"", 300]],
        [[7, 2, b"default", b"echo", None, 300]],
    ],
)
def test_another_shape_is_an_error(reply: Reply) -> None:
    with pytest.raises(MalformedClaim, match=r"JOB\.CLAIM was answered with"):
        read_claims(reply)
