"""What every store must know about keys."""

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, JobId
from penstock.jobs.store.port import Batch, KeyHolder, Removal, Store
from tests.store.asking import Shelf, finish, head_of, holders_of, job_of, record_of, submit
from tests.store.records import (
    NOW,
    a_job,
    cancelled,
    claimed,
    completed,
    full_job,
    submission,
    submissions,
)


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


# --- keys for a time -----------------------------------------------------------------------------


def lent(job_id: int, *, until: int = NOW + 5) -> Job:
    return replace(a_job(job_id, key="k"), key_expires_at=Instant(until))


async def test_a_key_is_held_until_its_time_is_over(store: Store) -> None:
    await submit(store, lent(1))

    commit = await submit(store, lent(2, until=NOW + 99), now=NOW + 4)

    assert holders_of(commit) == {2: (1, True)}


async def test_a_key_whose_time_is_over_goes_to_who_asks_for_it(store: Store) -> None:
    await submit(store, lent(1))

    commit = await submit(store, lent(2, until=NOW + 99), now=NOW + 5)

    assert commit.duplicates == {}
    assert await job_of(store, 1) == a_job(1)
    assert await job_of(store, 2) == lent(2, until=NOW + 99)
    assert holders_of(await submit(store, a_job(3, key="k"), now=NOW + 5)) == {3: (2, True)}


async def test_of_two_who_ask_for_a_key_whose_time_is_over_the_first_gets_it(store: Store) -> None:
    await submit(store, lent(1))

    jobs = [a_job(2), a_job(3, key="k"), a_job(4, key="other"), a_job(5, key="k")]
    commit = await submit(store, *jobs, now=NOW + 5)

    assert holders_of(commit) == {5: (3, True)}


async def test_a_key_whose_time_ended_before_it_was_written_is_held_in_its_batch(
    store: Store,
) -> None:
    await submit(store, lent(1))

    jobs = [lent(2), lent(3), a_job(4, key="k", group="g"), a_job(5, group="g")]
    commit = await submit(store, *jobs, now=NOW + 5)
    later = await submit(store, a_job(6, key="k"), now=NOW + 5)

    assert holders_of(commit) == {3: (2, True), 4: (2, True)}
    assert commit.blocked == frozenset()
    assert later.duplicates == {}


async def test_nobody_loses_a_key_that_nobody_asks_for(store: Store) -> None:
    await submit(store, lent(1))

    await submit(store, a_job(2, key="other"), now=NOW + 5)

    assert await job_of(store, 1) == lent(1)


async def test_a_held_key_comes_with_the_job_that_holds_it(store: Store) -> None:
    await store.commit(Batch(submissions=[submission(full_job(1), b"{}")]))
    held = claimed(full_job(1))
    await store.commit(Batch(updates=[held]))

    commit = await submit(store, a_job(2, key=held.key))

    assert commit.duplicates == {2: KeyHolder(held, same=True)}


async def test_a_key_that_was_lost_is_not_taken_back(store: Store) -> None:
    await submit(store, lent(1))
    await submit(store, a_job(2, key="k"), now=NOW + 5)

    await store.commit(Batch(rewrites=[replace(lent(1), priority=7)]))
    assert await job_of(store, 1) == replace(a_job(1), priority=7)
    await store.commit(Batch(updates=[claimed(replace(lent(1), priority=7))]))

    assert (await job_of(store, 1)).key is None
    assert holders_of(await submit(store, a_job(3, key="k"))) == {3: (2, True)}


async def test_a_key_that_was_given_up_is_free(store: Store) -> None:
    await store.commit(Batch(submissions=[submission(lent(1), b"", b"f")]))

    await store.commit(Batch(rewrites=[cancelled(a_job(1))]))
    commit = await submit(store, a_job(2, key="k"))

    assert commit.duplicates == {}
    assert await job_of(store, 1) == cancelled(a_job(1))


async def test_a_rewrite_leaves_the_key_and_what_was_asked_with_it(store: Store) -> None:
    await store.commit(Batch(submissions=[submission(lent(1), b"", b"f")]))

    await store.commit(Batch(rewrites=[cancelled(lent(1, until=NOW + 7))]))
    again = submission(a_job(2, key="k"), b"", b"f")
    commit = await store.commit(Batch(submissions=[again]))

    assert commit.duplicates == {2: KeyHolder(cancelled(lent(1, until=NOW + 7)), same=True)}
