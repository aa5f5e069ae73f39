"""A small server with one kind of stream, which keeps what it promises or breaks it on purpose."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TypeAlias, cast

import uvloop

from penstock.protocol.replies import OK, ErrorReply, Value, encode
from penstock.protocol.requests import RequestParser

Entry: TypeAlias = tuple[int, list[bytes]]


class StreamFault(Enum):
    """What can be broken."""

    NONE = "nothing"
    SKIP = "skips an event for one reader"
    REPEAT = "gives one reader an event again"
    FORGET = "never wakes one reader again"
    LOSE = "loses an event that it acknowledged"
    REFUSE = "refuses an event"
    CLOSE = "closes the connection of one reader"


class StreamPeer:
    """What all connections share. The *victim* is the first reader that came."""

    def __init__(self, fault: StreamFault) -> None:
        self.fault = fault
        self.entries: list[Entry] = []
        self.waiting: dict[_Session, int] = {}
        self.victim: _Session | None = None

    def append(self, fields: list[bytes]) -> bytes:
        position = len(self.entries) + 1
        if self.fault is StreamFault.REFUSE and position == 5:
            return encode(ErrorReply("DISKFULL", "nothing was stored"), resp3=False)
        self.entries.append((position, fields))
        for session, after in list(self.waiting.items()):
            del self.waiting[session]
            session.give(after)
        return encode(b"%d-0" % position, resp3=False)

    def read(self, after: int) -> list[Entry]:
        return [entry for entry in self.entries if entry[0] > after]

    def held(self) -> list[Entry]:
        """What is told at the end."""
        if self.fault is StreamFault.LOSE:
            return [entry for entry in self.entries if entry[0] != 3]
        return self.entries


class _Session(asyncio.Protocol):
    def __init__(self, peer: StreamPeer) -> None:
        self.peer = peer
        self.parser = RequestParser()
        self.parser.authenticated = True
        self.wronged = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour, not by inheritance.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.peer.waiting.pop(self, None)

    def data_received(self, data: bytes) -> None:
        self.parser.feed(data)
        while (arguments := self.parser.next()) is not None:
            self.answer(arguments)

    def answer(self, arguments: list[bytes]) -> None:
        peer = self.peer
        match arguments:
            case [b"HELLO", *_]:
                self.transport.write(encode({"proto": 3}, resp3=True))
            case [b"XADD", _, b"*", *fields]:
                self.transport.write(peer.append(fields))
            case [b"XREAD", *_, after]:
                self.block(len(peer.entries) if after == b"$" else int(after.partition(b"-")[0]))
            case [b"XRANGE", *_]:
                self.transport.write(encode([_entry(each) for each in peer.held()], resp3=True))
            case [b"XLEN", _]:
                self.transport.write(encode(len(peer.held()), resp3=True))
            case _:
                self.transport.write(OK)

    def block(self, after: int) -> None:
        if self.peer.victim is None:
            self.peer.victim = self
        if self.peer.read(after):
            self.give(after)
        else:
            self.peer.waiting[self] = after

    def give(self, after: int) -> None:
        peer, entries = self.peer, self.peer.read(after)
        if self is peer.victim and not self.wronged and entries[-1][0] == 5:
            self.wronged = True
            match peer.fault:
                case StreamFault.CLOSE:
                    self.transport.close()
                    return
                case StreamFault.FORGET:
                    return
                case StreamFault.SKIP:
                    peer.waiting[self] = 5
                    return
                case StreamFault.REPEAT:
                    entries = [*entries, peer.entries[3]]
        self.transport.write(encode([[b"ticks", [*map(_entry, entries)]]], resp3=False))


def _entry(entry: Entry) -> Value:
    position, fields = entry
    return [b"%d-0" % position, [*fields]]


@contextmanager
def serving_stream(fault: StreamFault) -> Iterator[str]:
    """Serve in a thread, on a free port of the loopback; yields the address."""
    started = threading.Event()
    found: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        peer = StreamPeer(fault)
        server = await loop.create_server(lambda: _Session(peer), "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        found.append((f"{host}:{port}", loop, stopped))
        started.set()
        await stopped.wait()
        server.close()

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    started.wait()
    ((address, loop, stopped),) = found
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
