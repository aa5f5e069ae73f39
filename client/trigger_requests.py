"""The requests about triggers: what events set off."""

from collections.abc import Mapping

from penstock.client import event_info
from penstock.client.event_info import TriggerInfo
from penstock.client.job_requests import counting
from penstock.client.job_template import command_with, name_of
from penstock.client.options import Options
from penstock.client.position import NOW, Position, start_of
from penstock.client.requests import Lost, Request, question, read_done
from penstock.client.tasks import AnyTask


def set_trigger(
    name: str,
    stream: str,
    task: AnyTask,
    options: Options,
    *,
    match: Mapping[str, str] | None = None,
    position: Position = "cursor",
    payload: str | bytes | None = None,
) -> Request[None]:
    """Make TRIGGER.SET. What begins now is not sent twice: that would be another place.

    Raises:
        ValueError: an option is of one submission alone, or the position is none.
    """
    words: list[bytes | str | int] = [b"TRIGGER.SET", name, b"ON", stream]
    start = None if position == "cursor" else start_of(position)
    if start is not None:
        words += (b"FROM", start)
    if match:
        words.append(b"MATCH")
        for field, pattern in match.items():
            words += (field, pattern)
    words += (b"SUBMIT", name_of(task))
    if payload is not None:
        words.append(payload)
    lost = Lost.UNKNOWN if start == NOW else Lost.SEND_AGAIN
    return Request(command_with(words, task, options), read_done, lost)


def delete(name: str, *, keep: bool) -> Request[int]:
    """Make TRIGGER.DEL."""
    return counting((b"TRIGGER.DEL", name, *((b"KEEP",) if keep else ())))


def every() -> Request[list[TriggerInfo]]:
    """Make TRIGGER.LIST."""
    return question((b"TRIGGER.LIST",), event_info.read_triggers)


def show(name: str) -> Request[TriggerInfo]:
    """Make TRIGGER.SHOW."""
    return question((b"TRIGGER.SHOW", name), event_info.read_trigger)
