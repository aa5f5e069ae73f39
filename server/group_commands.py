"""The commands about consumer groups: their cursors, their consumers, what is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.jobs.events.ids import LAST, Last
from penstock.jobs.events.model import ConsumerName, EventId, GroupName, StreamName
from penstock.jobs.events.turn import Turn
from penstock.protocol.group_arguments import (
    parse_confirm,
    parse_consumer,
    parse_group,
    parse_group_create,
    parse_group_set_id,
    parse_group_trim,
    parse_handled,
    parse_xack,
)
from penstock.protocol.replies import OK, integer
from penstock.server.event_requests import Reply, ask, check_group, replying
from penstock.server.session import Handler, Session


def create(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_group_create(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)

    def decide(turn: Turn) -> Reply:
        turn.create_group(
            stream,
            group,
            _start(parsed.start),
            read_count=parsed.read_count,
            makes_stream=parsed.makes_stream,
        )
        return replying(OK)

    ask(session, (stream,), decide)


def set_id(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_group_set_id(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)

    def decide(turn: Turn) -> Reply:
        check_group(session, stream, group)
        turn.set_group_id(stream, group, _start(parsed.start), read_count=parsed.read_count)
        return replying(OK)

    ask(session, (stream,), decide)


def destroy(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_group(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)

    def decide(turn: Turn) -> Reply:
        check_group(session, stream, group)
        return replying(integer(turn.destroy_group(stream, group)))

    ask(session, (stream,), decide)


def create_consumer(session: Session, arguments: list[bytes]) -> None:
    _about_consumer(session, arguments, Turn.create_consumer)


def delete_consumer(session: Session, arguments: list[bytes]) -> None:
    _about_consumer(session, arguments, Turn.delete_consumer)


def trim(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_group_trim(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)

    def decide(turn: Turn) -> Reply:
        turn.allow_trim(stream, group, parsed.is_lossy)
        return replying(OK)

    ask(session, (stream,), decide)


def xack(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xack(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)
    ask(session, (stream,), lambda turn: replying(integer(turn.ack(stream, group, parsed.ids))))


def handled(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_handled(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)

    def decide(turn: Turn) -> Reply:
        was_handled = turn.handled(stream, group, parsed.key)
        return lambda answers: integer(was_handled(answers))

    ask(session, (stream,), decide)


def confirm(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_confirm(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)

    def decide(turn: Turn) -> Reply:
        turn.confirm(stream, group, parsed.key, parsed.keep_ms)
        if parsed.acknowledged_id is not None:
            turn.ack(stream, group, (parsed.acknowledged_id,))
        return replying(OK)

    ask(session, (stream,), decide)


def _about_consumer(
    session: Session,
    arguments: list[bytes],
    verb: Callable[[Turn, StreamName, GroupName, ConsumerName], int],
) -> None:
    parsed = parse_consumer(arguments)
    stream, group = StreamName(parsed.stream), GroupName(parsed.group)
    consumer = ConsumerName(parsed.consumer)

    def decide(turn: Turn) -> Reply:
        check_group(session, stream, group)
        return replying(integer(verb(turn, stream, group, consumer)))

    ask(session, (stream,), decide)


def _start(wanted: EventId | None) -> EventId | Last:
    return LAST if wanted is None else wanted


GROUP_HANDLERS: Final[Mapping[str, Handler]] = {
    "XGROUP|CREATE": create,
    "XGROUP|SETID": set_id,
    "XGROUP|DESTROY": destroy,
    "XGROUP|CREATECONSUMER": create_consumer,
    "XGROUP|DELCONSUMER": delete_consumer,
    "XGROUP|TRIM": trim,
    "XACK": xack,
    "EVENT.HANDLED": handled,
    "EVENT.CONFIRM": confirm,
}
