"""The commands that read what is new in streams, and may wait for it: XREAD and XREADGROUP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.jobs.events.ids import LAST, NEW
from penstock.jobs.events.log import Request, Settle
from penstock.jobs.events.model import ConsumerName, GroupName, StreamName
from penstock.jobs.events.readers import Reader
from penstock.jobs.events.turn import Turn
from penstock.protocol.reading_arguments import parse_xread, parse_xreadgroup
from penstock.protocol.stream_replies import null_array
from penstock.server.blocked_reads import BlockedRead, encode_readings
from penstock.server.event_requests import check_group, failing, nothing
from penstock.server.responses import Slot
from penstock.server.session import Handler, Session


def xread(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xread(arguments)
    wishes = [
        (StreamName(stream), LAST if after is None else after) for stream, after in parsed.streams
    ]
    slot, resp3 = session.reserve(), session.resp3

    def decide(turn: Turn) -> Settle | None:
        found = turn.read(wishes, parsed.events_max)
        if found is not None:
            return lambda answers: slot.fill(encode_readings(found(answers), resp3))
        if not _may_wait(session, parsed.block_ms):
            return lambda answers: slot.fill(null_array(resp3))
        assert parsed.block_ms is not None
        blocked = BlockedRead(session, slot)
        reader = Reader(
            streams=wishes,
            events_max=parsed.events_max,
            block_ms=parsed.block_ms,
            token=blocked,
        )
        _park(turn, session, blocked, reader)
        return None

    _ask(session, [stream for stream, _ in wishes], decide, slot)


def xreadgroup(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_xreadgroup(arguments)
    group, consumer = GroupName(parsed.group), ConsumerName(parsed.consumer)
    wishes = [
        (StreamName(stream), NEW if after is None else after) for stream, after in parsed.streams
    ]
    # What it was given before is there, or not; only for what is new is there a wait.
    waits = all(after is NEW for _, after in wishes)
    slot, resp3 = session.reserve(), session.resp3

    def decide(turn: Turn) -> Settle | None:
        for stream, _ in wishes:
            check_group(session, stream, group)
        found = turn.read_group(
            group, consumer, wishes, parsed.events_max, no_ack=parsed.acknowledged
        )
        if found is not None:
            return lambda answers: slot.fill(encode_readings(found(answers), resp3))
        if not waits or not _may_wait(session, parsed.block_ms):
            return lambda answers: slot.fill(null_array(resp3))
        assert parsed.block_ms is not None
        blocked = BlockedRead(session, slot)
        reader = Reader(
            streams=wishes,
            events_max=parsed.events_max,
            block_ms=parsed.block_ms,
            token=blocked,
            group=group,
            consumer=consumer,
            no_ack=parsed.acknowledged,
        )
        _park(turn, session, blocked, reader)
        return None

    _ask(session, [stream for stream, _ in wishes], decide, slot)


def _may_wait(session: Session, block_ms: int | None) -> bool:
    """Say whether a read that found nothing is to wait: not for who leaves."""
    return block_ms is not None and not session.is_retired and not session.engine.broker.draining


def _park(turn: Turn, session: Session, blocked: BlockedRead, reader: Reader) -> None:
    """Raises Overloaded."""
    blocked.reader = reader
    turn.park(reader)
    session.now_waits(blocked)


def _ask(
    session: Session,
    streams: list[StreamName],
    decide: Callable[[Turn], Settle | None],
    slot: Slot,
) -> None:
    """Have it decided, unless the peer is gone by then: nobody would be told what was read."""

    def decide_for_peer(turn: Turn) -> Settle | None:
        return nothing if session.is_closed else decide(turn)

    session.engine.events.ask(Request(tuple(streams), decide_for_peer, failing(slot)))


READING_HANDLERS: Final[Mapping[str, Handler]] = {"XREAD": xread, "XREADGROUP": xreadgroup}
