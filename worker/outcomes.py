"""What became of a claimed job, and the command that tells the server."""

import random
from enum import Enum
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.encoding import encode_command
from penstock.worker.claims import Claim
from penstock.worker.endings import Cancel, Dead, Ending, Retry, Snooze
from penstock.worker.errors import Cancelled, HopelessError
from penstock.worker.failures import cut_middle, describe, first_line
from penstock.worker.retries import Retries


class Verdict(Enum):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # Another attempt may help.
    HOPELESS = "hopeless"  # It cannot: the dead letters.
    CANCELLED = "cancelled"  # Nobody needs the job any more.
    SNOOZED = "snoozed"  # Given back by the task, until later.
    RELEASED = "released"  # Never begun; given back.


class Outcome(Struct, frozen=True, gc=False):
    """How one attempt ended. `data` is the result, or the error's text in UTF-8.

    `after_ms` is how long to wait before the next attempt, where the task or its policy says so.
    """

    claim: Claim
    verdict: Verdict
    data: bytes = b""
    after_ms: int | None = None


_VERBS: Final = {
    Verdict.FAILED: b"JOB.FAIL",
    Verdict.HOPELESS: b"JOB.FAIL",
    Verdict.CANCELLED: b"JOB.FAIL",
    Verdict.SNOOZED: b"JOB.RELEASE",
    Verdict.RELEASED: b"JOB.RELEASE",
}
_WITHOUT_DATA: Final = (Verdict.SNOOZED, Verdict.RELEASED)


def failed(claim: Claim, error: BaseException, retries: Retries | None = None) -> Outcome:
    """Judge what a task raised, or an ending that it returned."""
    match error:
        case Snooze():
            return Outcome(claim, Verdict.SNOOZED, after_ms=error.after_ms)
        case Cancel():
            reason = cut_middle(str(error), limits.REASON_BYTES_MAX)
            return Outcome(claim, Verdict.CANCELLED, reason.encode())
        case Cancelled():
            return Outcome(claim, Verdict.CANCELLED, first_line(error).encode())
    data = _text(error).encode()
    failures = claim.failures + 1
    if isinstance(error, Dead) or (retries is not None and retries.is_used_up(failures)):
        return Outcome(claim, Verdict.HOPELESS, data)
    if isinstance(error, Retry) and error.after_ms is not None:
        return Outcome(claim, Verdict.FAILED, data, error.after_ms)
    after_ms = None if retries is None else retries.wait_ms(failures, random.random())
    return Outcome(claim, Verdict.FAILED, data, after_ms)


def hopeless(claim: Claim, error: HopelessError) -> Outcome:
    """Judge a call that cannot be made, or whose result cannot be sent, at any attempt."""
    text = cut_middle(f"{first_line(error)}\n{error}", limits.ERROR_BYTES_MAX)
    return Outcome(claim, Verdict.HOPELESS, text.encode())


def released(claim: Claim) -> Outcome:
    """Give back a job that was not begun."""
    return Outcome(claim, Verdict.RELEASED)


def command(outcome: Outcome) -> bytes:
    """Encode the command that tells the server."""
    claim, verdict, after_ms = outcome.claim, outcome.verdict, outcome.after_ms
    if verdict is Verdict.COMPLETED:  # Most often; to look up a member of an enum takes long.
        return encode_command([b"JOB.COMPLETE", claim.id, claim.attempt, outcome.data])
    arguments: list[bytes | str | int] = [_VERBS[verdict], claim.id, claim.attempt]
    if verdict not in _WITHOUT_DATA:
        arguments.append(outcome.data)
    if verdict is Verdict.HOPELESS:
        arguments.append(b"DEAD")
    elif verdict is Verdict.CANCELLED:
        arguments.append(b"CANCEL")
    elif after_ms is not None:
        arguments += (b"DELAY" if verdict is Verdict.SNOOZED else b"AFTER", after_ms)
    return encode_command(arguments)


def _text(error: BaseException) -> str:
    # An ending that was returned comes from nowhere; its first line says it all.
    if isinstance(error, Ending) and error.__traceback__ is None:
        return cut_middle(first_line(error), limits.ERROR_BYTES_MAX)
    return describe(error)
