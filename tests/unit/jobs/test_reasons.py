"""Why a job waits: the cause, the words for people, the numbers."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from penstock.config.limits import NO_WORKER_MS
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, State
from penstock.jobs.policy import SubmitRequest, Wishes
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import Order
from penstock.jobs.reasons import Place, Reason, WaitCause, why_blocked, why_not_due, why_ready
from tests.unit.jobs.desk import DEFAULT, NOW, Desk, Listener, request
from tests.unit.jobs.jobs import a_job

SECOND = 1_000
LATER = Instant(NOW + 60 * SECOND)
SCHEDULED = replace(a_job(1), state=State.SCHEDULED)
GROUPED = replace(a_job(3), state=State.BLOCKED, group="order-7")
FAILED = FailedAttempt(JobId(1), 2, "worker-1", NOW, Instant(NOW + 5), "ValueError: boom")


# --- not ready -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait_ms", "when"),
    [
        (-5, "just now"),
        (0, "just now"),
        (1, "in 1 ms"),
        (1_999, "in 1999 ms"),
        (2_000, "in 2 s"),
        (119_999, "in 119 s"),
        (120_000, "in 2 min"),
        (7_200_000, "in 2 h"),
        (3 * 86_400_000, "in 3 days"),
    ],
)
def test_a_delayed_job_falls_due(wait_ms: int, when: str) -> None:
    job = replace(SCHEDULED, due_at=Instant(NOW + wait_ms))

    reason = why_not_due(job, None, NOW)

    assert reason == Reason(WaitCause.DUE, f"it falls due {when}", NOW, estimate_ms=max(0, wait_ms))


def test_a_failed_job_is_tried_again() -> None:
    job = replace(SCHEDULED, attempt=2, failures=2, due_at=LATER)

    reason = why_not_due(job, FAILED, NOW)

    assert reason.why == "it failed 2 of 3 attempts and is tried again in 60 s"
    assert reason.since == FAILED.failed_at
    assert reason.estimate_ms == 60 * SECOND


@pytest.mark.parametrize("failed", [None, FAILED])
def test_a_job_that_was_given_back_goes_on(failed: FailedAttempt | None) -> None:
    job = replace(SCHEDULED, attempt=3, releases=1, due_at=LATER)

    reason = why_not_due(job, failed, NOW)

    assert reason.why == "it was given back and is to go on in 60 s"
    assert reason.since is None


@pytest.mark.parametrize(
    ("holder", "what"),
    [
        (
            replace(a_job(17), state=State.CLAIMED, claimed_at=Instant(NOW - 5_000)),
            "which has been running for 5 s",
        ),
        (
            replace(a_job(17), state=State.SCHEDULED, due_at=LATER),
            "which is due in 60 s",
        ),
        (
            replace(a_job(17), state=State.SCHEDULED, due_at=NOW),
            "which is the next of the group and waits, too",
        ),
        (a_job(17), "which is the next of the group and waits, too"),
    ],
)
def test_a_blocked_job_waits_for_the_one_whose_turn_it_is(holder: Job, what: str) -> None:
    reason = why_blocked(GROUPED, holder, NOW)

    why = f"its group order-7 is held by job 17, {what}"
    assert reason == Reason(WaitCause.GROUP, why, NOW, holder=JobId(17))


def test_a_blocked_job_whose_holder_just_ended_says_so() -> None:
    reason = why_blocked(GROUPED, None, NOW)

    assert reason.why.endswith("one at a time; the one before it just ended")
    assert reason.holder is None


def test_a_blocked_job_that_was_redriven_waits_since_then() -> None:
    redriven = replace(GROUPED, attempt=2, due_at=LATER)

    assert why_blocked(redriven, None, LATER).since == LATER


# --- ready ---------------------------------------------------------------------------------------


def of_tenant(name: str) -> SubmitRequest:
    return replace(request(), wishes=Wishes(tenant=name))


class Hall:
    """A queue and a worker: jobs come and go, one second after the other."""

    def __init__(self, **settings: object) -> None:
        self.desk = Desk()
        if settings:
            self.set(**settings)

    def set(self, **settings: object) -> None:
        self.desk.broker.administration.set(DEFAULT, settings, {}, Listener())
        self._apply_settings()

    def pause(self) -> None:
        self.desk.broker.administration.pause(DEFAULT, paused=True, settled=Listener())
        self._apply_settings()

    def _apply_settings(self) -> None:
        administration = self.desk.broker.administration
        for change in administration.take_changes():
            administration.apply(change)

    @property
    def queue(self) -> Queue:
        return self.desk.broker.queue(DEFAULT)

    def serve(self, count: int) -> None:
        """Have jobs claimed and completed, one a second."""
        for _ in range(count):
            self.desk.complete(self.desk.claimed())
            self.desk.commit()
            self.desk.pass_time(SECOND)

    def why(self, job: Job, count: int = 0, *, is_least: bool = False, parked: int = 0) -> Reason:
        place = Place(count, is_least)
        return why_ready(job, self.queue, place, parked_claims=parked, now=self.desk.now)


def test_a_job_is_behind_others() -> None:
    hall = Hall()
    hall.serve(10)
    job = hall.desk.submit()

    reason = hall.why(job, 212)

    assert (reason.cause, reason.behind, reason.behind_at_least) == (WaitCause.BEHIND, 212, False)
    assert reason.why == "212 jobs of queue default go before it"
    assert reason.since == job.due_at
    assert reason.estimate_ms is not None
    assert 150 * SECOND < reason.estimate_ms < 300 * SECOND


@pytest.mark.parametrize(
    ("count", "is_least", "why"),
    [
        (0, False, "it is the next of queue default"),
        (1, False, "1 job of queue default goes before it"),
        (10_000, True, "at least 10000 jobs of queue default go before it"),
    ],
)
def test_its_place_is_told_in_words(count: int, is_least: bool, why: str) -> None:
    hall = Hall()

    reason = hall.why(hall.desk.submit(), count, is_least=is_least, parked=1)

    assert (reason.why, reason.behind, reason.behind_at_least) == (why, count, is_least)


def test_nothing_is_estimated_of_a_queue_that_nothing_ever_left() -> None:
    hall = Hall()

    assert hall.why(hall.desk.submit(), parked=1).estimate_ms is None


def test_a_queue_of_which_nobody_takes_jobs_has_no_worker() -> None:
    hall = Hall()
    job = hall.desk.submit()

    reason = hall.why(job, 1)

    assert reason.cause is WaitCause.NO_WORKER
    assert reason.why == (
        "no worker asks for jobs of queue default; 1 job of queue default goes before it"
    )
    assert reason.estimate_ms is None


def a_worker_waits(hall: Hall) -> int:
    return 1


def a_job_runs(hall: Hall) -> int:
    hall.desk.claimed()
    hall.desk.pass_time(NO_WORKER_MS)
    return 0


def a_job_was_taken_just_now(hall: Hall) -> int:
    hall.serve(1)
    hall.desk.pass_time(NO_WORKER_MS - 2 * SECOND)
    return 0


@pytest.mark.parametrize("sign", [a_worker_waits, a_job_runs, a_job_was_taken_just_now])
def test_a_queue_has_a_worker(sign: Callable[[Hall], int]) -> None:
    hall = Hall()
    parked = sign(hall)

    assert hall.why(hall.desk.submit(), parked=parked).cause is WaitCause.BEHIND


def test_a_queue_that_was_left_has_no_worker() -> None:
    hall = Hall()
    hall.serve(1)
    hall.desk.pass_time(NO_WORKER_MS)

    assert hall.why(hall.desk.submit()).cause is WaitCause.NO_WORKER


def test_a_paused_queue_holds_its_jobs_whoever_waits() -> None:
    hall = Hall()
    hall.serve(3)
    hall.pause()

    reason = hall.why(hall.desk.submit(), 2, parked=1)

    assert reason.cause is WaitCause.PAUSED
    assert reason.why == "queue default is paused; 2 jobs of queue default go before it"
    assert reason.estimate_ms is None


def test_a_queue_holds_its_jobs_while_it_is_put_into_another_order() -> None:
    hall = Hall()
    job = hall.desk.submit()
    hall.set(order=Order.FAIR)

    reason = hall.why(job)

    assert reason.cause is WaitCause.REORDERING
    assert reason.why == "the jobs of queue default are being put into another order"


def test_a_queue_that_runs_as_many_jobs_as_it_may_holds_the_others() -> None:
    hall = Hall(concurrency_max=1)
    hall.desk.claimed()

    reason = hall.why(hall.desk.submit(), 1)

    assert reason.cause is WaitCause.CONCURRENCY
    assert reason.why == (
        "queue default may run 1 job at a time, and does; 1 job of queue default goes before it"
    )


def test_a_tenant_that_runs_as_many_jobs_as_it_may_waits() -> None:
    hall = Hall(tenant_concurrency_max=2)
    for _ in range(2):
        hall.desk.claimed(of_tenant("acme"))
    others = hall.desk.submit(of_tenant("other"))

    reason = hall.why(hall.desk.submit(of_tenant("acme")))

    assert reason.cause is WaitCause.TENANT_CONCURRENCY
    assert reason.why == "queue default may run 2 jobs of tenant acme at a time, and does"
    assert hall.why(others).cause is WaitCause.BEHIND


def test_a_queue_that_began_as_many_jobs_as_its_rate_allows_holds_the_others() -> None:
    hall = Hall(rate_count=2, rate_period_ms=60_000, burst=1)
    hall.desk.submit()
    hall.desk.claim()

    reason = hall.why(hall.desk.submit(), 3)

    assert reason.cause is WaitCause.RATE
    assert reason.why == (
        "queue default may begin 2 jobs in 60 s, and did; 3 jobs of queue default go before it"
    )
    assert reason.estimate_ms == 120 * SECOND


def test_no_pace_is_faster_than_the_rate() -> None:
    hall = Hall()
    hall.serve(5)
    hall.set(rate_count=1, rate_period_ms=3_600_000)

    assert hall.why(hall.desk.submit(), 1).estimate_ms == 2 * 3_600_000
