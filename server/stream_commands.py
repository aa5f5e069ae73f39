"""The commands about streams and their events: add, read, remove, trim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.jobs.events.ids import AUTO, AutoSequence, IdWish
from penstock.jobs.events.model import EventId, StreamName
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from penstock.protocol.event_ids import format_id
from penstock.protocol.replies import OK, bulk, integer, null
from penstock.protocol.stream_arguments import (
    TrimArguments,
    XrangeArguments,
    parse_publish,
    parse_stream,
    parse_stream_set,
    parse_xadd,
    parse_xdel,
    parse_xrange,
    parse_xrevrange,
    parse_xsetid,
    parse_xtrim,
)
from penstock.protocol.stream_replies import events, null_array
from penstock.server.event_requests import (
    Reply,
    ask,
    ask_to_append,
    ask_to_be_told,
    replying,
)
from penstock.server.session import Handler, Session


def xadd(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xadd(arguments)
    stream, fields = StreamName(parsed.stream), parsed.fields
    wish, trim, resp3 = _id_wish(parsed.id), _trim_wish(parsed.trim), session.resp3

    def decide(turn: Turn) -> Reply:
        event_id = turn.append(stream, fields, id=wish, trim=trim, makes_stream=parsed.makes_stream)
        reply = null(resp3) if event_id is None else bulk(format_id(event_id))
        return replying(reply)

    size = sum(map(len, fields))
    ask_to_append(session, stream, size, decide, trims=trim is not None)


def publish(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_publish(arguments)
    stream, fields = StreamName(parsed.stream), parsed.fields

    def decide(turn: Turn) -> Reply:
        reply = bulk(format_id(turn.publish(stream, parsed.key, fields)))
        return replying(reply)

    ask_to_append(session, stream, sum(map(len, fields)), decide)


def xlen(session: Session, arguments: list[bytes]) -> None:
    stream = StreamName(parse_stream(arguments))

    def decide(turn: Turn) -> Reply:
        reply = integer(turn.length(stream))
        return replying(reply)

    ask(session, (stream,), decide)


def xrange(session: Session, arguments: list[bytes]) -> None:
    _read_range(session, parse_xrange(arguments), backwards=False)


def xrevrange(session: Session, arguments: list[bytes]) -> None:
    _read_range(session, parse_xrevrange(arguments), backwards=True)


def xdel(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xdel(arguments)
    stream = StreamName(parsed.stream)

    def decide(turn: Turn) -> Reply:
        count = turn.delete(stream, parsed.ids)
        return lambda answers: integer(count(answers))

    ask(session, (stream,), decide)


def xtrim(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xtrim(arguments)
    stream, wish = StreamName(parsed.stream), _trim_wish(parsed.trim)
    assert wish is not None
    ask_to_be_told(
        session, stream, lambda turn, fill: turn.trim(stream, wish, lambda n: fill(integer(n)))
    )


def xsetid(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xsetid(arguments)
    stream = StreamName(parsed.stream)

    def decide(turn: Turn) -> Reply:
        turn.set_id(stream, parsed.last_id, parsed.added_count, parsed.max_deleted_id)
        return replying(OK)

    ask(session, (stream,), decide)


def stream_set(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_stream_set(arguments)
    stream = StreamName(parsed.stream)

    def decide(turn: Turn) -> Reply:
        turn.configure(stream, **parsed.changes)
        return replying(OK)

    ask(session, (stream,), decide)


def _read_range(session: Session, parsed: XrangeArguments, *, backwards: bool) -> None:
    stream, resp3 = StreamName(parsed.stream), session.resp3

    def decide(turn: Turn) -> Reply:
        if parsed.events_max == 0 and turn.exists(stream):
            return replying(null_array(resp3))
        found = turn.range(
            stream, parsed.first, parsed.last, parsed.events_max, backwards=backwards
        )
        return lambda answers: events(found(answers))

    ask(session, (stream,), decide)


def _id_wish(wanted: EventId | int | None) -> IdWish:
    if wanted is None:
        return AUTO
    return AutoSequence(wanted) if isinstance(wanted, int) else wanted


def _trim_wish(wanted: TrimArguments | None) -> TrimWish | None:
    if wanted is None:
        return None
    return TrimWish(wanted.length_max, wanted.before, wanted.is_approximate, wanted.limit)


STREAM_HANDLERS: Final[Mapping[str, Handler]] = {
    "XADD": xadd,
    "XLEN": xlen,
    "XRANGE": xrange,
    "XREVRANGE": xrevrange,
    "XDEL": xdel,
    "XTRIM": xtrim,
    "XSETID": xsetid,
    "STREAM.SET": stream_set,
    "EVENT.PUBLISH": publish,
}
