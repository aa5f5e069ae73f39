"""The commands that change queues: set, pause, purge, delete. Each change is logged once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import structlog

from penstock.jobs.changes import Settled
from penstock.jobs.errors import Draining, NotEmpty, QueueLeaves, Refused
from penstock.jobs.model import QueueName
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import Order, WhenFull
from penstock.jobs.store.port import StoreError
from penstock.protocol.queue_arguments import (
    SettingValue,
    parse_delete,
    parse_queue_name,
    parse_queue_set,
)
from penstock.protocol.replies import OK, integer
from penstock.server.peeking import peek
from penstock.server.queue_views import list_queues, show
from penstock.server.refusals import refusal, store_error
from penstock.server.responses import Slot
from penstock.server.session import Handler, Session

_log = structlog.get_logger("penstock.queues")

# What decides of which order the ranks of waiting jobs are.
_ORDERING: Final = frozenset({"order", "ageing_ms"})
# How the core calls what the wire has words for.
_WORDS: Final[Mapping[str, Callable[[SettingValue], object]]] = {
    "order": Order,
    "when_full": WhenFull,
    "retry_jitter": lambda word: word == "full",
}


def set_(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_queue_set(arguments)
    engine = session.engine
    if not _ORDERING.isdisjoint(parsed.changes):
        engine.chores.check_room()
    slot = session.new_slot()
    given: dict[str, object] = {**parsed.changes}
    if parsed.weights:
        given["weights"] = parsed.weights
    engine.broker.administration.set(
        QueueName(parsed.queue),
        _core_values(parsed.changes),
        parsed.weights,
        _answering(session, slot, "queue set", parsed.queue, changes=given),
    )
    session.responses.append(slot)


def pause(session: Session, arguments: list[bytes]) -> None:
    _pause(session, arguments, "queue paused", paused=True)


def resume(session: Session, arguments: list[bytes]) -> None:
    _pause(session, arguments, "queue resumed", paused=False)


def purge(session: Session, arguments: list[bytes]) -> None:
    engine = session.engine
    queue = engine.broker.administration.queue(QueueName(parse_queue_name(arguments)))
    if not queue.settings.purged_until:
        engine.chores.check_room()
    slot = session.new_slot()
    count = 0

    def settled(problem: StoreError | None) -> None:
        answer = _answering(session, slot, "queue purged", queue.name, integer(count), jobs=count)
        answer(problem)

    count = engine.broker.purge(queue.name, settled)
    session.responses.append(slot)


def delete(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_delete(arguments)
    queue = session.engine.broker.administration.queue(QueueName(parsed.queue))
    if queue.is_being_deleted:
        raise QueueLeaves(queue.name)
    if queue.claimed_count or (queue.is_in_use and not parsed.force):
        raise NotEmpty(queue.name, queue.waiting_count + queue.admitted_count, queue.claimed_count)
    slot = session.new_slot()
    session.engine.chores.start(
        f"delete {queue.name}", partial(_delete, session, queue, slot, force=parsed.force)
    )
    queue.is_being_deleted = True
    session.responses.append(slot)


async def _delete(session: Session, queue: Queue, slot: Slot, *, force: bool) -> int:
    """Delete a queue, and answer who asked for it; return how many jobs went with it."""
    engine = session.engine
    reply = refusal(Draining())  # If this is cut off.
    removed_count = 0
    try:
        removed_count = await engine.queue_chores.delete(queue, force=force)
    except Refused as problem:
        reply = refusal(problem)
    except StoreError as problem:
        reply = store_error(problem)
    else:
        _log.info("queue deleted", queue=queue.name, by=session.worker, jobs=removed_count)
        reply = OK
    finally:
        slot.fill(reply)
        engine.pump()
    return removed_count


def _pause(session: Session, arguments: list[bytes], event: str, *, paused: bool) -> None:
    administration = session.engine.broker.administration
    queue = administration.queue(QueueName(parse_queue_name(arguments)))
    slot = session.new_slot()
    settled = _answering(session, slot, event, queue.name)
    administration.pause(queue.name, paused=paused, settled=settled)
    session.responses.append(slot)


def _answering(
    session: Session, slot: Slot, event: str, queue: str, reply: bytes = OK, **what: object
) -> Settled:
    """Answer a request, and log it, once what it asks for is durable."""
    who = session.worker

    def settled(problem: StoreError | None) -> None:
        if problem is None:
            _log.info(event, queue=queue, by=who, **what)
            slot.fill(reply)
        else:
            slot.fill(store_error(problem))

    return settled


def _core_values(changes: Mapping[str, SettingValue]) -> dict[str, object]:
    return {
        name: _WORDS[name](value) if name in _WORDS and value is not None else value
        for name, value in changes.items()
    }


QUEUE_HANDLERS: Final[Mapping[str, Handler]] = {
    "QUEUE.LIST": list_queues,
    "QUEUE.SHOW": show,
    "QUEUE.PEEK": peek,
    "QUEUE.SET": set_,
    "QUEUE.PAUSE": pause,
    "QUEUE.RESUME": resume,
    "QUEUE.PURGE": purge,
    "QUEUE.DELETE": delete,
}
