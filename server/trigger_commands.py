"""The commands about triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from penstock.jobs.events.firing import Cursor, delete_trigger, set_trigger
from penstock.jobs.events.ids import LAST, Last
from penstock.jobs.events.information import lag_of
from penstock.jobs.events.log import EventLog
from penstock.jobs.events.model import EventId, StreamName
from penstock.jobs.events.patterns import Pattern
from penstock.jobs.events.templates import DEFAULT_PAYLOAD, compile_payload
from penstock.jobs.events.triggers import (
    Match,
    Trigger,
    group_of,
    group_template,
    tenant_template,
)
from penstock.jobs.events.turn import Turn
from penstock.jobs.events.watches import Watch
from penstock.jobs.model import TaskName
from penstock.protocol.event_ids import format_id
from penstock.protocol.replies import OK, Value, encode, integer
from penstock.protocol.trigger_arguments import (
    Start,
    TriggerSetArguments,
    parse_trigger_delete,
    parse_trigger_name,
    parse_trigger_set,
)
from penstock.server.event_requests import Reply, ask, replying
from penstock.server.job_options import options_of, shown_options
from penstock.server.session import Handler, Session


def set_(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_trigger_set(arguments)
    trigger, start = _trigger(parsed), _start(parsed.start)
    events = session.engine.events

    def decide(turn: Turn) -> Reply:
        set_trigger(turn, events.triggers, trigger, start)
        return replying(OK)

    ask(session, (trigger.stream,), decide)


def delete(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_trigger_delete(arguments)
    events = session.engine.events

    def decide(turn: Turn) -> Reply:
        was_there = delete_trigger(turn, events.triggers, parsed.name, keep=parsed.keeps_cursor)
        return replying(integer(was_there))

    ask(session, (), decide)


def list_(session: Session, arguments: list[bytes]) -> None:
    events, resp3 = session.engine.events, session.resp3

    def decide(turn: Turn) -> Reply:
        shown = [_shown(events.log, watch) for watch in events.triggers.all()]
        return replying(encode(shown, resp3))

    ask(session, (), decide)


def show(session: Session, arguments: list[bytes]) -> None:
    name = parse_trigger_name(arguments)
    events, resp3 = session.engine.events, session.resp3

    def decide(turn: Turn) -> Reply:
        return replying(encode(_shown(events.log, events.triggers.watch(name)), resp3))

    ask(session, (), decide)


def _trigger(parsed: TriggerSetArguments) -> Trigger:
    """Say to the core what a trigger is to do. Raises Invalid."""
    options = options_of(parsed.submit)
    return Trigger(
        parsed.name,
        StreamName(parsed.stream),
        TaskName(parsed.submit.task),
        tuple(Match(field, Pattern(pattern)) for field, pattern in parsed.matches),
        DEFAULT_PAYLOAD if parsed.template is None else compile_payload(parsed.template),
        replace(options, tenant=None, group=None),
        None if options.tenant is None else tenant_template(options.tenant),
        None if options.group is None else group_template(options.group),
    )


def _start(wanted: EventId | Start) -> EventId | Last | Cursor:
    if isinstance(wanted, Start):
        return LAST if wanted is Start.LAST else Cursor()
    return wanted


def _shown(log: EventLog, watch: Watch) -> dict[str, Value]:
    trigger, tally = watch.trigger, watch.tally
    group = log.group(trigger.stream, group_of(trigger.name))
    options = shown_options(trigger.options)
    if trigger.tenant is not None:
        options["tenant"] = trigger.tenant.source
    if trigger.group is not None:
        options["group"] = trigger.group.source
    return {
        "name": trigger.name,
        "stream": trigger.stream,
        "match": {
            match.field.decode(errors="replace"): match.pattern.source for match in trigger.matches
        },
        "task": trigger.task,
        "payload": trigger.payload.source,
        "options": options,
        "cursor": None if group is None else format_id(group.last_delivered_id),
        "lag": None if group is None else lag_of(group),
        "fired": tally.fired,
        "skipped": tally.skipped,
        "refused": tally.refused,
        "loops": tally.loops,
        "last_error": tally.last_error,
        "waiting_since": tally.waiting_since,
        "reason": tally.waiting_for,
    }


TRIGGER_HANDLERS: Final[Mapping[str, Handler]] = {
    "TRIGGER.SET": set_,
    "TRIGGER.DEL": delete,
    "TRIGGER.LIST": list_,
    "TRIGGER.SHOW": show,
}
