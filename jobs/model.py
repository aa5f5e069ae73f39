"""What a job is: the record that the store keeps, and the few values around it.

Records are msgspec structs, frozen and without cycles: they are made tens of thousands of times
a second, and a frozen dataclass takes 25 times as long to make (docs/decisions/0001).
"""

from enum import Enum
from typing import Final, NewType

from msgspec import Struct

from penstock.jobs.retry_policy import RetryPolicy

JobId = NewType("JobId", int)
Instant = NewType("Instant", int)  # Milliseconds since the Unix epoch, UTC.
QueueName = NewType("QueueName", str)
TaskName = NewType("TaskName", str)


class State(Enum):
    """Where a job is in its life; `jobs.transitions` says how it gets from one to the next."""

    # Enum's own hash is written in Python; members are singletons, so this one will do.
    __hash__ = object.__hash__

    SCHEDULED = "scheduled"  # Not due yet: delayed by its submitter or by a retry.
    BLOCKED = "blocked"  # Waits until an earlier job of its ordering group is finished.
    READY = "ready"  # Waits for a claim.
    CLAIMED = "claimed"  # A worker holds its lease.
    COMPLETED = "completed"
    DEAD = "dead"  # Its attempts are used up; it waits for people.
    CANCELLED = "cancelled"  # Somebody, or its queue, wanted it no more.
    EXPIRED = "expired"  # Its deadline passed before it was started.


WAITING: Final = frozenset({State.SCHEDULED, State.BLOCKED, State.READY})
FINISHED: Final = frozenset({State.COMPLETED, State.DEAD, State.CANCELLED, State.EXPIRED})


class Job(Struct, frozen=True, gc=False):
    """The record of one job. Its payload and its result are kept apart from it.

    `rank` orders the ready jobs of a queue, the smaller first and the smaller id among equals.
    `attempt` counts claims and is the fencing token; `failures` counts the attempts that failed
    and is what `attempts_max` bounds. `releases` counts the times it was given back, which is no
    failure.
    """

    id: JobId
    queue: QueueName
    task: TaskName
    state: State
    rank: int
    priority: int
    attempts_max: int
    timeout_ms: int
    submitted_at: Instant
    due_at: Instant  # When it may run, or might have: of the first or of the next attempt.
    key: str | None = None
    attempt: int = 0
    failures: int = 0
    claimed_at: Instant | None = None
    finished_at: Instant | None = None
    remove_at: Instant | None = None  # Finished jobs only: when they may be removed.
    tenant: str | None = None  # For whom it is done; a fair queue shares among tenants.
    group: str | None = None  # Of a group one job runs at a time, in the order of submission.
    producer: str | None = None  # The name of the connection that submitted it.
    expires_at: Instant | None = None  # Nobody can use it if it was not started until then.
    keep_ms: int | None = None  # How long it is kept once finished; None: as its queue says.
    retry: RetryPolicy | None = None  # None: as its queue says.
    payload_bytes: int = 0
    releases: int = 0
    cancel_asked_at: Instant | None = None  # Its worker was told to stop.
    reason: str | None = None  # Why it was cancelled or expired.
    key_expires_at: Instant | None = None  # When its key is free for another job.


class FailedAttempt(Struct, frozen=True, gc=False):
    """One attempt that failed, for the people who look at a dead letter.

    `error` is text: its first line is `Type: message`, the lines after it are the traceback.
    """

    job_id: JobId
    attempt: int
    worker: str
    claimed_at: Instant
    failed_at: Instant
    error: str
    output: str = ""  # The last of what it printed.
