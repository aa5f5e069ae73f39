"""The life of jobs as events: what is said of a transition, and who is told."""

import pytest
from msgspec.structs import replace

from penstock.jobs.events.errors import IdsExhausted
from penstock.jobs.events.life import (
    append_life,
    is_life_stream,
    is_told_late,
    life_fields,
    life_stream,
    queue_of,
)
from penstock.jobs.events.model import ID_MAX, StreamName, StreamNumber, StreamRecord
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.store.event_port import LifeStream
from penstock.jobs.transitions import Cause

NOW = Instant(1_000)
JOB = Job(
    id=JobId(7),
    queue=QueueName("mail"),
    task=TaskName("send"),
    state=State.READY,
    rank=0,
    priority=0,
    attempts_max=3,
    timeout_ms=1,
    submitted_at=NOW,
    due_at=NOW,
)


def told(job: Job, before: State | None, cause: Cause, **rest: object) -> dict[str, str]:
    fields = life_fields(job, before, cause, NOW, **rest)  # type: ignore[arg-type]
    names = [name.decode() for name in fields[::2]]
    assert len(set(names)) == len(names)
    return dict(zip(names, (value.decode() for value in fields[1::2]), strict=True))


def test_a_new_job_comes_from_nowhere() -> None:
    assert list(told(JOB, None, Cause.SUBMIT).items()) == [
        ("id", "7"),
        ("queue", "mail"),
        ("task", "send"),
        ("attempt", "0"),
        ("from", ""),
        ("to", "ready"),
        ("reason", "submit"),
        ("worker", ""),
        ("at", "1000"),
    ]


def test_all_that_a_job_has_is_told_in_order() -> None:
    job = replace(
        JOB,
        state=State.SCHEDULED,
        attempt=2,
        due_at=Instant(2_000),
        key="k",
        tenant="t",
        group="g",
        producer="p",
    )
    failed = FailedAttempt(JOB.id, 2, "w", NOW, NOW, "E: \ud800\n  line 1\n")

    fields = told(job, State.CLAIMED, Cause.RETRY, worker="w", failed=failed)

    assert list(fields.items())[4:] == [
        ("from", "claimed"),
        ("to", "scheduled"),
        ("reason", "retry"),
        ("worker", "w"),
        ("at", "1000"),
        ("due_at", "2000"),
        ("key", "k"),
        ("tenant", "t"),
        ("group", "g"),
        ("producer", "p"),
        ("error", "E: ?"),
    ]


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
def test_why_a_job_ended_unfinished_is_noted(state: State) -> None:
    job = replace(JOB, state=state, reason="enough")

    assert told(job, State.READY, Cause.CANCEL)["note"] == "enough"


def test_a_reason_of_a_job_that_came_back_is_not_noted() -> None:
    job = replace(JOB, state=State.CLAIMED, reason="enough")

    assert "note" not in told(job, State.READY, Cause.CLAIM)


def test_a_job_that_is_not_scheduled_says_nothing_of_when() -> None:
    assert "due_at" not in told(replace(JOB, state=State.BLOCKED), None, Cause.BLOCK)


@pytest.mark.parametrize(
    ("job", "is_late"),
    [(JOB, False), (replace(JOB, key="k"), True), (replace(JOB, group="g"), True)],
)
def test_what_only_the_transaction_knows_is_told_late(job: Job, is_late: bool) -> None:
    assert is_told_late(job) is is_late


def test_streams_are_named_by_queue() -> None:
    name = life_stream(QueueName("mail"))

    assert name == "jobs:mail"
    assert is_life_stream(name)
    assert queue_of(name) == "mail"
    assert queue_of(StreamName("jobs:*")) is None
    assert not is_life_stream(StreamName("jobs"))


def test_of_nothing_nobody_is_told() -> None:
    stream = LifeStream(StreamRecord(StreamNumber(1), StreamName("jobs:*")), None)

    assert list(append_life([stream], [], NOW)) == []


def test_who_is_told_nothing_is_left_out() -> None:
    mail = LifeStream(StreamRecord(StreamNumber(1), StreamName("jobs:mail")), QueueName("mail"))
    other = LifeStream(StreamRecord(StreamNumber(2), StreamName("jobs:other")), QueueName("other"))

    appended = list(append_life([other, mail], [(QueueName("mail"), (b"a", b"b"))], NOW))

    assert [stream.record.number for stream, _ in appended] == [1]
    assert [(number, event.id) for number, event in appended[0][1]] == [(1, (1_000, 0))]


def test_ids_end_some_day() -> None:
    record = StreamRecord(StreamNumber(1), StreamName("jobs:*"), last_id=ID_MAX)

    with pytest.raises(IdsExhausted):
        list(append_life([LifeStream(record, None)], [(QueueName("a"), ())], NOW))
