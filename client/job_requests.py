"""The requests of those who look after jobs: list, cancel, redrive, discard."""

from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Final

from penstock.client import info
from penstock.client.errors import ProtocolError
from penstock.client.filters import DeadFilter, dead_words
from penstock.client.requests import (
    Lost,
    Request,
    escaped,
    question,
    read_answer,
    read_id,
    unexpected,
)
from penstock.config import limits
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply


class Cancellation(Enum):
    """What became of cancelling a job."""

    CANCELLED = "cancelled"  # It will not run, or not again.
    TOLD = "told"  # It runs; its worker was told to stop.


def page(words: Sequence[str | int], count: int, cursor: int) -> Request[info.JobPage]:
    """Make JOB.LIST for one page."""
    paging = ("COUNT", count, *(("CURSOR", cursor) if cursor else ()))
    return question((b"JOB.LIST", *words, *paging), info.read_page)


def cancel(job_id: int, reason: str | None) -> Request[Cancellation]:
    """Make JOB.CANCEL."""
    why: tuple[bytes, ...] = (b"REASON", escaped(reason)) if reason else ()
    command = encode_command((b"JOB.CANCEL", job_id, *why))
    return Request(command, _read_cancellation, Lost.SEND_AGAIN)


def redrive(job_id: int) -> Request[None]:
    """Make JOB.REDRIVE for one job."""
    return Request(encode_command((b"JOB.REDRIVE", job_id)), _read_counted, Lost.UNKNOWN)


def redrive_dead(
    queue: str, given: DeadFilter, rate: int | None, limit: int | None
) -> Request[int]:
    """Make JOB.REDRIVE for the dead jobs of a queue."""
    words = dead_words(given)
    if rate is not None:
        words += ("RATE", rate)
    if limit is not None:
        words += ("LIMIT", limit)
    return counting((b"JOB.REDRIVE", b"QUEUE", queue, *words))


def discard(job_id: int) -> Request[None]:
    """Make JOB.DISCARD for one job."""
    return Request(encode_command((b"JOB.DISCARD", job_id)), _read_counted, Lost.UNKNOWN)


def discard_dead(queue: str, given: DeadFilter) -> Request[int]:
    """Make JOB.DISCARD for the dead jobs of a queue."""
    return counting((b"JOB.DISCARD", b"QUEUE", queue, *dead_words(given)))


def counting(arguments: Sequence[bytes | str | int]) -> Request[int]:
    """Make a request that goes through many jobs, and is answered with how many there were.

    That may take its time; and after a lost reply the number is not to be had any more.
    """
    read = partial(read_answer, read_id)
    silent_ms: Final = limits.CALL_WAIT_MS_DEFAULT
    return Request(encode_command(arguments), read, Lost.UNKNOWN, silent_ms=silent_ms)


def _read_cancellation(reply: Reply) -> Cancellation:
    if isinstance(reply, str):
        try:
            return Cancellation(reply.lower())
        except ValueError as error:
            raise ProtocolError(f"the server's reply to JOB.CANCEL is {reply!r:.100}") from error
    raise unexpected(reply, "CANCELLED or TOLD")


def _read_counted(reply: Reply) -> None:
    if isinstance(reply, ErrorReply) or type(reply) is not int:
        raise unexpected(reply, "a number")
