"""The arguments of each command as values: checked, converted, named.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
What needs the settings or the clock (size of a payload, the instant of AT) is not checked here.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.options import (
    CALL_OPTIONS,
    CLAIM_OPTIONS,
    FAIL_OPTIONS,
    INTEGER_MAX,
    SUBMIT_OPTIONS,
    WAIT_OPTIONS,
    OptionReader,
)
from penstock.protocol.values import read_name, read_number, read_text, refused, shown

QUEUE_DEFAULT: Final = "default"

_SUBMIT: Final = OptionReader("JOB.SUBMIT", SUBMIT_OPTIONS)
_CALL: Final = OptionReader("JOB.CALL", CALL_OPTIONS)
_WAIT: Final = OptionReader("JOB.WAIT", WAIT_OPTIONS)
_CLAIM: Final = OptionReader("JOB.CLAIM", CLAIM_OPTIONS)
_FAIL: Final = OptionReader("JOB.FAIL", FAIL_OPTIONS)

_PROTOCOL_VERSIONS: Final = (2, 3)
_DATABASES: Final = 16


class SubmitArguments(Struct, frozen=True, gc=False):
    """JOB.SUBMIT's. None is for what was not given: the settings have the default."""

    task: str
    payload: bytes
    queue: str = QUEUE_DEFAULT
    priority: int | None = None
    delay_ms: int | None = None
    at: int | None = None
    timeout_ms: int | None = None
    attempts_max: int | None = None
    key: str | None = None


class CallArguments(Struct, frozen=True):
    """JOB.CALL's."""

    submit: SubmitArguments
    wait_ms: int = limits.CALL_WAIT_MS_DEFAULT


class WaitArguments(Struct, frozen=True, gc=False):
    """JOB.WAIT's."""

    job_id: int
    wait_ms: int = limits.CALL_WAIT_MS_DEFAULT


class ClaimArguments(Struct, frozen=True, gc=False):
    """JOB.CLAIM's. Queues are in the order given, each once."""

    queues: tuple[str, ...]
    jobs_max: int = 1
    wait_ms: int = limits.CLAIM_WAIT_MS_DEFAULT


class LeaseArguments(Struct, frozen=True, gc=False):
    """JOB.RELEASE's: the job, and the attempt that is its fencing token."""

    job_id: int
    attempt: int


class CompleteArguments(Struct, frozen=True, gc=False):
    """JOB.COMPLETE's."""

    job_id: int
    attempt: int
    result: bytes = b""


class FailArguments(Struct, frozen=True, gc=False):
    """JOB.FAIL's. `dead` asks for no further attempt."""

    job_id: int
    attempt: int
    error: str
    dead: bool = False


class ExtendArguments(Struct, frozen=True, gc=False):
    """JOB.EXTEND's. None: as long as the job's own timeout."""

    job_id: int
    attempt: int
    ms: int | None = None


class HelloArguments(Struct, frozen=True, gc=False):
    """HELLO's. Credentials are bytes, to be compared in constant time."""

    version: int | None = None
    username: bytes | None = None
    password: bytes | None = None
    client_name: str | None = None


class AuthArguments(Struct, frozen=True, gc=False):
    """AUTH's."""

    username: bytes | None
    password: bytes


# --- jobs ----------------------------------------------------------------------------------------


def parse_submit(arguments: Sequence[bytes]) -> SubmitArguments:
    """Read `JOB.SUBMIT task payload [options]`."""
    task = read_name(arguments[1], "task")
    if len(arguments) == 3:
        return SubmitArguments(task, arguments[2])
    numbers, texts = _SUBMIT.read(arguments, 3)
    return _submit(task, arguments[2], numbers, texts)


def parse_call(arguments: Sequence[bytes]) -> CallArguments:
    """Read `JOB.CALL task payload [options]`."""
    task = read_name(arguments[1], "task")
    if len(arguments) == 3:
        return CallArguments(SubmitArguments(task, arguments[2]))
    numbers, texts = _CALL.read(arguments, 3)
    wait_ms = numbers.get("WAIT", limits.CALL_WAIT_MS_DEFAULT)
    return CallArguments(_submit(task, arguments[2], numbers, texts), wait_ms)


def _submit(
    task: str, payload: bytes, numbers: dict[str, int], texts: dict[str, str]
) -> SubmitArguments:
    return SubmitArguments(
        task,
        payload,
        texts.get("QUEUE", QUEUE_DEFAULT),
        numbers.get("PRIORITY"),
        numbers.get("DELAY"),
        numbers.get("AT"),
        numbers.get("TIMEOUT"),
        numbers.get("ATTEMPTS"),
        texts.get("KEY"),
    )


def parse_wait(arguments: Sequence[bytes]) -> WaitArguments:
    """Read `JOB.WAIT id [WAIT ms]`."""
    job_id = _job_id(arguments[1])
    numbers, _ = _WAIT.read(arguments, 2)
    return WaitArguments(job_id, numbers.get("WAIT", limits.CALL_WAIT_MS_DEFAULT))


def parse_job_id(arguments: Sequence[bytes]) -> int:
    """Read `JOB.SHOW id`."""
    return _job_id(arguments[1])


def parse_claim(arguments: Sequence[bytes]) -> ClaimArguments:
    """Read `JOB.CLAIM queue [queue ...] [COUNT n] [WAIT ms]`.

    The first argument is always a queue; further ones are, up to the first COUNT or WAIT.
    """
    end = 2
    while end < len(arguments) and not _CLAIM.is_keyword(arguments[end]):
        end += 1
    if end - 1 > limits.CLAIM_QUEUES_MAX:
        raise refused(f"JOB.CLAIM takes {limits.CLAIM_QUEUES_MAX} queues, not {end - 1}")
    queues = tuple(dict.fromkeys([read_name(raw, "queue") for raw in arguments[1:end]]))
    if end == len(arguments):
        return ClaimArguments(queues)
    numbers, _ = _CLAIM.read(arguments, end)
    return ClaimArguments(
        queues, numbers.get("COUNT", 1), numbers.get("WAIT", limits.CLAIM_WAIT_MS_DEFAULT)
    )


def parse_lease(arguments: Sequence[bytes]) -> LeaseArguments:
    """Read `JOB.RELEASE id attempt`."""
    return LeaseArguments(_job_id(arguments[1]), _attempt(arguments[2]))


def parse_complete(arguments: Sequence[bytes]) -> CompleteArguments:
    """Read `JOB.COMPLETE id attempt [result]`."""
    _refuse_more_than(arguments, 4, "job.complete")
    result = arguments[3] if len(arguments) == 4 else b""
    return CompleteArguments(_job_id(arguments[1]), _attempt(arguments[2]), result)


def parse_fail(arguments: Sequence[bytes]) -> FailArguments:
    """Read `JOB.FAIL id attempt error [DEAD]`."""
    numbers, _ = _FAIL.read(arguments, 4)
    return FailArguments(
        _job_id(arguments[1]), _attempt(arguments[2]), read_text(arguments[3]), "DEAD" in numbers
    )


def parse_extend(arguments: Sequence[bytes]) -> ExtendArguments:
    """Read `JOB.EXTEND id attempt [ms]`."""
    _refuse_more_than(arguments, 4, "job.extend")
    ms = read_number(arguments[3], "ms", 1, limits.TIMEOUT_MS_MAX) if len(arguments) == 4 else None
    return ExtendArguments(_job_id(arguments[1]), _attempt(arguments[2]), ms)


def parse_queue_name(arguments: Sequence[bytes]) -> str:
    """Read `QUEUE.SHOW name`."""
    return read_name(arguments[1], "queue")


def _job_id(raw: bytes) -> int:
    return read_number(raw, "id", 1, INTEGER_MAX)


def _attempt(raw: bytes) -> int:
    return read_number(raw, "attempt", 1, INTEGER_MAX)


def _refuse_more_than(arguments: Sequence[bytes], count: int, name: str) -> None:
    if len(arguments) > count:
        raise refused(f"wrong number of arguments for '{name}' command")


# --- the connection: Redis' own words and texts --------------------------------------------------


def parse_hello(arguments: Sequence[bytes]) -> HelloArguments:
    """Read `HELLO [2|3 [AUTH username password] [SETNAME name]]`."""
    if len(arguments) == 1:
        return HelloArguments()
    version = _protocol_version(arguments[1])
    username = password = client_name = None
    position = 2
    while position < len(arguments):
        option = arguments[position].upper()
        values = arguments[position + 1 : position + (3 if option == b"AUTH" else 2)]
        if option == b"AUTH" and len(values) == 2:
            username, password = values
        elif option == b"SETNAME" and values:
            client_name = read_client_name(values[0])
        else:
            raise refused(f"Syntax error in HELLO option {shown(arguments[position])}")
        position += 1 + len(values)
    return HelloArguments(version, username, password, client_name)


def parse_auth(arguments: Sequence[bytes]) -> AuthArguments:
    """Read `AUTH [username] password`."""
    if len(arguments) > 3:
        raise refused("syntax error")
    if len(arguments) == 2:
        return AuthArguments(None, arguments[1])
    return AuthArguments(arguments[1], arguments[2])


def parse_select(arguments: Sequence[bytes]) -> int:
    """Read `SELECT index`. There is one database; the others' numbers are accepted for clients."""
    try:
        return read_number(arguments[1], "index", 0, _DATABASES - 1)
    except ArgumentError:
        raise refused("DB index is out of range") from None


def read_client_name(raw: bytes) -> str:
    """Read the name a connection gives itself; empty takes it away."""
    if any(not 0x21 <= byte <= 0x7E for byte in raw) or len(raw) > limits.NAME_BYTES_MAX:
        raise refused("Client names cannot contain spaces, newlines or special characters.")
    return raw.decode()


def _protocol_version(raw: bytes) -> int:
    try:
        version = read_number(raw, "version", 0, INTEGER_MAX)
    except ArgumentError:
        raise refused("Protocol version is not an integer or out of range") from None
    if version not in _PROTOCOL_VERSIONS:
        raise ArgumentError(ErrorCode.NOPROTO, "unsupported protocol version")
    return version
