"""The requests of those who publish events and of those who read them."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec

from penstock.client.event import Event
from penstock.client.info import refuse
from penstock.client.requests import (
    Lost,
    Request,
    check_size,
    question,
    read_answer,
    read_id,
    report,
)
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

_ENCODER: Final = msgspec.json.Encoder()


class Undelivered(NamedTuple):
    """An event that a group gave somebody and that was not acknowledged."""

    id: str
    deliveries: int


class TakenOver(NamedTuple):
    """What was found of what others left; `cursor` is where to look on, or FIRST at the end."""

    cursor: str
    events: list[Event]


# --- publishing ----------------------------------------------------------------------------------


def field_words(
    fields: Mapping[str, object] | None, named: Mapping[str, object]
) -> list[bytes | str | int]:
    """Make names and values of an event: text and bytes as they are, all else as JSON.

    Raises:
        TypeError: JSON cannot hold a value, or a name is given in both ways.
        ValueError: there is no field.
    """
    words: list[bytes | str | int] = []
    for given in (fields or {}, named):
        for name, value in given.items():
            if given is named and fields and name in fields:
                raise TypeError(f"the field {name!r} is given twice")
            raw = value if isinstance(value, str | bytes) else _ENCODER.encode(value)
            check_size(f"value of {name!r}", raw if isinstance(raw, bytes) else raw.encode())
            words += (name, raw)
    if not words:
        raise ValueError('an event has at least one field, such as type="order.paid"')
    return words


def publish(stream: str, key: str, words: Sequence[bytes | str | int]) -> Request[str]:
    """Make EVENT.PUBLISH, which makes one event of a key however often it is sent."""
    command = encode_command((b"EVENT.PUBLISH", stream, key, *words))
    return Request(command, partial(read_answer, read_event_id), Lost.SEND_AGAIN, key=key)


def append(stream: str, event_id: str, words: Sequence[bytes | str | int]) -> Request[str]:
    """Make XADD, which is not sent twice: it would make two events, or be refused."""
    command = encode_command((b"XADD", stream, event_id, *words))
    return Request(command, partial(read_answer, read_event_id), Lost.UNKNOWN)


def trim_to(stream: str, length_max: int) -> Request[int]:
    """Make the XTRIM that follows an event; sent twice it leaves the same."""
    command = encode_command((b"XTRIM", stream, b"MAXLEN", b"~", length_max))
    return Request(command, partial(read_answer, read_id), Lost.SEND_AGAIN)


# --- reading -------------------------------------------------------------------------------------


def last_id(stream: str) -> Request[str | None]:
    """Ask for the id of the last event that there is."""
    return question((b"XREVRANGE", stream, b"+", b"-", b"COUNT", 1), partial(_read_last, stream))


def read(stream: str, after: str, count: int, wait_ms: int) -> Request[list[Event]]:
    """Make XREAD; an empty list means that the wait ended."""
    command = (b"XREAD", b"COUNT", count, b"BLOCK", wait_ms, b"STREAMS", stream, after)
    return _waiting(command, stream, wait_ms, Lost.ASK_AGAIN)


def create_group(stream: str, group: str, start: str) -> Request[None]:
    """Make XGROUP CREATE; a group that is there stays as it is."""
    command = encode_command((b"XGROUP", b"CREATE", stream, group, start, b"MKSTREAM"))
    return Request(command, _read_created, Lost.SEND_AGAIN)


def read_new(
    stream: str, group: str, consumer: str, count: int, wait_ms: int
) -> Request[list[Event]]:
    """Make XREADGROUP for events that no consumer was given yet.

    It is not sent twice: events whose reply was lost are pending, and read from there.
    """
    head = (b"XREADGROUP", b"GROUP", group, consumer, b"COUNT", count, b"BLOCK", wait_ms)
    return _waiting((*head, b"STREAMS", stream, b">"), stream, wait_ms, Lost.UNKNOWN)


def read_own(
    stream: str, group: str, consumer: str, count: int, after: str
) -> Request[list[Event]]:
    """Make XREADGROUP for what the consumer was given and has not acknowledged.

    An event that was deleted meanwhile comes without fields.
    """
    head = (b"XREADGROUP", b"GROUP", group, consumer, b"COUNT", count)
    return question((*head, b"STREAMS", stream, after), partial(_read_of, stream))


def read_undelivered(
    stream: str, group: str, consumer: str, first: str, last: str, count: int
) -> Request[list[Undelivered]]:
    """Make XPENDING for one consumer."""
    words = (b"XPENDING", stream, group, first, last, count, consumer)
    return question(words, _read_undelivered)


def take_over(
    stream: str, group: str, consumer: str, idle_ms: int, start: str, count: int
) -> Request[TakenOver]:
    """Make XAUTOCLAIM; like XREADGROUP it is not sent twice."""
    words = (b"XAUTOCLAIM", stream, group, consumer, idle_ms, start, b"COUNT", count)
    read = partial(read_answer, partial(_read_taken, stream))
    return Request(encode_command(words), read, Lost.UNKNOWN)


def hold(
    stream: str, group: str, consumer: str, ids: Sequence[str], idle_ms: int = 0
) -> Request[None]:
    """Make the XCLAIM that says of events how long they have been with their consumer."""
    words: list[bytes | str | int] = [b"XCLAIM", stream, group, consumer, 0, *ids]
    words += (b"IDLE", idle_ms, b"JUSTID")
    return Request(encode_command(words), partial(read_answer, _read_any), Lost.SEND_AGAIN)


def finished(stream: str, group: str, ids: Sequence[str]) -> Request[int]:
    """Make XACK."""
    command = encode_command((b"XACK", stream, group, *ids))
    return Request(command, partial(read_answer, read_id), Lost.SEND_AGAIN)


def drop_consumer(stream: str, group: str, consumer: str) -> Request[int]:
    """Make XGROUP DELCONSUMER, which forgets what was pending for it as well."""
    command = encode_command((b"XGROUP", b"DELCONSUMER", stream, group, consumer))
    return Request(command, partial(read_answer, read_id), Lost.SEND_AGAIN)


def handled(stream: str, group: str, key: str) -> Request[bool]:
    """Make EVENT.HANDLED."""
    return question((b"EVENT.HANDLED", stream, group, key), _read_yes)


def confirm(
    stream: str, group: str, key: str, keep_ms: int | None, event_id: str | None
) -> Request[None]:
    """Make EVENT.CONFIRM."""
    words: list[bytes | str | int] = [b"EVENT.CONFIRM", stream, group, key]
    if keep_ms is not None:
        words += (b"KEEP", keep_ms)
    if event_id is not None:
        words += (b"ACK", event_id)
    return report(words)


def _waiting(
    words: Sequence[bytes | str | int], stream: str, wait_ms: int, lost: Lost
) -> Request[list[Event]]:
    read = partial(read_answer, partial(_read_of, stream))
    return Request(encode_command(words), read, lost, silent_ms=wait_ms)


# --- replies -------------------------------------------------------------------------------------


def read_event_id(reply: Reply) -> str:
    """Read the id of an event."""
    if type(reply) is bytes:
        return reply.decode(errors="replace")
    refuse("the id of an event", reply)


def read_events(stream: str, reply: Reply) -> list[Event]:
    """Read events of a stream; one that was deleted has no fields."""
    if not isinstance(reply, list):
        refuse("events", reply)
    return [_read_event(stream, entry) for entry in reply]


def _read_event(stream: str, entry: Reply) -> Event:
    match entry:
        case [bytes(event_id), None]:
            return Event(stream, event_id.decode(errors="replace"), ())
        case [bytes(event_id), list(fields)]:
            texts = [each for each in fields if isinstance(each, bytes)]
            if len(texts) == len(fields):
                pairs = tuple(zip(texts[::2], texts[1::2], strict=False))
                return Event(stream, event_id.decode(errors="replace"), pairs)
    refuse("an event", entry)


def _read_of(stream: str, reply: Reply) -> list[Event]:
    """Read the events of the one stream that was asked for; nothing if the wait ended."""
    if reply is None:
        return []
    if isinstance(reply, dict):
        return read_events(stream, reply.get(stream.encode(), []))
    refuse("events by stream", reply)


def _read_last(stream: str, reply: Reply) -> str | None:
    events = read_events(stream, reply)
    return events[0].id if events else None


def _read_created(reply: Reply) -> None:
    if isinstance(reply, ErrorReply) and reply.code == "BUSYGROUP":
        return
    read_answer(_read_any, reply)


def _read_undelivered(reply: Reply) -> list[Undelivered]:
    if not isinstance(reply, list):
        refuse("pending events", reply)
    found: list[Undelivered] = []
    for entry in reply:
        match entry:
            case [bytes(event_id), bytes(), int(), int(deliveries)]:
                found.append(Undelivered(event_id.decode(errors="replace"), deliveries))
            case _:
                refuse("a pending event", entry)
    return found


def _read_taken(stream: str, reply: Reply) -> TakenOver:
    match reply:
        case [bytes(cursor), list(entries), *_]:
            return TakenOver(cursor.decode(errors="replace"), read_events(stream, entries))
    refuse("a cursor and events", reply)


def _read_yes(reply: Reply) -> bool:
    return read_id(reply) != 0


def _read_any(reply: Reply) -> None:
    """Take any answer that is no error."""
