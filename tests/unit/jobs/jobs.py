"""Records for the tests of what holds them."""

from typing import Final

from penstock.jobs.model import Instant, Job, JobId, QueueName, State, TaskName
from tests.unit.jobs.desk import DEFAULT, NOW

LATER: Final = Instant(NOW + 5_000)


def a_job(job_id: int, rank: int = 1000, *, queue: str = DEFAULT) -> Job:
    return Job(
        id=JobId(job_id),
        queue=QueueName(queue),
        task=TaskName("echo"),
        state=State.READY,
        rank=rank,
        priority=rank,
        attempts_max=3,
        timeout_ms=1_000,
        submitted_at=NOW,
        due_at=NOW,
    )
