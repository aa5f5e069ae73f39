"""The arguments of the commands about many jobs: JOB.LIST, JOB.REDRIVE, JOB.DISCARD.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.option_reader import OptionReader
from penstock.protocol.options import (
    DISCARD_OPTIONS,
    LIST_OPTIONS,
    OWN_CONNECTION,
    REDRIVE_OPTIONS,
)
from penstock.protocol.states import STATE_FILTERS
from penstock.protocol.values import read_job_id, refused

_LIST: Final = OptionReader("JOB.LIST", LIST_OPTIONS)
_REDRIVE: Final = OptionReader("JOB.REDRIVE", REDRIVE_OPTIONS)
_DISCARD: Final = OptionReader("JOB.DISCARD", DISCARD_OPTIONS)


class ListArguments(Struct, frozen=True):
    """JOB.LIST's. None is for any.

    `connection` is the name of one, or `OWN_CONNECTION` for the one that asks. The instants are
    milliseconds since 1970; the second is the first that does not belong to the span.
    """

    queue: str | None = None
    states: frozenset[str] | None = None
    task: str | None = None
    tenant: str | None = None
    group: str | None = None
    key: str | None = None
    submitted_from: int | None = None
    submitted_until: int | None = None
    error: str | None = None
    connection: str | None = None
    jobs_max: int = limits.LIST_JOBS_DEFAULT
    cursor: int = 0


class SelectionArguments(Struct, frozen=True, gc=False):
    """JOB.REDRIVE's and JOB.DISCARD's: one job, or the dead jobs of a queue that a filter finds.

    Either `job_id` or `queue` is there. `per_second` and `jobs_max` are JOB.REDRIVE's.
    """

    job_id: int | None = None
    queue: str | None = None
    task: str | None = None
    error: str | None = None
    submitted_from: int | None = None
    submitted_until: int | None = None
    per_second: int | None = None
    jobs_max: int | None = None


def parse_list(arguments: Sequence[bytes]) -> ListArguments:
    """Read `JOB.LIST [filters] [COUNT n] [CURSOR c]`."""
    numbers, texts, _ = _LIST.read(arguments, 1)
    since, until = _span(numbers)
    state = texts.get("STATE")
    connection = texts.get("CONNECTION")
    return ListArguments(
        queue=texts.get("QUEUE"),
        states=None if state is None else STATE_FILTERS[state],
        task=texts.get("TASK"),
        tenant=texts.get("TENANT"),
        group=texts.get("GROUP"),
        key=texts.get("KEY"),
        submitted_from=since,
        submitted_until=until,
        error=texts.get("ERROR"),
        connection=_own_or_other(connection),
        jobs_max=numbers.get("COUNT", limits.LIST_JOBS_DEFAULT),
        cursor=numbers.get("CURSOR", 0),
    )


def parse_redrive(arguments: Sequence[bytes]) -> SelectionArguments:
    """Read `JOB.REDRIVE id` or `JOB.REDRIVE QUEUE name [filters] [RATE per-second] [LIMIT n]`."""
    return _selection(arguments, "JOB.REDRIVE", _REDRIVE)


def parse_discard(arguments: Sequence[bytes]) -> SelectionArguments:
    """Read `JOB.DISCARD id` or `JOB.DISCARD QUEUE name [filters]`."""
    return _selection(arguments, "JOB.DISCARD", _DISCARD)


def _selection(
    arguments: Sequence[bytes], command: str, reader: OptionReader
) -> SelectionArguments:
    if not reader.is_keyword(arguments[1]):
        job_id = read_job_id(arguments[1])
        if len(arguments) > 2:
            raise refused(f"{command} takes an id alone, or QUEUE and filters without an id")
        return SelectionArguments(job_id)
    numbers, texts, _ = reader.read(arguments, 1)
    if "QUEUE" not in texts:
        raise refused(f"{command} needs QUEUE, whose dead jobs are meant, or the id of one job")
    since, until = _span(numbers)
    return SelectionArguments(
        queue=texts["QUEUE"],
        task=texts.get("TASK"),
        error=texts.get("ERROR"),
        submitted_from=since,
        submitted_until=until,
        per_second=numbers.get("RATE"),
        jobs_max=numbers.get("LIMIT"),
    )


def _span(numbers: Mapping[str, int]) -> tuple[int | None, int | None]:
    since, until = numbers.get("SINCE"), numbers.get("UNTIL")
    if since is not None and until is not None and until <= since:
        raise refused(f"UNTIL {until} must be later than SINCE {since}")
    return since, until


def _own_or_other(name: str | None) -> str | None:
    return OWN_CONNECTION if name is not None and name.lower() == OWN_CONNECTION else name
