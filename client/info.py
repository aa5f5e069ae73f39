"""What the server tells about jobs and queues, as frozen values. Times are unix milliseconds."""

from collections.abc import Mapping
from typing import Final, NoReturn, TypeVar

from msgspec import Struct, ValidationError, convert, field

from penstock.client.errors import ProtocolError
from penstock.protocol.reader import Push, Reply

T = TypeVar("T")


class FailedAttempt(Struct, frozen=True):
    """One attempt that did not succeed. `error` is `Type: message`, then the traceback."""

    attempt: int
    worker: str
    claimed_at: int
    failed_at: int
    error: str


class JobInfo(Struct, frozen=True):
    """Everything the server knows of one job.

    `state` is scheduled, ready, claimed, completed or dead. `payload` and `result` are bytes as
    they were submitted and completed. None is for what is not there (yet).
    """

    id: int
    queue: str
    task: str
    state: str
    priority: int
    attempt: int
    failures: int
    attempts_max: int
    timeout_ms: int
    submitted_at: int
    due_at: int | None = None
    claimed_at: int | None = None
    finished_at: int | None = None
    remove_at: int | None = None
    key: str | None = None
    payload: bytes | None = None
    result: bytes | None = None
    errors: tuple[FailedAttempt, ...] = ()


class QueueInfo(Struct, frozen=True):
    """How many jobs of a queue are in each state.

    `counters` holds what else the server counts, by its names on the wire; `queue` has them,
    `queues` does not.
    """

    name: str
    ready: int
    scheduled: int
    claimed: int
    completed: int
    dead: int
    counters: Mapping[str, int] = field(default_factory=dict)


class Claim(Struct, frozen=True):
    """One attempt at one job. Its id and attempt together are what the server knows it by."""

    id: int
    attempt: int
    queue: str
    task: str
    payload: bytes
    timeout_ms: int


_BYTES: Final = frozenset({"payload", "result"})
_QUEUE_FIELDS: Final = ("name", "ready", "scheduled", "claimed", "completed", "dead")


def read_job(reply: Reply) -> JobInfo:
    """Read JOB.SHOW's map; what a newer server adds to it is left out."""
    fields = _fields(reply)
    errors = fields.pop("errors", None)
    if not isinstance(errors, list):
        _refuse("errors of a job", errors)
    attempts = tuple(_built(FailedAttempt, _fields(entry)) for entry in errors)
    return _built(JobInfo, {**fields, "errors": attempts})


def read_queue(reply: Reply) -> QueueInfo:
    """Read QUEUE.SHOW's map."""
    fields = _fields(reply)
    counters = {
        name: value
        for name, value in fields.items()
        if name not in _QUEUE_FIELDS and isinstance(value, int)
    }
    known: dict[str, object] = {name: fields.get(name) for name in _QUEUE_FIELDS}
    return _built(QueueInfo, {**known, "counters": counters})


def read_queues(reply: Reply) -> list[QueueInfo]:
    """Read QUEUE.LIST's array."""
    if not isinstance(reply, list):
        _refuse("a list of queues", reply)
    return [read_queue(entry) for entry in reply]


def read_claims(reply: Reply) -> list[Claim]:
    """Read JOB.CLAIM's array."""
    if not isinstance(reply, list):
        _refuse("claimed jobs", reply)
    return [_read_claim(entry) for entry in reply]


def _read_claim(entry: Reply) -> Claim:
    match entry:
        case [
            int(job_id),
            int(attempt),
            bytes(queue),
            bytes(task),
            bytes(payload),
            int(timeout_ms),
            *_,
        ]:
            return Claim(job_id, attempt, queue.decode(), task.decode(), payload, timeout_ms)
    _refuse("a claimed job", entry)


def read_cancel(push: Push) -> tuple[int, int] | None:
    """Read the push that tells an attempt to stop; None where it is another one."""
    match push:
        case [b"cancel", int(job_id), int(attempt)]:
            return job_id, attempt
    return None


def _fields(reply: Reply) -> dict[str, Reply | str]:
    """Make a map's names, and its values but for payload and result, text."""
    if not isinstance(reply, dict):
        _refuse("a map", reply)
    fields: dict[str, Reply | str] = {}
    for raw_name, value in reply.items():
        if not isinstance(raw_name, bytes):
            _refuse("a map of names", reply)
        name = raw_name.decode(errors="replace")
        if isinstance(value, bytes) and name not in _BYTES:
            fields[name] = value.decode(errors="replace")
        else:
            fields[name] = value
    return fields


def _built(kind: type[T], fields: Mapping[str, object]) -> T:
    try:
        return convert(fields, kind)
    except ValidationError as error:
        raise ProtocolError(f"the server's reply is no {kind.__name__}: {error}") from error


def _refuse(wanted: str, got: object) -> NoReturn:
    raise ProtocolError(f"the server's reply should be {wanted} and is {got!r:.100}")
