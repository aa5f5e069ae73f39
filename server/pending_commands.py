"""The commands about events that consumers were given and have not acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.jobs.events.claims import ClaimWish
from penstock.jobs.events.model import ConsumerName, Event, GroupName, StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant
from penstock.protocol.pending_arguments import (
    XclaimArguments,
    parse_xautoclaim,
    parse_xclaim,
    parse_xpending,
)
from penstock.protocol.replies import array
from penstock.protocol.stream_replies import (
    auto_claimed,
    event_ids,
    events,
    pending_event,
    pending_summary,
)
from penstock.server.event_requests import Reply, ask, check_group, replying
from penstock.server.session import Handler, Session


def xpending(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xpending(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)
    wanted, resp3 = parsed.range, session.resp3

    def decide(turn: Turn) -> Reply:
        if wanted is None:
            return replying(_summary(turn, stream, group, resp3))
        found = turn.pending_range(
            stream,
            group,
            wanted.first,
            wanted.last,
            wanted.events_max,
            consumer=None if wanted.consumer is None else ConsumerName(wanted.consumer),
            idle_ms=wanted.idle_ms,
        )
        rows = [
            pending_event(
                each.id, each.consumer, max(0, turn.now - each.delivered_at), each.deliveries
            )
            for each in found
        ]
        return replying(array(rows))

    ask(session, (stream,), decide)


def xclaim(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xclaim(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)
    consumer = ConsumerName(parsed.consumer)

    def decide(turn: Turn) -> Reply:
        check_group(session, stream, group)
        claimed = turn.claim(stream, group, consumer, parsed.ids, _wish(parsed, turn.now))
        return lambda answers: _claimed(claimed(answers), just_id=parsed.just_id)

    ask(session, (stream,), decide)


def xautoclaim(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xautoclaim(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)
    consumer = ConsumerName(parsed.consumer)

    def decide(turn: Turn) -> Reply:
        check_group(session, stream, group)
        go_on, claimed, gone = turn.auto_claim(
            stream,
            group,
            consumer,
            idle_ms=parsed.idle_ms,
            start=parsed.start,
            events_max=parsed.events_max,
            just_id=parsed.just_id,
        )
        return lambda answers: auto_claimed(
            go_on, _claimed(claimed(answers), just_id=parsed.just_id), gone(answers)
        )

    ask(session, (stream,), decide)


def _summary(turn: Turn, stream: StreamName, group: GroupName, resp3: bool) -> bytes:
    found = turn.pending_summary(stream, group)
    ends = None
    if found.first_id is not None and found.last_id is not None:
        ends = found.first_id, found.last_id
    return pending_summary(found.count, ends, dict(found.consumers), resp3)


def _wish(parsed: XclaimArguments, now: Instant) -> ClaimWish:
    deliver_at = parsed.deliver_at
    if parsed.deliver_idle_ms is not None:
        deliver_at = max(0, now - parsed.deliver_idle_ms)
    return ClaimWish(
        parsed.idle_ms,
        None if deliver_at is None else Instant(deliver_at),
        parsed.deliveries,
        parsed.force,
        parsed.just_id,
        parsed.last_id,
    )


def _claimed(claimed: Sequence[Event], *, just_id: bool) -> bytes:
    return event_ids([each.id for each in claimed]) if just_id else events(claimed)


PENDING_HANDLERS: Final[Mapping[str, Handler]] = {
    "XPENDING": xpending,
    "XCLAIM": xclaim,
    "XAUTOCLAIM": xautoclaim,
}
