"""The store port: what the core asks of whatever keeps the jobs.

One method writes, in one transaction, and answers questions about the state just written; so
there is one order of things, and no read can be older or newer than the commit it belongs to.
Nothing here names a table, a connection or a statement: `tests/store/contract.py` is the
definition of correct, and every backend passes it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, State


class Submission(Struct, frozen=True, gc=False):
    """A job that is new (ready or scheduled, and never claimed), with its payload.

    `fingerprint` identifies what was asked (task, queue and payload) when the job has a key:
    the key met again with another fingerprint is not the same request.
    """

    job: Job
    payload: bytes
    fingerprint: bytes = b""


class HeadQuestion(Struct, frozen=True, gc=False):
    """The first ready jobs of a queue, by (rank, id), strictly after a position."""

    queue: QueueName
    after: tuple[int, int] | None
    jobs_max: int


class DueQuestion(Struct, frozen=True, gc=False):
    """The first scheduled jobs of all queues, by (due_at, id), strictly after a position."""

    after: tuple[int, int] | None
    jobs_max: int


class Removal(Struct, frozen=True, gc=False):
    """Remove finished jobs whose `remove_at` is at or before an instant, the oldest first."""

    until: Instant
    jobs_max: int


class Batch(Struct):
    """What one transaction writes, and what is asked of the state after it.

    The removal comes first: a key that it frees may be taken by a submission of the same batch.
    `updates` holds final records of unfinished jobs that the store knows, at most one a job; only
    `state`, `due_at`, `attempt`, `failures` and the instants that a submission leaves open may
    differ from what was submitted. A job is never both submitted and updated in one batch.
    Questions see all writes of the same batch.
    """

    submissions: list[Submission] = field(default_factory=list)
    updates: list[Job] = field(default_factory=list)
    results: list[tuple[JobId, bytes]] = field(default_factory=list)
    failed_attempts: list[FailedAttempt] = field(default_factory=list)
    removal: Removal | None = None

    heads: list[HeadQuestion] = field(default_factory=list)
    due: DueQuestion | None = None
    payloads: list[JobId] = field(default_factory=list)
    records: list[JobId] = field(default_factory=list)


class KeyHolder(Struct, frozen=True, gc=False):
    """The job that already holds an idempotency key; `same` if it was asked the same thing."""

    job_id: JobId
    same: bool


class JobRecord(Struct, frozen=True):
    """All that is known of one job."""

    job: Job
    payload: bytes
    result: bytes | None
    failed_attempts: Sequence[FailedAttempt]


class Commit(Struct):
    """What a commit answers.

    `duplicates` names the submissions that were *not* written, because their key was taken.
    `heads` answers `Batch.heads` in the same order. Ids that are not known are left out of
    `payloads` and `records`. `removed` counts removed jobs per queue and state.
    """

    duplicates: Mapping[JobId, KeyHolder] = field(default_factory=dict)
    heads: Sequence[Sequence[Job]] = ()
    due: Sequence[Job] = ()
    payloads: Mapping[JobId, bytes] = field(default_factory=dict)
    records: Mapping[JobId, JobRecord] = field(default_factory=dict)
    removed: Mapping[tuple[QueueName, State], int] = field(default_factory=dict)


class Snapshot(Struct, frozen=True):
    """What the broker starts from: no jobs, only how many there are and the next free id.

    `counts` has no zeros: a queue without jobs is not in it.
    """

    next_id: JobId
    counts: Mapping[tuple[QueueName, State], int]
    leases_ended_count: int  # Jobs that were claimed when the last run ended; they are ready again.


class Store(Protocol):
    """Keep jobs. One caller at a time: the journal."""

    async def load(self) -> Snapshot:
        """Return what the broker starts from, after ending the leases of the last run.

        It is called before all others.
        A job whose lease ends is ready, without `claimed_at`; its attempt still counts.
        Ids grow for ever: `next_id` is above every id that was ever written, removed ones too.

        Raises:
            StoreError: what was found cannot be served; nothing was changed.
        """
        ...

    async def commit(self, batch: Batch) -> Commit:
        """Write a batch in one transaction and answer its questions; durable when it returns.

        Cancelling does not undo: the batch may or may not have been written.

        Raises:
            StoreFull: there is no room; nothing was written, and later commits may succeed.
            StoreFailed: the outcome is unknown; the process must stop and recover.
        """
        ...

    async def rest(self) -> None:
        """Do the housekeeping that suits a moment without work. Never needed for safety."""
        ...

    async def close(self) -> None:
        """Release everything; what was committed stays."""
        ...


class StoreError(Exception):
    """Whatever a store can raise. Messages say what happened, to what, and what to do."""


class StoreFull(StoreError):
    """No room: nothing of the batch was written."""


class StoreFailed(StoreError):
    """Writing failed in a way that leaves the outcome unknown."""


class StoreUnusable(StoreError):
    """The store cannot be opened: in use, damaged, too new, read-only, foreign."""


class StoreInUse(StoreUnusable):
    """Another process has the store open."""
