"""What every store must answer; `contract` has the rest."""

import pytest

from penstock.jobs.model import JobId, QueueName
from penstock.jobs.store.port import (
    Batch,
    DueQuestion,
    HeadQuestion,
    Removal,
    Store,
)
from tests.store.asking import due_of, finish, head_of, ids, submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    claimed,
    completed,
    dead,
    retried,
    scheduled,
    submission,
)


async def test_a_head_is_ordered_by_rank_and_then_by_id(store: Store) -> None:
    await submit(store, a_job(1, rank=5), a_job(2, rank=-5), a_job(3, rank=0), a_job(4, rank=5))

    assert await head_of(store) == [2, 3, 1, 4]


async def test_a_head_starts_strictly_after_its_position(store: Store) -> None:
    await submit(store, a_job(1, rank=5), a_job(2, rank=5), a_job(3, rank=5), a_job(4, rank=6))

    assert await head_of(store, after=(5, 2)) == [3, 4]
    assert await head_of(store, after=(5, 3)) == [4]
    assert await head_of(store, after=(5, 99)) == [4]
    assert await head_of(store, after=(4, 99)) == [1, 2, 3, 4]
    assert await head_of(store, after=(6, 4)) == []


async def test_a_head_has_no_more_jobs_than_asked(store: Store) -> None:
    await submit(store, a_job(1, rank=5), a_job(2, rank=5), a_job(3, rank=6))

    assert await head_of(store, jobs_max=2) == [1, 2]
    assert await head_of(store, after=(5, 1), jobs_max=2) == [2, 3]


async def test_a_head_has_ready_jobs_of_its_queue_only(store: Store) -> None:
    await submit(
        store,
        a_job(1),
        a_job(2, queue="other"),
        scheduled(a_job(3), NOW + 9),
        a_job(4),
        a_job(5),
        a_job(6),
    )
    await store.commit(
        Batch(updates=[claimed(a_job(4)), completed(claimed(a_job(5))), dead(claimed(a_job(6)))])
    )

    assert await head_of(store) == [1]


async def test_the_head_of_an_unknown_queue_is_empty(store: Store) -> None:
    assert await head_of(store, "nowhere") == []


async def test_heads_are_answered_in_the_order_of_the_questions(store: Store) -> None:
    await submit(store, a_job(1, queue="a"), a_job(2, queue="b"))

    questions = [HeadQuestion(QueueName(name), None, 9) for name in ("b", "nowhere", "a")]
    commit = await store.commit(Batch(heads=questions))

    assert [ids(head) for head in commit.heads] == [[2], [], [1]]


async def test_scheduled_jobs_are_ordered_by_due_time_and_then_by_id(store: Store) -> None:
    await submit(
        store,
        scheduled(a_job(1), NOW + 9),
        scheduled(a_job(2, queue="other"), NOW + 5),
        scheduled(a_job(3), NOW + 5),
        a_job(4),
    )

    assert await due_of(store) == [2, 3, 1]
    assert await due_of(store, jobs_max=2) == [2, 3]
    assert await due_of(store, after=(NOW + 5, 2)) == [3, 1]
    assert await due_of(store, after=(NOW + 5, 3)) == [1]
    assert await due_of(store, after=(NOW + 9, 1)) == []


async def test_a_retried_job_is_due_at_its_new_time(store: Store) -> None:
    await submit(store, a_job(1), scheduled(a_job(2), NOW + 5))

    await store.commit(Batch(updates=[retried(claimed(a_job(1)), due_at=NOW + 3)]))

    assert await due_of(store) == [1, 2]


async def test_questions_see_the_writes_of_their_batch(store: Store) -> None:
    await submit(store, a_job(1), a_job(2))
    await finish(store, completed(claimed(a_job(3)), remove_at=NOW))

    commit = await store.commit(
        Batch(
            submissions=[submission(a_job(4), b"4"), submission(scheduled(a_job(5), NOW + 1))],
            updates=[completed(claimed(a_job(1)))],
            results=[(JobId(1), b"one")],
            removal=Removal(NOW, 10),
            heads=[HeadQuestion(QUEUE, None, 9)],
            due=DueQuestion(None, 9),
            payloads=[JobId(4)],
            records=[JobId(1), JobId(3)],
        )
    )

    assert ids(commit.heads[0]) == [2, 4]
    assert ids(commit.due) == [5]
    assert commit.payloads == {4: b"4"}
    assert list(commit.records) == [1]
    assert commit.records[JobId(1)].result == b"one"


@pytest.mark.parametrize("job_id", [0, 77, 2**63 - 1, 2**63, 10**19 - 1])
async def test_what_is_not_known_is_left_out(store: Store, job_id: int) -> None:
    await submit(store, a_job(1))

    commit = await store.commit(Batch(records=[JobId(job_id), JobId(1)]))

    assert list(commit.records) == [1]


async def test_payloads_that_are_not_known_are_left_out(store: Store) -> None:
    await submit(store, a_job(1), a_job(2))

    commit = await store.commit(Batch(payloads=[JobId(2), JobId(9), JobId(1)]))

    assert commit.payloads == {1: b"[]", 2: b"[]"}


async def test_asking_twice_for_the_same_job_answers_once(store: Store) -> None:
    await submit(store, a_job(1))

    commit = await store.commit(Batch(payloads=[JobId(1)] * 2, records=[JobId(1)] * 2))

    assert commit.payloads == {1: b"[]"}
    assert list(commit.records) == [1]
