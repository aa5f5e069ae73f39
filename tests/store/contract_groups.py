"""What every store must do with ordering groups: one job of a group at a time."""

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant, Job, JobId, State
from penstock.jobs.store.port import Batch, KeyHolder, PurgeSlice, Store
from tests.store.asking import Shelf, head_of, ids, job_of, submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    blocked,
    cancelled,
    claimed,
    completed,
    dead,
    expired,
    released,
    retried,
    scheduled,
    submissions,
)


def member(job_id: int, *, queue: str = QUEUE, group: str = "g") -> Job:
    return a_job(job_id, queue=queue, group=group)


# --- blocked -------------------------------------------------------------------------------------


async def test_the_second_job_of_a_group_is_blocked(store: Store) -> None:
    first = await submit(store, member(1))

    second = await submit(store, member(2))

    assert first.blocked == frozenset()
    assert second.blocked == {2}
    assert await job_of(store, 2) == blocked(member(2))
    assert await head_of(store) == [1]


async def test_of_a_group_in_one_batch_all_but_the_first_are_blocked(store: Store) -> None:
    commit = await submit(store, member(1), a_job(2), member(3), member(4, group="h"), member(5))

    assert commit.blocked == {3, 5}
    assert await head_of(store) == [1, 2, 4]


async def test_a_scheduled_job_is_blocked_too(store: Store) -> None:
    await submit(store, member(1))

    commit = await submit(store, scheduled(member(2), NOW + 5))

    assert commit.blocked == {2}
    assert await job_of(store, 2) == replace(blocked(member(2)), due_at=NOW + 5)


async def test_a_scheduled_job_blocks_those_after_it(store: Store) -> None:
    await submit(store, scheduled(member(1), NOW + 5))

    assert (await submit(store, member(2))).blocked == {2}
    assert await head_of(store) == []


async def test_groups_of_two_queues_have_nothing_in_common(store: Store) -> None:
    commit = await submit(store, member(1, queue="a"), member(2, queue="b"))

    assert commit.blocked == frozenset()


async def test_a_finished_job_blocks_nobody(store: Store) -> None:
    await submit(store, member(1), member(2, group="h"), member(3, group="i"), member(4, group="j"))
    await store.commit(
        Batch(
            updates=[
                completed(claimed(member(1))),
                dead(claimed(member(2, group="h"))),
                cancelled(member(3, group="i")),
                expired(member(4, group="j")),
            ]
        )
    )

    jobs = [member(5), member(6, group="h"), member(7, group="i"), member(8, group="j")]
    assert (await submit(store, *jobs)).blocked == frozenset()


async def test_a_job_that_ends_in_the_batch_of_the_next_lets_it_go_on(store: Store) -> None:
    await submit(store, member(1))

    done = completed(claimed(member(1)))
    commit = await store.commit(Batch(now=NOW, submissions=submissions(member(2)), updates=[done]))

    assert commit.blocked == {2}
    assert ids(commit.promoted) == [2]
    assert await head_of(store) == [2]


async def test_who_was_left_out_for_its_key_blocks_nobody(store: Store) -> None:
    await submit(store, a_job(1, key="k"))

    commit = await submit(store, a_job(2, key="k", group="g"), member(3), member(4))

    assert list(commit.duplicates) == [2]
    assert commit.blocked == {4}
    assert await head_of(store) == [1, 3]


async def test_who_holds_a_key_is_shown_as_it_was_written(store: Store) -> None:
    await submit(store, a_job(1, key="k"))

    jobs = [a_job(2, key="k", group="g"), a_job(3, key="l", group="g"), a_job(4, key="l")]
    commit = await submit(store, *jobs)

    assert commit.blocked == frozenset()
    assert commit.duplicates[JobId(4)] == KeyHolder(jobs[1], same=True)


# --- promoted ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        completed(claimed(member(1))),
        dead(claimed(member(1))),
        cancelled(member(1)),
        expired(member(1)),
    ],
    ids=lambda job: job.state.value,
)
async def test_when_a_job_ends_the_next_of_its_group_is_promoted(store: Store, end: Job) -> None:
    await submit(store, member(1), member(2), member(3))

    commit = await store.commit(Batch(now=NOW, updates=[end]))

    assert list(commit.promoted) == [member(2)]
    assert await job_of(store, 2) == member(2)
    assert await job_of(store, 3) == blocked(member(3))


@pytest.mark.parametrize("end", [retried(claimed(member(1)), NOW + 5), released(member(1))])
async def test_a_job_that_will_run_again_keeps_its_place(store: Store, end: Job) -> None:
    await submit(store, member(1), member(2))

    commit = await store.commit(Batch(updates=[end]))

    assert list(commit.promoted) == []


@pytest.mark.parametrize(("due_at", "state"), [(NOW + 5, State.READY), (NOW + 6, State.SCHEDULED)])
async def test_a_promoted_job_is_ready_if_it_is_due(
    store: Store, due_at: int, state: State
) -> None:
    await submit(store, member(1), scheduled(member(2), due_at))

    done = [completed(claimed(member(1)))]
    commit = await store.commit(Batch(now=Instant(NOW + 5), updates=done))

    assert [job.state for job in commit.promoted] == [state]
    assert (await job_of(store, 2)).state is state


async def test_groups_go_on_each_by_itself(store: Store) -> None:
    jobs = [member(i, group=group) for i, group in enumerate("abcabcabc", start=1)]
    await submit(store, *jobs)

    done = [completed(claimed(job)) for job in jobs[:2]]
    commit = await store.commit(Batch(now=NOW, updates=done))

    assert sorted(ids(commit.promoted)) == [4, 5]
    assert await head_of(store) == [3, 4, 5]


async def test_a_cancelled_job_in_the_middle_is_passed_over(store: Store) -> None:
    await submit(store, member(1), member(2), member(3))
    await store.commit(Batch(rewrites=[cancelled(blocked(member(2)))]))

    commit = await store.commit(Batch(now=NOW, updates=[completed(claimed(member(1)))]))

    assert ids(commit.promoted) == [3]


async def test_when_those_in_front_are_purged_the_next_is_promoted(store: Store) -> None:
    await submit(store, member(1), member(2), member(3))

    commit = await store.commit(Batch(now=NOW, purges=[PurgeSlice(QUEUE, JobId(2), 10)]))

    assert list(commit.promoted) == [member(3)]


async def test_a_job_that_comes_back_waits_for_who_is_under_way(store: Store) -> None:
    await submit(store, member(1), member(2))
    await store.commit(Batch(updates=[dead(claimed(member(1)))]))

    back = replace(blocked(member(1)), attempt=1)
    commit = await store.commit(Batch(now=NOW, rewrites=[back]))
    assert list(commit.promoted) == []

    commit = await store.commit(Batch(now=NOW, updates=[completed(claimed(member(2)))]))
    assert list(commit.promoted) == [replace(member(1), attempt=1)]


async def test_a_job_that_comes_back_to_an_empty_group_is_promoted(store: Store) -> None:
    await submit(store, member(1))
    await store.commit(Batch(updates=[dead(claimed(member(1)))]))

    back = replace(blocked(member(1)), attempt=1)
    commit = await store.commit(Batch(now=NOW, rewrites=[back]))

    assert list(commit.promoted) == [replace(member(1), attempt=1)]
    assert await head_of(store) == [1]


async def test_groups_are_as_they_were_after_opening_again(shelf: Shelf, store: Store) -> None:
    await submit(store, member(1), member(2))

    again = await shelf.open()
    await again.load(NOW)

    assert (await submit(again, member(3))).blocked == {3}
    promoted = await end(again, completed(claimed(member(1))))
    assert ids(promoted) == [2]


async def end(store: Store, *updates: Job) -> list[Job]:
    return list((await store.commit(Batch(now=NOW, updates=list(updates)))).promoted)
