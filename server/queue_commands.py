"""The commands that look at queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.jobs.model import QueueName
from penstock.jobs.queue import Queue
from penstock.protocol.queue_arguments import parse_queue_name
from penstock.protocol.replies import Value, encode
from penstock.server.session import Handler, Session


def list_queues(session: Session, arguments: list[bytes]) -> None:
    queues = sorted(session.engine.broker.queues(), key=lambda queue: queue.name)
    session.reply(encode([_counts(queue) for queue in queues], session.resp3))


def show(session: Session, arguments: list[bytes]) -> None:
    broker = session.engine.broker
    queue = broker.queue(QueueName(parse_queue_name(arguments)))
    counters = queue.counters
    shown: dict[str, Value] = {
        **_counts(queue),
        "submitted": counters.submitted,
        "duplicates": counters.duplicates,
        "claims": counters.claimed,
        "completions": counters.completed,
        "failures": counters.failed,
        "retries": counters.retried,
        "deaths": counters.dead,
        "releases": counters.released,
        "expirations": counters.expired,
        "waiting_claims": broker.parked_claims(queue.name),
    }
    session.reply(encode(shown, session.resp3))


def _counts(queue: Queue) -> dict[str, Value]:
    return {
        "name": queue.name,
        "ready": queue.ready_count,
        "scheduled": queue.scheduled_count,
        "claimed": queue.claimed_count,
        "completed": queue.completed_count,
        "dead": queue.dead_count,
    }


QUEUE_HANDLERS: Final[Mapping[str, Handler]] = {
    "QUEUE.LIST": list_queues,
    "QUEUE.SHOW": show,
}
