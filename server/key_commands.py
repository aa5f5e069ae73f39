"""Redis' commands about keys, as far as clients of streams need them: all keys are streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.jobs.events.errors import StreamHasTriggers
from penstock.jobs.events.model import StreamName
from penstock.jobs.events.patterns import Pattern
from penstock.jobs.events.turn import Turn
from penstock.protocol.key_arguments import parse_key, parse_keys, parse_pattern, parse_scan
from penstock.protocol.replies import integer
from penstock.protocol.stream_replies import key_type, keys, scanned
from penstock.server.event_requests import Reply, ask, replying
from penstock.server.session import Handler, Session

_STREAM: Final = "stream"


def type_(session: Session, arguments: list[bytes]) -> None:
    stream = StreamName(parse_key(arguments))
    ask(session, (stream,), lambda turn: replying(key_type(turn.exists(stream))))


def exists(session: Session, arguments: list[bytes]) -> None:
    streams = tuple(map(StreamName, parse_keys(arguments)))
    ask(session, streams, lambda turn: replying(integer(sum(map(turn.exists, streams)))))


def delete(session: Session, arguments: list[bytes]) -> None:
    streams = tuple(map(StreamName, parse_keys(arguments)))
    triggers = session.engine.events.triggers

    def decide(turn: Turn) -> Reply:
        for stream in streams:
            if watches := triggers.of_stream(stream):
                raise StreamHasTriggers(stream, [watch.trigger.name for watch in watches])
        return replying(integer(sum(map(turn.drop, streams))))

    ask(session, streams, decide)


def keys_(session: Session, arguments: list[bytes]) -> None:
    pattern = Pattern(parse_pattern(arguments))

    def decide(turn: Turn) -> Reply:
        return replying(keys([name for name in turn.names() if pattern.matches(name.encode())]))

    ask(session, (), decide)


def scan(session: Session, arguments: list[bytes]) -> None:
    """Go on after a stream by its number: what is there all the time is found exactly once."""
    parsed = parse_scan(arguments)
    pattern = None if parsed.pattern is None else Pattern(parsed.pattern)

    def decide(turn: Turn) -> Reply:
        by_number = turn.streams.by_number
        later = sorted(number for number in by_number if number > parsed.cursor)
        page = later[: parsed.keys_max]
        names = [by_number[number].name for number in page if parsed.type in (None, _STREAM)]
        found = [name for name in names if pattern is None or pattern.matches(name.encode())]
        return replying(scanned(page[-1] if len(later) > len(page) else 0, found))

    ask(session, (), decide)


def db_size(session: Session, arguments: list[bytes]) -> None:
    ask(session, (), lambda turn: replying(integer(len(turn.names()))))


KEY_HANDLERS: Final[Mapping[str, Handler]] = {
    "TYPE": type_,
    "EXISTS": exists,
    "DEL": delete,
    "UNLINK": delete,
    "KEYS": keys_,
    "SCAN": scan,
    "DBSIZE": db_size,
}
