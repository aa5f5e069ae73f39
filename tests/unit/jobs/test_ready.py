"""Ready jobs of all queues, and the claimants that wait for them."""

import pytest

from penstock.jobs.bounds import Bounds
from penstock.jobs.errors import Overloaded
from penstock.jobs.model import Job, QueueName
from penstock.jobs.ready import Ready
from penstock.jobs.store.port import HeadQuestion
from penstock.jobs.waits import Claimant, ConsumerId
from penstock.jobs.window import Window
from tests.unit.jobs.desk import NOW
from tests.unit.jobs.jobs import a_job, the_terms

A, B = QueueName("a"), QueueName("b")
SMALL = Bounds(window_jobs_max=4, window_jobs_min=2, windows_jobs_max=16, payload_bytes_max=3)


def a_claimant(*queues: QueueName, jobs_max: int = 1) -> Claimant:
    return Claimant(
        consumer=ConsumerId(1), worker="w", queues=queues or (A,), jobs_max=jobs_max, token=None
    )


def no_jobs(bounds: Bounds = SMALL) -> Ready:
    return Ready(bounds, the_terms)


def add(ready: Ready, job: Job, payload: bytes | None = None) -> None:
    """Let a job in, whose queue comes to be with it."""
    queue = ready.admit(job.queue)
    queue.ready_count += 1
    ready.put(queue, job, payload)


def with_jobs(*jobs: Job) -> Ready:
    ready = no_jobs()
    for job in jobs:
        add(ready, job, b"[]")
    return ready


def taken(ready: Ready, *names: QueueName, jobs_max: int = 9) -> list[int]:
    return [job.id for job in ready.take(names, jobs_max, NOW)]


def matched(ready: Ready) -> list[tuple[Claimant, list[int]]]:
    return [(claimant, [job.id for job in jobs]) for claimant, jobs in ready.matches(NOW)]


# --- taking --------------------------------------------------------------------------------------


def test_nothing_is_taken_from_a_queue_that_is_not_there() -> None:
    assert taken(with_jobs(a_job(1, queue="a")), B) == []


def test_no_more_than_asked_is_taken() -> None:
    ready = with_jobs(*[a_job(n, queue="a") for n in (1, 2, 3)])

    assert taken(ready, A, jobs_max=2) == [1, 2]


def test_of_several_queues_the_most_urgent_head_wins_then_the_older() -> None:
    ready = with_jobs(
        a_job(1, 5, queue="a"), a_job(2, 3, queue="b"), a_job(3, 5, queue="b"), a_job(4, queue="b")
    )

    assert taken(ready, B, A) == [2, 1, 3, 4]


def test_a_claim_carries_the_payload_if_it_is_in_memory() -> None:
    ready = no_jobs()
    small, large, unknown = (a_job(n, queue="a") for n in (1, 2, 3))
    add(ready, small, b"[1]")
    add(ready, large, b"[1, 2]")
    add(ready, unknown)

    claims = [ready.claim(job) for job in ready.take([A], 3, NOW)]

    assert [claim.payload for claim in claims] == [b"[1]", None, None]


def test_payloads_that_are_to_be_read_end_what_is_taken_at_once() -> None:
    ready = no_jobs(Bounds(claim_payloads_read_max=2))
    for job_id in (1, 2, 3):
        add(ready, a_job(job_id, queue="a"))

    assert taken(ready, A) == [1, 2]


def test_what_is_pushed_out_of_a_window_leaves_its_payload() -> None:
    ready = with_jobs(*[a_job(n, queue="a") for n in range(1, 5)])

    add(ready, a_job(5, 0, queue="a"), b"[]")
    add(ready, a_job(6, 9999, queue="a"), b"[]")

    assert sorted(ready._payloads._payloads) == [1, 2, 3, 5]


# --- waiting -------------------------------------------------------------------------------------


def test_a_claimant_that_waits_is_given_what_comes() -> None:
    ready = no_jobs()
    claimant = a_claimant()
    ready.park(claimant)

    add(ready, a_job(1, queue="a"))

    assert matched(ready) == [(claimant, [1])]
    assert ready.parked() == []


def test_what_comes_where_nobody_waits_matches_nobody() -> None:
    ready = no_jobs()
    ready.park(a_claimant(A))

    add(ready, a_job(1, queue="b"))

    assert matched(ready) == []


def test_those_who_wait_are_served_in_the_order_they_came() -> None:
    ready = no_jobs()
    first, second = a_claimant(), a_claimant()
    ready.park(first)
    ready.park(second)

    add(ready, a_job(1, queue="a"))

    assert matched(ready) == [(first, [1])]
    assert ready.parked() == [second]


def test_jobs_are_shared_among_those_who_wait() -> None:
    ready = no_jobs()
    greedy, modest = a_claimant(jobs_max=9), a_claimant()
    ready.park(greedy)
    ready.park(modest)

    for job_id in (1, 2, 3, 4):
        add(ready, a_job(job_id, queue="a"))

    assert matched(ready) == [(greedy, [1, 2]), (modest, [3])]


def test_a_claimant_of_several_queues_is_served_once() -> None:
    ready = no_jobs()
    claimant = a_claimant(A, B)
    ready.park(claimant)

    add(ready, a_job(1, queue="a"))
    add(ready, a_job(2, 0, queue="b"))

    assert matched(ready) == [(claimant, [2])]
    assert (ready.parked_count(A), ready.parked_count(B)) == (0, 0)


def test_a_claimant_who_has_gone_is_in_no_queue() -> None:
    ready = no_jobs()
    gone, other = a_claimant(A, B), a_claimant(A)
    ready.park(gone)
    ready.park(other)

    assert ready.unpark(gone)
    assert not ready.unpark(gone)
    assert (ready.parked_count(A), ready.parked_count(B)) == (1, 0)


def test_a_claimant_who_has_gone_before_the_match_gets_nothing() -> None:
    ready = no_jobs()
    claimant = a_claimant()
    ready.park(claimant)
    add(ready, a_job(1, queue="a"))
    ready.unpark(claimant)

    assert matched(ready) == []
    assert taken(ready, A) == [1]


def test_those_who_wait_are_listed_once() -> None:
    ready = no_jobs()
    claimant = a_claimant(A, B)

    ready.park(claimant)

    assert ready.parked() == [claimant]


# --- questions -----------------------------------------------------------------------------------


def test_a_queue_that_starts_with_jobs_asks_for_them() -> None:
    ready = no_jobs()

    ready.restore(A, ready_count=7)
    ready.restore(B, ready_count=0)

    assert ready.has_questions
    assert ready.questions() == [HeadQuestion(A, None, 4)]
    assert not ready.has_questions


def test_a_queue_that_was_made_before_it_is_restored_asks_too() -> None:
    ready = no_jobs()
    ready.queue(A)

    ready.restore(A, ready_count=1)

    assert ready.questions() == [HeadQuestion(A, None, 4)]


def test_a_window_that_runs_low_asks_for_what_comes_after() -> None:
    ready = with_jobs(*[a_job(n, queue="a") for n in range(1, 7)])

    taken(ready, A, jobs_max=2)
    before = ready.has_questions
    taken(ready, A, jobs_max=1)

    assert not before
    assert ready.questions() == [HeadQuestion(A, (1000, 4), 4)]


def test_a_question_that_answered_itself_is_not_asked() -> None:
    ready = with_jobs(*[a_job(n, queue="a") for n in range(1, 7)])
    taken(ready, A, jobs_max=3)

    add(ready, a_job(7, 0, queue="a"))

    assert ready.has_questions
    assert ready.questions() == []


def test_an_answer_feeds_those_who_wait() -> None:
    ready = no_jobs()
    ready.restore(A, ready_count=1)
    [question] = ready.questions()
    claimant = a_claimant()
    ready.park(claimant)

    ready.answer(question, [a_job(1, queue="a")], elsewhere=())

    assert matched(ready) == [(claimant, [1])]


def test_an_answer_that_leaves_the_window_low_asks_on() -> None:
    ready = no_jobs()
    ready.restore(A, ready_count=4)
    [question] = ready.questions()

    ready.answer(question, [a_job(n, queue="a") for n in range(1, 5)], elsewhere={1, 2, 3, 4})

    assert ready.questions() == [HeadQuestion(A, (1000, 4), 4)]


def test_a_question_whose_batch_failed_is_asked_again() -> None:
    ready = no_jobs()
    ready.restore(A, ready_count=1)
    questions = ready.questions()

    ready.ask_again(questions)

    assert ready.questions() == questions


# --- bounds --------------------------------------------------------------------------------------


def test_one_queue_too_many_is_refused() -> None:
    ready = no_jobs(Bounds(queues_max=1))
    add(ready, a_job(1, queue=A))

    ready.admit(A)
    with pytest.raises(Overloaded, match="queue b would be one more, and queues: the limit of 1"):
        ready.admit(B)


def test_a_queue_without_jobs_makes_room_for_another() -> None:
    ready = no_jobs(Bounds(queues_max=1))
    ready.queue(A)

    ready.admit(B)

    assert A not in ready.queues


def test_queues_that_are_about_to_be_take_room_as_those_that_are() -> None:
    ready = no_jobs(Bounds(queues_max=1))
    queue = ready.admit(A)
    queue.letting_in(2)
    queue.letting_in(2)

    queue.let_in(2)
    with pytest.raises(Overloaded):
        ready.admit(B)
    queue.let_in(2)

    ready.admit(B)


def test_claims_that_wait_have_a_maximum_over_all_queues() -> None:
    ready = no_jobs(Bounds(parked_max=3))
    ready.park(a_claimant(A, B))

    with pytest.raises(Overloaded, match="claims that wait"):
        ready.park(a_claimant(A, B))


def test_many_queues_share_the_memory_of_windows() -> None:
    ready = with_jobs(*[a_job(n, queue="a") for n in (1, 2, 3, 4)])

    for number in range(8):
        add(ready, a_job(10 + number, queue=f"q{number}"))

    fronts = [queue.ready.jobs for queue in ready.queues.values()]
    assert {front.jobs_max for front in fronts if isinstance(front, Window)} == {2}
    assert sorted(ready._payloads._payloads) == [1, 2]
    assert taken(ready, A) == [1, 2]
    assert ready.questions() == [HeadQuestion(A, (1000, 2), 2)]
