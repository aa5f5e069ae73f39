"""All schedules: set, deleted, due, run within a turn, and undone with it."""

import pytest

from penstock.config.limits import CRON_DUE_MAX, CRON_RETRY_MS
from penstock.jobs.counters import ScheduleCounters
from penstock.jobs.cron.schedule import Missed, Overlap, Schedule
from penstock.jobs.cron.schedules import (
    NoSchedule,
    Plan,
    Ran,
    Schedules,
    Unrun,
    delete_schedule,
    run_all,
    set_schedule,
)
from penstock.jobs.cron.zones import zone_named
from penstock.jobs.errors import Draining, Invalid, Overloaded, Refused
from penstock.jobs.events.undo import UndoLog
from penstock.jobs.model import Instant, JobId
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.event_port import EventWrites, ScheduleRecord
from tests.unit.jobs.cron.plans import DAY, HOUR, MINUTE, NOON, a_schedule, no_jitter


class Stage:
    """A turn and a broker, as far as schedules see them."""

    def __init__(self, *, schedules_max: int = 10) -> None:
        self.schedules = Schedules(now=NOON, schedules_max=schedules_max)
        self.writes = EventWrites()
        self.undo_log = UndoLog()
        self.requests: list[SubmitRequest] = []
        self.refusals: dict[int, Refused] = {}  # By how many were submitted before.
        self.unfinished: bool | None = False

    @property
    def written(self) -> list[ScheduleRecord]:
        return self.writes.schedules

    def submit(self, request: SubmitRequest) -> JobId:
        refusal = self.refusals.pop(len(self.requests), None)
        if refusal is not None:
            raise refusal
        self.requests.append(request)
        return JobId(len(self.requests))

    def run(self, now: int) -> Ran:
        self.writes = EventWrites()
        return run_all(
            self,
            self.schedules,
            self.submit,
            lambda _: self.unfinished,
            now=Instant(now),
            jitter=no_jitter,
        )

    def read_again(self, now: int) -> Schedules:
        records = [plan.record for plan in self.schedules.all()]
        return Schedules(records, now=Instant(now))

    @property
    def keys(self) -> list[int]:
        """Of the jobs: when their runs were due, in minutes from noon."""
        return [
            (int(request.key.rsplit(":", 1)[1]) - NOON) // MINUTE
            for request in self.requests
            if request.key is not None
        ]


def test_a_schedule_is_known_once_it_is_set() -> None:
    stage = Stage()

    set_schedule(stage, stage.schedules, a_schedule(), NOON)

    plan = stage.schedules.plan("tick")
    assert plan.progress.next_at == stage.schedules.next_at() == NOON + MINUTE
    assert stage.written == [plan.record]
    assert stage.schedules.all() == [plan]
    assert len(stage.schedules) == 1


def test_one_of_the_same_name_is_replaced() -> None:
    stage = Stage(schedules_max=1)
    set_schedule(stage, stage.schedules, a_schedule(), NOON)

    set_schedule(stage, stage.schedules, a_schedule("0 * * * *"), NOON)

    assert stage.schedules.next_at() == NOON + HOUR
    assert len(stage.schedules) == 1


def test_a_run_that_is_due_is_not_lost_when_its_schedule_is_set_again() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)

    set_schedule(stage, stage.schedules, a_schedule(payload=b"[1]"), Instant(NOON + MINUTE))
    stage.run(NOON + MINUTE)

    assert stage.keys == [1]
    assert stage.requests[0].payload == b"[1]"


@pytest.mark.parametrize(
    "other", [a_schedule("*/2 * * * *"), a_schedule(zone=zone_named("Asia/Kathmandu"))]
)
def test_what_was_due_by_other_times_is_not_run(other: Schedule) -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)

    set_schedule(stage, stage.schedules, other, Instant(NOON + MINUTE))
    stage.run(NOON + MINUTE)

    assert stage.keys == []


def test_setting_is_undone() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)
    first = stage.schedules.plan("tick")
    first_log, stage.undo_log = stage.undo_log, UndoLog()

    set_schedule(stage, stage.schedules, a_schedule("0 * * * *"), NOON)
    stage.undo_log.undo()
    assert stage.schedules.plan("tick") == first
    assert stage.schedules.next_at() == NOON + MINUTE

    first_log.undo()
    assert len(stage.schedules) == 0
    assert stage.schedules.next_at() is None


def test_one_more_than_there_may_be_is_refused() -> None:
    stage = Stage(schedules_max=1)
    set_schedule(stage, stage.schedules, a_schedule(), NOON)

    with pytest.raises(Overloaded, match="schedules"):
        set_schedule(stage, stage.schedules, a_schedule(name="other"), NOON)


def test_what_is_refused_changes_nothing() -> None:
    stage = Stage()

    with pytest.raises(Invalid):
        set_schedule(stage, stage.schedules, a_schedule(missed_max=0), NOON)

    assert stage.written == []
    assert len(stage.schedules) == 0


def test_a_schedule_is_deleted() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)
    stage.undo_log = UndoLog()

    assert delete_schedule(stage, stage.schedules, "tick")

    assert (stage.written, stage.writes.dropped_schedules) == ([], ["tick"])
    assert stage.schedules.next_at() is None
    stage.undo_log.undo()
    assert stage.schedules.next_at() == NOON + MINUTE


def test_what_is_not_known_is_said() -> None:
    stage = Stage()

    assert not delete_schedule(stage, stage.schedules, "tick")
    with pytest.raises(NoSchedule, match="schedule tick is not known"):
        stage.schedules.plan("tick")


# --- running -------------------------------------------------------------------------------------


def test_a_run_is_submitted_with_how_far_its_schedule_is() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)

    ran = stage.run(NOON + MINUTE)

    plan = stage.schedules.plan("tick")
    assert (stage.keys, ran.jobs_count) == ([1], 1)
    assert stage.written == [plan.record]
    assert (plan.progress.last_job_id, plan.progress.last_at) == (1, NOON + MINUTE)
    assert stage.schedules.next_at() == NOON + 2 * MINUTE


def test_what_is_not_due_is_left_alone() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)

    assert stage.run(NOON + MINUTE - 1) == Ran()
    assert stage.written == []


def test_a_turn_that_is_undone_is_done_again() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)
    before = stage.schedules.plan("tick")

    stage.undo_log = UndoLog()

    stage.run(NOON + MINUTE)
    stage.undo_log.undo()
    assert stage.schedules.plan("tick") == before

    stage.run(NOON + MINUTE)
    assert stage.keys == [1, 1]


def test_what_is_read_again_goes_on() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule("0 * * * *", missed=Missed.ALL), NOON)
    stage.run(NOON + HOUR)

    stage.schedules = stage.read_again(NOON + 3 * HOUR)
    stage.run(NOON + 3 * HOUR)

    assert stage.keys == [60, 120, 180]


def test_a_run_that_is_refused_for_now_is_tried_again() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)
    stage.refusals[0] = Draining()

    ran = stage.run(NOON + MINUTE)

    assert (ran.jobs_count, ran.unrun, stage.written) == (0, [], [])
    assert stage.schedules.next_at() == NOON + MINUTE + CRON_RETRY_MS
    assert "shutting down" in (stage.schedules.plan("tick").progress.last_error or "")
    stage.run(NOON + MINUTE + CRON_RETRY_MS)
    assert stage.keys == [1]
    assert stage.schedules.plan("tick").progress.last_error is None


def test_the_rest_of_several_runs_is_tried_again() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule("0 * * * *", missed=Missed.ALL), NOON)
    stage.refusals[1] = Draining()

    stage.run(NOON + 3 * HOUR)
    assert (stage.keys, len(stage.written)) == ([60], 1)

    stage.run(NOON + 3 * HOUR + CRON_RETRY_MS)
    assert stage.keys == [60, 120, 180]


def test_a_run_that_is_refused_for_ever_is_counted_out() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)
    stage.refusals[0] = Invalid("it cannot be")

    ran = stage.run(NOON + MINUTE)

    assert ran.unrun == [Unrun("tick", Instant(NOON + MINUTE), "it cannot be")]
    plan = stage.schedules.plan("tick")
    assert (plan.progress.last_error, plan.progress.runs_count) == ("it cannot be", 0)
    assert stage.written == [plan.record]
    assert stage.schedules.next_at() == NOON + 2 * MINUTE


def test_what_became_of_runs_is_counted() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule("0 * * * *"), NOON)
    set_schedule(stage, stage.schedules, a_schedule("0 * * * *", name="tock"), NOON)
    stage.refusals[0] = Invalid("it cannot be")
    counters = ScheduleCounters()

    stage.run(NOON + 3 * HOUR).count(counters)

    assert counters == ScheduleCounters(runs=1, skipped=4, refused=1)


def test_a_run_that_has_to_wait_is_counted_once() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule("0 * * * *"), NOON)
    stage.refusals[0] = Draining()
    counters = ScheduleCounters()

    stage.run(NOON + 3 * HOUR).count(counters)
    assert counters == ScheduleCounters()

    stage.run(NOON + 3 * HOUR + CRON_RETRY_MS).count(counters)
    assert counters == ScheduleCounters(runs=1, skipped=2)


def test_an_error_is_forgotten_with_the_next_run() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule("0 * * * *", missed=Missed.ALL), NOON)
    stage.refusals[0] = Invalid("it cannot be")

    stage.run(NOON + 2 * HOUR)

    assert stage.keys == [120]
    assert stage.schedules.plan("tick").progress.last_error is None


def test_whether_the_job_before_is_finished_is_waited_for() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(overlap=Overlap.SKIP), NOON)
    stage.run(NOON + MINUTE)
    stage.unfinished = None

    stage.run(NOON + 2 * MINUTE)
    assert stage.schedules.next_at() == NOON + 2 * MINUTE

    stage.unfinished = True
    stage.run(NOON + 2 * MINUTE)
    assert stage.keys == [1]
    assert stage.schedules.plan("tick").progress.skipped_count == 1

    stage.unfinished = False
    stage.run(NOON + 3 * MINUTE)
    assert stage.keys == [1, 3]


def test_many_schedules_take_turns() -> None:
    stage = Stage(schedules_max=1_000)
    for number in range(CRON_DUE_MAX + 1):
        set_schedule(stage, stage.schedules, a_schedule(name=f"s{number}"), NOON)

    assert stage.run(NOON + MINUTE).jobs_count == CRON_DUE_MAX
    assert stage.schedules.next_at() == NOON + MINUTE
    assert stage.run(NOON + MINUTE).jobs_count == 1


# --- the clock is set ----------------------------------------------------------------------------


def test_a_clock_that_was_far_ahead_is_forgotten() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), Instant(NOON + 2 * DAY))

    stage.schedules.clock_stepped(NOON)

    assert stage.schedules.next_at() == NOON + MINUTE
    assert stage.read_again(NOON).next_at() == NOON + MINUTE


def test_a_clock_that_was_a_little_ahead_is_waited_for() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), Instant(NOON + HOUR))

    stage.schedules.clock_stepped(NOON)

    assert stage.schedules.next_at() == NOON + HOUR + MINUTE


def test_a_plan_is_what_is_written_of_it() -> None:
    stage = Stage()
    set_schedule(stage, stage.schedules, a_schedule(), NOON)
    plan = stage.schedules.plan("tick")

    assert stage.read_again(NOON).all() == [Plan(plan.schedule, plan.progress)]
