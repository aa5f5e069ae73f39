"""What became of a claimed job, and the command that tells the server."""

from enum import Enum
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.encoding import encode_command
from penstock.worker.claims import Claim
from penstock.worker.errors import HopelessError
from penstock.worker.failures import cut_middle, describe, first_line


class Verdict(Enum):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # Another attempt may help.
    HOPELESS = "hopeless"  # It cannot: the dead letters.
    RELEASED = "released"  # Never begun; given back.


class Outcome(Struct, frozen=True, gc=False):
    """How one attempt ended. `data` is the result, or the error's text in UTF-8."""

    claim: Claim
    verdict: Verdict
    data: bytes = b""


_VERBS: Final = {
    Verdict.COMPLETED: b"JOB.COMPLETE",
    Verdict.FAILED: b"JOB.FAIL",
    Verdict.HOPELESS: b"JOB.FAIL",
    Verdict.RELEASED: b"JOB.RELEASE",
}


def failed(claim: Claim, error: BaseException) -> Outcome:
    """Judge an exception that a task raised."""
    return Outcome(claim, Verdict.FAILED, describe(error).encode())


def hopeless(claim: Claim, error: HopelessError) -> Outcome:
    """Judge a call that cannot be made, or whose result cannot be sent, at any attempt."""
    text = cut_middle(f"{first_line(error)}\n{error}", limits.ERROR_BYTES_MAX)
    return Outcome(claim, Verdict.HOPELESS, text.encode())


def released(claim: Claim) -> Outcome:
    """Give back a job that was not begun."""
    return Outcome(claim, Verdict.RELEASED)


def command(outcome: Outcome) -> bytes:
    """Encode the command that tells the server."""
    claim = outcome.claim
    arguments: list[bytes | str | int] = [_VERBS[outcome.verdict], claim.id, claim.attempt]
    if outcome.verdict is not Verdict.RELEASED:
        arguments.append(outcome.data)
    if outcome.verdict is Verdict.HOPELESS:
        arguments.append(b"DEAD")
    return encode_command(arguments)
