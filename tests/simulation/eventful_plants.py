"""Mistakes about events that the simulation must find: each breaks one promise."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from msgspec.structs import replace

from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change
from penstock.jobs.cron import runs
from penstock.jobs.cron.schedule import begin
from penstock.jobs.cron.schedules import Ran, Schedules
from penstock.jobs.events import life, transitions
from penstock.jobs.events.group import Group
from penstock.jobs.events.model import ID_MAX, EventId, GroupName, StreamName
from penstock.jobs.events.transitions import Transition
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant
from penstock.jobs.store import event_batches
from penstock.jobs.store.event_batches import EventBatches, Submitted
from penstock.jobs.store.event_port import EventAnswers, ScheduleRecord
from penstock.jobs.store.memory_events import MemoryEvents
from penstock.jobs.store.port import Batch, Submission
from penstock.jobs.transitions import Cause

Plant = Callable[[pytest.MonkeyPatch], None]


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing where something is to be done."""


# --- triggers ------------------------------------------------------------------------------------


def cursor_is_written_after_its_jobs(patch: pytest.MonkeyPatch) -> None:
    advance, begin = Turn.advance, Turn.__init__
    late: list[tuple[StreamName, GroupName, EventId, int | None]] = []

    def put_off(
        turn: Turn, stream: StreamName, group: GroupName, event_id: EventId, offset: int | None
    ) -> None:
        late.append((stream, group, event_id, offset))

    def begin_with_them(turn: Turn, *args: Any) -> None:
        begin(turn, *args)
        for stream, group, event_id, offset in late:
            if turn.find_group(stream, group) is not None:
                advance(turn, stream, group, event_id, offset)
        late.clear()

    patch.setattr(Turn, "advance", put_off)
    patch.setattr(Turn, "__init__", begin_with_them)


def jobs_are_written_after_their_cursor(patch: pytest.MonkeyPatch) -> None:
    fill = EventBatches.fill
    late: dict[int, list[Submitted]] = {}

    def put_off(
        batches: EventBatches, batch: Batch, changes: Sequence[Change], *, is_full: bool = False
    ) -> list[Submitted]:
        submitted = fill(batches, batch, changes, is_full=is_full)
        before, late[id(batches)] = late.get(id(batches), []), submitted
        if submitted:
            batches.wake()
        return before

    patch.setattr(EventBatches, "fill", put_off)


def trigger_forgets_events_that_the_store_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turn, "stirred_streams", property(lambda turn: ()))


def triggers_lead_to_each_other_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("penstock.jobs.events.firing.depth_of", lambda stream, fields: 0)


# --- the life of jobs ----------------------------------------------------------------------------


def one_cause_is_not_told(patch: pytest.MonkeyPatch) -> None:
    known = transitions.known_transitions

    def most(
        broker: Broker, submissions: Iterable[Submission], changes: Iterable[Change]
    ) -> Iterator[Transition]:
        return (t for t in known(broker, submissions, changes) if t.cause is not Cause.SNOOZE)

    patch.setattr(event_batches, "known_transitions", most)


def claim_that_was_not_written_is_not_told(patch: pytest.MonkeyPatch) -> None:
    def is_claim(lease: Any, job: Any) -> bool:
        return job.state is lease.job.state and not lease.is_written

    patch.setattr(transitions, "_is_news", is_claim)


def ends_of_leases_at_a_start_are_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryEvents, "tell_start", _nothing)


def turn_in_a_group_is_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(life, "_promoted", lambda promoted, now: [])


def purge_is_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(life, "_purged", lambda purged: ())


# --- streams and groups --------------------------------------------------------------------------


def request_is_answered_before_its_commit(patch: pytest.MonkeyPatch) -> None:
    decide = EventBatches._decide

    def answer(batches: EventBatches, turn: Turn, *, is_full: bool) -> None:
        decide(batches, turn, is_full=is_full)
        for asked in batches._decided:
            if asked.settle is not None:
                asked.settle(EventAnswers(deletions=[()] * 99))
                asked.settle = _nothing

    patch.setattr(EventBatches, "_decide", answer)


def cursor_is_not_undone(patch: pytest.MonkeyPatch) -> None:
    undo = Group.undo

    def all_but_the_cursor(group: Group) -> None:
        cursor = group.last_delivered_id
        undo(group)
        group.last_delivered_id = cursor

    patch.setattr(Group, "undo", all_but_the_cursor)


def trim_passes_a_cursor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("penstock.jobs.events.writing.floor_of", lambda groups: ID_MAX)


def offset_is_given_twice(patch: pytest.MonkeyPatch) -> None:
    told = life.append_life

    def from_before(streams: Any, events: Any, now: Instant) -> Iterator[Any]:
        for stream, appended in told(streams, events, now):
            record = replace(stream.record, added_count=stream.record.added_count - 1)
            yield replace(stream, record=record), appended

    patch.setattr("penstock.jobs.store.memory_events.append_life", from_before)


# --- schedules -----------------------------------------------------------------------------------


def progress_is_written_after_its_job(patch: pytest.MonkeyPatch) -> None:
    run = EventBatches._run
    late: list[ScheduleRecord] = []

    def put_off(batches: EventBatches, turn: Turn, batch: Batch) -> None:
        set_now = list(turn.writes.schedules)
        run(batches, turn, batch)
        ran = [record for record in turn.writes.schedules if record not in set_now]
        turn.writes.schedules = [*late, *set_now]
        late[:] = ran

    patch.setattr(EventBatches, "_run", put_off)


def missed_runs_are_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(runs, "_late_max", lambda schedule, has_fresh: 0)


def run_is_not_due_again_that_was_not_written(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ran, "undo", _nothing)


def clock_that_is_set_back_brings_runs_again(patch: pytest.MonkeyPatch) -> None:
    def begin_anew(known: Schedules, now: Instant) -> None:
        for plan in list(known._plans.values()):
            if plan.progress.decided_at > now:
                known.restore(replace(plan, progress=begin(plan.schedule, now)))

    patch.setattr(Schedules, "clock_stepped", begin_anew)


EVENTFUL_PLANTS: Final[Mapping[str, Plant]] = {
    plant.__name__: plant
    for plant in (
        cursor_is_written_after_its_jobs,
        jobs_are_written_after_their_cursor,
        trigger_forgets_events_that_the_store_told,
        triggers_lead_to_each_other_for_ever,
        one_cause_is_not_told,
        claim_that_was_not_written_is_not_told,
        ends_of_leases_at_a_start_are_not_told,
        turn_in_a_group_is_not_told,
        purge_is_not_told,
        request_is_answered_before_its_commit,
        cursor_is_not_undone,
        trim_passes_a_cursor,
        offset_is_given_twice,
        progress_is_written_after_its_job,
        missed_runs_are_lost,
        run_is_not_due_again_that_was_not_written,
        clock_that_is_set_back_brings_runs_again,
    )
}
