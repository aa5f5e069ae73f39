"""Asking the event log: decided with the next batch, answered once that is durable, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from penstock.jobs.errors import DiskLow, Draining, Refused
from penstock.jobs.events.errors import CursorOfTrigger, EventTooLarge
from penstock.jobs.events.log import Request, Settle
from penstock.jobs.events.model import Fields, GroupName, StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.store.event_port import EventAnswers
from penstock.jobs.store.port import StoreError
from penstock.server.engine import Engine
from penstock.server.refusals import refusal, store_error
from penstock.server.responses import Slot
from penstock.server.session import EventStep, Session

# Makes the reply of what was decided, once it is durable.
Reply: TypeAlias = Callable[[EventAnswers], bytes]


def replying(reply: bytes) -> Reply:
    """Return what answers with something known already."""
    return lambda answers: reply


def ask(session: Session, streams: tuple[StreamName, ...], decide: Callable[[Turn], Reply]) -> None:
    """Have *decide* called with the turn of the next batch, and its reply sent when durable."""
    if session.transaction is not None:
        session.queue_event(EventStep(streams[0], decide), 0)
        return
    slot = session.reserve()
    request = Request(streams, lambda turn: _filling(slot, decide(turn)), failing(slot))
    session.engine.events.ask(request)


def ask_to_read(
    session: Session, streams: tuple[StreamName, ...], decide: Callable[[Turn], Reply]
) -> None:
    """Likewise for what only reads, which is not done for a peer that is gone."""
    slot = session.reserve()

    def decide_for_peer(turn: Turn) -> Settle:
        return nothing if session.is_closed else _filling(slot, decide(turn))

    session.engine.events.ask(Request(streams, decide_for_peer, failing(slot)))


def ask_to_append(
    session: Session, stream: StreamName, size: int, decide: Callable[[Turn], Reply]
) -> None:
    """Likewise for what adds to the log, which is refused where there is no room."""
    slot = session.reserve()
    engine = session.engine

    def decide_if_open(turn: Turn) -> Settle:
        check_open(engine)
        return _filling(slot, decide(turn))

    request = Request((stream,), decide_if_open, failing(slot))
    engine.events.ask(request, appends=True, bytes_count=size)


def ask_to_be_told(
    session: Session, stream: StreamName, begin: Callable[[Turn, Callable[[bytes], None]], None]
) -> None:
    """Likewise for what goes on for several commits, and says itself when it has ended."""
    slot = session.reserve()

    def decide(turn: Turn) -> Settle:
        begin(turn, slot.fill)
        return nothing

    session.engine.events.ask(Request((stream,), decide, failing(slot)))


def check_open(engine: Engine) -> None:
    """Raises Draining, DiskLow: nothing is to be added just now."""
    broker = engine.broker
    if broker.draining:
        raise Draining
    if broker.disk_low is not None:
        raise DiskLow(broker.disk_low)


def check_group(session: Session, stream: StreamName, group: GroupName) -> None:
    """Raises CursorOfTrigger: a trigger's own group is not for clients to move."""
    if session.engine.events.triggers.own(stream, group):
        raise CursorOfTrigger(stream, group)


def check_size(session: Session, fields: Fields) -> int:
    """Return the bytes of an event's fields. Raises EventTooLarge."""
    size, limit = sum(map(len, fields)), session.engine.broker.policy.payload_bytes_max
    if size > limit:
        raise EventTooLarge(size, limit)
    return size


def failing(slot: Slot) -> Callable[[Refused | StoreError], None]:
    return lambda problem: slot.fill(declined(problem))


def declined(problem: Refused | StoreError) -> bytes:
    """Say why nothing came of a request, or that it is not known what did."""
    return refusal(problem) if isinstance(problem, Refused) else store_error(problem)


def _filling(slot: Slot, reply: Reply) -> Settle:
    return lambda answers: slot.fill(reply(answers))


def nothing(answers: EventAnswers) -> None:
    """Who goes on for several commits is told by then, and who is gone never."""
