"""`penstock show` and `penstock queues`: how jobs and queues are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.connection import open_client
from penstock.cli.options import JobIdArgument, Json, Server, read_job_id, read_option, require_utf8
from penstock.cli.output import (
    plain_bytes,
    printable,
    show_bytes,
    show_time,
    write_json,
    write_table,
)

if TYPE_CHECKING:
    from penstock.client import JobInfo, QueueInfo

_QUEUE_FACTS = ("name", "ready", "scheduled", "claimed", "completed", "dead")
_ERROR_FACTS = ("attempt", "worker", "claimed_at", "failed_at", "error")
_FACTS = (
    "id",
    "queue",
    "task",
    "state",
    "priority",
    "attempt",
    "failures",
    "attempts_max",
    "timeout_ms",
    "key",
)
_TIMES = ("submitted_at", "due_at", "claimed_at", "finished_at", "remove_at")


def show(job_id: JobIdArgument, server: Server = None, as_json: Json = False) -> None:
    """Show one job: its state, its times, its payload, its result and its errors."""
    number = read_job_id(job_id)
    with open_client(server) as client:
        job = client.show(number)
    if as_json:
        write_json(_job_document(job))
    else:
        write_table(["", f"job {job.id}"], _job_rows(job))


def queues(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only this queue, with its counters.")
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List the queues with how many jobs are in which state, or show one queue."""
    read_option("NAME", require_utf8, name)
    with open_client(server) as client:
        if name is None:
            _write_queues(client.queues(), as_json=as_json)
        else:
            _write_queue(client.queue(name), as_json=as_json)


def _job_document(job: JobInfo) -> dict[str, Any]:
    """Times stay unix milliseconds, as on the wire: programs need no zone."""
    document = {name: getattr(job, name) for name in (*_FACTS, *_TIMES)}
    document |= plain_bytes("payload", job.payload)
    document |= plain_bytes("result", job.result)
    document["errors"] = [
        {name: getattr(error, name) for name in _ERROR_FACTS} for error in job.errors
    ]
    return document


def _job_rows(job: JobInfo) -> list[tuple[str, str]]:
    rows = [(name, _show_fact(getattr(job, name))) for name in _FACTS]
    rows += [(name, show_time(getattr(job, name))) for name in _TIMES]
    rows += [("payload", show_bytes(job.payload)), ("result", show_bytes(job.result))]
    for error in job.errors:
        told = f"{show_time(error.failed_at)} {error.worker}\n{error.error}"
        rows.append((f"error {error.attempt}", printable(told)))
    return rows


def _show_fact(value: object) -> str:
    return "" if value is None else printable(str(value))


def _write_queues(queues: list[QueueInfo], *, as_json: bool) -> None:
    if as_json:
        write_json([{name: getattr(queue, name) for name in _QUEUE_FACTS} for queue in queues])
        return
    write_table(
        _QUEUE_FACTS,
        [tuple(str(getattr(queue, name)) for name in _QUEUE_FACTS) for queue in queues],
    )


def _write_queue(queue: QueueInfo, *, as_json: bool) -> None:
    facts = {name: getattr(queue, name) for name in _QUEUE_FACTS} | dict(queue.counters)
    if as_json:
        write_json(facts)
    else:
        write_table(["", queue.name], [(name, str(value)) for name, value in facts.items()])
