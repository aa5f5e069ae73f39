"""The journal: makes what the broker decided durable, one batch at a time.

One loop takes everything that is pending, commits it as one transaction, lets the broker apply it,
and tells who asked. There is no timer and no delay: while one batch is being written the next one
grows by itself, so the busier the server the cheaper each sync.

Of a long backlog the loop takes the older half. If it took all, clients that wait for their
replies would fall into step: everybody in one batch, the loop idle while it is written and the
writer idle while the next one is read. (Measured: docs/decisions/0003.)
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio.abc import TaskStatus
from msgspec import Struct, field

from penstock.config.limits import (
    BATCH_BYTES_MAX,
    BATCH_CHANGES_MAX,
    BATCH_READS_MAX,
    BATCH_RUN_CHANGES,
    FULL_PAUSE_SECONDS,
)
from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change
from penstock.jobs.counters import JournalCounters
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId
from penstock.jobs.store.port import (
    Batch,
    Commit,
    JobRecord,
    KeyHolder,
    Removal,
    Store,
    StoreError,
    StoreFull,
    Submission,
)

# Told once: stored (None), not stored because the key is taken, or not stored for want of room;
# with another StoreError it is not known whether it was stored.
SubmissionSettled = Callable[[KeyHolder | StoreError | None], None]
PayloadsRead = Callable[[dict[JobId, bytes] | StoreError], None]
RecordRead = Callable[[JobRecord | StoreError | None], None]


class Pending(Struct):
    """A run of what waits to be committed; never divided."""

    submissions: list[tuple[Submission, SubmissionSettled]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    payloads: list[tuple[list[JobId], PayloadsRead]] = field(default_factory=list)
    records: list[tuple[JobId, RecordRead]] = field(default_factory=list)
    removal: Removal | None = None
    changes_count: int = 0  # Submissions are changes too.
    reads_count: int = 0  # Records and payloads, each of which may be large.
    bytes_count: int = 0

    def add(self, later: "Pending") -> None:
        """Append what came later."""
        self.submissions += later.submissions
        self.changes += later.changes
        self.payloads += later.payloads
        self.records += later.records
        self.removal = later.removal or self.removal
        self.changes_count += later.changes_count
        self.reads_count += later.reads_count
        self.bytes_count += later.bytes_count


class Journal:
    """Owns the store; the only one who calls it."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        *,
        now: Callable[[], Instant],
        seconds: Callable[[], float],
        committed: Callable[[], None],
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
        run_changes: int = BATCH_RUN_CHANGES,
    ) -> None:
        """Take the two clocks (wall and monotonic), and whom to call after each commit.

        How it pauses and how much it divides its work are arguments for the sake of tests.
        """
        self._store = store
        self._broker = broker
        self._now = now
        self._seconds = seconds
        self._committed = committed
        self._pause = pause
        self._run_changes = run_changes
        self._runs: deque[Pending] = deque([Pending()])  # Never empty; the last one is open.
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._last_commit_at = seconds()
        self._rest_wanted = False
        self.counters = JournalCounters()

    # --- what may be asked, between two awaits -------------------------------------------------

    def submit(self, submission: Submission, settled: SubmissionSettled) -> None:
        """Store a new job with one of the next commits."""
        pending = self._open_run()
        pending.submissions.append((submission, settled))
        pending.changes_count += 1
        pending.bytes_count += len(submission.payload)
        self._wake.set()

    def submit_together(self, submissions: Sequence[tuple[Submission, SubmissionSettled]]) -> None:
        """Store new jobs with one and the same commit."""
        pending = self._open_run()
        pending.submissions.extend(submissions)
        pending.changes_count += len(submissions)
        pending.bytes_count += sum(len(submission.payload) for submission, _ in submissions)
        self._wake.set()

    def record(self, changes: Sequence[Change]) -> None:
        """Write changes, in their order."""
        pending = self._open_run()
        pending.changes.extend(changes)
        pending.changes_count += len(changes)
        for change in changes:
            if change.result is not None:
                pending.bytes_count += len(change.result)
        self._wake.set()

    def read_payloads(self, job_ids: list[JobId], read: PayloadsRead) -> None:
        pending = self._open_run()
        pending.payloads.append((job_ids, read))
        pending.reads_count += len(job_ids)
        self._wake.set()

    def read_record(self, job_id: JobId, read: RecordRead) -> None:
        """Read all about one job, as it is after all that was asked before."""
        pending = self._open_run()
        pending.records.append((job_id, read))
        pending.reads_count += 1
        self._wake.set()

    def remove_finished(self, removal: Removal) -> None:
        self._open_run().removal = removal
        self._wake.set()

    def rest_after(self, seconds: float) -> None:
        """Let the store do its housekeeping if nothing was committed for some time."""
        if self._seconds() - self._last_commit_at >= seconds:
            self._rest_wanted = True
            self._wake.set()

    def wake(self) -> None:
        """Commit soon, as the broker has questions."""
        self._wake.set()

    @property
    def is_congested(self) -> bool:
        """Say whether so much waits that no more should be read from clients."""
        if len(self._runs) * self._run_changes > BATCH_CHANGES_MAX:
            return True
        return sum(run.bytes_count for run in self._runs) > BATCH_BYTES_MAX

    def _open_run(self) -> Pending:
        """Return the run that the next request goes into."""
        run = self._runs[-1]
        if run.changes_count >= self._run_changes or run.reads_count >= BATCH_READS_MAX:
            run = Pending()
            self._runs.append(run)
        return run

    def _take(self) -> Pending:
        """Take the older half of the runs, as one; fewer if they ask for much to be read."""
        runs = self._runs
        taken = runs.popleft()
        for _ in range(len(runs) // 2):
            if taken.reads_count + runs[0].reads_count > BATCH_READS_MAX:
                break
            taken.add(runs.popleft())
        if runs:
            self._wake.set()
        else:
            runs.append(Pending())
        return taken

    # --- the loop ------------------------------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Commit what is pending, again and again.

        Cancelling loses what is pending, none of which was acknowledged.

        Raises:
            StoreError: the outcome of a commit is unknown. All who waited were told so; the
                process must stop, and recover by starting again.
        """
        task_status.started()
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._idle.clear()
            try:
                await self._commit_pending()
                if self._rest_wanted:
                    self._rest_wanted = False
                    await self._store.rest()
                    self._last_commit_at = self._seconds()
            except StoreError as error:
                for pending in list(self._runs):
                    _tell_all(pending, error)
                self._committed()
                raise
            if not self._wake.is_set():
                self._idle.set()

    async def rest(self) -> None:
        """Let the store do its housekeeping now, after all that is pending."""
        self._rest_wanted = True
        self._wake.set()
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing is pending. Cancelling changes nothing."""
        while self._wake.is_set() or not self._idle.is_set():
            self._idle.clear()
            self._wake.set()
            await self._idle.wait()

    async def _commit_pending(self) -> None:
        taken = self._take()
        batch = _batch_of(taken)
        self._broker.ask(batch)
        if not _is_worth_a_commit(batch):
            return
        started = self._seconds()
        try:
            commit = await self._store.commit(batch)
        except StoreFull as error:
            await self._refuse(taken, batch, error)
        except StoreError:
            self._runs.appendleft(taken)
            raise
        else:
            self._last_commit_at = self._seconds()
            if changes_count := len(batch.submissions) + len(batch.updates):
                self.counters.commit_seconds.observe(self._last_commit_at - started)
                self.counters.batch_changes.observe(changes_count)
            self._apply(taken, batch, commit)

    def _apply(self, taken: Pending, batch: Batch, commit: Commit) -> None:
        broker = self._broker
        duplicates = commit.duplicates
        for submission, settled in taken.submissions:
            holder = duplicates.get(submission.job.id) if duplicates else None
            if holder is None:
                broker.stored(submission)
            else:
                broker.duplicate(submission, holder)
            settled(holder)
        for change in taken.changes:
            broker.apply(change)
            for listener in change.listeners:
                listener(None)
        broker.answer(batch, commit)
        if batch.removal is not None and sum(commit.removed.values()) >= batch.removal.jobs_max:
            self.remove_finished(batch.removal)  # There may be more: go on with the next commit.
        for job_ids, payloads_read in taken.payloads:
            payloads_read({i: commit.payloads[i] for i in job_ids if i in commit.payloads})
        for job_id, record_read in taken.records:
            record_read(commit.records.get(job_id))
        broker.match(self._now())
        self._committed()

    async def _refuse(self, taken: Pending, batch: Batch, error: StoreFull) -> None:
        """Refuse submissions for want of room, and still try everything else."""
        self.counters.full += 1
        refused, taken.submissions = taken.submissions, []
        batch.submissions = []
        for submission, submission_settled in refused:
            self._broker.withdraw(submission)
            submission_settled(error)
        self._committed()
        try:
            commit = await self._store.commit(batch)
        except StoreFull as still_full:
            self._undo(taken, still_full)
            await self._only_read(taken, _without_writes(batch))
            await self._pause(FULL_PAUSE_SECONDS)
        except StoreError:
            self._runs.appendleft(taken)
            raise
        else:
            self._apply(taken, batch, commit)

    async def _only_read(self, taken: Pending, batch: Batch) -> None:
        """Answer the questions of a batch whose changes were given up."""
        try:
            commit = await self._store.commit(batch)
        except StoreFull as error:
            self._broker.ask_again(batch)
            _tell_all(taken, error)
            self._committed()
        except StoreError:
            self._runs.appendleft(taken)
            raise
        else:
            self._apply(taken, batch, commit)

    def _undo(self, taken: Pending, error: StoreFull) -> None:
        """Give up the changes of a batch; reading needs no room and is not given up."""
        now = self._now()
        changes, taken.changes = taken.changes, []
        for change in changes:
            self._broker.undo(change, now)
            for listener in change.listeners:
                listener(error)
        self._committed()


def _without_writes(batch: Batch) -> Batch:
    return Batch(heads=batch.heads, due=batch.due, payloads=batch.payloads, records=batch.records)


def _batch_of(pending: Pending) -> Batch:
    """Make the final rows: of several changes of one job only the last is written."""
    updates: dict[JobId, Job] = {}
    results: list[tuple[JobId, bytes]] = []
    failed_attempts: list[FailedAttempt] = []
    for change in pending.changes:
        updates[change.job.id] = change.job
        if change.result is not None:
            results.append((change.job.id, change.result))
        if change.failed_attempt is not None:
            failed_attempts.append(change.failed_attempt)
    return Batch(
        submissions=[submission for submission, _ in pending.submissions],
        updates=list(updates.values()),
        results=results,
        failed_attempts=failed_attempts,
        removal=pending.removal,
        payloads=[job_id for job_ids, _ in pending.payloads for job_id in job_ids],
        records=[job_id for job_id, _ in pending.records],
    )


def _is_worth_a_commit(batch: Batch) -> bool:
    return bool(
        batch.submissions
        or batch.updates
        or batch.removal
        or batch.heads
        or batch.due
        or batch.payloads
        or batch.records
    )


def _tell_all(taken: Pending, error: StoreError) -> None:
    for _, submission_settled in taken.submissions:
        submission_settled(error)
    for change in taken.changes:
        for listener in change.listeners:
            listener(error)
    for _, payloads_read in taken.payloads:
        payloads_read(error)
    for _, record_read in taken.records:
        record_read(error)
