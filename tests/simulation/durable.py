"""What the store holds, read without asking: the truth that all else is held against.

Only what was committed is here. The store in memory passes the same suite as the others, so its
word is taken for it; whether it may change as it does is for `commits` to say.
"""

from collections.abc import Iterator

from penstock.jobs.model import FINISHED, WAITING, Job, JobId, QueueName, State
from penstock.jobs.policy import Policy
from penstock.jobs.queue import NOTHING_SET
from penstock.jobs.queue_settings import QueueSettings, Terms, decode_settings, terms_of
from penstock.jobs.store.memory import MemoryStore


class Durable:
    """The jobs and the settings of one store."""

    def __init__(self, shelf: MemoryStore, policy: Policy) -> None:
        self._shelf = shelf
        self._policy = policy
        self._terms: dict[bytes, Terms] = {}

    def jobs(self) -> dict[JobId, Job]:
        """Return all jobs as they are now; what is returned does not change."""
        return {job_id: kept.job for job_id, kept in self._shelf._kept.by_id.items()}

    def all(self) -> Iterator[Job]:
        return (kept.job for kept in self._shelf._kept.by_id.values())

    def job(self, job_id: JobId) -> Job | None:
        kept = self._shelf._kept.by_id.get(job_id)
        return None if kept is None else kept.job

    def payload(self, job_id: JobId) -> bytes:
        return self._shelf._kept.by_id[job_id].payload

    def result(self, job_id: JobId) -> bytes | None:
        return self._shelf._kept.by_id[job_id].result

    def fingerprint(self, job_id: JobId) -> bytes:
        return self._shelf._kept.by_id[job_id].fingerprint

    def failed_attempts(self, job_id: JobId) -> list[int]:
        return sorted(failed.attempt for failed in self._shelf._kept.by_id[job_id].failed_attempts)

    def last_error(self, job_id: JobId) -> str:
        """Return the first line of the last failed attempt's error."""
        failed_attempts = self._shelf._kept.by_id[job_id].failed_attempts
        last = max(failed_attempts, key=lambda failed: failed.attempt)
        return last.error.partition("\n")[0]

    def of_group(self, job: Job) -> list[Job]:
        """Return the other unfinished jobs of a job's ordering group."""
        if job.group is None:
            return []
        return [
            other
            for other in self.all()
            if other.queue == job.queue
            and other.group == job.group
            and other.id != job.id
            and other.state not in FINISHED
        ]

    def in_state(self, state: State, queue: QueueName | None = None) -> list[Job]:
        return [
            job
            for job in self.all()
            if job.state is state and (queue is None or job.queue == queue)
        ]

    def waiting(self, queue: QueueName) -> list[Job]:
        """Return the waiting jobs of a queue; those among them whose claim is not written, too."""
        return [job for job in self.all() if job.queue == queue and job.state in WAITING]

    def queues(self) -> set[QueueName]:
        """Return the queues of which there is something."""
        return {job.queue for job in self.all()} | set(self._shelf._settings)

    def settings(self, queue: QueueName) -> QueueSettings:
        encoded = self._shelf._settings.get(queue)
        return NOTHING_SET if encoded is None else decode_settings(encoded)

    def terms(self, queue: QueueName) -> Terms:
        """Return what is in force for a queue."""
        encoded = self._shelf._settings.get(queue, b"")
        terms = self._terms.get(encoded)
        if terms is None:
            terms = terms_of(self._policy, NOTHING_SET, self.settings(queue))
            self._terms[encoded] = terms
        return terms
