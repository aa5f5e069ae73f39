"""`penstock show` and `penstock queues`: how jobs and queues are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.connection import open_client
from penstock.cli.options import JobIdArgument, Json, Server, read_job_id, read_option, require_utf8
from penstock.cli.output import (
    on_terminal,
    plain_bytes,
    printable,
    show_bytes,
    show_duration,
    show_time,
    write_json,
    write_table,
)

if TYPE_CHECKING:
    from penstock.client import (
        FailedAttempt,
        JobInfo,
        Progress,
        QueueInfo,
        Retry,
        WaitsFor,
    )

_QUEUE_FACTS = (
    "name",
    "ready",
    "scheduled",
    "blocked",
    "claimed",
    "completed",
    "dead",
    "cancelled",
    "expired",
    "paused",
)
# On a terminal only where a queue has some.
_SELDOM = frozenset({"blocked", "cancelled", "expired", "paused"})
_ERROR_FACTS = ("attempt", "worker", "claimed_at", "failed_at", "error", "output")
_FACTS = (
    "id",
    "queue",
    "task",
    "state",
    "priority",
    "attempt",
    "failures",
    "releases",
    "attempts_max",
    "timeout_ms",
    "key",
    "tenant",
    "group",
    "producer",
    "keep_ms",
    "payload_bytes",
    "reason",
)
_TIMES = (
    "submitted_at",
    "due_at",
    "expires_at",
    "claimed_at",
    "cancel_asked_at",
    "finished_at",
    "remove_at",
)


def show(job_id: JobIdArgument, server: Server = None, as_json: Json = False) -> None:
    """Show one job: its state, why it waits, its times, payload, result, and failed attempts."""
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
            write_queue(client.queue(name), as_json=as_json)


def _job_document(job: JobInfo) -> dict[str, Any]:
    """Times stay unix milliseconds, as on the wire: programs need no zone."""
    from msgspec import to_builtins

    document = {name: getattr(job, name) for name in (*_FACTS, *_TIMES, "output")}
    for name in ("retry", "progress", "waits_for"):
        value = getattr(job, name)
        document[name] = None if value is None else to_builtins(value)
    document |= plain_bytes("payload", job.payload)
    document |= plain_bytes("result", job.result)
    document["errors"] = [
        {name: getattr(error, name) for name in _ERROR_FACTS} for error in job.errors
    ]
    return document


def _job_rows(job: JobInfo) -> list[tuple[str, str]]:
    rows = [(name, _show_fact(getattr(job, name))) for name in _FACTS]
    rows.append(("retry", "" if job.retry is None else _show_retry(job.retry)))
    rows.append(("waits for", "" if job.waits_for is None else _show_wait(job.waits_for)))
    rows += [(name, show_time(getattr(job, name))) for name in _TIMES]
    rows.append(("progress", "" if job.progress is None else _show_progress(job.progress)))
    rows += [("payload", show_bytes(job.payload)), ("result", show_bytes(job.result))]
    rows.append(("output", printable((job.output or "").rstrip("\n"))))
    if on_terminal():
        # What is not there is told to programs only.
        rows = [(name, text) for name, text in rows if text]
    rows += [(f"attempt {error.attempt}", _show_attempt(error)) for error in job.errors]
    return rows


def _show_fact(value: object) -> str:
    return "" if value is None else printable(str(value))


def _show_wait(waits: WaitsFor) -> str:
    told = [printable(waits.why)]
    if waits.since is not None:
        told.append(f"since {show_time(waits.since)}")
    if waits.estimate_ms is not None and waits.cause != "due":
        told.append(f"perhaps {show_duration(waits.estimate_ms)} more")
    return "\n".join(told)


def _show_progress(progress: Progress) -> str:
    note = "" if not progress.note else f" {printable(progress.note)}"
    at = "" if progress.at is None else f" ({show_time(progress.at)})"
    return f"{progress.percent} %{note}{at}"


def _show_retry(retry: Retry) -> str:
    if retry.delays_ms:
        return f"after {', '.join(map(show_duration, retry.delays_ms))}"
    told = [
        f"{name} {show_duration(ms)}"
        for name, ms in (("base", retry.base_ms), ("cap", retry.cap_ms))
        if ms is not None
    ]
    if retry.jitter is not None:
        told.append("with jitter" if retry.jitter else "without jitter")
    return ", ".join(told)


def _show_attempt(failed: FailedAttempt) -> str:
    """Return when it ran, for how long, where, and how it failed."""
    lasted = show_duration(max(0, failed.failed_at - failed.claimed_at))
    worker = f" on {failed.worker}" if failed.worker else ""
    told = [
        f"{show_time(failed.claimed_at)}, failed after {lasted}{worker}",
        failed.error.rstrip("\n"),
    ]
    if failed.output:
        told += ["output:", failed.output.rstrip("\n")]
    return printable("\n".join(told))


def _write_queues(queues: list[QueueInfo], *, as_json: bool) -> None:
    if as_json:
        write_json([{name: getattr(queue, name) for name in _QUEUE_FACTS} for queue in queues])
        return
    facts = [
        name
        for name in _QUEUE_FACTS
        if not (on_terminal() and name in _SELDOM) or any(getattr(queue, name) for queue in queues)
    ]
    rows = [tuple(_show_value(getattr(queue, name)) for name in facts) for queue in queues]
    write_table(facts, rows, whole=("name",))


def write_queue(queue: QueueInfo, *, as_json: bool) -> None:
    """Write one queue: its jobs by state, what was counted, what is set."""
    facts = {name: getattr(queue, name) for name in (*_QUEUE_FACTS, "bytes")}
    facts |= dict(queue.counters)
    if as_json:
        write_json({**facts, "settings": dict(queue.settings)})
        return
    rows = [(name, _show_value(value)) for name, value in facts.items()]
    rows += [(name, _show_value(value)) for name, value in _settings(queue)]
    if on_terminal():
        rows = [(name, text) for name, text in rows if text]
    write_table(["", queue.name], rows)


def _settings(queue: QueueInfo) -> Iterator[tuple[str, object]]:
    """Go through what is set, by the names that `queue set` takes."""
    for name, value in queue.settings.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{tenant}", weight) for tenant, weight in value.items())
        else:
            yield name, value


def _show_value(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ",".join(map(str, value))
    return printable(str(value))
