"""What every store must list: jobs by id, page by page, for people who look for some of them."""

import pytest
from msgspec.structs import replace

from penstock.jobs.model import Instant, JobId, QueueName, State, TaskName
from penstock.jobs.store.port import Batch, JobFilter, Listing, ListQuestion, Store
from tests.store.asking import ids, submit
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    blocked,
    claimed,
    dead,
    failed_attempt,
    released,
    scheduled,
    submission,
)

DEAD = frozenset({State.DEAD})
UNFINISHED = frozenset({State.SCHEDULED, State.BLOCKED, State.READY, State.CLAIMED})


async def page_of(
    store: Store,
    wanted: JobFilter,
    *,
    after: int = 0,
    jobs_max: int = 100,
    scan_max: int = 1000,
) -> Listing:
    question = ListQuestion(wanted, JobId(after), jobs_max, scan_max)
    (listing,) = (await store.commit(Batch(listings=[question]))).listings
    return listing


async def list_of(
    store: Store, wanted: JobFilter, *, jobs_max: int = 100, scan_max: int = 1000
) -> list[int]:
    """Return the ids of all pages."""
    found: list[int] = []
    after: JobId | None = JobId(0)
    while after is not None:
        before = after
        page = await page_of(store, wanted, after=after, jobs_max=jobs_max, scan_max=scan_max)
        found += ids(page.jobs)
        after = page.next_after
        assert after is None or after > before, "a page leads on"
    return found


async def test_jobs_are_listed_by_id(store: Store) -> None:
    jobs = [a_job(3, rank=1), scheduled(a_job(2), NOW + 9), a_job(1, queue="other")]
    await submit(store, *jobs)

    page = await page_of(store, JobFilter())

    assert list(page.jobs) == jobs[::-1]
    assert page.next_after is None


async def test_an_empty_store_has_an_empty_list(store: Store) -> None:
    assert await page_of(store, JobFilter()) == Listing([], {}, None)


@pytest.mark.parametrize("jobs_max", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("scan_max", [1, 2, 3, 7, 8])
async def test_pages_make_the_whole_list(store: Store, jobs_max: int, scan_max: int) -> None:
    await submit(store, *(a_job(i, queue="ab"[i % 2]) for i in range(1, 8)))

    everything = await list_of(store, JobFilter(), jobs_max=jobs_max, scan_max=scan_max)
    some = JobFilter(queue=QueueName("a"))

    assert everything == [1, 2, 3, 4, 5, 6, 7]
    assert await list_of(store, some, jobs_max=jobs_max, scan_max=scan_max) == [2, 4, 6]


async def test_a_page_has_no_more_jobs_than_asked(store: Store) -> None:
    await submit(store, *(a_job(i) for i in range(1, 6)))

    page = await page_of(store, JobFilter(), after=1, jobs_max=2)

    assert (ids(page.jobs), page.next_after) == ([2, 3], 3)


async def test_a_page_looks_at_no_more_jobs_than_asked(store: Store) -> None:
    await submit(store, *(a_job(i, queue="other") for i in range(1, 6)), a_job(6))

    page = await page_of(store, JobFilter(queue=QUEUE), scan_max=3)

    assert (ids(page.jobs), page.next_after) == ([], 3)


TEXT = "ValueError: no 'such' thing\n  at line 1\n  in 100% of cases"

JOBS = [
    a_job(1, queue="a", key="k", tenant="t", group="g"),
    replace(a_job(2, queue="a", tenant="u"), producer="web"),
    replace(a_job(3, queue="b", tenant="t", group="g"), producer="cron"),
    scheduled(replace(a_job(4, queue="b"), task=TaskName("mail"), producer="web"), NOW + 5),
    replace(a_job(5, queue="a"), submitted_at=Instant(NOW + 1)),
    a_job(6, queue="a", group="g"),
    a_job(7, queue="a"),
    replace(a_job(8, queue="b", tenant="t"), submitted_at=Instant(NOW + 2)),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (JobFilter(queue=QueueName("a")), [1, 2, 5, 6, 7]),
        (JobFilter(queue=QueueName("nowhere")), []),
        (JobFilter(states=frozenset({State.READY})), [1, 2, 3, 5]),
        (JobFilter(states=frozenset({State.BLOCKED, State.SCHEDULED})), [4, 6]),
        (JobFilter(states=frozenset()), []),
        (JobFilter(states=DEAD), [7, 8]),
        (JobFilter(states=DEAD, queue=QueueName("b")), [8]),
        (JobFilter(states=DEAD, queue=QueueName("nowhere")), []),
        (JobFilter(task=TaskName("mail")), [4]),
        (JobFilter(tenant="t"), [1, 3, 8]),
        (JobFilter(tenant="t", queue=QueueName("b")), [3, 8]),
        (JobFilter(tenant="t", states=DEAD), [8]),
        (JobFilter(group="g"), [1, 3, 6]),
        (JobFilter(group="g", queue=QueueName("a")), [1, 6]),
        (JobFilter(group="g", tenant="t"), [1, 3]),
        (JobFilter(group="g", queue=QueueName("a"), states=frozenset({State.READY})), [1]),
        (JobFilter(group="g", queue=QueueName("a"), states=frozenset({State.BLOCKED})), [6]),
        (JobFilter(group="g", queue=QueueName("a"), states=UNFINISHED), [1, 6]),
        (JobFilter(group="g", queue=QueueName("a"), states=frozenset()), []),
        (JobFilter(group="x", queue=QueueName("a"), states=frozenset({State.READY})), []),
        (JobFilter(group="g", states=frozenset({State.READY})), [1, 3]),
        (JobFilter(key="k"), [1]),
        (JobFilter(key="k", queue=QueueName("b")), []),
        (JobFilter(key="K"), []),
        (JobFilter(producer="web"), [2, 4]),
        (JobFilter(producer="web", states=UNFINISHED), [2, 4]),
        (JobFilter(producer="web", states=frozenset({State.READY})), [2]),
        (JobFilter(producer="web", states=DEAD), []),
        (JobFilter(since=Instant(NOW + 1)), [5, 8]),
        (JobFilter(until=Instant(NOW + 1)), [1, 2, 3, 4, 6, 7]),
        (JobFilter(since=Instant(NOW + 1), until=Instant(NOW + 2)), [5]),
        (JobFilter(error="no 'such' thing"), [7]),
        (JobFilter(error="in 100% of"), [7]),
        (JobFilter(error="valueerror"), []),
        (JobFilter(error="second"), [8]),
        (JobFilter(error="first", queue=QueueName("b"), states=DEAD), [8]),
        (JobFilter(error="first", queue=QueueName("a"), states=DEAD), []),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 100])
async def test_a_filter_lets_through_what_it_names(
    store: Store, wanted: JobFilter, expected: list[int], step: int
) -> None:
    await submit(store, *JOBS)
    await store.commit(
        Batch(
            updates=[dead(claimed(JOBS[6])), dead(claimed(released(claimed(JOBS[7]))))],
            failed_attempts=[
                failed_attempt(claimed(JOBS[6]), TEXT),
                failed_attempt(claimed(JOBS[7]), "E: first"),
                failed_attempt(claimed(claimed(JOBS[7])), "E: second"),
            ],
        )
    )

    assert await list_of(store, wanted, jobs_max=step, scan_max=step) == expected


async def test_a_list_has_the_first_line_of_the_last_error(store: Store) -> None:
    jobs = [a_job(1), a_job(2), a_job(3), a_job(4)]
    await submit(store, *jobs)
    await store.commit(
        Batch(
            updates=[claimed(jobs[0]), claimed(claimed(jobs[1])), claimed(jobs[2])],
            failed_attempts=[
                failed_attempt(claimed(jobs[0]), TEXT),
                failed_attempt(claimed(jobs[1]), "E: first"),
                failed_attempt(claimed(claimed(jobs[1])), "E: second\n"),
                failed_attempt(claimed(jobs[2]), 'E: "é\0\\" 😀'),
            ],
        )
    )

    page = await page_of(store, JobFilter())

    assert page.last_errors == {
        1: "ValueError: no 'such' thing",
        2: "E: second",
        3: 'E: "é\0\\" 😀',
    }


async def test_lists_are_answered_in_the_order_of_the_questions(store: Store) -> None:
    await submit(store, a_job(1, queue="a"), a_job(2, queue="b"))

    questions = [
        ListQuestion(JobFilter(queue=QueueName(name)), JobId(0), 9, 9)
        for name in ("b", "nowhere", "a")
    ]
    commit = await store.commit(Batch(listings=questions))

    assert [ids(listing.jobs) for listing in commit.listings] == [[2], [], [1]]


async def test_a_list_sees_the_writes_of_its_batch(store: Store) -> None:
    await submit(store, a_job(1, group="g"))

    second = a_job(2, group="g")
    commit = await store.commit(
        Batch(
            submissions=[submission(second)],
            listings=[ListQuestion(JobFilter(group="g"), JobId(0), 9, 9)],
        )
    )

    assert list(commit.listings[0].jobs) == [a_job(1, group="g"), blocked(second)]
