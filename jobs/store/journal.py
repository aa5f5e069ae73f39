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
from typing import Final

import anyio
from anyio.abc import TaskStatus
from msgspec import Struct, field
from msgspec.structs import replace

from penstock.config.limits import (
    BATCH_BYTES_MAX,
    BATCH_CHANGES_MAX,
    BATCH_READS_MAX,
    BATCH_RUN_CHANGES,
    FULL_PAUSE_SECONDS,
    GATHER_TURNS_MAX,
    LIST_READS,
)
from penstock.jobs.changes import Change, SettingsChange
from penstock.jobs.counters import JournalCounters
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId
from penstock.jobs.queue_settings import encode_settings
from penstock.jobs.store.event_batches import EventBatches
from penstock.jobs.store.port import (
    Batch,
    Commit,
    ExpiringQuestion,
    HeadQuestion,
    KeyHolder,
    ListQuestion,
    PositionQuestion,
    Purged,
    PurgeSlice,
    Removal,
    Store,
    StoreError,
    StoreFull,
    Submission,
)
from penstock.jobs.store.questions import (
    Counted,
    EndRead,
    Listed,
    PayloadsRead,
    Peeked,
    Questions,
    RecordRead,
)

# Told once: stored (None), not stored because the key is taken, or not stored for want of room;
# with another StoreError it is not known whether it was stored.
SubmissionSettled = Callable[[KeyHolder | StoreError | None], None]
Forgotten = Callable[[int | StoreError], None]  # How many jobs there were.
PurgedSlice = Callable[[Purged | StoreError], None]


_PARTS: Final = tuple(name for name in Batch.__struct_fields__ if name != "now")


class Pending(Struct):
    """A run of what waits to be committed; never divided."""

    submissions: list[tuple[Submission, SubmissionSettled]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    settings: list[SettingsChange] = field(default_factory=list)
    forgets: list[tuple[list[JobId], Forgotten]] = field(default_factory=list)
    purges: list[tuple[PurgeSlice, PurgedSlice]] = field(default_factory=list)
    questions: Questions = field(default_factory=Questions)
    removal: Removal | None = None
    expiring: ExpiringQuestion | None = None
    changes_count: int = 0  # Submissions are changes too.
    reads_count: int = 0  # Records and payloads, each of which may be large.
    bytes_count: int = 0

    def add(self, later: "Pending") -> None:
        """Append what came later."""
        self.submissions += later.submissions
        self.changes += later.changes
        self.settings += later.settings
        self.forgets += later.forgets
        self.purges += later.purges
        self.questions.add(later.questions)
        self.removal = later.removal or self.removal
        self.expiring = later.expiring or self.expiring
        self.changes_count += later.changes_count
        self.reads_count += later.reads_count
        self.bytes_count += later.bytes_count


def _nothing() -> None:
    """Have nothing to say."""


class Journal:
    """Owns the store; the only one who calls it."""

    def __init__(
        self,
        store: Store,
        events: EventBatches,
        *,
        now: Callable[[], Instant],
        seconds: Callable[[], float],
        committed: Callable[[], None],
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
        run_changes: int = BATCH_RUN_CHANGES,
        gather_turns: int = GATHER_TURNS_MAX,
    ) -> None:
        """Take what decides about events, with the broker, and the two clocks (wall and monotonic).

        *committed* is called after each commit. How it pauses and how much it divides its work are
        arguments for the sake of tests.
        """
        self._store = store
        self._broker = events.broker
        self.events = events
        events.wake = self.wake
        self._now = now
        self._seconds = seconds
        self._committed = committed
        # Called before it is looked at what has come: whoever drives this may have more of it.
        self.collect: Callable[[], None] = _nothing
        self._pause = pause
        self._run_changes = run_changes
        self._gather_turns = gather_turns
        self._runs: deque[Pending] = deque([Pending()])  # Never empty; the last one is open.
        # Questions that take long. They are no part of a run: nobody else waits for their turn.
        self._pages: deque[Questions] = deque()
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

    def submit_in_place(
        self, submission: Submission, freeing: Change, settled: SubmissionSettled
    ) -> None:
        """Store a new job with one and the same commit that takes its key from another."""
        pending = self._open_run()
        pending.submissions.append((submission, settled))
        pending.changes.append(freeing)
        pending.changes_count += 2
        pending.bytes_count += len(submission.payload)
        self._wake.set()

    def configure(self, changes: Sequence[SettingsChange]) -> None:
        """Write what is set for queues, in this order."""
        self._open_run().settings.extend(changes)
        self._wake.set()

    def forget(self, job_ids: list[JobId], forgotten: Forgotten) -> None:
        """Remove finished jobs now."""
        self._open_run().forgets.append((job_ids, forgotten))
        self._wake.set()

    def purge(self, purge: PurgeSlice, purged: PurgedSlice) -> None:
        """Remove waiting jobs of a queue."""
        self._open_run().purges.append((purge, purged))
        self._wake.set()

    def look_for_expired(self, question: ExpiringQuestion) -> None:
        """Have the broker told which waiting jobs expire next."""
        self._open_run().expiring = question
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
        self._asked(len(job_ids)).payloads.append((job_ids, read))

    def read_record(self, job_id: JobId, read: RecordRead) -> None:
        """Read all about one job, as it is after all that was asked before."""
        self._asked(1).records.append((job_id, read))

    def read_end(self, job_id: JobId, read: EndRead) -> None:
        """Read a job and how it ended, as it is after all that was asked before."""
        self._asked(1).ends.append((job_id, read))

    def list_jobs(self, question: ListQuestion, listed: Listed) -> None:
        self._page().listings.append((question, listed))

    def peek(self, question: HeadQuestion, peeked: Peeked) -> None:
        """Read the first ready jobs of a queue, for people."""
        self._page().peeks.append((question, peeked))

    def count_before(self, question: PositionQuestion, counted: Counted) -> None:
        self._page().positions.append((question, counted))

    def remove_finished(self, removal: Removal) -> None:
        """Remove finished jobs that were kept long enough."""
        self._broker.revisions.removed_until = max(
            self._broker.revisions.removed_until, removal.until
        )
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
        if len(self._runs) * self._run_changes + len(self.events) > BATCH_CHANGES_MAX:
            return True
        bytes_count = sum([run.bytes_count for run in self._runs])
        return bytes_count + self.events.bytes_count > BATCH_BYTES_MAX

    def _asked(self, reads_count: int) -> Questions:
        """Return where to put a question that reads so much."""
        pending = self._open_run()
        pending.reads_count += reads_count
        self._wake.set()
        return pending.questions

    def _page(self) -> Questions:
        """Return where to put one question that takes long."""
        questions = Questions()
        self._pages.append(questions)
        self._wake.set()
        return questions

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
        if not runs:
            runs.append(Pending())
        else:
            self._wake.set()
        self._turn_pages(taken)
        return taken

    def _turn_pages(self, taken: Pending) -> None:
        """Ask some of the questions that take long, too: one at least."""
        pages, reads_count = self._pages, taken.reads_count
        while pages:
            taken.questions.add(pages.popleft())
            reads_count += LIST_READS
            if reads_count + LIST_READS > BATCH_READS_MAX:
                break
        if pages:
            self._wake.set()

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
                await self._gather()
                await self._commit_pending()
                if self._rest_wanted:
                    self._rest_wanted = False
                    await self._store.rest()
                    self._last_commit_at = self._seconds()
            except StoreError as error:
                for pending in list(self._runs):
                    _tell_all(pending, error)
                for questions in list(self._pages):
                    questions.tell(error)
                self.events.tell(error)
                self._committed()
                raise
            if not self._wake.is_set():
                self._idle.set()

    async def _gather(self) -> None:
        """Let requests in that have arrived already, as long as each turn of the loop brings some.

        There is no delay: a turn without requests takes microseconds. (docs/decisions/0011)
        """
        self.collect()
        seen = -1
        for _ in range(self._gather_turns):
            count = self._runs[-1].changes_count + len(self.events)
            if count == seen:
                break
            seen = count
            await asyncio.sleep(0)
            self.collect()

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
        batch = _batch_of(taken, self._now())
        if batch.removal is None and taken.removal is not None:
            self.remove_finished(taken.removal)
        self._add_events(taken, batch)
        self._broker.ask(batch)
        if not _is_worth_a_commit(batch):
            if self.events.applied(Commit()):
                self._committed()
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
            if changes_count := len(batch.submissions) + len(batch.updates) + len(batch.rewrites):
                self.counters.commit_seconds.observe(self._last_commit_at - started)
                self.counters.batch_changes.observe(changes_count)
            self._apply(taken, batch, commit)

    def _add_events(self, taken: Pending, batch: Batch, *, is_full: bool = False) -> None:
        """Have decided what the batch holds of events, with the jobs that triggers submit."""
        submitted = self.events.fill(batch, taken.changes, is_full=is_full)
        taken.submissions += submitted
        batch.submissions += [submission for submission, _ in submitted]

    def _apply(self, taken: Pending, batch: Batch, commit: Commit) -> None:
        broker = self._broker
        self._apply_submissions(taken, commit)
        for change in taken.changes:
            broker.apply(change)
            for listener in change.listeners:
                listener(None)
        for settings in taken.settings:
            broker.administration.apply(settings)
            for listener in settings.listeners:
                listener(None)
        for job in commit.promoted:
            broker.promoted(job)
        broker.answer(batch, commit)
        if batch.removal is not None and sum(commit.removed.values()) >= batch.removal.jobs_max:
            self.remove_finished(batch.removal)  # There may be more: go on with the next commit.
        for job_ids, forgotten in taken.forgets:
            broker.revisions.forgotten(job_ids)
            forgotten(len(job_ids))
        for (asked, purged_slice), purged in zip(taken.purges, commit.purged, strict=True):
            broker.purged(asked, purged)
            purged_slice(purged)
        if batch.expiring is not None:
            broker.expire_waiting(
                commit.expiring,
                all_told=len(commit.expiring) < batch.expiring.jobs_max,
                now=self._now(),
            )
        self.events.applied(commit)
        taken.questions.answer(commit)
        broker.match(self._now())
        self._committed()

    def _apply_submissions(self, taken: Pending, commit: Commit) -> None:
        broker = self._broker
        duplicates, blocked = commit.duplicates, commit.blocked
        for submission, settled in taken.submissions:
            holder = duplicates.get(submission.job.id) if duplicates else None
            if holder is not None:
                broker.duplicate(submission, holder)
            elif blocked:
                broker.stored(submission, blocked=submission.job.id in blocked)
            else:
                broker.stored(submission)
            settled(holder)

    async def _refuse(self, taken: Pending, batch: Batch, error: StoreFull) -> None:
        """Refuse submissions for want of room, and still try everything else."""
        self.counters.full += 1
        self.events.refuse(error)
        refused, taken.submissions = taken.submissions, []
        batch = self._without_submissions(taken, batch)
        for submission, submission_settled in refused:
            self._broker.withdraw(submission)
            submission_settled(error)
        self._add_events(taken, batch, is_full=True)
        self._committed()
        try:
            commit = await self._store.commit(batch)
        except StoreFull as still_full:
            self.events.give_up(still_full)
            self._undo(taken, still_full)
            await self._only_read(taken, _without_writes(batch))
            await self._pause(FULL_PAUSE_SECONDS)
        except StoreError:
            self._runs.appendleft(taken)
            raise
        else:
            self._apply(taken, batch, commit)

    def _without_submissions(self, taken: Pending, batch: Batch) -> Batch:
        """Leave out what was to be written with a submission only; ask the same questions."""
        for change in taken.changes:
            if change.freed_key is not None:
                self._broker.undo(change, batch.now)
        taken.changes = [change for change in taken.changes if change.freed_key is None]
        kept = _batch_of(taken, batch.now)
        kept.heads, kept.due, kept.sizes, kept.tags, kept.tails = (
            batch.heads,
            batch.due,
            batch.sizes,
            batch.tags,
            batch.tails,
        )
        return kept

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
        settings, taken.settings = taken.settings, []
        for setting in settings:
            self._broker.administration.undo(setting)
            for listener in setting.listeners:
                listener(error)
        forgets, taken.forgets = taken.forgets, []
        for job_ids, forgotten in forgets:
            self._broker.revisions.forgotten(job_ids)
            forgotten(error)
        purges, taken.purges = taken.purges, []
        for _, purged_slice in purges:
            purged_slice(error)
        changes, taken.changes = taken.changes, []
        for change in changes:
            self._broker.undo(change, now)
            for listener in change.listeners:
                listener(error)
        self._broker.match(now)  # Jobs that were to be cancelled may be claimed again.
        self._committed()


def _without_writes(batch: Batch) -> Batch:
    return replace(
        batch,
        submissions=[],
        updates=[],
        rewrites=[],
        results=[],
        failed_attempts=[],
        removal=None,
        forgets=[],
        purges=[],
        settings=[],
        events=None,
    )


def _batch_of(pending: Pending, now: Instant) -> Batch:
    """Make the final rows: of several changes of one job only the last is written.

    Finished jobs that are changed are not removed by the same commit.
    """
    updates: dict[JobId, Job] = {}
    rewrites: dict[JobId, Job] = {}
    results: list[tuple[JobId, bytes]] = []
    failed_attempts: list[FailedAttempt] = []
    for change in pending.changes:
        job = change.job
        if change.rewrites or job.id in rewrites:
            rewrites[job.id] = job
            updates.pop(job.id, None)
        else:
            updates[job.id] = job
        if change.result is not None:
            results.append((job.id, change.result))
        if change.failed_attempt is not None:
            failed_attempts.append(change.failed_attempt)
    batch = Batch(
        now=now,
        submissions=[submission for submission, _ in pending.submissions],
        updates=list(updates.values()),
        rewrites=list(rewrites.values()),
        results=results,
        failed_attempts=failed_attempts,
        removal=None if rewrites else pending.removal,
        forgets=[job_id for job_ids, _ in pending.forgets for job_id in job_ids],
        purges=[purge for purge, _ in pending.purges],
        settings=[
            (s.queue, None if s.settings is None else encode_settings(s.settings))
            for s in pending.settings
        ],
        expiring=pending.expiring,
    )
    pending.questions.put(batch)
    return batch


def _is_worth_a_commit(batch: Batch) -> bool:
    """Say whether there is anything to be done."""
    return any(getattr(batch, name) for name in _PARTS)


def _tell_all(taken: Pending, error: StoreError) -> None:
    for _, submission_settled in taken.submissions:
        submission_settled(error)
    for change in taken.changes:
        for listener in change.listeners:
            listener(error)
    for settings in taken.settings:
        for listener in settings.listeners:
            listener(error)
    for _, forgotten in taken.forgets:
        forgotten(error)
    for _, purged_slice in taken.purges:
        purged_slice(error)
    taken.questions.tell(error)
