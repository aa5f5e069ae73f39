"""What every store must tell when it is opened."""

from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, QueueName, State
from penstock.jobs.store.port import Batch, JobRecord, Removal, Store
from tests.store.asking import Shelf, finish, head_of, job_of, record_of, submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    cancelled,
    claimed,
    completed,
    dead,
    failed_attempt,
    released,
    scheduled,
    submission,
)


async def test_an_empty_store_begins_with_id_1(shelf: Shelf) -> None:
    opened = await shelf.open()

    snapshot = await opened.load()

    assert snapshot.next_id == 1
    assert snapshot.counts == {}
    assert snapshot.leases_ended_count == 0


async def test_what_was_committed_is_there_after_opening_again(shelf: Shelf, store: Store) -> None:
    job = claimed(a_job(1, key="k"))
    await store.commit(Batch(submissions=[submission(a_job(1, key="k"), b"[1]", b"f")]))
    await store.commit(
        Batch(
            updates=[dead(job)],
            failed_attempts=[failed_attempt(job)],
        )
    )

    again = await shelf.open()
    await again.load()

    expected = JobRecord(dead(job), b"[1]", None, (failed_attempt(job),))
    assert await record_of(again, 1) == expected


async def test_loading_counts_jobs_by_queue_and_state(shelf: Shelf, store: Store) -> None:
    await submit(
        store,
        a_job(1, queue="a"),
        a_job(2, queue="a"),
        scheduled(a_job(3, queue="a"), NOW + 5),
        scheduled(a_job(4, queue="b"), NOW + 5),
    )
    await finish(
        store,
        completed(claimed(a_job(5, queue="b"))),
        completed(claimed(a_job(6, queue="b"))),
        dead(claimed(a_job(7, queue="c"))),
    )

    again = await shelf.open()

    assert (await again.load()).counts == {
        ("a", State.READY): 2,
        ("a", State.SCHEDULED): 1,
        ("b", State.SCHEDULED): 1,
        ("b", State.COMPLETED): 2,
        ("c", State.DEAD): 1,
    }


async def test_loading_ends_the_leases_of_the_last_run(shelf: Shelf, store: Store) -> None:
    once = claimed(a_job(1))
    twice = claimed(released(claimed(a_job(2))))
    await submit(store, a_job(1), a_job(2), a_job(3))
    await store.commit(Batch(updates=[once, twice]))

    again = await shelf.open()
    snapshot = await again.load()

    assert snapshot.leases_ended_count == 2
    assert snapshot.counts == {(QUEUE, State.READY): 3}
    assert await head_of(again) == [1, 2, 3]
    for job in (once, twice):
        found = await record_of(again, job.id)
        assert found is not None
        assert found.job == released(job)


async def test_loading_a_second_time_finds_no_leases(shelf: Shelf, store: Store) -> None:
    await submit(store, a_job(1))
    await store.commit(Batch(updates=[claimed(a_job(1))]))
    await (await shelf.open()).load()

    snapshot = await (await shelf.open()).load()

    assert snapshot.leases_ended_count == 0


async def test_a_lease_of_a_job_that_was_told_to_stop_ends_with_its_cancelling(
    shelf: Shelf, store: Store
) -> None:
    jobs = [a_job(1), replace(a_job(2), keep_ms=7), a_job(3)]
    await submit(store, *jobs)
    told = [
        replace(claimed(job), cancel_asked_at=Instant(NOW + 2), reason="enough") for job in jobs[:2]
    ]
    await store.commit(Batch(updates=[claimed(job) for job in jobs]))
    await store.commit(Batch(rewrites=told))

    again = await shelf.open()
    snapshot = await again.load(Instant(NOW + 50), cancelled_keep_ms=1000)

    assert snapshot.leases_ended_count == 3
    assert snapshot.counts == {(QUEUE, State.READY): 1, (QUEUE, State.CANCELLED): 2}

    def ended(job: Job, remove_at: int) -> Job:
        return replace(cancelled(job, remove_at=remove_at, reason="enough"), finished_at=NOW + 50)

    assert await job_of(again, 1) == ended(told[0], NOW + 1050)
    assert await job_of(again, 2) == ended(told[1], NOW + 57)


async def test_after_the_end_of_a_lease_its_group_goes_on(shelf: Shelf, store: Store) -> None:
    first, second = a_job(1, group="g"), a_job(2, group="g")
    kept, waits = a_job(3, group="h"), a_job(4, group="h")
    await submit(store, first, second, kept, waits)
    await store.commit(Batch(updates=[claimed(first), claimed(kept)]))
    await store.commit(Batch(rewrites=[replace(claimed(first), cancel_asked_at=NOW)]))

    again = await shelf.open()
    snapshot = await again.load(NOW, 1000)

    assert snapshot.counts == {
        (QUEUE, State.CANCELLED): 1,
        (QUEUE, State.READY): 2,
        (QUEUE, State.BLOCKED): 1,
    }
    assert await head_of(again) == [2, 3]


async def test_what_is_set_for_queues_is_found_again(shelf: Shelf, store: Store) -> None:
    await submit(store, a_job(1, queue="a"))
    await store.commit(
        Batch(
            settings=[
                (QueueName("a"), b"{}"),
                (QueueName("b"), b"\0\xff"),
                (QueueName("c"), b""),
                (QueueName("d"), b"x"),
            ]
        )
    )
    await store.commit(Batch(settings=[(QueueName("a"), b"[]"), (QueueName("d"), None)]))
    await store.commit(Batch(settings=[(QueueName("nowhere"), None)]))

    again = await shelf.open()

    assert (await again.load()).settings == {"a": b"[]", "b": b"\0\xff", "c": b""}
    assert (await (await shelf.open()).load()).settings == {"a": b"[]", "b": b"\0\xff", "c": b""}


async def test_the_next_id_is_above_every_id(shelf: Shelf, store: Store) -> None:
    await submit(store, a_job(3), a_job(900))

    assert (await (await shelf.open()).load()).next_id == 901


async def test_the_next_id_survives_the_removal_of_the_last_job(shelf: Shelf, store: Store) -> None:
    await finish(store, completed(claimed(a_job(41)), remove_at=NOW))
    await store.commit(Batch(removal=Removal(NOW, 10)))

    snapshot = await (await shelf.open()).load()

    assert snapshot.next_id == 42
    assert snapshot.counts == {}


async def test_a_queue_that_was_forgotten_may_come_back(shelf: Shelf, store: Store) -> None:
    await finish(store, completed(claimed(a_job(1, queue="old")), remove_at=NOW))
    await store.commit(Batch(removal=Removal(NOW, 10)))
    again = await shelf.open()
    await again.load()

    await submit(again, a_job(2, queue="new"), a_job(3, queue="old"))

    assert await head_of(again, "old") == [3]
    assert await head_of(again, "new") == [2]
