"""Random scripts of batches: the same for two stores, whose answers must be the same."""

from collections.abc import Container
from typing import Final

from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, JobId, QueueName, State
from penstock.jobs.store.port import (
    Batch,
    Commit,
    DueQuestion,
    HeadQuestion,
    Removal,
    Snapshot,
    Submission,
)
from tests.store.records import (
    NOW,
    a_job,
    claimed,
    completed,
    dead,
    failed_attempt,
    released,
    retried,
    scheduled,
    submission,
)

QUEUES: Final = ("a", "b", "c")
RANKS: Final = (-(2**63), -1, 0, 1, 1000, 2**63 - 1)
KEYS: Final = (None, None, "k1", "k2", "k3")
PAYLOADS: Final = (b"", b"\0\xff", b"x" * 100, b"y" * 20_000)
INSTANTS: Final = tuple(NOW + step for step in range(5))

Step = tuple[str, int, int]

steps = st.tuples(
    st.sampled_from(("submit", "submit", "change", "change", "ask", "remove")),
    st.integers(0, 2**20),
    st.integers(0, 2**20),
)
scripts = st.lists(st.one_of(st.lists(steps, max_size=12), st.just(None)), max_size=12)


class Writer:
    """Make batches that keep the port's rules, from steps that know none."""

    def __init__(self) -> None:
        self._known: dict[JobId, Job] = {}
        self._next_id = 1

    def batch(self, steps: list[Step]) -> Batch:
        batch = Batch()
        changed: dict[JobId, Job] = {}
        for word, a, b in steps:
            match word:
                case "submit":
                    batch.submissions.append(self._submission(a, b))
                case "change":
                    self._change(batch, changed, a, b)
                case "ask":
                    self._ask(batch, a, b)
                case _:
                    batch.removal = Removal(Instant(INSTANTS[a % 5]), b % 4)
        batch.updates = list(changed.values())
        return batch

    def learn(self, batch: Batch, commit: Commit) -> None:
        """Know what a batch wrote."""
        for submitted in batch.submissions:
            if submitted.job.id not in commit.duplicates:
                self._known[submitted.job.id] = submitted.job
        for job in batch.updates:
            self._known[job.id] = job

    def keep(self, found: Container[JobId]) -> None:
        """Forget what was removed."""
        self._known = {i: job for i, job in self._known.items() if i in found}

    def learn_load(self, snapshot: Snapshot) -> None:
        for job in list(self._known.values()):
            if job.state is State.CLAIMED:
                self._known[job.id] = released(job)
        assert snapshot.next_id <= self._next_id

    def everything(self) -> Batch:
        """Ask for all that there ever was."""
        return Batch(
            records=[JobId(job_id) for job_id in range(1, self._next_id)],
            heads=[HeadQuestion(QueueName(queue), None, 1000) for queue in QUEUES],
            due=DueQuestion(None, 1000),
        )

    def _submission(self, a: int, b: int) -> Submission:
        job = a_job(self._next_id, queue=QUEUES[a % 3], rank=RANKS[a % 6], key=KEYS[b % 5])
        self._next_id += 1
        if b % 3 == 0:
            job = scheduled(job, INSTANTS[a % 5])
        fingerprint = bytes([b % 2]) * (a % 3) if job.key is not None else b""
        return submission(job, PAYLOADS[(a + b) % 4], fingerprint)

    def _change(self, batch: Batch, changed: dict[JobId, Job], a: int, b: int) -> None:
        unfinished = [job for job in self._known.values() if job.finished_at is None]
        if not unfinished:
            return
        job = unfinished[a % len(unfinished)]
        job = changed.get(job.id, job)
        if job.state is State.SCHEDULED:
            changed[job.id] = replace(job, state=State.READY)
        elif job.state is State.READY:
            changed[job.id] = claimed(job, at=NOW + b % 7)
        elif job.state is State.CLAIMED:
            changed[job.id] = _ended(batch, job, b)

    def _ask(self, batch: Batch, a: int, b: int) -> None:
        after = None if a % 4 == 0 else (RANKS[a % 6], b % self._next_id)
        batch.heads.append(HeadQuestion(QueueName(QUEUES[b % 3]), after, a % 5))
        after = None if b % 4 == 0 else (INSTANTS[b % 5], a % self._next_id)
        batch.due = DueQuestion(after, b % 5)
        batch.payloads.append(JobId(a % (self._next_id + 1)))
        batch.records.append(JobId(b % (self._next_id + 1)))


def _ended(batch: Batch, job: Job, b: int) -> Job:
    remove_at = INSTANTS[b % 5]
    match b % 4:
        case 0:
            batch.results.append((job.id, PAYLOADS[b % 3]))
            return completed(job, remove_at=remove_at)
        case 1:
            batch.failed_attempts.append(failed_attempt(job, f"E: {b}"))
            return dead(job, remove_at=remove_at)
        case 2:
            batch.failed_attempts.append(failed_attempt(job, f"E: {b}"))
            return retried(job, due_at=remove_at)
        case _:
            return released(job)


def comparable(commit: Commit) -> tuple[object, ...]:
    """Return an answer without the kinds of its collections."""
    return (
        dict(commit.duplicates),
        [list(head) for head in commit.heads],
        list(commit.due),
        dict(commit.payloads),
        {
            job_id: (record.job, record.payload, record.result, list(record.failed_attempts))
            for job_id, record in commit.records.items()
        },
        dict(commit.removed),
    )
