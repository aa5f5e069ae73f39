"""The commands about streams and their events: add, read, remove, trim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from penstock.jobs.errors import Refused
from penstock.jobs.events.ids import AUTO, AutoSequence, IdWish
from penstock.jobs.events.log import Settle
from penstock.jobs.events.model import EventId, StreamName
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from penstock.jobs.store.event_port import EventAnswers
from penstock.jobs.store.port import StoreError
from penstock.protocol.replies import OK, integer, null
from penstock.protocol.stream_arguments import (
    TrimArguments,
    XaddArguments,
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
from penstock.protocol.stream_replies import event_id, events, null_array
from penstock.server.event_requests import (
    Reply,
    ask,
    ask_to_append,
    ask_to_be_told,
    ask_to_read,
    check_open,
    check_size,
    declined,
    replying,
)
from penstock.server.responses import Slot
from penstock.server.session import EventStep, Handler, Session


def xadd(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xadd(arguments)
    stream = StreamName(parsed.stream)
    size = check_size(session, parsed.fields)
    appending = _Appending((stream,), session, parsed, _id_wish(parsed.id), _trim_wish(parsed.trim))
    if session.transaction is not None:
        session.queue_event(
            EventStep(stream, appending.append, trims=parsed.trim is not None), size
        )
        return
    appending.slot = session.reserve()
    session.engine.events.ask(appending, appends=True, bytes_count=size)


class _Appending(Struct, eq=False):
    """One XADD from its request to its reply: there may be tens of thousands a second."""

    streams: tuple[StreamName]
    session: Session
    parsed: XaddArguments
    id: IdWish
    trim: TrimWish | None
    slot: Slot | None = None
    reply: bytes = b""

    def decide(self, turn: Turn) -> Settle:
        check_open(self.session.engine)
        self.reply = self._append(turn)
        return self._settle

    def append(self, turn: Turn) -> Reply:
        """Append within a transaction, which has looked whether the server is open."""
        return replying(self._append(turn))

    def fail(self, problem: Refused | StoreError) -> None:
        assert self.slot is not None
        self.slot.fill(declined(problem))

    def _append(self, turn: Turn) -> bytes:
        parsed = self.parsed
        (stream,) = self.streams
        appended = turn.append(
            stream, parsed.fields, id=self.id, trim=self.trim, makes_stream=parsed.makes_stream
        )
        return null(self.session.resp3) if appended is None else event_id(appended)

    def _settle(self, answers: EventAnswers) -> None:
        assert self.slot is not None
        self.slot.fill(self.reply)


def publish(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_publish(arguments)
    stream, fields = StreamName(parsed.stream), parsed.fields

    def decide(turn: Turn) -> Reply:
        return replying(event_id(turn.publish(stream, parsed.key, fields)))

    size = check_size(session, fields)
    # Those that come together are asked about together: else each would wait for two commits.
    session.engine.events.log.announce(stream, parsed.key)
    ask_to_append(session, stream, size, decide)


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

    ask_to_read(session, (stream,), decide)


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
