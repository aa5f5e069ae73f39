"""What every store must do with what is new; `contract` names the rest."""

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant, JobId
from penstock.jobs.retry_policy import RetryPolicy
from penstock.jobs.store.port import Batch, JobRecord, Store
from tests.store.asking import Shelf, head_of, job_of, record_of, submit
from tests.store.records import NOW, a_job, claimed, completed, full_job, submission, submissions


async def test_a_submitted_job_is_found_as_it_was_submitted(store: Store) -> None:
    job = replace(
        a_job(1, queue="reports", rank=-5, key="order-17"),
        priority=7,
        attempts_max=9,
        timeout_ms=1,
        submitted_at=Instant(NOW - 3),
        due_at=Instant(NOW - 2),
    )

    await store.commit(Batch(submissions=[submission(job, b"[1, 2]")]))

    assert await record_of(store, 1) == JobRecord(job, b"[1, 2]", None, ())


async def test_all_that_a_job_may_have_is_kept(shelf: Shelf, store: Store) -> None:
    await store.commit(Batch(submissions=[submission(full_job(1), b"{}", b"f")]))

    assert await job_of(store, 1) == full_job(1)
    again = await shelf.open()
    await again.load()
    assert await job_of(again, 1) == full_job(1)


async def test_jobs_that_have_more_are_written_with_those_that_have_not(store: Store) -> None:
    jobs = [
        a_job(1),
        replace(a_job(2), tenant="t"),
        a_job(3),
        replace(a_job(4), producer="p"),
        replace(a_job(5), expires_at=Instant(0)),
        replace(a_job(6), keep_ms=0),
        replace(a_job(7), retry=RetryPolicy()),
        a_job(8, group="0"),
        replace(a_job(9), payload_bytes=7),
    ]

    await submit(store, *jobs)

    commit = await store.commit(Batch(records=[job.id for job in jobs]))
    assert [commit.records[job.id].job for job in jobs] == jobs


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        bytes(range(256)),
        b"\xff\xfe",
        b"x" * 16_384,
        b"y" * 16_385,
        b"z" * 3_000_000,
        "é😀".encode(),
    ],
    ids=["empty", "NUL", "every byte", "not UTF-8", "16 KiB", "16 KiB + 1", "3 MB", "UTF-8"],
)
async def test_payloads_and_results_are_kept_byte_for_byte(store: Store, payload: bytes) -> None:
    job = a_job(2)

    await store.commit(
        Batch(submissions=[submission(a_job(1), b"before"), submission(job, payload)])
    )
    await store.commit(Batch(updates=[completed(claimed(job))], results=[(job.id, payload)]))

    commit = await store.commit(Batch(payloads=[JobId(1), job.id], records=[job.id]))
    assert commit.payloads == {1: b"before", 2: payload}
    assert commit.records[job.id].result == payload


@pytest.mark.parametrize("rank", [-(2**63), -1, 0, 2**32, 2**63 - 1])
async def test_a_rank_may_be_any_64_bit_integer(store: Store, rank: int) -> None:
    await submit(store, a_job(1, rank=rank))

    assert await head_of(store) == [1]
    assert await head_of(store, after=(rank, 0)) == [1]
    assert await head_of(store, after=(rank, 1)) == []


async def test_names_keep_every_character_they_may_have(store: Store) -> None:
    name = "aZ09_.:/@+-" * 18
    key = "".join(chr(c) for c in range(0x20, 0x250)) + "😀\"'\\"
    job = replace(a_job(1, queue=name, key=key), task=name)

    await store.commit(Batch(submissions=[submission(job)]))

    found = await record_of(store, 1)
    assert found is not None
    assert found.job == job
    assert await head_of(store, name) == [1]


async def test_many_jobs_of_many_queues_are_written_at_once(store: Store) -> None:
    jobs = [a_job(i, queue=f"q{i % 7}") for i in range(1, 1001)]

    await submit(store, *jobs)

    assert await head_of(store, "q3", jobs_max=1000) == [i for i in range(1, 1001) if i % 7 == 3]


async def test_an_empty_batch_changes_nothing(store: Store) -> None:
    await submit(store, a_job(1))

    commit = await store.commit(Batch())

    assert (commit.duplicates, commit.payloads, commit.records, commit.removed) == ({}, {}, {}, {})
    assert (list(commit.heads), list(commit.due)) == ([], [])
    assert await head_of(store) == [1]


async def test_a_batch_that_breaks_the_rules_changes_nothing(store: Store) -> None:
    await submit(store, a_job(1, key="k"))

    with pytest.raises((AssertionError, KeyError)):
        await store.commit(
            Batch(
                submissions=submissions(a_job(2, queue="new", key="k2")),
                updates=[claimed(a_job(1, key="k")), claimed(a_job(99))],
            )
        )

    assert await head_of(store) == [1]
    assert await record_of(store, 2) is None
    assert (await submit(store, a_job(3, queue="new", key="k2"))).duplicates == {}
    assert await head_of(store, "new") == [3]


async def test_resting_changes_nothing(store: Store) -> None:
    await submit(store, a_job(1))

    await store.rest()
    await store.rest()

    assert await head_of(store) == [1]
    await submit(store, a_job(2))
    assert await head_of(store) == [1, 2]
