"""Records and queues for the tests of what holds them."""

from typing import Final

from penstock.jobs.front import Front
from penstock.jobs.model import Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.policy import Policy
from penstock.jobs.queue import NOTHING_SET, Queue
from penstock.jobs.queue_settings import QueueSettings, Terms, terms_of
from tests.unit.jobs.desk import DEFAULT, NOW, POLICY

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


def the_terms(name: QueueName, settings: QueueSettings) -> Terms:
    """Say which terms are in force where the file and the policy say nothing."""
    return terms_of(Policy(), NOTHING_SET, settings)


def a_queue(settings: QueueSettings = NOTHING_SET, *, policy: Policy = POLICY) -> Queue:
    """Make a queue that nothing is in."""
    front = Front(DEFAULT, 10, complete=True, pushed_out=lambda job: None)
    return Queue(DEFAULT, front, settings, terms_of(policy, NOTHING_SET, settings))
