"""QUEUE.PEEK: the jobs that will run next, in their order.

The store has them in this order, and some more that memory knows better: jobs whose claim is not
written yet, and jobs that are being changed or purged. These are left out, so it is asked for more
until there are enough.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.config.limits import LIST_JOBS_MAX
from penstock.jobs.model import Job, JobId, QueueName
from penstock.jobs.queue import Queue
from penstock.jobs.store.port import HeadQuestion, JobEnd, StoreError
from penstock.protocol.queue_arguments import parse_peek
from penstock.protocol.replies import encode
from penstock.server.job_summaries import summary
from penstock.server.refusals import store_error
from penstock.server.session import Session


def peek(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_peek(arguments)
    queue = session.engine.broker.queue(QueueName(parsed.queue))
    _Peek(session, queue, parsed.jobs_max).ask(None)


class _Peek:
    """One request, and what is known of its answer."""

    __slots__ = (
        "_asked",
        "_errors",
        "_errors_missing",
        "_jobs",
        "_jobs_max",
        "_queue",
        "_resp3",
        "_session",
        "_slot",
    )

    def __init__(self, session: Session, queue: Queue, jobs_max: int) -> None:
        self._session = session
        self._resp3 = session.resp3
        self._slot = session.reserve()
        self._queue = queue
        self._jobs_max = jobs_max
        self._jobs: list[Job] = []
        self._asked = 0
        self._errors: dict[JobId, str] = {}
        self._errors_missing = 0

    def ask(self, after: tuple[int, int] | None) -> None:
        """Ask for enough that those which are left out are made up for, in most cases."""
        missing = self._jobs_max - len(self._jobs)
        self._asked = min(missing + self._queue.claimed_count, 2 * LIST_JOBS_MAX)
        if self._queue.settings.purged_until:
            self._asked = 2 * LIST_JOBS_MAX
        question = HeadQuestion(self._queue.name, after, self._asked)
        self._session.engine.journal.peek(question, self._peeked)

    def _peeked(self, jobs: Sequence[Job] | StoreError) -> None:
        if isinstance(jobs, StoreError):
            self._slot.fill(store_error(jobs))
            return
        self._jobs.extend(job for job in jobs if self._will_run(job))
        del self._jobs[self._jobs_max :]
        if len(jobs) == self._asked and len(self._jobs) < self._jobs_max:
            self.ask((jobs[-1].rank, jobs[-1].id))
        else:
            self._ask_errors()

    def _will_run(self, job: Job) -> bool:
        revisions = self._session.engine.broker.revisions
        return revisions.is_idle(job) and not self._queue.is_purged(job)

    def _ask_errors(self) -> None:
        failed = [job.id for job in self._jobs if job.failures]
        self._errors_missing = len(failed)
        for job_id in failed:
            self._session.engine.journal.read_end(job_id, self._read_end)
        if not failed:
            self._answer()

    def _read_end(self, end: JobEnd | StoreError | None) -> None:
        if isinstance(end, JobEnd) and end.last_failed is not None:
            self._errors[end.job.id] = end.last_failed.error.partition("\n")[0]
        self._errors_missing -= 1
        if not self._errors_missing:
            self._answer()

    def _answer(self) -> None:
        shown = [summary(job, self._errors.get(job.id)) for job in self._jobs]
        self._slot.fill(encode(shown, self._resp3))
