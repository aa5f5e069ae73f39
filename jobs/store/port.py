"""The store port: what the core asks of whatever keeps the jobs.

One method writes, in one transaction, and answers questions about the state just written; so
there is one order of things, and no read can be older or newer than the commit it belongs to.
Nothing here names a table, a connection or a statement: `tests/store/contract.py` is the
definition of correct, and every backend passes it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct, field

from penstock.jobs.model import (
    FailedAttempt,
    Instant,
    Job,
    JobId,
    QueueName,
    State,
    TaskName,
)
from penstock.jobs.store.event_port import EventAnswers, EventSnapshot, EventWrites

EPOCH: Final = Instant(0)


class Submission(Struct, frozen=True, gc=False):
    """A job that is new (ready or scheduled, and never claimed), with its payload.

    `fingerprint` identifies what was asked (task, queue and payload) when the job has a key:
    the key met again with another fingerprint is not the same request.
    """

    job: Job
    payload: bytes
    fingerprint: bytes = b""


class JobFilter(Struct, frozen=True, gc=False):
    """Which jobs to list; None is any.

    `error` is contained in the error of one of its failed attempts. Submitted at or after `since`
    and before `until`.
    """

    queue: QueueName | None = None
    states: frozenset[State] | None = None
    task: TaskName | None = None
    tenant: str | None = None
    group: str | None = None
    key: str | None = None
    producer: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    error: str | None = None


class ListQuestion(Struct, frozen=True, gc=False):
    """The first jobs by id, strictly after one, that a filter lets through.

    At most *scan_max* jobs are looked at, so that no list can hold up a commit: the answer may be
    short, or empty, and yet not the last.
    """

    filter: JobFilter
    after: JobId
    jobs_max: int
    scan_max: int


class Listing(Struct, frozen=True):
    """What a list question finds; `next_after` is where to go on, None at the end.

    `last_errors` has the first line of the last failed attempt's error, of those that failed.
    """

    jobs: Sequence[Job]
    last_errors: Mapping[JobId, str]
    next_after: JobId | None


class PositionQuestion(Struct, frozen=True, gc=False):
    """How many ready jobs of a queue sort before a position; counted up to *count_max*."""

    queue: QueueName
    before: tuple[int, int]
    count_max: int


class ExpiringQuestion(Struct, frozen=True, gc=False):
    """Waiting jobs without an attempt whose `expires_at` is at or before an instant.

    The oldest first; a job that was started once does not expire.
    """

    until: Instant
    jobs_max: int


class PurgeSlice(Struct, frozen=True, gc=False):
    """Remove the waiting jobs of a queue up to an id, but for those that are spared.

    At most *jobs_max* with one commit: first blocked ones and then scheduled ones, by id, so that
    few are promoted only to be removed; then ready ones.
    """

    queue: QueueName
    until: JobId
    jobs_max: int
    spared: frozenset[JobId] = frozenset()


class Purged(Struct, frozen=True):
    """What a slice removed, by state; `more` if there may be more to remove."""

    queue: QueueName
    job_ids: Mapping[State, Sequence[JobId]]
    more: bool


class HeadQuestion(Struct, frozen=True, gc=False):
    """The first ready jobs of a queue, by (rank, id), strictly after a position.

    Of one *tenant* only, or of all *without* some; jobs that have no tenant are never left out.
    """

    queue: QueueName
    after: tuple[int, int] | None
    jobs_max: int
    tenant: str | None = None
    without: frozenset[str] = frozenset()


class TailQuestion(Struct, frozen=True, gc=False):
    """The last ready jobs of a queue by (rank, id), the very last first."""

    queue: QueueName
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

    What is removed and rewritten goes first: a key that it frees may be taken by a submission of
    the same batch.
    `updates` holds final records of unfinished jobs that the store knows; only `state`, `rank`,
    `due_at`, `attempt`, `failures`, `releases`, `claimed_at`, `finished_at` and `remove_at` may
    differ. `rewrites` holds final records of any known jobs, of which all may differ but `id`,
    `queue`, `task`, `submitted_at`, `group` and the payload. Of a key they only say that it is
    given up (None): it may have been lost to another job, and then stays lost. A job is in at most
    one of submissions, updates and rewrites.

    A submission of a group that has another unfinished job is written blocked, whatever its state
    (`Commit.blocked`). After all other writes, of every group of which a job ended, went or came
    back in this batch, and of which no job is scheduled, ready or claimed, the blocked job with
    the smallest id is promoted (`Commit.promoted`): it is ready, or scheduled if it is due after
    `now`. Questions see all writes of the same batch.
    """

    now: Instant = EPOCH
    submissions: list[Submission] = field(default_factory=list)
    updates: list[Job] = field(default_factory=list)
    rewrites: list[Job] = field(default_factory=list)
    results: list[tuple[JobId, bytes]] = field(default_factory=list)
    failed_attempts: list[FailedAttempt] = field(default_factory=list)
    removal: Removal | None = None
    # Finished jobs to remove at once; unknown and unfinished ones are left alone.
    forgets: list[JobId] = field(default_factory=list)
    purges: list[PurgeSlice] = field(default_factory=list)
    # What is set for a queue, which is not the store's business; None: nothing is any more.
    settings: list[tuple[QueueName, bytes | None]] = field(default_factory=list)
    events: EventWrites | None = None

    heads: list[HeadQuestion] = field(default_factory=list)
    tails: list[TailQuestion] = field(default_factory=list)
    due: DueQuestion | None = None
    expiring: ExpiringQuestion | None = None
    payloads: list[JobId] = field(default_factory=list)
    records: list[JobId] = field(default_factory=list)
    outcomes: list[JobId] = field(default_factory=list)
    peeks: list[HeadQuestion] = field(default_factory=list)  # For people, answered apart.
    positions: list[PositionQuestion] = field(default_factory=list)
    listings: list[ListQuestion] = field(default_factory=list)
    # Of these queues the greatest rank of a ready job, by tenant: others get theirs when they are.
    tags: list[QueueName] = field(default_factory=list)
    sizes: list[QueueName] = field(default_factory=list)  # Payload bytes of their waiting jobs.


class KeyHolder(Struct, frozen=True, gc=False):
    """The job that already holds an idempotency key; `same` if it was asked the same thing.

    Who holds it past its `key_expires_at` lets it go to the submission that asks for it, unless
    both come with the same batch: such a holder was not there before.
    """

    job: Job
    same: bool

    @property
    def job_id(self) -> JobId:
        return self.job.id


class JobRecord(Struct, frozen=True):
    """All that is known of one job."""

    job: Job
    payload: bytes
    result: bytes | None
    failed_attempts: Sequence[FailedAttempt]


class JobEnd(Struct, frozen=True):
    """What is asked of a job by those who wait for its end."""

    job: Job
    result: bytes | None
    last_failed: FailedAttempt | None


class Commit(Struct):
    """What a commit answers.

    `duplicates` names the submissions that were *not* written, because their key was taken;
    `blocked` those that wait for another job of their group. Lists of answers have the order of
    their questions. Ids that are not known are left out of mappings; a queue that is not known has
    no tags and no size. `removed` counts removed jobs per queue and state, those of `removal` and
    `forgets` together.
    """

    duplicates: Mapping[JobId, KeyHolder] = field(default_factory=dict)
    blocked: frozenset[JobId] = frozenset()
    promoted: Sequence[Job] = ()
    heads: Sequence[Sequence[Job]] = ()
    tails: Sequence[Sequence[Job]] = ()
    due: Sequence[Job] = ()
    expiring: Sequence[Job] = ()
    payloads: Mapping[JobId, bytes] = field(default_factory=dict)
    records: Mapping[JobId, JobRecord] = field(default_factory=dict)
    outcomes: Mapping[JobId, JobEnd] = field(default_factory=dict)
    peeks: Sequence[Sequence[Job]] = ()
    positions: Sequence[int] = ()
    listings: Sequence[Listing] = ()
    tags: Mapping[QueueName, Mapping[str, int]] = field(default_factory=dict)
    sizes: Mapping[QueueName, int] = field(default_factory=dict)
    removed: Mapping[tuple[QueueName, State], int] = field(default_factory=dict)
    purged: Sequence[Purged] = ()
    events: EventAnswers = field(default_factory=EventAnswers)


class Snapshot(Struct, frozen=True):
    """What the broker starts from: no jobs, only how many there are and the next free id.

    `counts` has no zeros: a queue without jobs is not in it.
    """

    next_id: JobId
    counts: Mapping[tuple[QueueName, State], int]
    leases_ended_count: int  # Jobs that were claimed when the last run ended.
    settings: Mapping[QueueName, bytes] = {}
    events: EventSnapshot = EventSnapshot()


class Store(Protocol):
    """Keep jobs. One caller at a time: the journal."""

    async def load(self, now: Instant = EPOCH, cancelled_keep_ms: int = 0) -> Snapshot:
        """Return what the broker starts from, after ending the leases of the last run.

        It is called before all others.
        A job whose lease ends is ready, without `claimed_at`; its attempt still counts. If it was
        told to stop it is cancelled, at *now*, and kept for its `keep_ms` or *cancelled_keep_ms*;
        then its group goes on, as after a batch.
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
