"""Jobs that are not due yet, the soonest first; the later ones are only in the store."""

from collections.abc import Callable, Collection, Container, Iterator, Sequence

from penstock.jobs.model import Instant, Job, JobId
from penstock.jobs.store.port import DueQuestion
from penstock.jobs.window import Window


class Schedule:
    """The front of all scheduled jobs, and those that fell due and are not yet written so."""

    __slots__ = ("_low", "_window", "falling_due")

    def __init__(self, jobs_max: int) -> None:
        self._window = Window(jobs_max, complete=True)
        self._low = False
        self.falling_due: dict[JobId, Job] = {}

    def restore(self) -> None:
        """Start with jobs that are only in the store."""
        self._window.complete = False
        self._low = True

    def add(self, job: Job) -> None:
        self._window.offer((job.due_at, job.id, job))

    def next_at(self) -> Instant | None:
        entry = self._window.first()
        return None if entry is None else Instant(entry[0])

    def pop_due(self, now: Instant, *, gone: Callable[[Job], bool]) -> Iterator[Job]:
        """Take out what is due; jobs that are *gone* are forgotten."""
        while (at := self.next_at()) is not None and at <= now:
            job = self._window.take_first()
            self._low = self._window.is_low()
            if not gone(job):
                self.falling_due[job.id] = job
                yield job

    def remove(self, job: Job) -> None:
        """Take out a job that is not to fall due."""
        if self._window.remove((job.due_at, job.id)) is not None:
            self._low = self._window.is_low()

    def forget(self, job_ids: Collection[JobId]) -> None:
        """Forget jobs that are not even in the store any more."""
        if self._window.split(lambda job: job.id in job_ids):
            self._low = self._window.is_low()

    def clear(self) -> None:
        """Forget all jobs in memory: the store has them."""
        self._window.clear()
        self._low = True

    def put_back(self, job_id: JobId) -> None:
        """Wait again, as the fall could not be written."""
        self.add(self.falling_due.pop(job_id))

    @property
    def has_questions(self) -> bool:
        return self._low

    def question(self) -> DueQuestion | None:
        low, self._low = self._low and self._window.is_low(), False
        return DueQuestion(self._window.horizon, self._window.jobs_max) if low else None

    def answer(
        self, question: DueQuestion, jobs: Sequence[Job], *, elsewhere: Container[int]
    ) -> None:
        """Take in what the store answered; jobs in *elsewhere* are being changed."""
        gone = {job.id for job in jobs if job.id in elsewhere or job.id in self.falling_due}
        entries = [(job.due_at, job.id, job) for job in jobs]
        self._window.refill(question.after, entries, asked=question.jobs_max, elsewhere=gone)
        self._low = self._window.is_low()

    def ask_again(self) -> None:
        self._low = True
