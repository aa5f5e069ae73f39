"""What an outbox holds, as values: submissions to be written, and what became of them."""

from collections.abc import Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

from penstock.protocol.encoding import encode_command
from penstock.protocol.grammar import Kind
from penstock.protocol.options import SUBMIT_OPTIONS
from penstock.protocol.requests import RequestParser

_OPTIONS_AT: Final = 3  # JOB.SUBMIT task payload [options]
_ALONE: Final = frozenset(o.keyword.encode() for o in SUBMIT_OPTIONS if o.kind is Kind.FLAG)
# Options whose milliseconds count from now, and the least that is left of each. The time that an
# entry waited in the outbox has gone by: only the rest is asked of the server.
_COUNTED_FROM_NOW: Final = {b"DELAY": 0, b"DEADLINE": 1}
_QUEUE_DEFAULT: Final = "default"


class EntryState(Enum):
    """How far an entry has got. The numbers are in the file."""

    PENDING = 0  # It is to be sent, or its answer is not known yet.
    ACKNOWLEDGED = 1  # The server has it on disk; it is a job.
    REFUSED = 2  # The server declined it for good. It stays until it is forgotten.


class Entry(Struct, frozen=True):
    """One submission of an outbox. Times are unix milliseconds, `size` is in bytes.

    `job_id` is there once it is acknowledged, `code` and `text` are there once it is refused.
    """

    id: int
    state: EntryState
    key: str
    task: str
    queue: str
    size: int
    submitted_at: int
    settled_at: int | None = None
    job_id: int | None = None
    code: str | None = None
    text: str | None = None


class OutboxStatus(Struct, frozen=True):
    """How an outbox stands, for people and for alarms.

    `beyond` is how many pending and refused entries there are above the high-water mark.
    `problem` says why nothing is being sent just now, if so. `sends` says whether this process is
    the one that sends; of several that share the file one does.
    """

    pending: int
    pending_bytes: int
    refused: int
    refused_bytes: int
    acknowledged: int
    oldest_submitted_at: int | None
    oldest_age_ms: int | None
    beyond: int
    problem: str | None
    sends: bool


class NewEntry(Struct, frozen=True):
    """A submission on its way into the outbox: the command, and what the sender must know of it."""

    key: str
    task: str
    queue: str
    ordering: str | None
    ages: bool
    command: bytes


class Candidate(Struct, frozen=True):
    """A pending entry, as far as the choice of what to send next must know it."""

    id: int
    queue: str
    ordering: str | None
    key: str
    size: int


class Outgoing(Struct, frozen=True):
    """A pending entry with its command."""

    id: int
    queue: str
    key: str
    ages: bool
    command: bytes
    submitted_at: int

    def encoded(self, now_ms: int) -> bytes:
        """Return the bytes to send: of the times that count from the submission, what is left."""
        if not self.ages:
            return self.command
        return _aged(read_command(self.command), max(0, now_ms - self.submitted_at))


def read_entry(command: bytes, key: str | None) -> NewEntry:
    """Make an entry of an encoded JOB.SUBMIT.

    Raises:
        ValueError: it carries no key, without which it could become two jobs.
    """
    if key is None:
        raise ValueError(
            "an outbox sends again what has no answer, so each submission needs a key; leave out "
            "key=None, or use a client without an outbox"
        )
    arguments = read_command(command)
    options = dict(_options(arguments))
    queue = options.get(b"QUEUE")
    group = options.get(b"GROUP")
    return NewEntry(
        key=key,
        task=arguments[1].decode(errors="replace"),
        queue=_QUEUE_DEFAULT if queue is None else arguments[queue].decode(errors="replace"),
        ordering=None if group is None else arguments[group].decode(errors="replace"),
        ages=not options.keys().isdisjoint(_COUNTED_FROM_NOW),
        command=command,
    )


def read_command(command: bytes) -> list[bytes]:
    """Return the arguments of an encoded request."""
    parser = RequestParser()
    parser.authenticated = True
    parser.feed(command)
    arguments = parser.next()
    assert arguments is not None
    return arguments


def _options(arguments: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Return each option's keyword and the place of its value."""
    found: list[tuple[bytes, int]] = []
    at = _OPTIONS_AT
    while at < len(arguments):
        keyword = arguments[at].upper()
        if keyword in _ALONE:
            at += 1
            continue
        if at + 1 < len(arguments):
            found.append((keyword, at + 1))
        at += 2
    return found


def _aged(arguments: list[bytes], age_ms: int) -> bytes:
    for keyword, at in _options(arguments):
        least = _COUNTED_FROM_NOW.get(keyword)
        if least is not None and arguments[at].isdigit():
            arguments[at] = b"%d" % max(least, int(arguments[at]) - age_ms)
    return encode_command(arguments)
