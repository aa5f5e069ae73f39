"""What every store must do with what goes."""

from penstock.jobs.model import Instant, JobId, State
from penstock.jobs.store.port import Batch, Purged, PurgeSlice, Removal, Store
from tests.store.asking import Shelf, finish, head_of, record_of, submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    cancelled,
    claimed,
    completed,
    dead,
    expired,
    failed_attempt,
    retried,
    scheduled,
)


async def test_finished_jobs_are_removed_the_oldest_first(store: Store) -> None:
    await finish(
        store,
        completed(claimed(a_job(1)), remove_at=NOW + 2),
        dead(claimed(a_job(2)), remove_at=NOW + 1),
        completed(claimed(a_job(3)), remove_at=NOW + 1),
        completed(claimed(a_job(4)), remove_at=NOW + 3),
    )

    first = await store.commit(Batch(removal=Removal(Instant(NOW + 2), 2)))
    second = await store.commit(Batch(removal=Removal(Instant(NOW + 2), 2)))
    third = await store.commit(Batch(removal=Removal(Instant(NOW + 2), 2)))

    assert first.removed == {(QUEUE, State.DEAD): 1, (QUEUE, State.COMPLETED): 1}
    assert second.removed == {(QUEUE, State.COMPLETED): 1}
    assert third.removed == {}
    assert await record_of(store, 4) is not None


async def test_a_removal_counts_by_queue(store: Store) -> None:
    await finish(
        store,
        completed(claimed(a_job(1, queue="a")), remove_at=NOW),
        completed(claimed(a_job(2, queue="b")), remove_at=NOW),
        completed(claimed(a_job(3, queue="a")), remove_at=NOW),
    )

    commit = await store.commit(Batch(removal=Removal(NOW, 10)))

    assert commit.removed == {("a", State.COMPLETED): 2, ("b", State.COMPLETED): 1}


async def test_a_removed_job_leaves_nothing_behind(store: Store) -> None:
    job = claimed(a_job(1))
    await submit(store, a_job(1))
    await store.commit(
        Batch(
            updates=[completed(job, remove_at=NOW)],
            results=[(job.id, b"r")],
            failed_attempts=[failed_attempt(job)],
        )
    )

    await store.commit(Batch(removal=Removal(NOW, 10)))

    commit = await store.commit(Batch(payloads=[job.id], records=[job.id]))
    assert commit.payloads == {}
    assert commit.records == {}


async def test_unfinished_jobs_are_never_removed(store: Store) -> None:
    await submit(store, a_job(1), a_job(2), scheduled(a_job(3), NOW))
    await store.commit(Batch(updates=[claimed(a_job(2))]))

    commit = await store.commit(Batch(removal=Removal(Instant(2**62), 10)))

    assert commit.removed == {}


# --- forgetting ----------------------------------------------------------------------------------


async def test_what_is_to_be_forgotten_goes_at_once(store: Store) -> None:
    await finish(store, dead(claimed(a_job(1, key="k"))), cancelled(a_job(2)), expired(a_job(3)))

    commit = await store.commit(Batch(forgets=[JobId(1), JobId(3)], records=[JobId(1), JobId(2)]))

    assert commit.removed == {(QUEUE, State.DEAD): 1, (QUEUE, State.EXPIRED): 1}
    assert list(commit.records) == [2]
    assert (await submit(store, a_job(4, key="k"))).duplicates == {}


async def test_unknown_and_unfinished_jobs_are_not_forgotten(store: Store) -> None:
    await submit(store, a_job(1))

    commit = await store.commit(Batch(forgets=[JobId(1), JobId(99)]))

    assert commit.removed == {}
    assert await head_of(store) == [1]


async def test_a_job_that_is_removed_and_forgotten_is_counted_once(store: Store) -> None:
    await finish(store, dead(claimed(a_job(1)), remove_at=NOW), dead(claimed(a_job(2))))

    commit = await store.commit(
        Batch(removal=Removal(NOW, 9), forgets=[JobId(2), JobId(1), JobId(2)])
    )

    assert commit.removed == {(QUEUE, State.DEAD): 2}


# --- purging -------------------------------------------------------------------------------------


async def purge(
    store: Store, until: int, jobs_max: int = 100, spared: frozenset[JobId] = frozenset()
) -> Purged:
    asked = PurgeSlice(QUEUE, JobId(until), jobs_max, spared)
    (purged,) = (await store.commit(Batch(now=NOW, purges=[asked]))).purged
    return purged


async def test_a_purge_removes_what_waits_in_its_queue(store: Store) -> None:
    await submit(
        store,
        a_job(1, rank=9, key="k"),
        a_job(2, rank=1),
        scheduled(a_job(3), NOW + 5),
        a_job(4, group="g"),
        a_job(5, group="g"),
        a_job(6, queue="other"),
        a_job(7),
        a_job(8),
        a_job(9, tenant="t"),
    )
    await store.commit(Batch(updates=[claimed(a_job(7)), completed(claimed(a_job(8)))]))

    purged = await purge(store, 99)

    assert {state: sorted(job_ids) for state, job_ids in purged.job_ids.items()} == {
        State.READY: [1, 2, 4, 9],
        State.SCHEDULED: [3],
        State.BLOCKED: [5],
    }
    assert (purged.queue, purged.more) == (QUEUE, False)
    commit = await store.commit(Batch(records=[JobId(i) for i in range(1, 10)]))
    assert list(commit.records) == [6, 7, 8]
    assert (await submit(store, a_job(10, key="k"))).duplicates == {}


async def test_a_purge_leaves_newer_jobs_and_those_that_are_spared(store: Store) -> None:
    await submit(store, *(a_job(i) for i in range(1, 6)))

    purged = await purge(store, 4, spared=frozenset({JobId(2)}))

    assert purged.job_ids == {State.READY: [1, 3, 4]}
    assert await head_of(store) == [2, 5]


async def test_a_purge_removes_no_more_than_asked_and_says_that_there_may_be(
    store: Store,
) -> None:
    jobs = [
        a_job(1, rank=9000),
        scheduled(a_job(2), NOW + 5),
        a_job(3, group="g"),
        a_job(4, group="g"),
    ]
    await submit(store, *jobs)

    first = await purge(store, 99, 2)
    second = await purge(store, 99, 3)
    third = await purge(store, 99, 3)

    assert (first.job_ids, first.more) == ({State.BLOCKED: [4], State.SCHEDULED: [2]}, True)
    assert (second.job_ids, second.more) == ({State.READY: [3, 1]}, False)
    assert (third.job_ids, third.more) == ({}, False)


async def test_a_purge_of_an_unknown_queue_finds_nothing(store: Store) -> None:
    assert await purge(store, 99) == Purged(QUEUE, {}, more=False)


async def test_a_purged_job_leaves_nothing_behind(shelf: Shelf, store: Store) -> None:
    await submit(store, a_job(1), a_job(2))
    failed = failed_attempt(claimed(a_job(2)))
    again_ready = retried(claimed(a_job(2)), NOW)
    await store.commit(Batch(updates=[again_ready], failed_attempts=[failed]))

    await purge(store, 99)

    commit = await store.commit(Batch(payloads=[JobId(1)], records=[JobId(1), JobId(2)]))
    assert (commit.payloads, commit.records) == ({}, {})
    assert (await (await shelf.open()).load()).next_id == 3
