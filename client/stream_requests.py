"""The requests of those who look after streams and groups."""

from collections.abc import Sequence
from functools import partial
from typing import Final, TypedDict

from penstock.client import event_info
from penstock.client.event import Event
from penstock.client.event_info import ConsumerInfo, GroupInfo, StreamInfo
from penstock.client.event_requests import read_events
from penstock.client.job_requests import counting
from penstock.client.position import NOW, Position, start_of
from penstock.client.requests import Lost, Request, question, read_done, report
from penstock.protocol.encoding import encode_command

_NONE: Final = "none"


class StreamSettings(TypedDict, total=False):
    """What a stream is trimmed to by the server, in the background; None is no bound."""

    length_max: int | None
    age_ms_max: int | None


_KEYWORDS: Final = {"length_max": b"MAXLEN", "age_ms_max": b"MAXAGE"}

assert set(StreamSettings.__annotations__) == set(_KEYWORDS)


def names(pattern: str) -> Request[list[str]]:
    """Make KEYS."""
    return question((b"KEYS", pattern), event_info.read_names)


def show(stream: str) -> Request[StreamInfo]:
    """Make STREAM.SHOW."""
    return question((b"STREAM.SHOW", stream), event_info.read_stream)


def groups(stream: str) -> Request[list[GroupInfo]]:
    """Make STREAM.SHOW for the groups."""
    return question((b"STREAM.SHOW", stream), event_info.read_groups)


def consumers(stream: str, group: str) -> Request[list[ConsumerInfo]]:
    """Make XINFO CONSUMERS."""
    return question((b"XINFO", b"CONSUMERS", stream, group), event_info.read_consumers)


def page(
    stream: str, first: str, last: str, count: int, *, backwards: bool
) -> Request[list[Event]]:
    """Make XRANGE, or XREVRANGE, for some events."""
    words = (b"XREVRANGE", stream, last, first) if backwards else (b"XRANGE", stream, first, last)
    return question((*words, b"COUNT", count), partial(read_events, stream))


def move_group(stream: str, group: str, position: Position) -> Request[None]:
    """Make XGROUP SETID. To "now" it is not sent twice: that would be another place."""
    start = start_of(position)
    command = encode_command((b"XGROUP", b"SETID", stream, group, start))
    return Request(command, read_done, Lost.UNKNOWN if start == NOW else Lost.SEND_AGAIN)


def delete_group(stream: str, group: str) -> Request[int]:
    """Make XGROUP DESTROY."""
    return counting((b"XGROUP", b"DESTROY", stream, group))


def allow_trim(stream: str, group: str, *, allowed: bool) -> Request[None]:
    """Make XGROUP TRIM."""
    return report((b"XGROUP", b"TRIM", stream, group, b"ALLOW" if allowed else b"KEEP"))


def trim(stream: str, length_max: int | None, before: Position | None) -> Request[int]:
    """Make XTRIM.

    Raises:
        ValueError: not exactly one of the bounds is given, or it is no place in a stream.
    """
    if (length_max is None) == (before is None):
        raise ValueError("trim to a length_max or before a place: give one of them")
    if length_max is not None:
        return counting((b"XTRIM", stream, b"MAXLEN", length_max))
    assert before is not None
    return counting((b"XTRIM", stream, b"MINID", _first_kept(before)))


def delete_events(stream: str, ids: Sequence[str]) -> Request[int]:
    """Make XDEL."""
    return counting((b"XDEL", stream, *ids))


def delete(stream: str) -> Request[int]:
    """Make DEL."""
    return counting((b"DEL", stream))


def set_stream(stream: str, settings: StreamSettings) -> Request[None]:
    """Make STREAM.SET.

    Raises:
        TypeError: there is no such setting. ValueError: there is nothing to set.
    """
    words: list[bytes | str | int] = []
    for name, value in settings.items():
        if name not in _KEYWORDS:
            known = ", ".join(_KEYWORDS)
            raise TypeError(f"there is no setting {name!r} of a stream; there are {known}")
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise TypeError(f"{name} is {value!r}, which is no whole number")
        words += (_KEYWORDS[name], _NONE if value is None else value)
    if not words:
        raise ValueError("nothing is to be set; name a setting, such as length_max=1000")
    return report((b"STREAM.SET", stream, *words))


def _first_kept(before: Position) -> str:
    """Return the id that is kept: an id itself, or the first one of a time."""
    if isinstance(before, str):
        start = start_of(before)
        if start == before:
            return start
        raise ValueError(f"{before!r} is no id and no time to trim before")
    ms, _, sequence = start_of(before).partition("-")
    return f"{int(ms) + 1}-0" if int(sequence) else f"{ms}-0"
