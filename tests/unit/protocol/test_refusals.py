"""Transcripts of requests that are refused for their form, replayed without a server."""

from pathlib import Path
from typing import Final

import pytest

from penstock.protocol import replies
from penstock.protocol.commands import Command, find_command
from penstock.protocol.errors import ArgumentError, ErrorCode
from tests.unit.protocol.readers import READERS, words

TRANSCRIPTS: Final = Path(__file__).parents[2] / "protocol" / "cases" / "refusals"


def exchanges() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in sorted(TRANSCRIPTS.glob("*.txt")):
        lines = path.read_text().split("\n")
        sent = [line.removeprefix("C: ") for line in lines if line.startswith("C: ")]
        received = [line.removeprefix("S: ") for line in lines if line.startswith("S: ")]
        found += zip(sent, received, strict=True)
    return found


def answer(arguments: list[bytes]) -> bytes:
    try:
        command: Command = find_command(arguments)
        if command.refusal:
            return replies.error(ErrorCode.ERR, command.refusal)
        value = READERS[command.name](arguments)
    except ArgumentError as refusal:
        return replies.error(refusal.code, refusal.text)
    pytest.fail(f"accepted: {value}")


@pytest.mark.parametrize(("sent", "received"), exchanges())
def test_a_request_of_a_wrong_form_is_answered_as_the_transcript_says(
    sent: str, received: str
) -> None:
    assert answer(words(sent)) == received.encode() + b"\r\n"
