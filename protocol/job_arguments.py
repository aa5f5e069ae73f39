"""The arguments of the commands about one job: JOB.WAIT, JOB.SHOW, JOB.CANCEL.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.option_reader import OptionReader
from penstock.protocol.options import CANCEL_OPTIONS, WAIT_OPTIONS
from penstock.protocol.values import read_job_id

_WAIT: Final = OptionReader("JOB.WAIT", WAIT_OPTIONS)
_CANCEL: Final = OptionReader("JOB.CANCEL", CANCEL_OPTIONS)


class WaitArguments(Struct, frozen=True, gc=False):
    """JOB.WAIT's."""

    job_id: int
    wait_ms: int = limits.CALL_WAIT_MS_DEFAULT


class CancelArguments(Struct, frozen=True, gc=False):
    """JOB.CANCEL's."""

    job_id: int
    reason: str | None = None


def parse_wait(arguments: Sequence[bytes]) -> WaitArguments:
    """Read `JOB.WAIT id [WAIT ms]`."""
    job_id = read_job_id(arguments[1])
    numbers, _, _ = _WAIT.read(arguments, 2)
    return WaitArguments(job_id, numbers.get("WAIT", limits.CALL_WAIT_MS_DEFAULT))


def parse_job_id(arguments: Sequence[bytes]) -> int:
    """Read `JOB.SHOW id`."""
    return read_job_id(arguments[1])


def parse_cancel(arguments: Sequence[bytes]) -> CancelArguments:
    """Read `JOB.CANCEL id [REASON text]`."""
    job_id = read_job_id(arguments[1])
    _, texts, _ = _CANCEL.read(arguments, 2)
    return CancelArguments(job_id, texts.get("REASON"))
