"""The arguments of the commands of those who do the work: claim, and what becomes of a claim.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.option_reader import OptionReader
from penstock.protocol.options import CLAIM_OPTIONS, FAIL_OPTIONS, RELEASE_OPTIONS
from penstock.protocol.values import (
    read_attempt,
    read_bounded_text,
    read_job_id,
    read_name,
    read_number,
    read_text,
    refuse_more_than,
    refused,
)

_CLAIM: Final = OptionReader("JOB.CLAIM", CLAIM_OPTIONS)
_FAIL: Final = OptionReader("JOB.FAIL", FAIL_OPTIONS)
_RELEASE: Final = OptionReader("JOB.RELEASE", RELEASE_OPTIONS)

# Each worker asks the same again and again, and its claim is most of what there is to be read.
_CLAIMS_CACHED_MAX: Final = 256

_PERCENT_MAX: Final = 100
_CONTINUATION: Final = bytes(range(0x80, 0xC0))  # Of a character in UTF-8, after its first byte.


class ClaimArguments(Struct, frozen=True, gc=False):
    """JOB.CLAIM's. Queues are in the order given, each once."""

    queues: tuple[str, ...]
    jobs_max: int = 1
    wait_ms: int = limits.CLAIM_WAIT_MS_DEFAULT


class LeaseArguments(Struct, frozen=True, gc=False):
    """JOB.RELEASE's: the job, the attempt that is its fencing token, and when it may run again."""

    job_id: int
    attempt: int
    delay_ms: int = 0


class CompleteArguments(Struct, frozen=True, gc=False):
    """JOB.COMPLETE's."""

    job_id: int
    attempt: int
    result: bytes = b""


class FailArguments(Struct, frozen=True, gc=False):
    """JOB.FAIL's. `dead` and `cancel` ask for no further attempt, `after_ms` for a wait.

    At most one of the three is there.
    """

    job_id: int
    attempt: int
    error: str
    dead: bool = False
    after_ms: int | None = None
    cancel: bool = False


class ExtendArguments(Struct, frozen=True, gc=False):
    """JOB.EXTEND's. None: as long as the job's own timeout."""

    job_id: int
    attempt: int
    ms: int | None = None


class ProgressArguments(Struct, frozen=True, gc=False):
    """JOB.PROGRESS's."""

    job_id: int
    attempt: int
    percent: int
    note: str | None = None


class OutputArguments(Struct, frozen=True, gc=False):
    """JOB.OUTPUT's. Of a long text only the end is here, as only that would be kept."""

    job_id: int
    attempt: int
    text: str


def parse_claim(arguments: Sequence[bytes]) -> ClaimArguments:
    """Read `JOB.CLAIM queue [queue ...] [COUNT n] [WAIT ms]`.

    The first argument is always a queue; further ones are, up to the first COUNT or WAIT.
    """
    return _parse_claim(tuple(arguments))


@lru_cache(maxsize=_CLAIMS_CACHED_MAX)
def _parse_claim(arguments: tuple[bytes, ...]) -> ClaimArguments:
    end = 2
    while end < len(arguments) and not _CLAIM.is_keyword(arguments[end]):
        end += 1
    if end - 1 > limits.CLAIM_QUEUES_MAX:
        raise refused(f"JOB.CLAIM takes {limits.CLAIM_QUEUES_MAX} queues, not {end - 1}")
    queues = tuple(dict.fromkeys([read_name(raw, "queue") for raw in arguments[1:end]]))
    if end == len(arguments):
        return ClaimArguments(queues)
    numbers, _, _ = _CLAIM.read(arguments, end)
    return ClaimArguments(
        queues, numbers.get("COUNT", 1), numbers.get("WAIT", limits.CLAIM_WAIT_MS_DEFAULT)
    )


def parse_lease(arguments: Sequence[bytes]) -> LeaseArguments:
    """Read `JOB.RELEASE id attempt [DELAY ms]`."""
    numbers, _, _ = _RELEASE.read(arguments, 3)
    return LeaseArguments(
        read_job_id(arguments[1]), read_attempt(arguments[2]), numbers.get("DELAY", 0)
    )


def parse_complete(arguments: Sequence[bytes]) -> CompleteArguments:
    """Read `JOB.COMPLETE id attempt [result]`."""
    refuse_more_than(arguments, 4, "job.complete")
    result = arguments[3] if len(arguments) == 4 else b""
    return CompleteArguments(read_job_id(arguments[1]), read_attempt(arguments[2]), result)


def parse_fail(arguments: Sequence[bytes]) -> FailArguments:
    """Read `JOB.FAIL id attempt error [DEAD | AFTER ms | CANCEL]`."""
    numbers, _, _ = _FAIL.read(arguments, 4)
    return FailArguments(
        read_job_id(arguments[1]),
        read_attempt(arguments[2]),
        read_text(arguments[3]),
        "DEAD" in numbers,
        numbers.get("AFTER"),
        "CANCEL" in numbers,
    )


def parse_extend(arguments: Sequence[bytes]) -> ExtendArguments:
    """Read `JOB.EXTEND id attempt [ms]`."""
    refuse_more_than(arguments, 4, "job.extend")
    ms = read_number(arguments[3], "ms", 1, limits.TIMEOUT_MS_MAX) if len(arguments) == 4 else None
    return ExtendArguments(read_job_id(arguments[1]), read_attempt(arguments[2]), ms)


def parse_progress(arguments: Sequence[bytes]) -> ProgressArguments:
    """Read `JOB.PROGRESS id attempt percent [note]`."""
    refuse_more_than(arguments, 5, "job.progress")
    job_id, attempt = read_job_id(arguments[1]), read_attempt(arguments[2])
    percent = read_number(arguments[3], "percent", 0, _PERCENT_MAX)
    if len(arguments) == 4:
        return ProgressArguments(job_id, attempt, percent)
    note = read_bounded_text(arguments[4], "note", limits.NOTE_BYTES_MAX)
    return ProgressArguments(job_id, attempt, percent, note)


def parse_output(arguments: Sequence[bytes]) -> OutputArguments:
    """Read `JOB.OUTPUT id attempt text`."""
    raw = arguments[3]
    if len(raw) > limits.JOB_OUTPUT_BYTES_MAX:
        raw = raw[-limits.JOB_OUTPUT_BYTES_MAX :].lstrip(_CONTINUATION)
    return OutputArguments(read_job_id(arguments[1]), read_attempt(arguments[2]), read_text(raw))
