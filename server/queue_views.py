"""QUEUE.LIST and QUEUE.SHOW: what there is to see of a queue."""

from __future__ import annotations

from enum import Enum

from msgspec.structs import asdict

from penstock.jobs.model import QueueName
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import QueueSettings
from penstock.protocol.queue_arguments import parse_queue_name
from penstock.protocol.queue_settings import QUEUE_SETTINGS
from penstock.protocol.replies import Value, encode
from penstock.server.session import Session


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
        "waiting_submissions": broker.rooms.parked.count(queue.name),
        "reordering": not queue.settings.reordered,
        "purging": bool(queue.settings.purged_until),
        "settings": _settings(broker.administration.layer(queue)),
    }
    session.reply(encode(shown, session.resp3))


def _counts(queue: Queue) -> dict[str, Value]:
    return {
        "name": queue.name,
        "ready": queue.ready_count,
        "scheduled": queue.scheduled_count,
        "blocked": queue.blocked_count,
        "claimed": queue.claimed_count,
        "completed": queue.completed_count,
        "dead": queue.dead_count,
        "cancelled": queue.cancelled_count,
        "expired": queue.expired_count,
        "paused": queue.settings.paused,
        "bytes": None if queue.terms.bytes_max is None else queue.waiting_bytes,
    }


def _settings(layer: QueueSettings) -> dict[str, Value]:
    """Return what is set by the names and in the words of the settings file; null: nothing is."""
    values = asdict(layer)
    return {name: _shown(name, values[name]) for name in QUEUE_SETTINGS}


def _shown(name: str, value: Value | Enum) -> Value:
    if isinstance(value, Enum):
        word: str = value.value
        return word
    if name == "retry_jitter" and value is not None:
        return "full" if value else "none"
    return value
