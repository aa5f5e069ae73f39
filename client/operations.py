"""What those who look after jobs and queues can do, as verbs of the blocking client."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TypeVar, Unpack

from penstock.client import job_requests, queue_requests
from penstock.client.filters import DeadFilter, JobFilter, job_words
from penstock.client.info import JobSummary
from penstock.client.job_requests import Cancellation
from penstock.client.queue_requests import QueueSettings
from penstock.client.requests import Request
from penstock.config.limits import LIST_JOBS_DEFAULT, PEEK_JOBS_DEFAULT

T = TypeVar("T")


class Operations(ABC):
    """The verbs beside submitting and waiting, over whatever performs requests."""

    @abstractmethod
    def perform(self, request: Request[T]) -> T:
        """Send a request and return what its reply says."""

    # --- jobs ----------------------------------------------------------------------------------

    def jobs(
        self, *, limit: int | None = None, **filters: Unpack[JobFilter]
    ) -> Iterator[JobSummary]:
        """Go through the jobs that the filters find, the oldest first, at most *limit*.

        The filters: `queue`, `state` (also waiting, unfinished, finished), `task`, `tenant`,
        `group`, `key`, `since` and `until` (of the submission), `error` (a text that the error of
        a failed attempt contains) and `connection` (the name of the client that submitted; "me"
        is this one's). The pages are asked for as they are needed. A job that is there all the
        time is found once.
        """
        return self._pages(job_words(filters), limit)

    def cancel(self, job_id: int, reason: str | None = None) -> Cancellation:
        """Cancel a job: one that waits will not run, of one that runs the worker is told to stop.

        Raises:
            Refused: with FINISHED, it finished already; with NOJOB, it is not known.
        """
        return self.perform(job_requests.cancel(job_id, reason))

    def redrive(self, job_id: int) -> None:
        """Let a job run again that is dead, cancelled or expired, with all its attempts.

        Raises:
            Refused: with FINISHED, it completed; with NOJOB, it is not known.
        """
        self.perform(job_requests.redrive(job_id))

    def redrive_dead(
        self,
        queue: str,
        *,
        rate: int | None = None,
        limit: int | None = None,
        **filters: Unpack[DeadFilter],
    ) -> int:
        """Let the dead jobs of a queue run again, and return how many that are.

        *filters* choose some: `task`, `error`, `since`, `until`. *limit* takes the oldest so many.
        With a *rate*, so many become ready in each second, and this does not wait for them.
        """
        return self.perform(job_requests.redrive_dead(queue, filters, rate, limit))

    def discard(self, job_id: int) -> None:
        """Remove a job that finished, with its result and its errors."""
        self.perform(job_requests.discard(job_id))

    def discard_dead(self, queue: str, **filters: Unpack[DeadFilter]) -> int:
        """Remove the dead jobs of a queue that the filters find, and return how many that were."""
        return self.perform(job_requests.discard_dead(queue, filters))

    # --- queues --------------------------------------------------------------------------------

    def peek(self, queue: str, count: int = PEEK_JOBS_DEFAULT) -> list[JobSummary]:
        """Return the ready jobs of a queue that will run next, in their order."""
        return self.perform(queue_requests.peek(queue, count))

    def pause(self, queue: str) -> None:
        """Let no job of a queue begin until it is resumed; those that run go on."""
        self.perform(queue_requests.pause(queue))

    def resume(self, queue: str) -> None:
        """Let the jobs of a paused queue begin again."""
        self.perform(queue_requests.resume(queue))

    def purge(self, queue: str) -> int:
        """Remove all jobs that wait in a queue, and return how many that were."""
        return self.perform(queue_requests.purge(queue))

    def delete_queue(self, queue: str, *, force: bool = False) -> None:
        """Forget a queue, its settings and its finished jobs; with *force* also those that wait.

        Raises:
            Refused: with NOTEMPTY, it holds jobs that wait, without *force*, or that run.
        """
        self.perform(queue_requests.delete(queue, force=force))

    def set_queue(self, queue: str, **settings: Unpack[QueueSettings]) -> None:
        """Set how a queue orders, limits and keeps its jobs: all of it, or nothing.

        The names are those of the settings file. None goes back to the default, and so does a
        tenant's None in `weights`, where tenants that are not named keep theirs.
        """
        self.perform(queue_requests.set_queue(queue, settings))

    def _pages(self, words: list[str | int], limit: int | None) -> Iterator[JobSummary]:
        left = limit
        cursor = 0
        while left is None or left > 0:
            count = LIST_JOBS_DEFAULT if left is None else min(left, LIST_JOBS_DEFAULT)
            page = self.perform(job_requests.page(words, count, cursor))
            yield from page.jobs
            if left is not None:
                left -= len(page.jobs)
            cursor = page.cursor
            if not cursor:
                return
