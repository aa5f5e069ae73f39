"""Many submissions: one for each line of a file, pipelined, a bounded number at a time."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.cli.connection import open_client
from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.lines import BATCH_LINES_MAX, Line, opened, read_batches
from penstock.cli.output import counted, note, plain_bytes, result_line, write
from penstock.cli.progress import Silence, progress
from penstock.client import (
    JobCancelled,
    JobExpired,
    JobFailed,
    PenstockError,
    Refused,
    WaitTimeout,
)

if TYPE_CHECKING:
    from penstock.client import Client
    from penstock.client.options import Given


@dataclass(frozen=True, slots=True)
class Submission:
    """A line that became a job."""

    line: int
    id: int


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with each line."""

    task: str
    options: Given
    wait_ms: int | None
    as_json: bool


def submit_file(file: str, order: Order, server: str | None) -> None:
    """Submit the lines of *file* in order, and print their ids or their results.

    Raises:
        CommandFailed: a line was refused, or a job that was waited for did not succeed.
    """
    with opened(file) as descriptor, open_client(server) as client:
        with progress(descriptor, "jobs") as shown:
            submissions = _submit_lines(client, descriptor, order, shown)
        if order.wait_ms is not None:
            _write_results(client, submissions, order)


def _submit_lines(
    client: Client, descriptor: int, order: Order, shown: Silence
) -> list[Submission]:
    """Submit batch after batch; return the jobs only if somebody is going to wait for them."""
    kept: list[Submission] = []
    count = 0
    sending: list[Line] = []
    try:
        for batch in read_batches(descriptor, shown.read):
            sending = batch
            submissions, refusals = _submit_batch(client, batch, order)
            sending = []
            count += len(submissions)
            shown.stored(len(submissions))
            if order.wait_ms is not None:
                kept += submissions
            elif submissions:
                shown.write_lines([_id_line(each, order) for each in submissions])
            if refusals:
                told = _tell_refusals(refusals, batch[-1].number, count)
                raise CommandFailed(Exit.REFUSED, told)
    except KeyboardInterrupt:
        raise CommandFailed(Exit.INTERRUPTED, _tell_stop(count, sending, order)) from None
    return kept


def _tell_stop(count: int, sending: list[Line], order: Order) -> str:
    told = f"stopped after {counted(count, 'acknowledged job')}"
    if not sending:
        return told
    told += f"; of lines {sending[0].number} to {sending[-1].number} it is not known"
    if order.options.get("key") is None:
        return told
    return f"{told}; as it has a --key, the same command is safe to repeat"


def _submit_batch(
    client: Client, batch: list[Line], order: Order
) -> tuple[list[Submission], list[tuple[int, Refused]]]:
    key = order.options.get("key")
    submissions, refusals = [], []
    asked = []
    # Leaving the block raises the first error; each line's own is asked for below.
    with suppress(PenstockError), client.pipeline() as pipeline:
        for line in batch:
            options: Given = {**order.options}
            if key is not None:
                options["key"] = f"{key}:{line.number}"
            asked.append(pipeline.options(**options).submit_raw(order.task, line.payload))
    for line, answer in zip(batch, asked, strict=True):
        try:
            submissions.append(Submission(line.number, answer.value.id))
        except Refused as refusal:
            refusals.append((line.number, refusal))
    return submissions, refusals


def _tell_refusals(refusals: list[tuple[int, Refused]], last: int, count: int) -> str:
    number, refusal = refusals[0]
    others = f" (and {len(refusals) - 1} more lines were)" if len(refusals) > 1 else ""
    return (
        f"line {number} was refused{others}: {refusal}; {count} jobs were submitted, and nothing"
        f" beyond line {last}"
    )


def _id_line(submission: Submission, order: Order) -> str:
    if not order.as_json:
        return str(submission.id)
    return json.dumps({"line": submission.line, "id": submission.id})


# --- waiting -------------------------------------------------------------------------------------


def _write_results(client: Client, submissions: list[Submission], order: Order) -> None:
    assert order.wait_ms is not None
    deadline = time.monotonic() + order.wait_ms / 1000
    failed = unfinished = 0
    for first in range(0, len(submissions), BATCH_LINES_MAX):
        batch = submissions[first : first + BATCH_LINES_MAX]
        left_ms = max(0, round((deadline - time.monotonic()) * 1000))
        with suppress(PenstockError), client.pipeline() as pipeline:
            asked = [pipeline.wait_raw(each.id, wait_ms=left_ms) for each in batch]
        for submission, answer in zip(batch, asked, strict=True):
            try:
                _write_result(submission, answer.value, order)
            except (JobFailed, JobCancelled, JobExpired) as error:
                failed += 1
                _write_failure(submission, error, order)
            except WaitTimeout as error:
                unfinished += 1
                _write_failure(submission, error, order)
    if failed:
        raise CommandFailed(Exit.JOB_FAILED, f"{failed} of {len(submissions)} jobs failed")
    if unfinished:
        told = f"{unfinished} of {len(submissions)} jobs did not finish in time and go on"
        raise CommandFailed(Exit.TIMEOUT, told)


def _write_result(submission: Submission, result: bytes, order: Order) -> None:
    if order.as_json:
        _write_document(submission, plain_bytes("result", result))
    else:
        write(result_line(result))


def _write_failure(submission: Submission, error: Exception, order: Order) -> None:
    if order.as_json:
        _write_document(submission, {"error": str(error)})
    else:
        note(f"line {submission.line}: {error}")


def _write_document(submission: Submission, rest: dict[str, Any]) -> None:
    document = {"line": submission.line, "id": submission.id, **rest}
    write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
