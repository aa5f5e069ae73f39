"""The history checker: what clients saw and workers did, held against what must always be true.

Clients note every request and its outcome, workers note every attempt they begin, and at the end
the server is asked for all jobs. The rules below are what must hold whatever was killed when.
Nothing here looks at a server: a history is a value, and so is the verdict.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from msgspec import Struct

# Wall clocks of two processes on one machine, read at different moments of one event.
CLOCK_SLACK_MS: Final = 50

_STATES: Final = frozenset({"scheduled", "ready", "claimed", "completed", "dead"})
_FINISHED: Final = frozenset({"completed", "dead"})


class Outcome(Enum):
    """What a client knows about its request."""

    ACKNOWLEDGED = "acknowledged"  # A submission's id, or a call's result.
    DEAD = "dead"  # The call was answered: its job used up its attempts.
    REFUSED = "refused"  # Definitely not carried out.
    UNKNOWN = "unknown"  # The connection went away first.


class Operation(Struct, frozen=True):
    """One request of one client and what became of it. Times are wall clock milliseconds."""

    client: str
    index: int
    verb: str  # submit or call
    key: str
    queue: str
    priority: int
    payload: bytes
    invoked_ms: int
    returned_ms: int | None
    outcome: Outcome
    job_id: int | None = None
    result: bytes | None = None

    @property
    def name(self) -> str:
        """How a violation speaks of it."""
        return f"{self.verb} {self.index} of {self.client} (key {self.key})"


class Effect(Struct, frozen=True):
    """A line that a worker wrote when it began an attempt: which one, and on what."""

    job_id: int
    attempt: int
    key: str


class SeenJob(Struct, frozen=True):
    """A job as JOB.SHOW told it at the end."""

    id: int
    key: str
    queue: str
    state: str
    priority: int
    attempt: int
    failures: int
    attempts_max: int
    payload: bytes | None
    result: bytes | None
    claimed_at: int | None


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is known.

    `server_crashed`: a claim that was answered and not yet durable is forgotten with the server,
    so one attempt number may run twice, and claim times tell no order.
    `settled`: the end was awaited, so that every job must be finished.
    """

    operations: Sequence[Operation]
    effects: Sequence[Effect]
    jobs: Mapping[int, SeenJob]
    expected: Callable[[bytes], bytes]
    server_crashed: bool
    settled: bool = True
    by_key: Mapping[str, SeenJob] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", {job.key: job for job in self.jobs.values()})

    def job_of(self, operation: Operation) -> SeenJob | None:
        """Return the job that an operation is about, by its id or else by its key."""
        if operation.job_id is not None:
            return self.jobs.get(operation.job_id)
        return self.by_key.get(operation.key)


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise broken once."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def check_history(history: History) -> list[Violation]:
    """Return every violation of every rule; none means that the history is sound."""
    return [Violation(name, text) for name, rule in RULES.items() for text in rule(history)]


def _acknowledged_jobs_exist(history: History) -> Iterator[str]:
    for operation in history.operations:
        if operation.outcome not in (Outcome.ACKNOWLEDGED, Outcome.DEAD):
            continue
        job = history.job_of(operation)
        if job is None:
            yield f"{operation.name} was acknowledged and its job is gone"
        elif job.state not in _STATES:
            yield f"job {job.id} is in no state that exists: {job.state}"
        elif history.settled and job.state not in _FINISHED:
            yield f"job {job.id} of {operation.name} never finished; it is {job.state}"


def _nobody_submitted_nothing(history: History) -> Iterator[str]:
    invoked = {operation.key for operation in history.operations}
    refused = {one.key for one in history.operations if one.outcome is Outcome.REFUSED} - {
        one.key for one in history.operations if one.outcome is not Outcome.REFUSED
    }
    for job in history.jobs.values():
        if job.key not in invoked:
            yield f"job {job.id} with key {job.key!r} was submitted by nobody"
        elif job.key in refused:
            yield f"job {job.id} exists, and its submission was refused (key {job.key})"


def _one_job_for_each_key(history: History) -> Iterator[str]:
    ids: defaultdict[str, set[int]] = defaultdict(set)
    for operation in history.operations:
        if operation.job_id is not None:
            ids[operation.key].add(operation.job_id)
    for job in history.jobs.values():
        ids[job.key].add(job.id)
    for effect in history.effects:
        ids[effect.key].add(effect.job_id)
    for key, found in ids.items():
        if len(found) > 1:
            yield f"key {key} belongs to several jobs: {sorted(found)}"


def _a_job_ends_once(history: History) -> Iterator[str]:
    for operation in history.operations:
        job = history.job_of(operation)
        if job is None or operation.verb != "call":
            continue
        if operation.outcome is Outcome.ACKNOWLEDGED and job.state == "dead":
            yield f"job {job.id} gave {operation.name} a result and is dead"
        if operation.outcome is Outcome.DEAD and job.state == "completed":
            yield f"job {job.id} was dead to {operation.name} and is completed"


def _attempts_are_bounded(history: History) -> Iterator[str]:
    for job in history.jobs.values():
        if job.failures > job.attempts_max:
            yield f"job {job.id} failed {job.failures} times of at most {job.attempts_max}"
        if job.failures > job.attempt:
            yield f"job {job.id} failed {job.failures} times in {job.attempt} attempts"
        if job.state == "dead" and job.failures < job.attempts_max:
            yield f"job {job.id} is dead after {job.failures} of {job.attempts_max} failures"


def _each_attempt_runs_once(history: History) -> Iterator[str]:
    if history.server_crashed:
        return
    for (job_id, attempt), count in _counted(
        (effect.job_id, effect.attempt) for effect in history.effects
    ):
        if count > 1:
            yield f"attempt {attempt} of job {job_id} was begun {count} times"


def _work_leaves_traces(history: History) -> Iterator[str]:
    worked: defaultdict[int, int] = defaultdict(int)
    for effect in history.effects:
        worked[effect.job_id] = max(worked[effect.job_id], effect.attempt)
        job = history.jobs.get(effect.job_id)
        if job is None:
            yield f"attempt {effect.attempt} of job {effect.job_id} ran, and there is no such job"
        elif effect.attempt > job.attempt:
            yield f"attempt {effect.attempt} of job {job.id} ran; the server knows {job.attempt}"
    for job in history.jobs.values():
        if job.state == "completed" and job.id not in worked:
            yield f"job {job.id} is completed and nobody worked on it"


def _each_reply_answers_its_request(history: History) -> Iterator[str]:
    for operation in history.operations:
        if operation.outcome is not Outcome.ACKNOWLEDGED:
            continue
        if operation.verb == "call" and operation.result != history.expected(operation.payload):
            yield f"{operation.name} was answered with another's result: {operation.result!r}"
        job = history.job_of(operation)
        if job is None:
            continue
        if job.key != operation.key:
            yield f"{operation.name} was answered with job {job.id}, whose key is {job.key}"
        elif job.payload is not None and job.payload != operation.payload:
            yield f"job {job.id} of {operation.name} holds another payload"


def _results_do_not_change(history: History) -> Iterator[str]:
    for job in history.jobs.values():
        if job.state == "completed" and job.payload is not None:
            wanted = history.expected(job.payload)
            if job.result is not None and job.result != wanted:
                yield f"job {job.id} keeps the result {job.result!r}; its payload makes {wanted!r}"


def _urgent_jobs_go_first(history: History) -> Iterator[str]:
    """No job may be claimed while a more urgent one of its queue waits, known to be durable.

    Only first attempts are looked at: when a job waits again after a failure is not on record.
    """
    if history.server_crashed:
        return
    queues: defaultdict[str, list[tuple[int, SeenJob, int]]] = defaultdict(list)
    for operation in history.operations:
        job = history.job_of(operation)
        if job is None or job.claimed_at is None or job.attempt != 1:
            continue
        known_ms = operation.returned_ms
        if operation.verb != "submit" or operation.outcome is not Outcome.ACKNOWLEDGED:
            continue
        assert known_ms is not None
        queues[job.queue].append((job.claimed_at, job, known_ms))
    for claims in queues.values():
        yield from _overtaken(claims)


def _overtaken(claims: list[tuple[int, SeenJob, int]]) -> Iterator[str]:
    claims.sort(key=lambda claim: claim[0], reverse=True)
    # For each priority, the job that was durable first among those claimed later than this one.
    waiting: dict[int, tuple[int, SeenJob]] = {}
    for claimed_at, job, known_ms in claims:
        for priority, (since_ms, urgent) in waiting.items():
            assert urgent.claimed_at is not None
            if (
                priority < job.priority
                and since_ms + CLOCK_SLACK_MS < claimed_at
                and urgent.claimed_at > claimed_at + CLOCK_SLACK_MS
            ):
                yield (
                    f"job {job.id} of priority {job.priority} was claimed while job {urgent.id} "
                    f"of priority {priority} had been waiting for {claimed_at - since_ms} ms"
                )
                break
        if job.priority not in waiting or known_ms < waiting[job.priority][0]:
            waiting[job.priority] = (known_ms, job)


def _counted(items: Iterable[tuple[int, int]]) -> Iterable[tuple[tuple[int, int], int]]:
    counts: defaultdict[tuple[int, int], int] = defaultdict(int)
    for item in items:
        counts[item] += 1
    return counts.items()


RULES: Final[Mapping[str, Callable[[History], Iterator[str]]]] = {
    "nothing acknowledged is lost": _acknowledged_jobs_exist,
    "no job comes from nowhere": _nobody_submitted_nothing,
    "one key, one job": _one_job_for_each_key,
    "a job ends once": _a_job_ends_once,
    "attempts are bounded": _attempts_are_bounded,
    "an attempt runs once": _each_attempt_runs_once,
    "work leaves traces": _work_leaves_traces,
    "each reply answers its request": _each_reply_answers_its_request,
    "a result does not change": _results_do_not_change,
    "urgent jobs go first": _urgent_jobs_go_first,
}
