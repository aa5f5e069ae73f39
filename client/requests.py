"""Each verb as a request: its bytes, what may be done when its reply is lost, how to read one."""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from penstock.client import info
from penstock.client.errors import (
    JobCancelled,
    JobExpired,
    JobFailed,
    OutcomeUnknown,
    PenstockError,
    ProtocolError,
    QueueFull,
    Refused,
    WaitTimeout,
)
from penstock.client.options import Options, bulk
from penstock.client.tasks import Decode
from penstock.config import limits
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

T = TypeVar("T")

_SUBMIT: Final = b"$10\r\nJOB.SUBMIT\r\n"
_CALL: Final = b"$8\r\nJOB.CALL\r\n"
_KEY: Final = bulk(b"KEY")
_QUEUE: Final = bulk(b"QUEUE")
_WAIT: Final = bulk(b"WAIT")

_DEAD: Final = re.compile(
    r"job (\d+) (failed \d+ of \d+ attempts|failed for good at attempt \d+): "
    r"(?:([^:\s]+):\s?)?(.*)"
)
_NO_TYPE: Final = "Error"  # A worker in another language need not name one.
_CANCELLED: Final = re.compile(r"job (\d+) was cancelled(?:, [^:]*)?(?:: )?(.*)")
_EXPIRED: Final = re.compile(r"job (\d+) expired(?:: )?(.*)")
_GOES_ON: Final = re.compile(r"job (\d+) (?:did not finish|goes on)")


class Lost(Enum):
    """What becomes of a request that was sent when the connection is lost before its reply."""

    ASK_AGAIN = "ask again"  # It changes nothing.
    SEND_AGAIN = "send again"  # It carries its key or attempt, so that twice is as good as once.
    UNDONE = "undone"  # The server takes back what it did: JOB.CLAIM's leases.
    UNKNOWN = "unknown"  # It may have been carried out, and would be again.


class Request(Struct, Generic[T], frozen=True):
    """One command and how its reply is read.

    `stem` is the encoded command, but for the number of milliseconds at its end where `wait_ms`
    is set: what is left of the wait is known when it is sent. `silent_ms` is how long a server in
    good health may take. `undo` makes the requests that take back what a reply gave to nobody.
    """

    stem: bytes
    read: Callable[[Reply], T]
    lost: Lost
    wait_ms: int | None = None
    silent_ms: int = 0
    key: str | None = None
    undo: "Callable[[Reply], list[Request[None]]] | None" = None

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice is as good as once."""
        return self.lost in (Lost.ASK_AGAIN, Lost.SEND_AGAIN)


# --- submitting ----------------------------------------------------------------------------------


def submit(
    task: str, payload: bytes, options: Options, key: str | None, queue: str | None = None
) -> Request[int]:
    """Make JOB.SUBMIT; *queue* is the task's own, for options that name none."""
    stem = _submission(_SUBMIT, task, payload, options, key, queue, waits=False)
    lost = Lost.UNKNOWN if key is None else Lost.SEND_AGAIN
    return Request(stem, read_id, lost, key=key)


def call(
    task: str,
    payload: bytes,
    options: Options,
    key: str | None,
    queue: str | None = None,
    *,
    decode: Decode,
) -> Request[Any]:
    """Make JOB.CALL."""
    wait_ms = options.wait_ms
    stem = _submission(_CALL, task, payload, options, key, queue, waits=wait_ms is not None)
    lost = Lost.UNKNOWN if key is None else Lost.SEND_AGAIN
    silent_ms = limits.CALL_WAIT_MS_DEFAULT if wait_ms is None else wait_ms
    return Request(stem, partial(read_result, decode), lost, wait_ms, silent_ms, key)


def _submission(
    verb: bytes,
    task: str,
    payload: bytes,
    options: Options,
    key: str | None,
    queue: str | None,
    *,
    waits: bool,
) -> bytes:
    check_size("payload", payload)
    name = task.encode()
    count = 3 + options.words_count
    tail = options.words
    queue = options.queue or queue
    if queue is not None:
        count += 2
        tail += _QUEUE + bulk(queue.encode())
    if key is not None:
        count += 2
        raw_key = key.encode()
        tail += b"%b$%d\r\n%b\r\n" % (_KEY, len(raw_key), raw_key)
    if waits:
        count += 2
        tail += _WAIT
    head = (count, verb, len(name), name, len(payload), payload, tail)
    return b"*%d\r\n%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b" % head


def check_size(what: str, data: bytes) -> None:
    """Refuse what no server takes.

    Raises:
        Refused: with TOOLARGE.
    """
    # The server would have to close the connection; a lower limit of its own it says in a reply.
    if len(data) > limits.ARGUMENT_BYTES_MAX:
        raise Refused(
            "TOOLARGE",
            f"the {what} has {len(data)} bytes and no server takes more than "
            f"{limits.ARGUMENT_BYTES_MAX}; store it elsewhere and send its name",
        )


# --- asking --------------------------------------------------------------------------------------


def wait(job_id: int, wait_ms: int | None, *, decode: Decode) -> Request[Any]:
    """Make JOB.WAIT."""
    read = partial(read_result, decode)
    if wait_ms is None:
        stem = encode_command((b"JOB.WAIT", job_id))
        return Request(stem, read, Lost.ASK_AGAIN, silent_ms=limits.CALL_WAIT_MS_DEFAULT)
    stem = _without_last(encode_command((b"JOB.WAIT", job_id, b"WAIT", b"")))
    return Request(stem, read, Lost.ASK_AGAIN, wait_ms, wait_ms)


def show(job_id: int) -> Request[info.JobInfo]:
    """Make JOB.SHOW."""
    return question((b"JOB.SHOW", job_id), info.read_job)


def queues() -> Request[list[info.QueueInfo]]:
    """Make QUEUE.LIST."""
    return question((b"QUEUE.LIST",), info.read_queues)


def queue(name: str) -> Request[info.QueueInfo]:
    """Make QUEUE.SHOW."""
    return question((b"QUEUE.SHOW", name), info.read_queue)


def execute(arguments: Sequence[bytes | str | int]) -> Request[Any]:
    """Make any command, of which nothing is known: it is not sent twice."""
    return Request(
        encode_command(arguments), _answered, Lost.UNKNOWN, silent_ms=limits.CALL_WAIT_MS_MAX
    )


def question(arguments: Sequence[bytes | str | int], read: Callable[[Reply], T]) -> Request[T]:
    """Make a request that changes nothing."""
    return Request(encode_command(arguments), partial(read_answer, read), Lost.ASK_AGAIN)


def _without_last(command: bytes) -> bytes:
    return command.removesuffix(b"$0\r\n\r\n")


# --- working -------------------------------------------------------------------------------------


def claim(queues: Sequence[str], count: int, wait_ms: int) -> Request[list[info.Claim]]:
    """Make JOB.CLAIM; jobs that nobody receives any more are released."""
    arguments: list[bytes | str | int] = [b"JOB.CLAIM", *queues]
    stem = encode_command((*arguments, b"COUNT", count, b"WAIT", wait_ms))
    read = partial(read_answer, info.read_claims)
    return Request(stem, read, Lost.UNDONE, silent_ms=wait_ms, undo=_release_claimed)


def complete(job_id: int, attempt: int, result: bytes) -> Request[None]:
    """Make JOB.COMPLETE."""
    check_size("result", result)
    return report((b"JOB.COMPLETE", job_id, attempt, result))


def fail(
    job_id: int,
    attempt: int,
    error: str,
    *,
    dead: bool = False,
    after_ms: int | None = None,
    cancel: bool = False,
) -> Request[None]:
    """Make JOB.FAIL; `dead`, `after_ms` and `cancel` exclude each other.

    Raises:
        ValueError: more than one of them is given.
    """
    if dead + cancel + (after_ms is not None) > 1:
        raise ValueError("dead, after_ms and cancel exclude each other; give one of them")
    arguments: list[bytes | str | int] = [b"JOB.FAIL", job_id, attempt, escaped(error)]
    if dead:
        arguments.append(b"DEAD")
    elif cancel:
        arguments.append(b"CANCEL")
    elif after_ms is not None:
        arguments += (b"AFTER", after_ms)
    return report(arguments)


def release(job_id: int, attempt: int, delay_ms: int | None = None) -> Request[None]:
    """Make JOB.RELEASE."""
    delay: tuple[bytes | int, ...] = () if delay_ms is None else (b"DELAY", delay_ms)
    return report((b"JOB.RELEASE", job_id, attempt, *delay))


def progress(job_id: int, attempt: int, percent: int, note: str | None) -> Request[None]:
    """Make JOB.PROGRESS."""
    noted = () if not note else (escaped(note),)
    return report((b"JOB.PROGRESS", job_id, attempt, percent, *noted))


def output(job_id: int, attempt: int, text: str) -> Request[None]:
    """Make JOB.OUTPUT, which adds: sent twice it would be there twice."""
    command = encode_command((b"JOB.OUTPUT", job_id, attempt, escaped(text)))
    return Request(command, read_done, Lost.UNKNOWN)


def extend(job_id: int, attempt: int, ms: int | None) -> Request[int]:
    """Make JOB.EXTEND."""
    arguments: tuple[bytes | int, ...] = (b"JOB.EXTEND", job_id, attempt)
    if ms is not None:
        arguments += (ms,)
    return Request(encode_command(arguments), read_id, Lost.SEND_AGAIN)


def escaped(text: str) -> bytes:
    """Encode text for people; what is no UTF-8 must not keep it from being told."""
    return text.encode(errors="backslashreplace")


def report(arguments: Sequence[bytes | str | int]) -> Request[None]:
    """Make a request that is as good twice as once, and that is answered with OK."""
    return Request(encode_command(arguments), read_done, Lost.SEND_AGAIN)


def _release_claimed(reply: Reply) -> list[Request[None]]:
    if isinstance(reply, ErrorReply):
        return []
    return [release(claim.id, claim.attempt) for claim in info.read_claims(reply)]


# --- reading -------------------------------------------------------------------------------------


def read_id(reply: Reply) -> int:
    """Read a number."""
    if type(reply) is int:
        return reply
    raise unexpected(reply, "a number")


def read_result(decode: Decode, reply: Reply) -> Any:
    """Read the result of a job."""
    if type(reply) is bytes:
        return decode(reply)
    raise unexpected(reply, "a result")


def read_done(reply: Reply) -> None:
    """Read OK."""
    if reply != "OK":
        raise unexpected(reply, "OK")


def read_answer(read: Callable[[Reply], T], reply: Reply) -> T:
    """Read what is not an error with *read*."""
    if isinstance(reply, ErrorReply):
        raise error_of(reply)
    return read(reply)


def _answered(reply: Reply) -> Reply:
    if isinstance(reply, ErrorReply):
        raise error_of(reply)
    return reply


def unexpected(reply: Reply, wanted: str) -> PenstockError:
    """Return the exception for an error reply, or for a reply of a wrong kind."""
    if isinstance(reply, ErrorReply):
        return error_of(reply)
    return ProtocolError(f"the server's reply should be {wanted} and is {reply!r:.100}")


def error_of(reply: ErrorReply, key: str | None = None) -> PenstockError:
    """Return the exception that an error reply becomes."""
    match reply.code:
        case "DEAD" if found := _DEAD.match(reply.text):
            return JobFailed(int(found[1]), found[3] or _NO_TYPE, found[4], summary=found[2])
        case "CANCELLED" if found := _CANCELLED.match(reply.text):
            return JobCancelled(int(found[1]), found[2])
        case "EXPIRED" if found := _EXPIRED.match(reply.text):
            return JobExpired(int(found[1]), found[2])
        case "QUEUEFULL":
            return QueueFull(reply.code, reply.text)
        case "TIMEOUT" | "DRAINING" if found := _GOES_ON.search(reply.text):
            return WaitTimeout(int(found[1]), reply.text)
        case "UNKNOWN":
            return OutcomeUnknown(reply.text, key)
    return Refused(reply.code, reply.text)
