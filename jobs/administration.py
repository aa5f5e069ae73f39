"""What people do to whole queues: settings, pause, purge, a new order.

What is set for a queue is a fact like any other: decided here, made durable by the journal,
applied after. Two of them take more than one commit, and are on record from their first to their
last: a purge (`purged_until`, from its decision no job of it can be claimed) and giving all
waiting jobs new ranks (not `reordered`: until that is done the queue gives out nothing).
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from penstock.jobs.changes import Change, SettingsChange, Settled
from penstock.jobs.errors import Invalid, NoQueue
from penstock.jobs.model import Job, JobId, QueueName, State
from penstock.jobs.policy import Policy
from penstock.jobs.queue import NOTHING_SET, Queue
from penstock.jobs.queue_settings import (
    Order,
    QueueSettings,
    Terms,
    changed,
    decode_settings,
    layer_of,
    terms_of,
)
from penstock.jobs.ready import Ready
from penstock.jobs.revisions import Revisions
from penstock.jobs.store.port import Batch, Commit, PurgeSlice

Defaults = Mapping[QueueName, QueueSettings]


class TermsBook:
    """Says which terms are in force for a queue and what is set for it."""

    __slots__ = ("_defaults", "_plain", "_policy")

    def __init__(self, policy: Policy, defaults: Defaults) -> None:
        self._policy = policy
        self._defaults = defaults
        self._plain = terms_of(policy, NOTHING_SET, NOTHING_SET)

    def defaults(self, name: QueueName) -> QueueSettings:
        return self._defaults.get(name, NOTHING_SET)

    def terms(self, name: QueueName, settings: QueueSettings) -> Terms:
        if settings is NOTHING_SET and name not in self._defaults:
            return self._plain  # One for most queues.
        return terms_of(self._policy, self.defaults(name), settings)


class Administration:
    """Decides about queues; `Ready` has them."""

    __slots__ = (
        "_book",
        "_changes",
        "_decided",
        "_durable",
        "_ready",
        "_revisions",
        "_running",
        "_to_measure",
        "_unfinished",
    )

    def __init__(
        self,
        book: TermsBook,
        ready: Ready,
        revisions: Revisions,
        running: Callable[[QueueName], Mapping[str, int]],
    ) -> None:
        """Take who knows how many jobs of each tenant run in a queue."""
        self._running = running
        self._book = book
        self._ready = ready
        self._revisions = revisions
        self._changes: list[SettingsChange] = []
        # Decided and not durable yet, the oldest first.
        self._decided: dict[QueueName, list[SettingsChange]] = {}
        self._durable: dict[QueueName, QueueSettings] = {}  # Of these queues what is on record.
        # Queues of which a purge or a new order is on record and is to be carried on.
        self._unfinished: dict[QueueName, None] = {}
        # Queues of which it is to be asked what waits in the store: its bytes, its ranks.
        self._to_measure: dict[QueueName, None] = {}

    def restore(self, settings: Mapping[QueueName, bytes]) -> None:
        """Put in force what was set before the start."""
        for name, encoded in settings.items():
            stored = decode_settings(encoded)
            self._ready.queue(name).retermed(stored, self._book.terms(name, stored))
        for queue in self._ready.queues.values():
            self._measure_if_needed(queue)
            self._note_unfinished(queue)
            if queue.needs_mark:
                self.mark_ranks(queue)

    # --- what people ask -----------------------------------------------------------------------

    def queue(self, name: QueueName) -> Queue:
        """Return a queue that is, or is on its way to the store. Raises NoQueue."""
        queue = self._ready.queues.get(name)
        if queue is None or not (
            queue.is_known or queue.admitted_count or queue.name in self._decided
        ):
            raise NoQueue(name)
        return queue

    def layer(self, queue: Queue) -> QueueSettings:
        """Return what is set for a queue, by QUEUE.SET or in the settings file."""
        return layer_of(self._book.defaults(queue.name), queue.settings)

    def set(
        self,
        name: QueueName,
        changes: Mapping[str, object],
        weights: Mapping[str, int | None],
        settled: Settled,
    ) -> None:
        """Change what is set for a queue, which comes to be with it.

        Raises:
            Invalid: the settings contradict each other.
            Overloaded: it would be a queue too many.
        """
        queue = self._ready.admit(name)

        def alter(before: QueueSettings) -> QueueSettings:
            after = changed(before, changes, weights, self._book.defaults(name))
            mark = self._book.terms(name, after).rank_mark
            if mark == before.ranked:
                return after
            return replace(after, ranked=mark, reordered=not queue.is_in_use)

        self._decide(queue, alter, settled)

    def mark_ranks(self, queue: Queue) -> None:
        """Have it on record of which order ranks are, as the settings file asks for another."""
        queue.needs_mark = False
        mark, is_empty = queue.terms.rank_mark, not queue.is_in_use
        self._decide(queue, lambda it: replace(it, ranked=mark, reordered=is_empty), None)

    def pause(self, name: QueueName, *, paused: bool, settled: Settled) -> None:
        """Let a queue give out no jobs, or let it again. What runs goes on. Raises Overloaded."""
        queue = self._ready.admit(name)
        self._decide(queue, lambda it: replace(it, paused=paused), settled)

    def purge(self, queue: Queue, until: JobId, spared: Sequence[JobId], settled: Settled) -> None:
        """Begin to remove the waiting jobs of a queue up to an id.

        None of them can be claimed from now on, but for those that are *spared*: they are not
        waiting just now, or are on their way to another state.
        """
        taken = tuple(spared)
        change = self._decide(
            queue, lambda it: replace(it, purged_until=until, spared=taken), settled
        )
        change.begins_purge = True
        queue.mark(self._with_purge(queue.name, queue.settings))
        self._ready.forget_window(queue)

    def purge_slice(self, queue: Queue, jobs_max: int) -> PurgeSlice | None:
        """Return what to remove next for the purge that is on record; None if none is.

        One that is only decided has to wait: jobs that it takes may be on their way to the store.
        """
        durable = self._durable.get(queue.name, queue.settings)
        if not durable.purged_until:
            return None
        spared = frozenset(durable.spared)
        return PurgeSlice(queue.name, durable.purged_until, jobs_max, spared)

    def end_purge(self, queue: Queue, ended: PurgeSlice) -> None:
        """Take note that all is removed that a purge takes, unless another one began since."""
        if _is_purge(self._latest(queue), ended):
            self._decide(queue, lambda it: _without_purge(it, ended), None)

    def end_reordering(self, queue: Queue) -> None:
        """Take note that all ranks are of the order in force, unless that is about to change."""
        if queue.name not in self._decided:
            self._decide(queue, lambda it: replace(it, reordered=True), None)

    def delete(self, queue: Queue, settled: Settled) -> None:
        """Forget what is set for a queue, and the queue if nothing is in it."""
        self._decide(queue, lambda it: NOTHING_SET, settled).deletes = True

    def begin_reordering(self, queue: Queue) -> None:
        """Give the jobs that run ranks of the order in force: they may be ready again."""
        self._revisions.move_running(queue)

    def reorder(self, queue: Queue, jobs: Sequence[Job], settled: Settled | None = None) -> None:
        """Give ready jobs ranks of the order in force; the others get theirs when they are.

        Who is to be told that it is *settled* is told once, for all of them.
        """
        last: Change | None = None
        for job in jobs:
            is_waiting = self._revisions.is_idle(job) and not queue.is_purged(job)
            if job.state is State.READY and is_waiting:
                rank = queue.ranks.rank_again(job)
                if rank != job.rank:
                    last = self._revisions.move(job, priority=job.priority, rank=rank)
        if settled is None:
            return
        if last is None:
            settled(None)
        else:
            last.listeners.append(settled)

    # --- what the journal reports --------------------------------------------------------------

    def take_changes(self) -> list[SettingsChange]:
        changes, self._changes = self._changes, []
        return changes

    def apply(self, change: SettingsChange) -> None:
        """Put durable settings in force."""
        queue = self._ready.queue(change.queue)
        settings = change.settings or NOTHING_SET
        self._durable[queue.name] = settings
        self._end(queue, change)
        before, after = queue.terms, self._book.terms(change.queue, settings)
        marked = self._with_purge(queue.name, settings)
        queue.retermed(marked, after, lambda: self._running(change.queue))
        if not after.ranks_like(before) or after.reordered is not before.reordered:
            self._ready.forget_window(queue)
        if queue.is_in_use and after.reordered and not after.ranks_like(before):
            # What was submitted since this was decided has ranks of the order before.
            self._decide(queue, lambda it: replace(it, reordered=False), None)
        self._measure_if_needed(queue)
        self._note_unfinished(queue)
        self._ready.ended(queue)
        if change.deletes and queue.is_unused:
            self._ready.forget(queue)

    def undo(self, change: SettingsChange) -> None:
        """Leave a queue as it was, as the change could not be written.

        What was decided after it is still to be written, without it.
        """
        queue = self._ready.queue(change.queue)
        durable = before = self._durable[queue.name]
        self._end(queue, change)
        for later in self._decided.get(queue.name, ()):
            before = _altered(later, before)
            later.settings = _to_store(before)
        if change.begins_purge:
            queue.mark(self._with_purge(queue.name, durable))
            self._revisions.read_again(queue)

    def take_unfinished(self) -> list[QueueName]:
        """Return the queues whose purge or new order is on record and is to be carried on."""
        names, self._unfinished = list(self._unfinished), {}
        return names

    # --- what is asked of the store ------------------------------------------------------------

    @property
    def has_questions(self) -> bool:
        return bool(self._to_measure)

    def ask(self, batch: Batch) -> None:
        batch.sizes = [name for name in self._to_measure if self._terms(name).bytes_max is not None]
        batch.tags = [name for name in self._to_measure if self._terms(name).order is Order.FAIR]
        self._to_measure.clear()

    def ask_again(self, batch: Batch) -> None:
        self._to_measure.update(dict.fromkeys((*batch.sizes, *batch.tags)))

    def answer(self, commit: Commit, unwritten: Callable[[QueueName], Sequence[Job]]) -> None:
        """Take in what waits in the store, where jobs still wait whose claims are *unwritten*."""
        for name, size in commit.sizes.items():
            claimed_bytes = sum(job.payload_bytes for job in unwritten(name))
            self._ready.queue(name).waiting_bytes = size - claimed_bytes
        for name, tags in commit.tags.items():
            queue = self._ready.queue(name)
            if queue.terms.reordered:
                entry = queue.ready.jobs.first()
                queue.ranks.restore(tags, first=0 if entry is None else entry[0])

    # --- inside --------------------------------------------------------------------------------

    def _terms(self, name: QueueName) -> Terms:
        return self._ready.queue(name).terms

    def _measure_if_needed(self, queue: Queue) -> None:
        is_fair = queue.terms.order is Order.FAIR and queue.terms.reordered
        if not queue.waiting_count:
            queue.waiting_bytes = 0
        elif queue.terms.bytes_max is not None or is_fair:
            self._to_measure[queue.name] = None

    def _note_unfinished(self, queue: Queue) -> None:
        if queue.settings.purged_until or not queue.settings.reordered:
            self._unfinished[queue.name] = None

    def _with_purge(self, name: QueueName, settings: QueueSettings) -> QueueSettings:
        """Return settings with the last purge that was decided, which is in force at once."""
        for change in reversed(self._decided.get(name, ())):
            if change.begins_purge:
                purge = change.settings or NOTHING_SET  # There was never a job to purge.
                return replace(settings, purged_until=purge.purged_until, spared=purge.spared)
        return settings

    def _latest(self, queue: Queue) -> QueueSettings:
        decided = self._decided.get(queue.name)
        return (decided[-1].settings or NOTHING_SET) if decided else queue.settings

    def _decide(
        self,
        queue: Queue,
        alter: Callable[[QueueSettings], QueueSettings],
        settled: Settled | None,
    ) -> SettingsChange:
        settings = _to_store(alter(self._latest(queue)))
        listeners = [] if settled is None else [settled]
        change = SettingsChange(queue.name, settings, alter, listeners)
        self._durable.setdefault(queue.name, queue.settings)
        self._decided.setdefault(queue.name, []).append(change)
        queue.is_being_set = True
        self._changes.append(change)
        return change

    def _end(self, queue: Queue, change: SettingsChange) -> None:
        decided = self._decided[change.queue]
        decided.remove(change)
        if not decided:
            del self._decided[change.queue]
            del self._durable[change.queue]
            queue.is_being_set = False


def _to_store(settings: QueueSettings) -> QueueSettings | None:
    return None if settings == NOTHING_SET else settings


def _altered(change: SettingsChange, before: QueueSettings) -> QueueSettings:
    """Return what a change makes of other settings than those that it was decided for."""
    try:
        return change.alter(before)
    except Invalid:
        # It only goes with a change that was not written. Nothing comes of it that does harm.
        decided = change.settings or NOTHING_SET
        return replace(decided, purged_until=before.purged_until, spared=before.spared)


def _is_purge(settings: QueueSettings, asked: PurgeSlice) -> bool:
    return settings.purged_until == asked.until and frozenset(settings.spared) == asked.spared


def _without_purge(settings: QueueSettings, ended: PurgeSlice) -> QueueSettings:
    if not _is_purge(settings, ended):
        return settings
    return replace(settings, purged_until=JobId(0), spared=())
