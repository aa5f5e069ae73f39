"""What every store must do with what changes."""

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant
from penstock.jobs.retry_policy import RetryPolicy
from penstock.jobs.store.port import Batch, Removal, Store
from tests.store.asking import finish, head_of, job_of, record_of, submit
from tests.store.records import (
    NOW,
    a_job,
    cancelled,
    claimed,
    completed,
    dead,
    failed_attempt,
    full_job,
    released,
    retried,
)


async def test_an_update_replaces_the_record(store: Store) -> None:
    job = a_job(1)
    await submit(store, job)

    for next_job in (
        claimed(job),
        retried(claimed(job), due_at=NOW + 500),
        released(retried(claimed(job), due_at=NOW + 500)),
        dead(claimed(retried(claimed(job), due_at=NOW + 500))),
    ):
        await store.commit(Batch(updates=[next_job]))

        found = await record_of(store, 1)
        assert found is not None
        assert found.job == next_job


async def test_an_update_may_change_the_rank_and_count_a_release(store: Store) -> None:
    await submit(store, a_job(1), a_job(2))

    changed = replace(a_job(1), rank=2000, releases=3, attempt=3)
    await store.commit(Batch(updates=[changed]))

    assert await job_of(store, 1) == changed
    assert await head_of(store) == [2, 1]


async def test_an_update_leaves_what_few_jobs_have(store: Store) -> None:
    await submit(store, full_job(1))

    await store.commit(Batch(updates=[claimed(full_job(1))]))

    assert await job_of(store, 1) == claimed(full_job(1))


async def test_a_rewrite_replaces_all_that_may_differ(store: Store) -> None:
    await submit(store, full_job(1))

    rewritten = replace(
        cancelled(claimed(full_job(1)), reason="no use for it any more 😀"),
        rank=-1,
        priority=-2,
        attempts_max=9,
        timeout_ms=8,
        due_at=Instant(NOW + 7),
        failures=1,
        releases=2,
        tenant=None,
        producer="other",
        expires_at=None,
        keep_ms=5,
        retry=RetryPolicy(delays_ms=(9,)),
        cancel_asked_at=Instant(NOW + 2),
    )
    await store.commit(Batch(rewrites=[rewritten]))

    assert await job_of(store, 1) == rewritten


async def test_a_rewrite_brings_a_finished_job_back(store: Store) -> None:
    await finish(store, dead(claimed(a_job(1))))

    back = replace(a_job(1), attempt=1)
    await store.commit(Batch(rewrites=[back]))

    assert await job_of(store, 1) == back
    assert await head_of(store) == [1]
    assert (await store.commit(Batch(removal=Removal(Instant(2**62), 9)))).removed == {}


async def test_a_job_that_runs_may_be_told_to_stop(store: Store) -> None:
    await submit(store, a_job(1))
    await store.commit(Batch(updates=[claimed(a_job(1))]))

    told = replace(claimed(a_job(1)), cancel_asked_at=Instant(NOW + 2), reason="enough")
    await store.commit(Batch(rewrites=[told]))
    assert await job_of(store, 1) == told

    await store.commit(Batch(updates=[completed(told)]))
    assert await job_of(store, 1) == completed(told)


async def test_a_reason_that_cannot_be_stored_as_it_is_does_not_stop_the_batch(
    store: Store,
) -> None:
    await submit(store, a_job(1))

    await store.commit(Batch(rewrites=[cancelled(a_job(1), reason="before\ud800after")]))

    reason = (await job_of(store, 1)).reason
    assert reason is not None
    assert reason.startswith("before")
    assert reason.endswith("after")


async def test_an_update_leaves_other_jobs_alone(store: Store) -> None:
    await submit(store, a_job(1), a_job(2), a_job(3))

    await store.commit(Batch(updates=[claimed(a_job(2))]))

    assert await head_of(store) == [1, 3]


async def test_failed_attempts_are_listed_in_order(store: Store) -> None:
    first = claimed(a_job(1))
    second = claimed(released(first))
    await submit(store, a_job(1))

    await store.commit(Batch(updates=[second], failed_attempts=[failed_attempt(second, "B: 2")]))
    await store.commit(Batch(failed_attempts=[failed_attempt(first, "A: 1")]))

    found = await record_of(store, 1)
    assert found is not None
    assert list(found.failed_attempts) == [
        failed_attempt(first, "A: 1"),
        failed_attempt(second, "B: 2"),
    ]


@pytest.mark.parametrize("strange", ["\ud800", "\udfff\ud800"])
async def test_an_error_text_that_cannot_be_stored_as_it_is_does_not_stop_the_batch(
    store: Store, strange: str
) -> None:
    job = claimed(a_job(1))
    await submit(store, a_job(1))

    error = f"Error: before{strange}after é😀"
    await store.commit(Batch(updates=[job], failed_attempts=[failed_attempt(job, error)]))

    found = await record_of(store, 1)
    assert found is not None
    (failed,) = found.failed_attempts
    assert failed.error.startswith("Error: before")
    assert failed.error.endswith("after é😀")


async def test_a_long_traceback_is_kept_whole(store: Store) -> None:
    job = claimed(a_job(1))
    error = "E: " + 'line "x"\n\t\x1b[31m\\\0' * 5_000
    await submit(store, a_job(1))

    await store.commit(Batch(updates=[job], failed_attempts=[failed_attempt(job, error)]))

    found = await record_of(store, 1)
    assert found is not None
    assert found.failed_attempts[0].error == error


async def test_what_an_attempt_printed_is_kept_with_its_failure(store: Store) -> None:
    job = claimed(a_job(1))
    output = "line 1\n\x1b[31mline 2\0é😀"
    await submit(store, a_job(1))

    failed = replace(failed_attempt(job), output=output)
    await store.commit(Batch(updates=[job], failed_attempts=[failed]))

    found = await record_of(store, 1)
    assert found is not None
    assert found.failed_attempts[0].output == output
