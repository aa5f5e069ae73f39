"""Random scripts of batches: the same for two stores, whose answers must be the same."""

from collections.abc import Iterable
from typing import Final

from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.jobs.model import FINISHED, WAITING, Instant, Job, JobId, QueueName, State
from penstock.jobs.store.port import (
    Batch,
    Commit,
    DueQuestion,
    ExpiringQuestion,
    HeadQuestion,
    JobFilter,
    ListQuestion,
    PositionQuestion,
    PurgeSlice,
    Removal,
    Snapshot,
    Submission,
    TailQuestion,
)
from tests.store.records import (
    NOW,
    a_job,
    blocked,
    cancelled,
    claimed,
    completed,
    dead,
    expired,
    failed_attempt,
    released,
    retried,
    scheduled,
    submission,
)

QUEUES: Final = ("a", "b", "c")
RANKS: Final = (-(2**63), -1, 0, 1, 1000, 2**63 - 1)
KEYS: Final = (None, None, "k1", "k2", "k3")
GROUPS: Final = (None, None, "g1", "g2")
TENANTS: Final = (None, "t1", "t2", "t3", None)
PAYLOADS: Final = (b"", b"\0\xff", b"x" * 100, b"y" * 20_000)
INSTANTS: Final = tuple(Instant(NOW + step) for step in range(5))
STATES: Final = tuple(State)

Step = tuple[str, int, int]

WORDS: Final = ("submit", "submit", "submit", "change", "change", "change")
RARE_WORDS: Final = ("rewrite", "ask", "remove", "forget", "purge", "set")
steps = st.tuples(
    st.sampled_from(WORDS + RARE_WORDS),
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
        batch = Batch(now=INSTANTS[len(steps) % 5])
        changed: dict[JobId, Job] = {}
        rewritten: dict[JobId, Job] = {}
        # Neither changed nor rewritten: they may be gone when that is written.
        gone = {job.id for job in self._known.values() if _may_go(steps, job)}
        for word, a, b in steps:
            match word:
                case "submit":
                    batch.submissions.append(self._submission(a, b))
                case "change":
                    self._change(batch, changed, gone | rewritten.keys(), a, b)
                case "rewrite":
                    self._rewrite(rewritten, gone | changed.keys(), a, b)
                case "ask":
                    self._ask(batch, a, b)
                case "forget":
                    batch.forgets.append(JobId(a % (self._next_id + 1)))
                case "purge":
                    queue = QueueName(QUEUES[a % 3])
                    spared = frozenset({JobId(b % 7)})
                    batch.purges.append(PurgeSlice(queue, JobId(a % 40), 1000, spared))
                case "set":
                    value = None if b % 3 == 0 else PAYLOADS[b % 4]
                    batch.settings.append((QueueName(QUEUES[a % 3]), value))
                case _:
                    batch.removal = Removal(INSTANTS[a % 5], b % 4)
        batch.updates = list(changed.values())
        batch.rewrites = list(rewritten.values())
        return batch

    def learn(self, jobs: Iterable[Job]) -> None:
        """Know what there is."""
        self._known = {job.id: job for job in jobs}

    def learn_load(self, snapshot: Snapshot) -> None:
        assert snapshot.next_id <= self._next_id

    def everything(self) -> Batch:
        """Ask for all that there ever was."""
        job_ids = [JobId(job_id) for job_id in range(1, self._next_id)]
        queues = [QueueName(queue) for queue in QUEUES]
        heads = [HeadQuestion(queue, None, 1000) for queue in queues]
        heads += [HeadQuestion(queue, None, 1000, tenant="t1") for queue in queues]
        heads += [HeadQuestion(queue, None, 9, without=frozenset({"t1"})) for queue in queues]
        return Batch(
            records=job_ids,
            outcomes=job_ids,
            heads=heads,
            peeks=heads[:1],
            tails=[TailQuestion(head.queue, head.jobs_max) for head in heads],
            due=DueQuestion(None, 1000),
            expiring=ExpiringQuestion(INSTANTS[-1], 1000),
            listings=[ListQuestion(JobFilter(), JobId(0), 1000, 1000)],
            tags=queues,
            sizes=queues,
        )

    def _submission(self, a: int, b: int) -> Submission:
        payload = PAYLOADS[(a + b) % 4]
        job = replace(
            a_job(
                self._next_id,
                queue=QUEUES[a % 3],
                rank=RANKS[a % 6],
                key=KEYS[b % 5],
                group=GROUPS[a // 8 % 4],
                tenant=TENANTS[b // 8 % 5],
            ),
            payload_bytes=len(payload),
            producer=(None, "p")[a // 32 % 2],
            expires_at=(None, *INSTANTS)[b // 64 % 6],
        )
        if job.key is not None and a % 2:
            job = replace(job, key_expires_at=Instant(NOW + 100))
        self._next_id += 1
        if b % 3 == 0:
            job = scheduled(job, INSTANTS[a % 5])
        fingerprint = bytes([b % 2]) * (a % 3) if job.key is not None else b""
        return submission(job, payload, fingerprint)

    def _change(
        self, batch: Batch, changed: dict[JobId, Job], taken: set[JobId], a: int, b: int
    ) -> None:
        unfinished = [
            job for job in self._known.values() if job.finished_at is None and job.id not in taken
        ]
        if not unfinished:
            return
        job = unfinished[a % len(unfinished)]
        job = changed.get(job.id, job)
        if job.state in WAITING and b % 8 == 0:
            changed[job.id] = expired(job, remove_at=INSTANTS[b % 5])
        elif job.state is State.SCHEDULED:
            changed[job.id] = replace(job, state=State.READY)
        elif job.state is State.READY:
            changed[job.id] = claimed(job, at=NOW + b % 7)
        elif job.state is State.BLOCKED:
            changed[job.id] = replace(job, rank=RANKS[b % 6])
        elif job.state is State.CLAIMED:
            changed[job.id] = _ended(batch, job, b)

    def _rewrite(self, rewritten: dict[JobId, Job], taken: set[JobId], a: int, b: int) -> None:
        jobs = [job for job in self._known.values() if job.id not in taken | rewritten.keys()]
        if not jobs:
            return
        job = jobs[a % len(jobs)]
        if b % 4 == 0:
            job = replace(job, key=None, key_expires_at=None)
        elif job.key is not None and b % 4 == 1:
            job = replace(job, key_expires_at=INSTANTS[a % 5])
        job = replace(job, tenant=TENANTS[a % 5], expires_at=None, priority=b % 9)
        if job.state in WAITING:
            job = cancelled(job, remove_at=INSTANTS[b % 5], reason="why not")
        elif job.state is State.CLAIMED:
            job = replace(job, cancel_asked_at=NOW, keep_ms=a % 3)
        elif job.state is not State.COMPLETED:
            ended = {"claimed_at": None, "finished_at": None, "remove_at": None}
            back = replace(job, state=State.READY, **ended)
            job = back if job.group is None else blocked(back)
        rewritten[job.id] = job

    def _ask(self, batch: Batch, a: int, b: int) -> None:
        after = None if a % 4 == 0 else (RANKS[a % 6], b % self._next_id)
        queue = QueueName(QUEUES[b % 3])
        batch.heads.append(HeadQuestion(queue, after, a % 5))
        batch.heads.append(HeadQuestion(queue, after, a % 5, tenant="t2"))
        batch.heads.append(HeadQuestion(queue, after, a % 5, without=frozenset({"t2", "t3"})))
        batch.peeks.append(HeadQuestion(queue, after, b % 5))
        batch.positions.append(PositionQuestion(queue, (RANKS[b % 6], a % 9), 3))
        batch.expiring = ExpiringQuestion(INSTANTS[a % 5], b % 5)
        after = None if b % 4 == 0 else (INSTANTS[b % 5], a % self._next_id)
        batch.due = DueQuestion(after, b % 5)
        batch.payloads.append(JobId(a % (self._next_id + 1)))
        batch.records.append(JobId(b % (self._next_id + 1)))
        batch.listings.append(ListQuestion(_filter(a, b), JobId(b % 3), 1000, 1000))


def _may_go(steps: list[Step], job: Job) -> bool:
    """Say whether a step of a batch may remove a job."""
    words = {word for word, _, _ in steps}
    if job.state in FINISHED:
        return not words.isdisjoint({"remove", "forget"})
    return job.state in WAITING and "purge" in words


def _filter(a: int, b: int) -> JobFilter:
    states = frozenset({STATES[a % 8], STATES[b % 8]})
    match b % 8:
        case 0:
            return JobFilter(states=states)
        case 1:
            return JobFilter(queue=QueueName(QUEUES[a % 3]), states=frozenset({State.DEAD}))
        case 2:
            return JobFilter(tenant=f"t{a % 4}")
        case 3:
            return JobFilter(group=f"g{a % 3}", states=None if a % 2 else states)
        case 4:
            return JobFilter(key=f"k{a % 4}")
        case 5:
            return JobFilter(producer="p", states=WAITING if a % 2 else None)
        case 6:
            return JobFilter(error=f"E: {a % 10}")
        case _:
            return JobFilter(queue=QueueName(QUEUES[a % 3]), until=NOW if a % 2 else None)


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
    """Return an answer without the kinds of its collections, and orders that nobody promised."""
    return (
        dict(commit.duplicates),
        set(commit.blocked),
        sorted(commit.promoted, key=lambda job: job.id),
        [list(head) for head in commit.heads],
        [list(head) for head in commit.peeks],
        [list(tail) for tail in commit.tails],
        list(commit.due),
        list(commit.expiring),
        list(commit.positions),
        dict(commit.payloads),
        {
            job_id: (record.job, record.payload, record.result, list(record.failed_attempts))
            for job_id, record in commit.records.items()
        },
        dict(commit.outcomes),
        [
            (list(listing.jobs), dict(listing.last_errors), listing.next_after)
            for listing in commit.listings
        ],
        {queue: dict(tags) for queue, tags in commit.tags.items()},
        dict(commit.sizes),
        dict(commit.removed),
        [
            {state: sorted(job_ids) for state, job_ids in purged.job_ids.items()}
            for purged in commit.purged
        ],
    )
