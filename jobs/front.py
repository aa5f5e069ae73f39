"""The ready jobs of one queue that memory holds: a window, or lanes where tenants are limited.

Both are the same order of jobs, and one is made of the other when the queue's terms change.
"""

from collections.abc import Callable, Container, Mapping, Sequence

from penstock.jobs.lanes import Lanes
from penstock.jobs.model import Job, QueueName
from penstock.jobs.store.port import HeadQuestion
from penstock.jobs.window import Position, Window


class Front:
    """Holds what `jobs` is, and sees to what a window and lanes do differently."""

    __slots__ = ("_name", "_pushed_out", "_running_max", "jobs")

    def __init__(
        self, name: QueueName, jobs_max: int, *, complete: bool, pushed_out: Callable[[Job], object]
    ) -> None:
        """Take whom to tell of jobs that memory let go by itself: they are only in the store."""
        self._name = name
        self._pushed_out = pushed_out
        self._running_max: int | None = None  # Of one tenant.
        self.jobs: Window | Lanes = Window(jobs_max, complete=complete)

    def retermed(self, running_max: int | None, running: Callable[[], Mapping[str, int]]) -> None:
        """Limit how many jobs of one tenant may run, given how many do; None: not."""
        if running_max == self._running_max:
            return
        self._running_max = running_max
        if running_max is None:
            assert isinstance(self.jobs, Lanes)
            self.jobs = self.jobs.dissolve()
        elif isinstance(self.jobs, Lanes):
            self.jobs.retermed(running_max)
        else:
            self.jobs = Lanes(self._name, self.jobs, running_max, running(), self._pushed_out)

    # --- the jobs ------------------------------------------------------------------------------

    def ended(self, tenant: str | None) -> None:
        """Take note that a job runs no more that was taken."""
        if isinstance(self.jobs, Lanes):
            self.jobs.ended(tenant)

    def holds_back(self, tenant: str | None) -> bool:
        """Say whether a tenant runs as many jobs as it may."""
        return isinstance(self.jobs, Lanes) and self.jobs.is_saturated(tenant)

    def remove(self, job: Job) -> bool:
        """Take out a job that is not ready any more; say whether it was in memory."""
        if isinstance(self.jobs, Lanes):
            return self.jobs.remove(job)
        return self.jobs.remove((job.rank, job.id)) is not None

    def index(self, position: Position) -> int | None:
        """Return how many jobs sort before a position; None if memory cannot tell."""
        return None if isinstance(self.jobs, Lanes) else self.jobs.index(position)

    def clear(self) -> None:
        """Forget all jobs; they are in the store, and are to be read from there again."""
        if isinstance(self.jobs, Lanes):
            assert self._running_max is not None
            running = self.jobs.running
            window = self.jobs.dissolve()
            self._clear(window)
            self.jobs = Lanes(self._name, window, self._running_max, running, self._pushed_out)
        else:
            self._clear(self.jobs)

    def _clear(self, window: Window) -> None:
        for _, _, job in window:
            self._pushed_out(job)
        window.clear()

    # --- what the store knows ------------------------------------------------------------------

    def questions(self) -> list[HeadQuestion]:
        """Ask for what is missing."""
        if isinstance(self.jobs, Lanes):
            return self.jobs.questions()
        window = self.jobs
        if not window.is_low():
            return []
        return [HeadQuestion(self._name, window.horizon, window.jobs_max)]

    def answer(
        self, question: HeadQuestion, jobs: Sequence[Job], *, elsewhere: Container[int]
    ) -> None:
        """Take in what the store answered; jobs in *elsewhere* are on their way to other states."""
        if isinstance(self.jobs, Lanes):
            self.jobs.answer(question, jobs, elsewhere=elsewhere)
        elif question.tenant is None and not question.without:
            entries = [(job.rank, job.id, job) for job in jobs]
            asked = question.jobs_max
            self.jobs.refill(question.after, entries, asked=asked, elsewhere=elsewhere)

    def ask_again(self, question: HeadQuestion) -> None:
        """Take note that the commit failed that carried a question."""
        if isinstance(self.jobs, Lanes):
            self.jobs.ask_again(question)

    def unknown(self) -> None:
        """Start with jobs that are only in the store."""
        self.clear()
