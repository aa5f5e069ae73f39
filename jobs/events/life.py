"""The life of jobs as events: what the streams `jobs:<queue>` and `jobs:*` are told.

What the broker decides is told by the journal. What only the transaction knows (whether a key was
taken, whom a group blocks and lets go on, which jobs a purge found) is told by the store that runs
it, in the same words.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from penstock.jobs.events.ids import AUTO, next_id
from penstock.jobs.events.model import Event, Fields, StreamName, StreamNumber
from penstock.jobs.events.stream import ALL_JOBS, LIFE_PREFIX
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, State
from penstock.jobs.store.event_port import LifeStream
from penstock.jobs.store.port import Batch, Commit, Purged
from penstock.jobs.transitions import Cause

# A transition of a job of this queue, as fields.
Told: TypeAlias = tuple[QueueName, Fields]

_NAMES: Final[Mapping[str, bytes]] = {
    name: name.encode()
    for name in (
        *("id", "queue", "task", "attempt", "from", "to", "reason", "worker", "at"),
        *("due_at", "key", "tenant", "group", "producer", "error", "note"),
    )
}


# --- streams -------------------------------------------------------------------------------------


def life_stream(queue: QueueName) -> StreamName:
    """Return the stream of one queue."""
    return StreamName(f"{LIFE_PREFIX}{queue}")


def is_life_stream(name: StreamName) -> bool:
    """Say whether a stream is told of jobs, and so is the server's to append to."""
    return name.startswith(LIFE_PREFIX)


def queue_of(name: StreamName) -> QueueName | None:
    """Return of which queue a stream is told; None is all."""
    assert is_life_stream(name)
    return None if name == ALL_JOBS else QueueName(name.removeprefix(LIFE_PREFIX))


# --- transitions ---------------------------------------------------------------------------------


def life_fields(
    job: Job,
    before: State | None,
    cause: Cause,
    at: Instant,
    *,
    worker: str = "",
    failed: FailedAttempt | None = None,
) -> Fields:
    """Return the fields of the event of one transition: *job* is as it is after it."""
    common: dict[str, object] = {
        "id": job.id,
        "queue": job.queue,
        "task": job.task,
        "attempt": job.attempt,
        "from": "" if before is None else before.value,
        "to": job.state.value,
        "reason": cause.value,
        "worker": worker,
        "at": at,
    }
    has_ended_unfinished = job.state in (State.CANCELLED, State.EXPIRED)
    rare: dict[str, object | None] = {
        "due_at": job.due_at if job.state is State.SCHEDULED else None,
        "key": job.key,
        "tenant": job.tenant,
        "group": job.group,
        "producer": job.producer,
        "error": None if failed is None else failed.error.partition("\n")[0],
        "note": job.reason if has_ended_unfinished else None,
    }
    return _fields(common | {name: value for name, value in rare.items() if value is not None})


def is_told_late(job: Job) -> bool:
    """Say whether only the transaction knows what becomes of a submission."""
    return job.key is not None or job.group is not None


def late_life(batch: Batch, commit: Commit) -> list[Told]:
    """Return the transitions that the transaction found, in the order in which it made them."""
    told = [purged for found in commit.purged for purged in _purged(found)]
    for submission in batch.submissions:
        job = submission.job
        if is_told_late(job) and job.id not in commit.duplicates:
            told.append(_submitted(job, job.id in commit.blocked, batch.now))
    return told + _promoted(commit.promoted, batch.now)


def leases_ended(claimed: Iterable[Job], promoted: Iterable[Job], now: Instant) -> list[Told]:
    """Return the transitions of a start: the leases of the last run end, and groups go on."""
    told = [_lease_ended(job, now) for job in sorted(claimed, key=_id_of)]
    return told + _promoted(promoted, now)


def _submitted(job: Job, is_blocked: bool, now: Instant) -> Told:
    if is_blocked:
        return job.queue, life_fields(replace(job, state=State.BLOCKED), None, Cause.BLOCK, now)
    cause = Cause.SUBMIT if job.state is State.READY else Cause.SCHEDULE
    return job.queue, life_fields(job, None, cause, now)


def _promoted(promoted: Iterable[Job], now: Instant) -> list[Told]:
    return [
        (
            job.queue,
            life_fields(
                job,
                State.BLOCKED,
                Cause.UNBLOCK if job.state is State.READY else Cause.PROMOTE,
                now,
            ),
        )
        for job in sorted(promoted, key=_id_of)
    ]


def _lease_ended(job: Job, now: Instant) -> Told:
    if job.cancel_asked_at is None:
        after, cause = State.READY, Cause.RELEASE
    else:
        after, cause = State.CANCELLED, Cause.CANCEL
    return job.queue, life_fields(replace(job, state=after), State.CLAIMED, cause, now)


def _purged(purged: Purged) -> Iterator[Told]:
    """Of a job that is gone little is known."""
    for state in (State.BLOCKED, State.SCHEDULED, State.READY):
        for job_id in sorted(purged.job_ids.get(state, ())):
            values = {
                "id": job_id,
                "queue": purged.queue,
                "from": state.value,
                "to": "removed",
                "reason": "purge",
            }
            yield purged.queue, _fields(values)


def _id_of(job: Job) -> JobId:
    return job.id


def _fields(values: Mapping[str, object]) -> Fields:
    fields: list[bytes] = []
    for name, value in values.items():
        # What UTF-8 cannot hold, lone surrogates, is replaced.
        fields += (_NAMES[name], str(value).encode("utf-8", "replace"))
    return tuple(fields)


# --- appending -----------------------------------------------------------------------------------


def append_life(
    streams: Sequence[LifeStream], told: Sequence[Told], now: Instant
) -> Iterator[tuple[LifeStream, list[tuple[StreamNumber, Event]]]]:
    """Number what streams are told: yield those that are told anything, as they are after it."""
    if not told:
        return
    for stream in streams:
        fields = [fields for queue, fields in told if stream.queue in (None, queue)]
        if fields:
            yield _append(stream, fields, now)


def _append(
    stream: LifeStream, told: Iterable[Fields], now: Instant
) -> tuple[LifeStream, list[tuple[StreamNumber, Event]]]:
    record = stream.record
    last_id, offset = record.last_id, record.added_count
    events: list[tuple[StreamNumber, Event]] = []
    for fields in told:
        last_id, offset = next_id(last_id, AUTO, now), offset + 1
        events.append((record.number, Event(last_id, offset, fields)))
    record = replace(record, last_id=last_id, added_count=offset)
    return replace(stream, record=record), events
