"""Which runs are submitted: in time, missed, overlapping, and when the clock is set."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.config.limits import CRON_LATE_MS, CRON_SKIPPED_COUNT_MAX
from penstock.jobs.cron.runs import Runs, decide_runs, needs_previous, submitted
from penstock.jobs.cron.schedule import Missed, Overlap, Progress, Schedule
from penstock.jobs.job_options import JobOptions
from penstock.jobs.model import Instant, JobId
from tests.unit.jobs.cron.plans import HOUR, MINUTE, NOON, a_schedule, no_jitter, set_at


def decide(
    schedule: Schedule,
    progress: Progress,
    now: int,
    *,
    jitter: float = 0.0,
    previous_unfinished: bool = False,
) -> Runs:
    return decide_runs(
        schedule,
        progress,
        Instant(now),
        lambda: jitter,
        previous_unfinished=previous_unfinished,
    )


def slots(decided: Runs) -> list[int]:
    """Return when the runs are due, in minutes from noon."""
    return [(run.slot - NOON) // MINUTE for run in decided.runs]


def skipped(decided: Runs) -> int:
    return decided.progress.skipped_count


def test_nothing_runs_before_it_is_due() -> None:
    progress = set_at(a_schedule())

    assert decide(a_schedule(), progress, NOON + MINUTE - 1).runs == ()


def test_a_run_asks_for_its_job_under_a_key_of_its_own() -> None:
    schedule = a_schedule(options=JobOptions(priority=5))

    (run,) = decide(schedule, set_at(schedule), NOON + MINUTE + 3).runs

    request = run.request
    assert request.key == f"cron:tick:{NOON + MINUTE}"
    assert (request.task, request.payload, request.priority) == ("work", b"[]", 5)
    assert request.at == NOON + MINUTE
    assert request.wishes is not None
    assert request.wishes.producer == "cron:tick"


def test_a_schedule_goes_on_after_what_was_decided() -> None:
    decided = decide(a_schedule(), set_at(a_schedule()), NOON + MINUTE + 3)

    assert decided.progress.decided_at == NOON + MINUTE + 3
    assert decided.progress.next_at == NOON + 2 * MINUTE
    assert decide(a_schedule(), decided.progress, NOON + MINUTE + 3).runs == ()


def test_a_run_is_due_later_by_its_jitter() -> None:
    schedule = a_schedule(jitter_ms=1_000)

    (run,) = decide(schedule, set_at(schedule), NOON + MINUTE, jitter=0.5).runs

    assert run.request.at == NOON + MINUTE + 500


def test_the_jitter_of_a_run_that_was_missed_begins_now() -> None:
    schedule, now = a_schedule("0 * * * *", jitter_ms=1_000), NOON + HOUR + 30 * MINUTE

    (run,) = decide(schedule, set_at(schedule), now, jitter=0.5).runs

    assert run.slot == NOON + HOUR
    assert run.request.at == now + 500


def test_several_runs_within_a_minute_are_all_in_time() -> None:
    schedule = a_schedule("*/10 * * * * *", missed=Missed.SKIP)

    decided = decide(schedule, set_at(schedule), NOON + 35_000)

    assert [run.slot - NOON for run in decided.runs] == [10_000, 20_000, 30_000]
    assert skipped(decided) == 0


@pytest.mark.parametrize(("late_ms", "runs"), [(CRON_LATE_MS, [60]), (CRON_LATE_MS + 1, [])])
def test_a_run_was_missed_if_it_is_more_than_a_minute_late(late_ms: int, runs: list[int]) -> None:
    schedule = a_schedule("0 * * * *", missed=Missed.SKIP)

    assert slots(decide(schedule, set_at(schedule), NOON + HOUR + late_ms)) == runs


@pytest.mark.parametrize(
    ("missed", "runs", "skipped_count"),
    [(Missed.SKIP, [], 3), (Missed.ONCE, [180], 2), (Missed.ALL, [60, 120, 180], 0)],
)
def test_runs_that_were_missed_are_treated_as_told(
    missed: Missed, runs: list[int], skipped_count: int
) -> None:
    schedule = a_schedule("0 * * * *", missed=missed)

    decided = decide(schedule, set_at(schedule), NOON + 3 * HOUR + 30 * MINUTE)

    assert slots(decided) == runs
    assert skipped(decided) == skipped_count
    assert decided.progress.next_at == NOON + 4 * HOUR


@pytest.mark.parametrize(
    ("missed", "runs"),
    [(Missed.SKIP, [180]), (Missed.ONCE, [180]), (Missed.ALL, [60, 120, 180])],
)
def test_a_run_in_time_stands_for_those_that_were_missed(missed: Missed, runs: list[int]) -> None:
    schedule = a_schedule("0 * * * *", missed=missed)

    assert slots(decide(schedule, set_at(schedule), NOON + 3 * HOUR)) == runs


def test_of_more_than_the_limit_the_latest_run() -> None:
    schedule = a_schedule("0 * * * *", missed=Missed.ALL, missed_max=2)

    decided = decide(schedule, set_at(schedule), NOON + 5 * HOUR + 30 * MINUTE)

    assert slots(decided) == [240, 300]
    assert skipped(decided) == 3


def test_a_year_of_seconds_is_not_counted() -> None:
    schedule = a_schedule("* * * * * *", missed=Missed.SKIP)

    decided = decide(schedule, set_at(schedule), NOON + 365 * 24 * HOUR)

    assert len(decided.runs) == 61
    assert skipped(decided) == CRON_SKIPPED_COUNT_MAX
    assert decided.progress.next_at == NOON + 365 * 24 * HOUR + 1_000


# --- overlapping ---------------------------------------------------------------------------------


def test_only_a_schedule_that_skips_asks_for_the_job_before() -> None:
    progress = replace(set_at(a_schedule()), last_job_id=JobId(7))

    assert needs_previous(a_schedule(overlap=Overlap.SKIP), progress) == 7
    assert needs_previous(a_schedule(overlap=Overlap.WAIT), progress) is None


def test_a_run_is_skipped_while_the_one_before_is_not_finished() -> None:
    schedule = a_schedule(overlap=Overlap.SKIP)

    decided = decide(schedule, set_at(schedule), NOON + MINUTE, previous_unfinished=True)

    assert decided.runs == ()
    assert skipped(decided) == 1
    assert decided.progress.next_at == NOON + 2 * MINUTE


def test_of_several_runs_that_may_not_overlap_the_first_one_runs() -> None:
    schedule = a_schedule("0 * * * *", missed=Missed.ALL, overlap=Overlap.SKIP)

    decided = decide(schedule, set_at(schedule), NOON + 3 * HOUR)

    assert slots(decided) == [60]
    assert skipped(decided) == 2


@pytest.mark.parametrize(("group", "expected"), [(None, "cron:tick"), ("own", "own")])
def test_runs_that_wait_for_each_other_form_a_group(group: str | None, expected: str) -> None:
    schedule = a_schedule(overlap=Overlap.WAIT, options=JobOptions(group=group))

    (run,) = decide(schedule, set_at(schedule), NOON + MINUTE, previous_unfinished=True).runs

    assert run.request.wishes is not None
    assert run.request.wishes.group == expected


def test_runs_that_may_overlap_form_no_group() -> None:
    (run,) = decide(a_schedule(), set_at(a_schedule()), NOON + MINUTE).runs

    assert run.request.wishes is not None
    assert run.request.wishes.group is None


# --- the clock is set ----------------------------------------------------------------------------


def test_a_clock_that_is_set_back_runs_nothing_twice() -> None:
    progress = decide(a_schedule(), set_at(a_schedule()), NOON + HOUR).progress

    for now in (NOON, NOON + 30 * MINUTE, NOON + HOUR):
        decided = decide(a_schedule(), progress, now)
        assert decided.runs == ()
        assert decided.progress == progress


def test_a_clock_that_is_set_forward_has_runs_missed() -> None:
    schedule = a_schedule("0 * * * *", missed=Missed.ALL)

    assert slots(decide(schedule, set_at(schedule), NOON + 90 * MINUTE)) == [60]


# --- what was submitted --------------------------------------------------------------------------


def three_runs() -> tuple[Progress, Runs]:
    schedule = a_schedule("0 * * * *", missed=Missed.ALL)
    progress = set_at(schedule)
    return progress, decide(schedule, progress, NOON + 3 * HOUR)


def test_jobs_are_counted_and_the_last_remembered() -> None:
    progress, decided = three_runs()

    after = submitted(progress, decided, [JobId(1), JobId(2), JobId(3)])

    assert after == replace(
        decided.progress, runs_count=3, last_job_id=JobId(3), last_at=NOON + 3 * HOUR
    )


def test_a_run_that_is_refused_for_ever_is_passed_over() -> None:
    progress, decided = three_runs()

    after = submitted(progress, decided, [JobId(1), JobId(2), None])

    assert (after.runs_count, after.last_job_id, after.last_at) == (2, 2, NOON + 2 * HOUR)
    assert after.next_at == NOON + 4 * HOUR


def test_runs_that_have_to_wait_are_due_still() -> None:
    progress, decided = three_runs()

    after = submitted(progress, decided, [JobId(1)])

    assert (after.decided_at, after.next_at) == (NOON + HOUR, NOON + 2 * HOUR)


def test_if_the_first_run_has_to_wait_nothing_happened() -> None:
    progress, decided = three_runs()

    assert submitted(progress, decided, []) == progress


# --- whatever happens ----------------------------------------------------------------------------

EXPRESSIONS = st.sampled_from(["* * * * *", "*/7 * * * *", "0 */2 * * *", "*/20 * * * * *"])
STEPS = st.lists(st.tuples(st.integers(-90, 200), st.integers(0, 3)), max_size=20)


def lived(schedule: Schedule, steps: Sequence[tuple[int, int]]) -> tuple[list[int], Progress]:
    """Let the clock be set (in minutes), each time with so many submissions that are taken."""
    progress, now, ran = set_at(schedule), NOON, list[int]()
    for minutes, taken_max in steps:
        now = Instant(now + minutes * MINUTE)
        decided = decide_runs(schedule, progress, now, no_jitter)
        jobs = [JobId(run.slot) for run in decided.runs[: taken_max * 40]]
        progress = submitted(progress, decided, jobs)
        ran += jobs
    return ran, progress


@given(EXPRESSIONS, st.sampled_from(Missed), STEPS)
def test_no_slot_runs_twice(expression: str, missed: Missed, steps: list[tuple[int, int]]) -> None:
    ran, _ = lived(a_schedule(expression, missed=missed), steps)

    assert ran == sorted(set(ran))


@given(EXPRESSIONS, STEPS)
def test_no_slot_is_lost_of_a_schedule_that_makes_up_for_all(
    expression: str, steps: list[tuple[int, int]]
) -> None:
    schedule = a_schedule(expression, missed=Missed.ALL, missed_max=1_000_000)

    ran, progress = lived(schedule, steps)

    times = schedule.expression.after(NOON, schedule.zone)
    assert ran == [next(times) for _ in ran]
    assert progress.next_at == next(times)
    assert (progress.runs_count, progress.skipped_count) == (len(ran), 0)
