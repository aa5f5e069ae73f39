"""The ready jobs of all queues, and the claimants that wait for them.

The most urgent job goes first. Among the queues that one claimant names, the most urgent head
wins, then the older; queues have no order of their own.
"""

from collections.abc import Callable, Container, Iterator, Sequence

from penstock.jobs.bounds import Bounds
from penstock.jobs.errors import Overloaded
from penstock.jobs.front import Front
from penstock.jobs.gate import Held
from penstock.jobs.model import Instant, Job, QueueName, State
from penstock.jobs.payloads import PayloadCache
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import QueueSettings, Terms
from penstock.jobs.store.port import HeadQuestion
from penstock.jobs.timers import soonest
from penstock.jobs.waits import Claim, Claimant


class Ready:
    """Queues by name; a queue comes to be with its first job."""

    __slots__ = (
        "_bounds",
        "_hungry",
        "_low",
        "_parked",
        "_parked_places",
        "_payloads",
        "_terms",
        "_window_jobs_max",
        "outdated",
        "queues",
    )

    def __init__(self, bounds: Bounds, terms: Callable[[QueueName, QueueSettings], Terms]) -> None:
        """Take what says which terms are in force for a queue and what is set for it."""
        self._bounds = bounds
        self._terms = terms
        self.queues: dict[QueueName, Queue] = {}
        # Jobs met on the way to a claim whose deadline had passed.
        self.outdated: list[Job] = []
        self._payloads = PayloadCache(bounds.payloads_bytes_max, bounds.payload_bytes_max)
        # Claimants by queue, in the order they came; a dict is an ordered set.
        self._parked: dict[QueueName, dict[Claimant, None]] = {}
        self._parked_places = 0  # Claimants, once for each queue they wait in.
        # Queues that got jobs while somebody waits for them, and those to be refilled.
        self._hungry: dict[QueueName, None] = {}
        self._low: dict[QueueName, None] = {}
        self._window_jobs_max = bounds.window_jobs_max

    def queue(self, name: QueueName) -> Queue:
        """Return a queue, which is made if there is none of that name."""
        queue = self.queues.get(name)
        return self._make(name, complete=True) if queue is None else queue

    def restore(self, name: QueueName, *, ready_count: int) -> None:
        """Set what a queue holds at the start; its jobs are read from the store."""
        queue = self.queues.get(name) or self._make(name, complete=ready_count == 0)
        queue.restore(State.READY, ready_count)
        if ready_count:
            queue.ready.unknown()
            self._low[name] = None

    def admit(self, name: QueueName) -> Queue:
        """Return the queue that a job is submitted to; it may come to be with it.

        Raises:
            Overloaded: it would be one queue too many, and each of the others is in use.
        """
        queue = self.queues.get(name)
        if queue is None:
            if len(self.queues) >= self._bounds.queues_max:
                self._forget_empty_queues()
            if len(self.queues) >= self._bounds.queues_max:
                raise Overloaded(
                    f"queue {name} would be one more, and queues", self._bounds.queues_max
                )
            queue = self._make(name, complete=True)
        return queue

    def put(self, queue: Queue, job: Job, payload: bytes | None) -> None:
        """Let a job in that is counted as ready already."""
        pushed_out = queue.ready.jobs.offer((job.rank, job.id, job))
        if pushed_out is not job:
            if payload is not None:
                self._payloads.put(job.id, payload)
            if pushed_out is not None:
                self._payloads.take(pushed_out.id)
        if self._parked and job.queue in self._parked:
            self._hungry[job.queue] = None

    def remove(self, job: Job) -> None:
        """Take out a job that is not to be claimed."""
        queue = self.queues[job.queue]
        if queue.ready.remove(job):
            self._payloads.take(job.id)
            self._note_low(queue)

    def forget_window(self, queue: Queue) -> None:
        """Forget the ready jobs in memory: the store has them, maybe in another order."""
        queue.ready.clear()
        self._low[queue.name] = None

    def feed(self, queue: Queue) -> None:
        """See to those who wait for jobs of a queue that gives out more than before."""
        if queue.name in self._parked:
            self._hungry[queue.name] = None

    def ended(self, queue: Queue) -> None:
        """See to those whom the limits of a queue held back, as a job of it runs no more."""
        self._note_low(queue)
        self.feed(queue)

    def take(self, names: Sequence[QueueName], jobs_max: int, now: Instant) -> list[Job]:
        """Take out the most urgent jobs of some queues, at most *jobs_max*.

        Fewer if their payloads are not in memory: those are to be read, and may be large.
        """
        jobs: list[Job] = []
        to_read_count = 0
        while len(jobs) < jobs_max and (queue := self._most_urgent(names, now)) is not None:
            job = queue.ready.jobs.take_first()
            self._note_low(queue)
            if job.expires_at is not None and job.expires_at <= now and job.attempt == 0:
                queue.ready.ended(job.tenant)
                self._payloads.take(job.id)
                self.outdated.append(job)
                continue
            # Counted at once, as the limits of the next one depend on it.
            queue.observe_claim(job, now)
            jobs.append(job)
            if job.id not in self._payloads:
                to_read_count += 1
                if to_read_count >= self._bounds.claim_payloads_read_max:
                    break
        return jobs

    def claim(self, job: Job) -> Claim:
        return Claim(job, self._payloads.take(job.id))

    def park(self, claimant: Claimant) -> None:
        """Let a claimant wait in all its queues. Raises Overloaded."""
        if self._parked_places + len(claimant.queues) > self._bounds.parked_max:
            raise Overloaded("claims that wait, by queue", self._bounds.parked_max)
        self._parked_places += len(claimant.queues)
        for name in claimant.queues:
            self._parked.setdefault(name, {})[claimant] = None

    def unpark(self, claimant: Claimant) -> bool:
        """Let a claimant go; say whether it was parked."""
        if claimant not in self._parked.get(claimant.queues[0], ()):
            return False
        self._parked_places -= len(claimant.queues)
        for name in claimant.queues:
            parked = self._parked[name]
            del parked[claimant]
            if not parked:
                del self._parked[name]
        return True

    def parked(self) -> list[Claimant]:
        """Return all who wait, in the order they came within a queue."""
        return list(dict.fromkeys(c for parked in self._parked.values() for c in parked))

    def parked_count(self, name: QueueName) -> int:
        return len(self._parked.get(name, ()))

    def matches(self, now: Instant) -> Iterator[tuple[Claimant, list[Job]]]:
        """Give waiting claimants the jobs that came since; each claimant is parked no longer.

        Jobs are shared out, so that one who would take many does not leave the others idle.
        """
        while self._hungry:
            name, _ = self._hungry.popitem()
            queue = self.queues[name]
            while (parked := self._parked.get(name)) and self._has_any(queue, now):
                claimant = next(iter(parked))
                share = max(1, len(queue.ready.jobs) // len(parked))
                jobs = self.take(claimant.queues, min(claimant.jobs_max, share), now)
                if not jobs:
                    break  # What was there had expired.
                self.unpark(claimant)
                yield claimant, jobs

    def next_at(self, now: Instant) -> Instant | None:
        """Return when a limit of rate lets out the next job for somebody who waits."""
        next_at: Instant | None = None
        for name in self._parked:
            queue = self.queues.get(name)
            if queue is None or queue.terms.rate is None or queue.ready.jobs.first() is None:
                continue
            # What is held back otherwise, too, is not helped by a token.
            if queue.gate.why(queue.claimed_count, now) is not Held.RATE:
                continue
            next_at = soonest(next_at, queue.gate.next_at(now))
        return next_at

    def tick(self, now: Instant) -> None:
        """See to those who waited for a limit of rate."""
        for name in self._parked:
            queue = self.queues.get(name)
            if queue is not None and queue.terms.rate is not None:
                self._hungry[name] = None

    @property
    def has_questions(self) -> bool:
        return bool(self._low)

    def questions(self) -> list[HeadQuestion]:
        """Ask for what is missing from windows that run low."""
        names, self._low = list(self._low), {}
        queues = [self.queues[name] for name in names if name in self.queues]
        return [question for queue in queues for question in queue.ready.questions()]

    def answer(
        self, question: HeadQuestion, jobs: Sequence[Job], *, elsewhere: Container[int]
    ) -> None:
        """Take in what the store answered; jobs in *elsewhere* are claimed or being changed."""
        queue = self.queues.get(question.queue)
        if queue is None:
            return  # It was deleted since.
        gone = {job.id for job in jobs if job.id in elsewhere or queue.is_purged(job)}
        queue.ready.answer(question, jobs, elsewhere=gone)
        self._note_low(queue)
        self.feed(queue)

    def ask_again(self, questions: Sequence[HeadQuestion]) -> None:
        """Keep questions for the next commit, as the one that carried them failed."""
        for question in questions:
            if question.queue in self.queues:
                self.queues[question.queue].ready.ask_again(question)
                self._low[question.queue] = None

    def _most_urgent(self, names: Sequence[QueueName], now: Instant) -> Queue | None:
        best: Queue | None = None
        best_key = (0, 0)
        for name in names:
            queue = self.queues.get(name)
            entry = queue.ready.jobs.first() if queue is not None else None
            if entry is None:
                if queue is not None and queue.is_limited:
                    self._note_low(queue)  # The store may know of jobs that may run.
            elif queue is not None:
                key = (entry[2].priority, entry[1])
                if (best is None or key < best_key) and self._is_open(queue, now):
                    best, best_key = queue, key
        return best

    def _is_open(self, queue: Queue, now: Instant) -> bool:
        return queue.gate.is_free or queue.gate.is_open(queue.claimed_count, now)

    def _has_any(self, queue: Queue, now: Instant) -> bool:
        return queue.ready.jobs.first() is not None and self._is_open(queue, now)

    def _note_low(self, queue: Queue) -> None:
        if queue.ready.jobs.is_low():
            self._low[queue.name] = None

    def _make(self, name: QueueName, *, complete: bool) -> Queue:
        settings = QueueSettings()
        terms = self._terms(name, settings)
        front = Front(
            name, self._window_jobs_max, complete=complete, pushed_out=self._forget_payload
        )
        queue = self.queues[name] = Queue(name, front, settings, terms)
        count = len(self.queues)
        if count & (count - 1) == 0:
            self._share_memory(2 * count)
        return queue

    def forget(self, queue: Queue) -> None:
        """Forget a queue that holds nothing."""
        del self.queues[queue.name]
        self._low.pop(queue.name, None)
        self._hungry.pop(queue.name, None)

    def _forget_empty_queues(self) -> None:
        """Make room for other queues: one without jobs is worth no more than its counters.

        One whose window is not complete may have a question on its way.
        """
        for queue in list(self.queues.values()):
            if queue.is_unused and queue.ready.jobs.complete:
                self.forget(queue)

    def _forget_payload(self, job: Job) -> None:
        self._payloads.take(job.id)

    def _share_memory(self, queue_count: int) -> None:
        bounds = self._bounds
        share = bounds.windows_jobs_max // queue_count
        jobs_max = max(bounds.window_jobs_min, min(bounds.window_jobs_max, share))
        if jobs_max == self._window_jobs_max:
            return
        self._window_jobs_max = jobs_max
        for queue in self.queues.values():
            for job in queue.ready.jobs.shrink(jobs_max):
                self._payloads.take(job.id)
