"""What every store must do: the definition of correct.

A backend's test module imports all of it and says what its `shelf` is: where a store is kept,
and how it is opened again.
"""

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant, JobId, State
from penstock.jobs.store.port import (
    Batch,
    JobRecord,
    Removal,
    Store,
)
from tests.store.asking import Shelf, finish, head_of, holders_of, record_of, submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    claimed,
    completed,
    dead,
    failed_attempt,
    released,
    retried,
    scheduled,
    submission,
    submissions,
)

# --- submissions ---------------------------------------------------------------------------------


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


# --- keys ----------------------------------------------------------------------------------------


async def test_a_key_that_is_held_keeps_a_second_job_out(store: Store) -> None:
    await store.commit(Batch(submissions=[submission(a_job(1, key="k"), b"[1]", b"f")]))

    commit = await store.commit(Batch(submissions=[submission(a_job(2, key="k"), b"[1]", b"f")]))

    assert holders_of(commit) == {2: (1, True)}
    assert await record_of(store, 2) is None
    assert await head_of(store) == [1]


@pytest.mark.parametrize("fingerprint", [b"", b"g", b"ff", b"\0"])
async def test_a_key_met_with_another_request_is_told_apart(
    store: Store, fingerprint: bytes
) -> None:
    await store.commit(Batch(submissions=[submission(a_job(1, key="k"), b"", b"f")]))

    again = submission(a_job(2, key="k"), b"", fingerprint)
    commit = await store.commit(Batch(submissions=[again]))

    assert holders_of(commit) == {2: (1, False)}


async def test_a_key_without_a_fingerprint_is_the_same_request_as_another(store: Store) -> None:
    await submit(store, a_job(1, key="k"))

    commit = await submit(store, a_job(2, key="k"))

    assert holders_of(commit) == {2: (1, True)}


async def test_the_first_of_two_equal_keys_in_one_batch_is_written(store: Store) -> None:
    commit = await store.commit(
        Batch(
            submissions=[
                submission(a_job(1), b"1"),
                submission(a_job(2, key="k"), b"2", b"f"),
                submission(a_job(3, key="other"), b"3", b"f"),
                submission(a_job(4, key="k"), b"4", b"f"),
                submission(a_job(5), b"5"),
                submission(a_job(6, key="k"), b"6", b"g"),
            ],
            payloads=[JobId(i) for i in range(1, 7)],
        )
    )

    assert holders_of(commit) == {4: (2, True), 6: (2, False)}
    assert commit.payloads == {1: b"1", 2: b"2", 3: b"3", 5: b"5"}


async def test_keys_differ_by_case_and_by_form(store: Store) -> None:
    jobs = [a_job(1, key="k"), a_job(2, key="K"), a_job(3, key="é"), a_job(4, key="e\u0301")]

    commit = await submit(store, *jobs)

    assert commit.duplicates == {}


async def test_a_key_is_held_until_its_job_is_removed(store: Store) -> None:
    job = a_job(1, key="k")
    await finish(store, completed(claimed(job), remove_at=NOW))

    held = await submit(store, a_job(2, key="k"))
    await store.commit(Batch(removal=Removal(NOW, 10)))
    free = await submit(store, a_job(3, key="k"))

    assert holders_of(held) == {2: (1, True)}
    assert free.duplicates == {}


async def test_a_key_freed_by_the_removal_of_a_batch_may_be_taken_in_it(store: Store) -> None:
    await finish(store, completed(claimed(a_job(1, key="k")), remove_at=NOW))

    commit = await store.commit(
        Batch(removal=Removal(NOW, 10), submissions=submissions(a_job(2, key="k")))
    )

    assert commit.duplicates == {}
    assert await head_of(store) == [2]


async def test_keys_are_held_after_opening_again(shelf: Shelf, store: Store) -> None:
    await submit(store, a_job(1, key="k"))

    again = await shelf.open()
    await again.load()
    commit = await submit(again, a_job(2, key="k"))

    assert holders_of(commit) == {2: (1, True)}


# --- updates -------------------------------------------------------------------------------------


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


# --- removal -------------------------------------------------------------------------------------


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


# --- loading -------------------------------------------------------------------------------------


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


# --- all or nothing ------------------------------------------------------------------------------


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
