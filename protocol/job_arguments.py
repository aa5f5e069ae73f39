"""The arguments of the commands about one job: JOB.WAIT and JOB.SHOW.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.options import WAIT_OPTIONS, OptionReader
from penstock.protocol.values import read_job_id

_WAIT: Final = OptionReader("JOB.WAIT", WAIT_OPTIONS)


class WaitArguments(Struct, frozen=True, gc=False):
    """JOB.WAIT's."""

    job_id: int
    wait_ms: int = limits.CALL_WAIT_MS_DEFAULT


def parse_wait(arguments: Sequence[bytes]) -> WaitArguments:
    """Read `JOB.WAIT id [WAIT ms]`."""
    job_id = read_job_id(arguments[1])
    numbers, _ = _WAIT.read(arguments, 2)
    return WaitArguments(job_id, numbers.get("WAIT", limits.CALL_WAIT_MS_DEFAULT))


def parse_job_id(arguments: Sequence[bytes]) -> int:
    """Read `JOB.SHOW id`."""
    return read_job_id(arguments[1])
