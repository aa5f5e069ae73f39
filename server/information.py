"""INFO and CLIENT LIST: what the server says of itself in Redis' form."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from penstock.server.memory import resident_bytes

if TYPE_CHECKING:
    from penstock.server.connection import Connection
    from penstock.server.session import SessionContext

Fields = dict[str, str | int]

# What clients take us for that look for the features of a Redis.
REDIS_VERSION: Final = "7.0.0"

_DEFAULT: Final = frozenset({"all", "default", "everything"})


def information(context: SessionContext, sections: list[str]) -> str:
    """Return the sections that were asked for, all of them by default."""
    every: dict[str, Fields] = {
        "server": _server(context),
        "clients": _clients(context),
        "memory": _memory(),
        "persistence": _persistence(context),
        "stats": _stats(context),
        "replication": {"role": "master", "connected_slaves": 0},
        "cluster": {"cluster_enabled": 0},
        "jobs": _jobs(context),
        "streams": _streams(context),
        "keyspace": _keyspace(context),
    }
    wanted = every if not sections or _DEFAULT.intersection(sections) else sections
    return "\r\n".join(
        f"# {name.capitalize()}\r\n"
        + "".join(f"{field}:{value}\r\n" for field, value in fields.items())
        for name, fields in every.items()
        if name in wanted
    )


def client_line(connection: Connection, now: float) -> str:
    """Return one connection as CLIENT LIST shows it."""
    session = connection.session
    fields: Fields = {
        "id": session.consumer,
        "addr": session.peer,
        "name": session.worker_name or session.client_name,
        "age": int(now - connection.connected_at),
        "db": 0,
        "in-flight": connection.replies_pending,
        "claims": len(session.engine.broker.held_by(session.consumer)),
        "waits": session.waits_count,
        "cmd": session.last_command.lower(),
        "resp": 3 if session.resp3 else 2,
        "lib-name": session.lib_name,
        "lib-ver": session.lib_version,
    }
    return " ".join(f"{field}={value}" for field, value in fields.items())


def _server(context: SessionContext) -> Fields:
    status = context.status
    uptime = int(context.engine.clock.monotonic() - status.started_at_seconds)
    return {
        "redis_version": REDIS_VERSION,
        "penstock_version": status.version,
        "redis_mode": "standalone",
        "arch_bits": 64,
        "process_id": os.getpid(),
        "tcp_port": status.tcp_port,
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime // 86_400,
        "data": status.data,
        "draining": int(context.engine.broker.draining),
    }


def _clients(context: SessionContext) -> Fields:
    return {
        "connected_clients": len(context.connections),
        "blocked_clients": context.engine.blocked_count,
        "replies_pending": context.connections.replies_pending,
    }


def _memory() -> Fields:
    used = resident_bytes()
    return {"used_memory": used, "used_memory_rss": used, "maxmemory": 0}


def _persistence(context: SessionContext) -> Fields:
    disk = context.status.disk
    free: Fields = {} if disk.free_bytes is None else {"disk_free_bytes": disk.free_bytes}
    return {
        "loading": 0,
        "synchronous": "full",
        **free,
        "disk_low": int(disk.low is not None),
    }


def _stats(context: SessionContext) -> Fields:
    connections = context.connections
    return {
        "total_connections_received": connections.accepted_total,
        "total_commands_processed": connections.requests_total,
        "rejected_connections": connections.refused_total,
        "protocol_errors": connections.protocol_errors_total,
    }


def _jobs(context: SessionContext) -> Fields:
    queues = context.engine.broker.queues()
    return {
        "queues": len(queues),
        "jobs_ready": sum(queue.ready_count for queue in queues),
        "jobs_scheduled": sum(queue.scheduled_count for queue in queues),
        "jobs_claimed": sum(queue.claimed_count for queue in queues),
        "jobs_completed": sum(queue.completed_count for queue in queues),
        "jobs_dead": sum(queue.dead_count for queue in queues),
        "jobs_blocked": sum(queue.blocked_count for queue in queues),
        "jobs_cancelled": sum(queue.cancelled_count for queue in queues),
        "jobs_expired": sum(queue.expired_count for queue in queues),
        "queues_paused": sum(queue.settings.paused for queue in queues),
        "submissions_waiting": len(context.engine.broker.rooms.parked),
        "chores": context.engine.chores.count,
    }


def _streams(context: SessionContext) -> Fields:
    events = context.engine.events
    streams = events.log.streams
    return {
        "streams": len(streams),
        "groups": sum(len(stream.groups) for stream in streams.values()),
        "events_pending": events.log.pending_count,
        "readers_waiting": events.log.reader_count,
        "triggers": len(events.triggers),
        "schedules": len(events.schedules),
    }


def _keyspace(context: SessionContext) -> Fields:
    """Streams are all the keys there are; a database without any has no line, as Redis has it."""
    count = len(context.engine.events.log.streams)
    return {"db0": f"keys={count},expires=0,avg_ttl=0"} if count else {}
