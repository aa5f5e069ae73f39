"""What tests of the event log ask over a connection again and again."""

from functools import partial
from typing import Final

from penstock.protocol.reader import Reply
from tests.integration.server_process import until
from tests.integration.wire import OK, Wire, fields, info

GROUP: Final = ("XREADGROUP", "GROUP", "g")
NOTHING_PENDING: Final[list[Reply]] = [0, None, None, None]


def ids(reply: Reply) -> list[bytes]:
    """Return the ids of a range of events."""
    assert isinstance(reply, list), reply
    found = [event[0] for event in reply if isinstance(event, list)]
    return [event for event in found if isinstance(event, bytes)]


def read_ids(reply: Reply) -> list[bytes]:
    """Return the ids of what was read of the only stream."""
    assert isinstance(reply, list), reply
    (reading,) = reply
    assert isinstance(reading, list), reply
    return ids(reading[1])


def told(reply: Reply) -> list[dict[str, str]]:
    """Return the fields of a range of events, as text."""
    assert isinstance(reply, list), reply
    events = [fields(event[1]) for event in reply if isinstance(event, list)]
    return [{name: _text(value) for name, value in event.items()} for event in events]


def _text(reply: Reply) -> str:
    assert isinstance(reply, bytes), reply
    return reply.decode()


def group_of(wire: Wire, stream: str, group: str) -> dict[str, Reply]:
    """Return what XINFO GROUPS says of one group."""
    reply = wire.ask("XINFO", "GROUPS", stream)
    assert isinstance(reply, list), reply
    (found,) = (one for one in map(fields, reply) if one["name"] == group.encode())
    return found


def blocked(wire: Wire) -> int:
    """Return how many requests wait for something."""
    return int(info(wire)["blocked_clients"])


def until_blocked(wire: Wire, count: int) -> None:
    until(lambda: blocked(wire) == count, f"{count} requests wait")


def wipe(wire: Wire) -> None:
    """Remove all triggers, streams and queues."""
    for trigger in _names(wire.ask("TRIGGER.LIST")):
        assert wire.ask("TRIGGER.DEL", trigger) == 1
    streams = wire.ask("KEYS", "*")
    assert isinstance(streams, list), streams
    for stream in streams:
        assert isinstance(stream, bytes), stream
        assert wire.ask("DEL", stream) == 1
    for queue in _names(wire.ask("QUEUE.LIST")):
        # Its jobs may just be coming back from a worker that has gone.
        until(partial(_is_deleted, wire, queue), f"{queue!r} is deleted")


def _is_deleted(wire: Wire, queue: bytes) -> bool:
    return wire.ask("QUEUE.DELETE", queue, "FORCE") == OK


def _names(reply: Reply) -> list[bytes]:
    assert isinstance(reply, list), reply
    names = [fields(one)["name"] for one in reply]
    return [name for name in names if isinstance(name, bytes)]
