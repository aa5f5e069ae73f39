"""The front of an order: in order, and whole up to its horizon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.model import Job
from penstock.jobs.window import Entry, Window
from tests.unit.jobs.jobs import a_job


def entry(rank: int, job_id: int) -> Entry:
    return rank, job_id, a_job(job_id, rank)


def a_window(*ids: int, jobs_max: int = 4, complete: bool = True) -> Window:
    """Return a window of jobs of one rank."""
    window = Window(jobs_max, complete=True)
    for job_id in ids:
        window.offer(entry(1, job_id))
    if not complete:
        window.complete = False
        window.horizon = (1, ids[-1])
    return window


def taken(window: Window) -> list[int]:
    return [window.take_first().id for _ in range(len(window))]


def ids(jobs: list[Job]) -> list[int]:
    return [job.id for job in jobs]


def test_the_most_urgent_comes_first_and_the_oldest_among_equals() -> None:
    window = a_window()
    for rank, job_id in [(5, 1), (1, 4), (5, 2), (1, 3)]:
        window.offer(entry(rank, job_id))

    assert taken(window) == [3, 4, 1, 2]


def test_an_empty_window_has_no_first() -> None:
    assert a_window().first() is None


def test_a_full_window_pushes_its_last_out() -> None:
    window = a_window(1, 2, 3, 4)

    pushed_out = window.offer(entry(0, 5))

    assert pushed_out is not None
    assert pushed_out.id == 4
    assert (window.complete, window.horizon) == (False, (1, 3))
    assert taken(window) == [5, 1, 2, 3]


def test_a_job_that_would_be_the_last_of_a_full_window_is_not_let_in() -> None:
    window = a_window(1, 2, 3, 4)
    job = entry(9, 5)

    assert window.offer(job) is job[2]
    assert taken(window) == [1, 2, 3, 4]


def test_a_job_behind_the_horizon_is_only_in_the_store() -> None:
    window = a_window(1, 2, complete=False)
    job = entry(1, 3)

    assert window.offer(job) is job[2]
    assert len(window) == 2


def test_a_job_before_the_horizon_is_let_in() -> None:
    window = a_window(1, 2, complete=False)

    assert window.offer(entry(0, 3)) is None
    assert taken(window) == [3, 1, 2]


def test_a_window_that_knows_nothing_lets_nothing_in() -> None:
    window = Window(4, complete=False)
    job = entry(0, 1)

    assert window.offer(job) is job[2]
    assert window.is_low()


def test_a_window_is_low_at_a_quarter_if_there_is_more() -> None:
    window = a_window(1, 2, complete=False)

    before = window.is_low()
    window.take_first()

    assert (before, window.is_low()) == (False, True)


def test_a_complete_window_is_never_low() -> None:
    assert not a_window().is_low()


def test_jobs_that_were_taken_are_cut_off_now_and_then() -> None:
    window = a_window(*range(1, 2001), jobs_max=2_000)

    first = [window.take_first().id for _ in range(700)]

    assert first == list(range(1, 701))
    assert len(window._entries) < 1_500
    assert len(window) == 1_300


def test_shrinking_gives_the_last_ones_back() -> None:
    window = a_window(1, 2, 3, 4)
    window.take_first()

    pushed_out = window.shrink(2)

    assert ids(pushed_out) == [4]
    assert (window.complete, window.horizon, window.jobs_max) == (False, (1, 3), 2)
    assert taken(window) == [2, 3]


def test_shrinking_above_what_is_there_changes_nothing_else() -> None:
    window = a_window(1, 2)

    assert window.shrink(3) == []
    assert window.complete


def test_a_job_is_taken_out_of_the_middle() -> None:
    window = a_window(1, 2, 3, 4)
    window.take_first()

    removed = window.remove((1, 3))

    assert removed is not None
    assert removed.id == 3
    assert taken(window) == [2, 4]


@pytest.mark.parametrize("position", [(1, 1), (0, 2), (2, 2), (1, 9)])
def test_what_is_not_here_cannot_be_taken_out(position: tuple[int, int]) -> None:
    window = a_window(1, 2, 3)
    window.take_first()

    assert window.remove(position) is None
    assert taken(window) == [2, 3]


def test_a_kind_of_jobs_is_split_off() -> None:
    window = a_window(1, 2, 3, 4, complete=False)
    window.take_first()

    apart = window.split(lambda job: job.id % 2 == 1)

    assert [job.id for _, _, job in apart] == [3]
    assert (window.complete, window.horizon) == (False, (1, 4))
    assert taken(window) == [2, 4]


def test_what_was_split_off_is_a_window_that_knows_as_much() -> None:
    window = a_window(1, 2, 3, 4, complete=False)

    part = window.part(window.split(lambda job: job.id > 2))

    assert (part.complete, part.horizon, part.jobs_max) == (False, (1, 4), 4)
    assert [entry[1] for entry in part] == [3, 4]
    assert taken(part) == [3, 4]


def test_splitting_off_nothing_changes_nothing() -> None:
    window = a_window(1, 2)

    assert window.split(lambda job: False) == []
    assert taken(window) == [1, 2]


@pytest.mark.parametrize(
    ("horizon", "pushed_out"), [((1, 2), [3]), ((1, 9), []), ((0, 9), [1, 2, 3])]
)
def test_a_horizon_is_moved_back(horizon: tuple[int, int], pushed_out: list[int]) -> None:
    window = a_window(1, 2, 3)

    assert ids(window.cut(horizon)) == pushed_out
    assert (window.complete, window.horizon) == (False, horizon)
    assert len(window) == 3 - len(pushed_out)


def test_a_refill_continues_where_the_window_ends() -> None:
    window = a_window(1, complete=False)

    window.refill((1, 1), [entry(1, 2), entry(1, 3)], asked=2, elsewhere=())

    assert (window.complete, window.horizon) == (False, (1, 3))
    assert taken(window) == [1, 2, 3]


def test_an_answer_that_is_shorter_than_asked_completes_the_window() -> None:
    window = a_window(1, complete=False)

    window.refill((1, 1), [entry(1, 2)], asked=2, elsewhere=())

    assert window.complete


def test_an_empty_answer_completes_the_window() -> None:
    window = Window(4, complete=False)

    window.refill(None, [], asked=4, elsewhere=())

    assert window.complete


def test_jobs_that_are_elsewhere_are_not_taken_in_again() -> None:
    window = a_window(1, complete=False)

    window.refill((1, 1), [entry(1, 2), entry(1, 3)], asked=2, elsewhere={3})

    assert window.horizon == (1, 3)
    assert taken(window) == [1, 2]


def test_an_answer_to_an_old_question_is_dropped() -> None:
    window = a_window(1, 2, 3, 4)
    window.offer(entry(0, 5))

    window.refill((1, 4), [entry(1, 6)], asked=4, elsewhere=())

    assert window.horizon == (1, 3)
    assert taken(window) == [5, 1, 2, 3]


def test_an_answer_to_a_complete_window_is_dropped() -> None:
    window = a_window(1)

    window.refill(None, [entry(1, 2)], asked=4, elsewhere=())

    assert taken(window) == [1]


@given(st.lists(st.integers(0, 3) | st.none(), max_size=60), st.integers(1, 5))
def test_a_window_beside_a_store_gives_the_order_of_the_store(
    steps: list[int | None], jobs_max: int
) -> None:
    """Numbers are ranks of new jobs; None takes the first job, after asking if need be."""
    window = Window(jobs_max, complete=True)
    store: dict[tuple[int, int], Entry] = {}

    for job_id, rank in enumerate(steps):
        if rank is not None:
            store[rank, job_id] = entry(rank, job_id)
            window.offer(store[rank, job_id])
            continue
        while window.is_low():
            after = window.horizon
            rest = sorted(e for at, e in store.items() if after is None or at > after)
            window.refill(after, rest[:jobs_max], asked=jobs_max, elsewhere=())
        if store:
            first = store.pop(min(store))
            assert window.take_first() is first[2]
        else:
            assert window.first() is None
