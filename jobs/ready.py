"""The ready jobs of all queues, and the claimants that wait for them.

The most urgent job goes first. Among the queues that one claimant names, the most urgent head
wins, then the older; queues have no order of their own.
"""

from collections.abc import Container, Iterator, Sequence

from penstock.jobs.bounds import Bounds
from penstock.jobs.errors import Overloaded
from penstock.jobs.model import Job, QueueName, State
from penstock.jobs.payloads import PayloadCache
from penstock.jobs.queue import Queue
from penstock.jobs.store.port import HeadQuestion
from penstock.jobs.waits import Claim, Claimant
from penstock.jobs.window import Window


class Ready:
    """Queues by name; a queue comes to be with its first job."""

    __slots__ = (
        "_admitted",
        "_bounds",
        "_hungry",
        "_low",
        "_parked",
        "_parked_places",
        "_payloads",
        "_window_jobs_max",
        "queues",
    )

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.queues: dict[QueueName, Queue] = {}
        self._payloads = PayloadCache(bounds.payloads_bytes_max, bounds.payload_bytes_max)
        # Claimants by queue, in the order they came; a dict is an ordered set.
        self._parked: dict[QueueName, dict[Claimant, None]] = {}
        # Submissions that were let in and are not stored yet, by queue.
        self._admitted: dict[QueueName, int] = {}
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
            queue.ready.complete = False
            self._low[name] = None

    def admit(self, name: QueueName) -> None:
        """Let a job of this queue be submitted; the queue may come to be with it.

        Raises:
            Overloaded: it would be one queue too many, and each of the others has jobs.
        """
        if name not in self.queues and name not in self._admitted:
            if self._is_full():
                self._forget_empty_queues()
            if self._is_full():
                raise Overloaded(
                    f"queue {name} would be one more, and queues", self._bounds.queues_max
                )
        self._admitted[name] = self._admitted.get(name, 0) + 1

    def settle_admitted(self, name: QueueName) -> None:
        """Take note that a submission that was let in is stored, or never will be."""
        count = self._admitted[name] - 1
        if count:
            self._admitted[name] = count
        else:
            del self._admitted[name]

    def add(self, job: Job, payload: bytes | None) -> None:
        queue = self.queue(job.queue)
        queue.ready_count += 1
        pushed_out = queue.ready.offer((job.rank, job.id, job))
        if pushed_out is not job:
            if payload is not None:
                self._payloads.put(job.id, payload)
            if pushed_out is not None:
                self._payloads.take(pushed_out.id)
        if self._parked and job.queue in self._parked:
            self._hungry[job.queue] = None

    def take(self, names: Sequence[QueueName], jobs_max: int) -> list[Job]:
        """Take out the most urgent jobs of some queues, at most *jobs_max*.

        Fewer if their payloads are not in memory: those are to be read, and may be large.
        """
        jobs: list[Job] = []
        to_read_count = 0
        while len(jobs) < jobs_max and (queue := self._most_urgent(names)) is not None:
            jobs.append(queue.ready.take_first())
            if queue.ready.is_low():
                self._low[queue.name] = None
            if jobs[-1].id not in self._payloads:
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

    def matches(self) -> Iterator[tuple[Claimant, list[Job]]]:
        """Give waiting claimants the jobs that came since; each claimant is parked no longer.

        Jobs are shared out, so that one who would take many does not leave the others idle.
        """
        while self._hungry:
            name, _ = self._hungry.popitem()
            queue = self.queues[name]
            while (parked := self._parked.get(name)) and len(queue.ready):
                claimant = next(iter(parked))
                share = max(1, len(queue.ready) // len(parked))
                jobs = self.take(claimant.queues, min(claimant.jobs_max, share))
                assert jobs
                self.unpark(claimant)
                yield claimant, jobs

    @property
    def has_questions(self) -> bool:
        return bool(self._low)

    def questions(self) -> list[HeadQuestion]:
        """Ask for what is missing from windows that run low."""
        names, self._low = list(self._low), {}
        windows = [(name, self.queues[name].ready) for name in names]
        return [
            HeadQuestion(name, window.horizon, window.jobs_max)
            for name, window in windows
            if window.is_low()
        ]

    def answer(
        self, question: HeadQuestion, jobs: Sequence[Job], *, elsewhere: Container[int]
    ) -> None:
        """Take in what the store answered; jobs in *elsewhere* are claimed here already."""
        window = self.queues[question.queue].ready
        entries = [(job.rank, job.id, job) for job in jobs]
        window.refill(question.after, entries, asked=question.jobs_max, elsewhere=elsewhere)
        if window.is_low():
            self._low[question.queue] = None
        if question.queue in self._parked:
            self._hungry[question.queue] = None

    def ask_again(self, questions: Sequence[HeadQuestion]) -> None:
        """Keep questions for the next commit, as the one that carried them failed."""
        self._low.update(dict.fromkeys(question.queue for question in questions))

    def _most_urgent(self, names: Sequence[QueueName]) -> Queue | None:
        best: Queue | None = None
        best_key = (0, 0)
        for name in names:
            queue = self.queues.get(name)
            entry = queue.ready.first() if queue is not None else None
            if entry is not None:
                key = (entry[2].priority, entry[1])
                if best is None or key < best_key:
                    best, best_key = queue, key
        return best

    def _make(self, name: QueueName, *, complete: bool) -> Queue:
        queue = self.queues[name] = Queue(name, Window(self._window_jobs_max, complete=complete))
        count = len(self.queues)
        if count & (count - 1) == 0:
            self._share_memory(2 * count)
        return queue

    def _is_full(self) -> bool:
        names_max = self._bounds.queues_max
        if len(self.queues) + len(self._admitted) < names_max:
            return False
        return len(self.queues.keys() | self._admitted.keys()) >= names_max

    def _forget_empty_queues(self) -> None:
        """Make room for other queues: one without jobs is worth no more than its counters.

        One whose window is not complete may have a question on its way.
        """
        for name, queue in list(self.queues.items()):
            if queue.is_empty and queue.ready.complete and name not in self._admitted:
                del self.queues[name]
                self._low.pop(name, None)
                self._hungry.pop(name, None)

    def _share_memory(self, queue_count: int) -> None:
        bounds = self._bounds
        share = bounds.windows_jobs_max // queue_count
        jobs_max = max(bounds.window_jobs_min, min(bounds.window_jobs_max, share))
        if jobs_max == self._window_jobs_max:
            return
        self._window_jobs_max = jobs_max
        for queue in self.queues.values():
            for job in queue.ready.shrink(jobs_max):
                self._payloads.take(job.id)
