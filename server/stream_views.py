"""STREAM.SHOW and STREAM.LIST: what people see of streams, with their groups and triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.jobs.events.information import (
    GroupInfo,
    StreamInfo,
    describe_group,
    groups_of,
    summarize,
)
from penstock.jobs.events.model import StreamName
from penstock.jobs.events.turn import Turn
from penstock.protocol.event_ids import format_id
from penstock.protocol.replies import Value, encode
from penstock.protocol.stream_arguments import parse_stream
from penstock.server.event_requests import Reply, ask, replying
from penstock.server.session import Handler, Session


def show(session: Session, arguments: list[bytes]) -> None:
    name, resp3 = StreamName(parse_stream(arguments)), session.resp3
    triggers = session.engine.events.triggers

    def decide(turn: Turn) -> Reply:
        stream = turn.the_stream(name)
        shown = _shown(name, summarize(stream))
        shown["groups"] = [_group(describe_group(group)) for group in groups_of(stream)]
        shown["triggers"] = sorted(watch.trigger.name for watch in triggers.of_stream(name))
        return replying(encode(shown, resp3))

    ask(session, (name,), decide)


def list_(session: Session, arguments: list[bytes]) -> None:
    resp3 = session.resp3

    def decide(turn: Turn) -> Reply:
        names = sorted(turn.names(), key=str.encode)
        rows = [_row(name, summarize(turn.the_stream(name))) for name in names]
        return replying(encode(rows, resp3))

    ask(session, (), decide)


def _row(name: StreamName, info: StreamInfo) -> Value:
    return {
        "name": name,
        "length": info.length,
        "last_id": format_id(info.last_id),
        "added": info.added_count,
        "groups": info.groups_count,
        "maxlen": info.length_max,
        "maxage": info.age_ms_max,
    }


def _shown(name: StreamName, info: StreamInfo) -> dict[str, Value]:
    return {
        "name": name,
        "length": info.length,
        "first_id": None if info.first_id is None else format_id(info.first_id),
        "last_id": format_id(info.last_id),
        "added": info.added_count,
        "max_deleted_id": format_id(info.max_deleted_id),
        "maxlen": info.length_max,
        "maxage": info.age_ms_max,
    }


def _group(info: GroupInfo) -> Value:
    return {
        "name": info.name,
        "cursor": format_id(info.last_delivered_id),
        "read": info.read_count,
        "lag": info.lag,
        "pending": info.pending_count,
        "consumers": info.consumers_count,
        "trim": "allow" if info.is_lossy else "keep",
    }


STREAM_VIEW_HANDLERS: Final[Mapping[str, Handler]] = {
    "STREAM.SHOW": show,
    "STREAM.LIST": list_,
}
