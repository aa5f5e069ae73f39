"""A process that reads events and is killed while it does.

python -m tests.integration.event_app read|group ADDRESS LOG NAME STREAM...

`read` follows the streams by XREAD from where its log ends, `group` is the consumer NAME (written
`group/consumer`) and acknowledges what it was given, what was pending for it first. Each writes
what it saw before it does anything else, a line for each event:

    anew|again|read STREAM ID ASKED_NS PRODUCER COUNT
    acknowledged STREAM ID KNOWN_NS
"""

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import INCOMPLETE, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply

Command: TypeAlias = Sequence[bytes | str | int]

COUNT = 20
WAIT_MS = 300
# What a consumer left for so long is taken by another; less than most of them are down.
ABANDONED_MS = 600
AGAIN_SECONDS = 0.02


class Log:
    """A file of lines that are whole, whatever is killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, lines: Sequence[str]) -> None:
        if lines:
            os.write(self._file, "".join(f"{line}\n" for line in lines).encode())


class Connection:
    """One connection; any failure is an OSError."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)
        self._reader = ReplyReader()
        self.ask(("HELLO", 3))

    def ask(self, *commands: Command) -> list[Reply]:
        self._socket.sendall(b"".join(map(encode_command, commands)))
        replies: list[Reply] = []
        while len(replies) < len(commands):
            reply = self._reader.next()
            if reply is INCOMPLETE:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionResetError("the server closed the connection")
                self._reader.feed(data)
            elif isinstance(reply, ErrorReply):
                # It was forgotten what was set up, or is not there yet: somebody sees to that.
                raise ConnectionAbortedError(f"{reply.code} {reply.text}")
            else:
                replies.append(reply)
        return replies

    def close(self) -> None:
        self._socket.close()


def readings(reply: Reply) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return, by stream, the id of each event and who counted it as what."""
    if reply is None:
        return {}
    assert isinstance(reply, dict), reply
    return {_text(stream): list(_events(events)) for stream, events in reply.items()}


def _events(events: Reply) -> Iterator[tuple[str, str]]:
    assert isinstance(events, list), events
    for event in events:
        assert isinstance(event, list), event
        name, fields = event
        assert isinstance(fields, list), event
        pairs = {_text(n): _text(v) for n, v in zip(fields[::2], fields[1::2], strict=True)}
        yield _text(name), f"{pairs['producer']} {pairs['count']}"


def _text(reply: Reply) -> str:
    assert isinstance(reply, bytes), reply
    return reply.decode()


def read(connection: Connection, log: Log, positions: dict[str, str]) -> None:
    """Follow the streams for ever."""
    while True:
        asked = time.monotonic_ns()
        words = ("XREAD", "COUNT", COUNT, "BLOCK", WAIT_MS, "STREAMS")
        (reply,) = connection.ask((*words, *positions, *positions.values()))
        lines = []
        for stream, events in readings(reply).items():
            lines += [f"read {stream} {event} {asked} {origin}" for event, origin in events]
            positions[stream] = events[-1][0]
        log.write(lines)


class Consumer:
    """One consumer of a group, on one connection."""

    def __init__(self, connection: Connection, log: Log, name: str, streams: list[str]) -> None:
        self._connection = connection
        self._log = log
        self._group, _, self._name = name.partition("/")
        self._streams = streams

    def follow(self) -> None:
        """Take up what is pending, then what is new and what others left, for ever."""
        pending = ["0"] * len(self._streams)
        while self._take("again", pending, 0):
            pass
        while True:
            self._take("anew", [">"] * len(self._streams), WAIT_MS)
            for stream in self._streams:
                self._take_over(stream)

    def _take(self, how: str, after: list[str], wait_ms: int) -> bool:
        asked = time.monotonic_ns()
        words = ("XREADGROUP", "GROUP", self._group, self._name, "COUNT", COUNT)
        wait = ("BLOCK", wait_ms) if wait_ms else ()
        (reply,) = self._connection.ask((*words, *wait, "STREAMS", *self._streams, *after))
        found = readings(reply)
        self._deal_with(how, asked, found)
        return any(found.values())

    def _take_over(self, stream: str) -> None:
        asked = time.monotonic_ns()
        whose = (stream, self._group, self._name)
        (reply,) = self._connection.ask(("XAUTOCLAIM", *whose, ABANDONED_MS, "0", "COUNT", COUNT))
        assert isinstance(reply, list), reply
        self._deal_with("again", asked, {stream: list(_events(reply[1]))})

    def _deal_with(
        self, how: str, asked: int, found: Mapping[str, Sequence[tuple[str, str]]]
    ) -> None:
        seen = [(stream, *event) for stream, events in found.items() for event in events]
        if not seen:
            return
        self._log.write([f"{how} {stream} {event} {asked} {by}" for stream, event, by in seen])
        acks = [("XACK", stream, self._group, event) for stream, event, _ in seen]
        self._connection.ask(*acks)
        known = time.monotonic_ns()
        self._log.write([f"acknowledged {stream} {event} {known}" for stream, event, _ in seen])


def positions_in(path: Path, streams: Sequence[str]) -> dict[str, str]:
    """Return how far a reader came: the last event of each stream in its log."""
    positions = dict.fromkeys(streams, "0")
    if path.exists():
        for line in path.read_text(encoding="ascii").splitlines():
            _, stream, event, *_ = line.split()
            positions[stream] = event
    return positions


def main(how: str, address: str, path: str, name: str, *streams: str) -> None:
    log = Log(Path(path))
    positions = positions_in(Path(path), streams)
    while True:
        try:
            with closing(Connection(address)) as connection:
                if how == "read":
                    read(connection, log, positions)
                else:
                    Consumer(connection, log, name, list(streams)).follow()
        except OSError:
            time.sleep(AGAIN_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
