"""What the server tells about jobs and queues, as frozen values. Times are unix milliseconds."""

from collections.abc import Collection, Mapping
from typing import Final, NoReturn, TypeVar

from msgspec import Struct, ValidationError, convert, field

from penstock.client.errors import ProtocolError
from penstock.client.retry import Retry
from penstock.protocol.reader import Push, Reply

T = TypeVar("T")


class FailedAttempt(Struct, frozen=True):
    """One attempt that did not succeed. `error` is `Type: message`, then the traceback.

    `output` is the end of what the attempt printed.
    """

    attempt: int
    worker: str
    claimed_at: int
    failed_at: int
    error: str
    output: str = ""


class Progress(Struct, frozen=True):
    """How far the attempt that runs said it is."""

    percent: int
    note: str | None = None
    at: int | None = None


class WaitsFor(Struct, frozen=True):
    """Why a job waits: `why` is a sentence for people, `cause` a word for programs.

    The causes: due, group, paused, concurrency, tenant_concurrency, rate, behind, no_worker,
    reordering. `behind` is how many jobs go before it, or more where `behind_at_least`; `holder`
    the job that holds it up; `estimate_ms` how much longer it may take.
    """

    why: str
    cause: str
    behind: int | None = None
    behind_at_least: bool = False
    since: int | None = None
    estimate_ms: int | None = None
    holder: int | None = None


class JobInfo(Struct, frozen=True):
    """Everything the server knows of one job.

    `state` is scheduled, blocked, ready, claimed, completed, dead, cancelled or expired. `payload`
    and `result` are bytes as they were submitted and completed. `failures` counts the attempts
    that failed, `releases` how often the job was given back. `reason` is why it was cancelled or
    expired. None is for what is not there (yet).
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
    releases: int = 0
    tenant: str | None = None
    group: str | None = None
    producer: str | None = None
    expires_at: int | None = None
    keep_ms: int | None = None
    retry: Retry | None = None
    payload_bytes: int = 0
    cancel_asked_at: int | None = None
    reason: str | None = None
    progress: Progress | None = None
    output: str | None = None
    waits_for: WaitsFor | None = None


class JobSummary(Struct, frozen=True):
    """What a list says of one job. `error` is the first line of its last failure."""

    id: int
    queue: str
    task: str
    state: str
    priority: int
    attempt: int
    failures: int
    submitted_at: int
    releases: int = 0
    tenant: str | None = None
    group: str | None = None
    key: str | None = None
    due_at: int | None = None
    claimed_at: int | None = None
    finished_at: int | None = None
    reason: str | None = None
    error: str | None = None


class JobPage(Struct, frozen=True):
    """A piece of a list. A `cursor` of 0 is the end."""

    cursor: int
    jobs: list[JobSummary]


class QueueInfo(Struct, frozen=True):
    """How many jobs of a queue are in each state.

    `bytes` is the size of the payloads that wait, None unless the queue has a limit of them.
    `settings` holds what is set for it, by the names of the settings file, and `counters` what
    else the server counts, by its names on the wire; `queue` has them, `queues` does not.
    """

    name: str
    ready: int
    scheduled: int
    claimed: int
    completed: int
    dead: int
    counters: Mapping[str, int] = field(default_factory=dict)
    blocked: int = 0
    cancelled: int = 0
    expired: int = 0
    paused: bool = False
    bytes: int | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many jobs wait: scheduled, blocked or ready."""
        return self.scheduled + self.blocked + self.ready


class Claim(Struct, frozen=True):
    """One attempt at one job. Its id and attempt together are what the server knows it by.

    `failures` is how many attempts failed before, `releases` how often the job was given back.
    """

    id: int
    attempt: int
    queue: str
    task: str
    payload: bytes
    timeout_ms: int
    failures: int = 0
    releases: int = 0


_BYTES: Final = frozenset({"payload", "result"})
_QUEUE_FIELDS: Final = frozenset(QueueInfo.__struct_fields__) - {"counters"}


def read_job(reply: Reply) -> JobInfo:
    """Read JOB.SHOW's map; what a newer server adds to it is left out."""
    fields = fields_of(reply)
    match fields.get("retry"):
        case {"delays_ms": list(delays)} if delays:
            # The server names the backoff that they replace as well.
            fields["retry"] = {"delays_ms": delays}
        case {"jitter": str(jitter), "base_ms": base_ms, "cap_ms": cap_ms}:
            fields["retry"] = {"base_ms": base_ms, "cap_ms": cap_ms, "jitter": jitter == "full"}
    return built(JobInfo, fields)


def read_queue(reply: Reply) -> QueueInfo:
    """Read QUEUE.SHOW's map."""
    fields = fields_of(reply)
    counters = {
        name: value
        for name, value in fields.items()
        if name not in _QUEUE_FIELDS and type(value) is int
    }
    known = {name: value for name, value in fields.items() if name in _QUEUE_FIELDS}
    return built(QueueInfo, {**known, "counters": counters})


def read_queues(reply: Reply) -> list[QueueInfo]:
    """Read QUEUE.LIST's array."""
    if not isinstance(reply, list):
        refuse("a list of queues", reply)
    return [read_queue(entry) for entry in reply]


def read_summaries(reply: Reply) -> list[JobSummary]:
    """Read QUEUE.PEEK's array."""
    if not isinstance(reply, list):
        refuse("a list of jobs", reply)
    return [built(JobSummary, fields_of(entry)) for entry in reply]


def read_page(reply: Reply) -> JobPage:
    """Read JOB.LIST's cursor and jobs."""
    match reply:
        case [int(cursor), list(jobs)]:
            return JobPage(cursor, read_summaries(jobs))
    refuse("a cursor and jobs", reply)


def read_claims(reply: Reply) -> list[Claim]:
    """Read JOB.CLAIM's array."""
    if not isinstance(reply, list):
        refuse("claimed jobs", reply)
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
            *counts,
        ]:
            # A newer server may say more of it.
            known = [count for count in counts[:2] if isinstance(count, int)]
            return Claim(
                job_id, attempt, queue.decode(), task.decode(), payload, timeout_ms, *known
            )
    refuse("a claimed job", entry)


def read_cancel(push: Push) -> tuple[int, int] | None:
    """Read the push that tells an attempt to stop; None where it is another one."""
    match push:
        case [b"cancel", int(job_id), int(attempt)]:
            return job_id, attempt
    return None


def fields_of(reply: Reply, raw: Collection[str] = _BYTES) -> dict[str, object]:
    """Make a map's names, and its values but for those that are *raw*, text."""
    if not isinstance(reply, dict):
        refuse("a map", reply)
    fields: dict[str, object] = {}
    for raw_name, value in reply.items():
        if not isinstance(raw_name, bytes):
            refuse("a map of names", reply)
        name = raw_name.decode(errors="replace")
        fields[name] = value if name in raw else _plain(value)
    return fields


def _plain(value: Reply) -> object:
    match value:
        case bytes():
            return value.decode(errors="replace")
        case list():
            return [_plain(each) for each in value]
        case dict():
            return fields_of(value)
    return value


def built(kind: type[T], fields: Mapping[str, object]) -> T:
    """Make a value of what was read; what a newer server says beside is left out.

    Raises:
        ProtocolError: something is missing or of a wrong kind.
    """
    try:
        return convert(fields, kind)
    except ValidationError as error:
        raise ProtocolError(f"the server's reply is no {kind.__name__}: {error}") from error


def refuse(wanted: str, got: object) -> NoReturn:
    """Raise the error for a reply of a wrong kind."""
    raise ProtocolError(f"the server's reply should be {wanted} and is {got!r:.100}")
