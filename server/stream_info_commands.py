"""XINFO: what there is to know of streams, groups and consumers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.config.limits import RANGE_EVENTS_MAX
from penstock.jobs.events.information import ConsumerInfo, GroupInfo, StreamDetails, StreamInfo
from penstock.jobs.events.model import ID_MIN, GroupName, PendingEvent, StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant
from penstock.protocol.stream_info_arguments import (
    parse_info_consumers,
    parse_info_groups,
    parse_info_stream,
)
from penstock.protocol.stream_info_replies import (
    ConsumerView,
    FullConsumerView,
    FullGroupView,
    GroupView,
    PendingView,
    StreamView,
    consumers_info,
    full_stream_info,
    groups_info,
    stream_info,
)
from penstock.server.event_requests import Reply, ask, ask_to_read, replying
from penstock.server.session import Handler, Session


def stream(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_info_stream(arguments)
    name, resp3 = StreamName(parsed.stream), session.resp3
    events_max = RANGE_EVENTS_MAX if parsed.events_max is None else parsed.events_max

    def decide(turn: Turn) -> Reply:
        if not parsed.is_full:
            info = turn.describe(name)
            return lambda answers: stream_info(_stream(info(answers)), resp3)
        details = turn.describe_full(name, events_max)
        return lambda answers: _full(details(answers), resp3)

    ask_to_read(session, (name,), decide)


def groups(session: Session, arguments: list[bytes]) -> None:
    name, resp3 = StreamName(parse_info_groups(arguments)), session.resp3
    ask(
        session,
        (name,),
        lambda turn: replying(groups_info([_group(each) for each in turn.groups(name)], resp3)),
    )


def consumers(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_info_consumers(arguments)
    name, group, resp3 = StreamName(parsed.stream), GroupName(parsed.group), session.resp3

    def decide(turn: Turn) -> Reply:
        found = turn.consumers(name, group)
        return replying(consumers_info([_consumer(each, turn.now) for each in found], resp3))

    ask(session, (name,), decide)


def _stream(info: StreamInfo) -> StreamView:
    return StreamView(
        info.length,
        info.last_id,
        info.max_deleted_id,
        info.added_count,
        info.first_id or ID_MIN,
        info.groups_count,
        info.first_event,
        info.last_event,
    )


def _group(info: GroupInfo) -> GroupView:
    return GroupView(
        info.name,
        info.consumers_count,
        info.pending_count,
        info.last_delivered_id,
        info.read_count,
        info.lag,
    )


def _consumer(info: ConsumerInfo, now: Instant) -> ConsumerView:
    return ConsumerView(
        info.name,
        info.pending_count,
        max(0, now - info.seen_at),
        None if info.active_at is None else max(0, now - info.active_at),
    )


def _full(details: StreamDetails, resp3: bool) -> bytes:
    return full_stream_info(
        _stream(details.info),
        details.events,
        [
            FullGroupView(
                _group(group),
                _pending(group.pending),
                [
                    FullConsumerView(
                        consumer.name,
                        consumer.seen_at,
                        consumer.active_at,
                        consumer.pending_count,
                        _pending(consumer.pending),
                    )
                    for consumer in group.consumers
                ],
            )
            for group in details.groups
        ],
        resp3,
    )


def _pending(pending: Sequence[PendingEvent]) -> list[PendingView]:
    return [
        PendingView(each.id, each.consumer, each.delivered_at, each.deliveries) for each in pending
    ]


STREAM_INFO_HANDLERS: Final[Mapping[str, Handler]] = {
    "XINFO|STREAM": stream,
    "XINFO|GROUPS": groups,
    "XINFO|CONSUMERS": consumers,
}
