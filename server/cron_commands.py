"""The commands about schedules."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from penstock.jobs.cron.expression import Expression
from penstock.jobs.cron.schedule import Missed, Overlap, Schedule
from penstock.jobs.cron.schedules import Plan, delete_schedule, set_schedule
from penstock.jobs.cron.zones import zone_named
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import TaskName
from penstock.protocol.cron_arguments import (
    CronSetArguments,
    parse_cron_next,
    parse_cron_set,
    parse_schedule_name,
)
from penstock.protocol.replies import OK, Value, array, encode, integer
from penstock.server.event_requests import Reply, ask, replying
from penstock.server.job_options import options_of, shown_options
from penstock.server.session import Handler, Session


def set_(session: Session, arguments: list[bytes]) -> None:
    schedule = _schedule(parse_cron_set(arguments))
    events = session.engine.events

    def decide(turn: Turn) -> Reply:
        set_schedule(turn, events.schedules, schedule, turn.now)
        return replying(OK)

    ask(session, (), decide)


def delete(session: Session, arguments: list[bytes]) -> None:
    name = parse_schedule_name(arguments)
    events = session.engine.events

    def decide(turn: Turn) -> Reply:
        return replying(integer(delete_schedule(turn, events.schedules, name)))

    ask(session, (), decide)


def list_(session: Session, arguments: list[bytes]) -> None:
    events, resp3 = session.engine.events, session.resp3
    ask(
        session,
        (),
        lambda turn: replying(encode([_shown(plan) for plan in events.schedules.all()], resp3)),
    )


def show(session: Session, arguments: list[bytes]) -> None:
    name = parse_schedule_name(arguments)
    events, resp3 = session.engine.events, session.resp3
    ask(session, (), lambda turn: replying(encode(_shown(events.schedules.plan(name)), resp3)))


def next_(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_cron_next(arguments)
    events = session.engine.events

    def decide(turn: Turn) -> Reply:
        plan = events.schedules.plan(parsed.name)
        schedule, decided_at = plan.schedule, plan.progress.decided_at
        later = schedule.expression.after(max(turn.now, decided_at), schedule.zone)
        return replying(array([integer(at) for at in islice(later, parsed.runs_max)]))

    ask(session, (), decide)


def _schedule(parsed: CronSetArguments) -> Schedule:
    """Say to the core what a schedule is to do. Raises Invalid."""
    return Schedule(
        parsed.name,
        Expression(parsed.expression),
        zone_named(parsed.zone),
        TaskName(parsed.submit.task),
        parsed.submit.payload,
        options_of(parsed.submit),
        Missed(parsed.missed),
        parsed.missed_max,
        parsed.jitter_ms,
        Overlap(parsed.overlap),
    )


def _shown(plan: Plan) -> dict[str, Value]:
    schedule, progress = plan.schedule, plan.progress
    return {
        "name": schedule.name,
        "expression": schedule.expression.source,
        "tz": schedule.zone.name,
        "task": schedule.task,
        "payload": schedule.payload,
        "options": shown_options(schedule.options),
        "missed": schedule.missed.value,
        "missed_max": schedule.missed_max,
        "jitter_ms": schedule.jitter_ms,
        "overlap": schedule.overlap.value,
        "next_at": progress.next_at,
        "last_at": progress.last_at,
        "last_job": progress.last_job_id,
        "runs": progress.runs_count,
        "skipped": progress.skipped_count,
        "last_error": progress.last_error,
    }


CRON_HANDLERS: Final[Mapping[str, Handler]] = {
    "CRON.SET": set_,
    "CRON.DEL": delete,
    "CRON.LIST": list_,
    "CRON.SHOW": show,
    "CRON.NEXT": next_,
}
