"""`penstock cancel`, `penstock redrive` and `penstock discard`: what is to become of jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.asking import confirm
from penstock.cli.connection import open_client
from penstock.cli.exits import CommandFailed, Exit, mistake
from penstock.cli.filters import DEAD_FLAGS, DeadFlags
from penstock.cli.flags import flattened
from penstock.cli.options import (
    JobIds,
    Json,
    Server,
    Yes,
    read_job_id,
    read_option,
    require_utf8,
    whole,
)
from penstock.cli.output import counted, note, write_json, write_line
from penstock.config.limits import REDRIVE_RATE_MAX

if TYPE_CHECKING:
    from penstock.client import Client

_RATE = whole("jobs a second", 1, REDRIVE_RATE_MAX)
_COUNT = whole("jobs", 1, 2**63 - 1)

SomeIds = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="The jobs' ids; or --queue.")
]


def cancel(
    job_ids: JobIds,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, for those who look at the job.")
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Cancel jobs: those that wait will not run, the workers of those that run are told to stop.

    Of each it prints what became of it: cancelled, or told.
    """
    ids = [read_job_id(text) for text in job_ids]
    read_option("--reason", require_utf8, reason)
    with open_client(server) as client:
        _each(ids, lambda job_id: client.cancel(job_id, reason).value, as_json=as_json)


@flattened
def redrive(
    filters: Annotated[DeadFlags, DEAD_FLAGS],
    job_ids: SomeIds = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="With --queue: so many a second; it does not wait for them."
        ),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(metavar="N", help="With --queue: at most so many, the oldest first."),
    ] = None,
    yes: Yes = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Let dead, cancelled or expired jobs run again by their ids, or the dead of a --queue."""
    ids = _chosen(job_ids, filters, {"--rate": rate, "--limit": limit})
    per_second, count = read_option("--rate", _RATE, rate), read_option("--limit", _COUNT, limit)
    given = filters.for_client()
    with open_client(server) as client:
        if ids:

            def one(job_id: int) -> str:
                client.redrive(job_id)
                return "redriven"

            _each(ids, one, as_json=as_json)
            return
        assert filters.queue is not None
        confirm(f"redrive {_which(client, filters)}?", yes=yes)
        done = client.redrive_dead(filters.queue, rate=per_second, limit=count, **given)
    _write_count("redriven", done, as_json=as_json)


@flattened
def discard(
    filters: Annotated[DeadFlags, DEAD_FLAGS],
    job_ids: SomeIds = None,
    yes: Yes = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Remove finished jobs for good, by their ids, or the dead of a --queue."""
    ids = _chosen(job_ids, filters, {})
    given = filters.for_client()
    with open_client(server) as client:
        if ids:
            which = f"job {ids[0]}" if len(ids) == 1 else f"{len(ids)} jobs"
            confirm(f"discard {which} for good?", yes=yes)

            def one(job_id: int) -> str:
                client.discard(job_id)
                return "discarded"

            _each(ids, one, as_json=as_json)
            return
        assert filters.queue is not None
        confirm(f"discard {_which(client, filters)} for good?", yes=yes)
        done = client.discard_dead(filters.queue, **given)
    _write_count("discarded", done, as_json=as_json)


def _chosen(
    job_ids: list[str] | None, filters: DeadFlags, others: dict[str, str | None]
) -> list[int]:
    """Return the ids; none, if a queue is named instead."""
    ids = [read_job_id(text) for text in job_ids or ()]
    read_option("--queue", require_utf8, filters.queue)
    chosen = {f"--{n}": getattr(filters, n) for n in ("queue", "task", "error", "since", "until")}
    beside = [name for name, value in {**chosen, **others}.items() if value is not None]
    if ids and beside:
        raise mistake(f"ids and {beside[0]} exclude each other; give one of them")
    if not ids and filters.queue is None:
        raise mistake("name the jobs by their ids, or with --queue the queue whose dead are meant")
    return ids


def _which(client: Client, filters: DeadFlags) -> str:
    assert filters.queue is not None
    total = client.queue(filters.queue).dead
    is_all = not filters.for_client()
    dead = f"the {counted(total, 'dead job')} of queue {filters.queue}"
    return dead if is_all else f"those of {dead} that the filters find"


def _each(ids: list[int], do: Callable[[int], str], *, as_json: bool) -> None:
    """Do it to each job; one that is refused does not keep the others from it."""
    from penstock.client import Refused

    refused_count = 0
    for job_id in ids:
        try:
            result = do(job_id)
        except Refused as refusal:
            if len(ids) == 1 and not as_json:
                raise
            refused_count += 1
            if as_json:
                document = {"id": job_id, "code": refusal.code, "error": refusal.text}
                write_line(json.dumps(document, ensure_ascii=False))
            else:
                note(str(refusal))
        else:
            document = {"id": job_id, "result": result}
            write_line(json.dumps(document) if as_json else f"{job_id}\t{result}")
    if refused_count:
        told = "" if len(ids) == 1 else f"{refused_count} of {len(ids)} jobs were refused"
        raise CommandFailed(Exit.REFUSED, told)


def _write_count(what: str, count: int, *, as_json: bool) -> None:
    if as_json:
        write_json({what: count})
    else:
        write_line(str(count))
