"""What every store must answer about the jobs that wait, and about single jobs."""

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, JobId, QueueName
from penstock.jobs.store.port import (
    Batch,
    DueQuestion,
    ExpiringQuestion,
    HeadQuestion,
    JobEnd,
    PositionQuestion,
    Removal,
    Store,
    TailQuestion,
)
from tests.store.asking import due_of, finish, head_of, ids, submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
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


async def test_jobs_of_tenants_and_of_nobody_are_in_one_order(store: Store) -> None:
    tenants = ["a", None, "b", None, "a", None, "b"]
    ranks = [3, 3, 1, 1, 3, 2, 1]
    await submit(store, *(a_job(i, rank=ranks[i - 1], tenant=tenants[i - 1]) for i in range(1, 8)))

    assert await head_of(store) == [3, 4, 7, 6, 1, 2, 5]
    assert await head_of(store, after=(1, 4)) == [7, 6, 1, 2, 5]
    assert await head_of(store, after=(3, 1), jobs_max=1) == [2]


async def test_a_head_may_be_of_one_tenant(store: Store) -> None:
    await submit(store, *of_tenants("abab-ab"))
    await store.commit(Batch(updates=[claimed(a_job(2, tenant="b"))]))

    async def head(tenant: str, after: tuple[int, int] | None = None) -> list[int]:
        asked = HeadQuestion(QUEUE, after, 2, tenant=tenant)
        return ids((await store.commit(Batch(heads=[asked]))).heads[0])

    assert await head("a") == [1, 3]
    assert await head("a", (1000, 3)) == [6]
    assert await head("b") == [4, 7]
    assert await head("nobody") == []


async def test_a_head_may_be_without_some_tenants(store: Store) -> None:
    await submit(store, *of_tenants("abc-abc-abc"))
    await submit(store, scheduled(a_job(20, tenant="d"), NOW + 5), a_job(21, rank=0, tenant="e"))

    async def head(
        without: str, after: tuple[int, int] | None = None, jobs_max: int = 100
    ) -> list[int]:
        asked = HeadQuestion(QUEUE, after, jobs_max, without=frozenset(without))
        return ids((await store.commit(Batch(heads=[asked]))).heads[0])

    assert await head("a") == [21, 2, 3, 4, 6, 7, 8, 10, 11]
    assert await head("ab") == [21, 3, 4, 7, 8, 11]
    assert await head("abce") == [4, 8]
    assert await head("ab", jobs_max=3) == [21, 3, 4]
    assert await head("ab", after=(1000, 4)) == [7, 8, 11]
    assert await head("z", after=(0, 99), jobs_max=2) == [1, 2]


@pytest.mark.parametrize("jobs_max", [1, 7, 40, 90, 1000])
async def test_a_head_without_tenants_is_long_enough(store: Store, jobs_max: int) -> None:
    tenants = ["big"] * 60 + ["a"] * 50 + ["b", None, "c"] * 20 + ["a"] * 5 + [None] * 30
    jobs = [a_job(i, rank=i * 7 % 50, tenant=tenant) for i, tenant in enumerate(tenants, start=1)]
    await submit(store, *jobs)

    question = HeadQuestion(QUEUE, (3, 0), jobs_max, without=frozenset({"big", "c"}))
    (head,) = (await store.commit(Batch(heads=[question]))).heads

    expected = [
        (job.rank, job.id) for job in jobs if job.tenant not in ("big", "c") and job.rank >= 3
    ]
    assert [(job.rank, job.id) for job in head] == sorted(expected)[:jobs_max]


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


def of_tenants(tenants: str) -> list[Job]:
    """Return a ready job for each letter, of this tenant; "-" is nobody."""
    return [
        a_job(i, tenant=None if tenant == "-" else tenant)
        for i, tenant in enumerate(tenants, start=1)
    ]


async def test_a_tail_begins_with_the_job_that_would_run_last(store: Store) -> None:
    await submit(
        store,
        a_job(1, rank=5, tenant="a"),
        a_job(2, rank=-5),
        a_job(3, rank=5),
        scheduled(a_job(4), due_at=NOW),
        a_job(5, rank=4, tenant="b"),
    )

    asked = [TailQuestion(QUEUE, 3), TailQuestion(QUEUE, 9), TailQuestion(QueueName("none"), 9)]
    commit = await store.commit(Batch(tails=asked))

    assert [ids(tail) for tail in commit.tails] == [[3, 1, 5], [3, 1, 5, 2], []]


async def test_a_peek_is_a_head_that_is_answered_apart(store: Store) -> None:
    await submit(store, a_job(1, rank=5), a_job(2, rank=1))

    asked = HeadQuestion(QUEUE, None, 1)
    commit = await store.commit(Batch(heads=[asked], peeks=[asked, HeadQuestion(QUEUE, (1, 2), 9)]))

    assert [ids(head) for head in commit.heads] == [[2]]
    assert [ids(peek) for peek in commit.peeks] == [[2], [1]]


async def test_jobs_that_were_never_started_expire_the_oldest_first(store: Store) -> None:
    def until(job: Job, expires_at: int) -> Job:
        return replace(job, expires_at=Instant(expires_at))

    jobs = [
        until(a_job(1, group="g"), NOW + 3),
        until(a_job(2, group="g"), NOW + 1),
        until(scheduled(a_job(3), NOW + 9), NOW + 2),
        until(a_job(4), NOW + 4),
        until(a_job(5), NOW),
        until(a_job(6), NOW),
        until(a_job(7, queue="other"), NOW + 1),
        a_job(8),
    ]
    await submit(store, *jobs)
    started = [claimed(jobs[4]), released(claimed(jobs[5]))]

    async def expiring(jobs_max: int) -> list[int]:
        asked = ExpiringQuestion(Instant(NOW + 3), jobs_max)
        return ids((await store.commit(Batch(expiring=asked))).expiring)

    assert await expiring(100) == [5, 6, 2, 7, 3, 1]
    await store.commit(Batch(updates=started))
    assert await expiring(100) == [2, 7, 3, 1]
    assert await expiring(2) == [2, 7]
    await store.commit(Batch(updates=[expired(jobs[6])]))
    assert await expiring(2) == [2, 3]


async def test_a_position_counts_the_ready_jobs_before_it(store: Store) -> None:
    await submit(
        store,
        a_job(1, rank=5),
        a_job(2, rank=5, tenant="t"),
        a_job(3, rank=4),
        a_job(4, rank=6, tenant="t"),
        scheduled(a_job(5, rank=1), NOW + 5),
        a_job(6, rank=1, queue="other"),
    )

    async def count(rank: int, job_id: int, count_max: int = 100) -> int:
        asked = PositionQuestion(QUEUE, (rank, job_id), count_max)
        return (await store.commit(Batch(positions=[asked]))).positions[0]

    assert await count(4, 3) == 0
    assert await count(5, 1) == 1
    assert await count(5, 2) == 2
    assert await count(6, 4) == 3
    assert await count(9, 9) == 4
    assert await count(9, 9, count_max=3) == 3


async def test_a_position_in_an_unknown_queue_is_the_first(store: Store) -> None:
    commit = await store.commit(Batch(positions=[PositionQuestion(QUEUE, (1, 1), 9)]))

    assert list(commit.positions) == [0]


async def test_the_end_of_a_job_is_its_record_its_result_and_its_last_failure(
    store: Store,
) -> None:
    once = claimed(a_job(1))
    twice = claimed(retried(once, NOW))
    await submit(store, a_job(1), a_job(2), a_job(3))
    last = failed_attempt(twice, "B: 2")
    await store.commit(
        Batch(
            updates=[dead(twice), completed(claimed(a_job(2)))],
            results=[(JobId(2), b"r" * 20_000)],
            failed_attempts=[last, failed_attempt(once, "A: 1")],
        )
    )

    commit = await store.commit(Batch(outcomes=[JobId(i) for i in (1, 2, 3, 99, 1)]))

    assert commit.outcomes == {
        1: JobEnd(dead(twice), None, last),
        2: JobEnd(completed(claimed(a_job(2))), b"r" * 20_000, None),
        3: JobEnd(a_job(3), None, None),
    }


async def test_a_tag_is_the_greatest_rank_of_a_ready_job_of_a_tenant(store: Store) -> None:
    jobs = [
        a_job(1, rank=5, tenant="a"),
        a_job(2, rank=7, tenant="a"),
        a_job(3, rank=9, tenant="a"),
        scheduled(a_job(4, rank=-3, tenant="b"), NOW + 5),
        a_job(5, rank=3, tenant="c", group="g"),
        a_job(6, rank=4, tenant="c", group="g"),
        a_job(7, rank=99, tenant="d"),
        a_job(8, rank=99),
        a_job(9, rank=99, tenant="a", queue="other"),
    ]
    await submit(store, *jobs)
    await store.commit(Batch(updates=[claimed(jobs[2]), completed(claimed(jobs[6]))]))

    commit = await store.commit(Batch(tags=[QUEUE, QueueName("other"), QueueName("nowhere")]))

    assert commit.tags == {
        QUEUE: {"a": 7, "c": 3},
        "other": {"a": 99},
        "nowhere": {},
    }


async def test_the_size_of_a_queue_is_that_of_the_payloads_that_wait(store: Store) -> None:
    def sized(job: Job, payload_bytes: int) -> Job:
        return replace(job, payload_bytes=payload_bytes)

    jobs = [
        sized(a_job(1, group="g"), 1),
        sized(a_job(2, group="g"), 10),
        sized(scheduled(a_job(3), NOW + 5), 100),
        sized(a_job(4), 1_000),
        sized(a_job(5), 10_000),
        sized(a_job(6, tenant="t"), 100_000),
        sized(a_job(7, queue="other"), 1_000_000),
    ]
    await submit(store, *jobs)
    await store.commit(Batch(updates=[claimed(jobs[3]), completed(claimed(jobs[4]))]))

    commit = await store.commit(Batch(sizes=[QUEUE, QueueName("nowhere")]))

    assert commit.sizes == {QUEUE: 100_111, "nowhere": 0}
