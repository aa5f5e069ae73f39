"""A small server that answers as Penstock does, or breaks one promise on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import cast

from penstock.protocol.replies import OK, ErrorReply, Value, encode
from penstock.protocol.requests import RequestParser


class Fault(Enum):
    """What can be broken."""

    NONE = "nothing"
    LOSE = "loses a job it acknowledged"
    DOUBLE = "answers two submissions with one id"
    SWAP = "swaps two results"
    MIX_UP = "answers with the id of another request"
    FORGET_KEYS = "makes a second job of a key"
    HANG = "never answers"
    GARBAGE = "sends what is no reply"
    CLOSE = "closes the connection"
    REFUSE = "refuses everything"


class Peer:
    """What all connections of the fake server share."""

    def __init__(self, fault: Fault = Fault.NONE, password: str | None = None) -> None:
        self.fault = fault
        self.password = password
        self.jobs: dict[int, dict[str, Value]] = {}
        self.keys: dict[bytes, int] = {}
        self.answered = 0

    def submit(self, arguments: list[bytes]) -> int:
        options = dict(zip(arguments[3::2], arguments[4::2], strict=True))
        key = options.get(b"KEY")
        if key in self.keys and self.fault is not Fault.FORGET_KEYS:
            return self.keys[key]
        job_id = len(self.jobs) + 1
        self.jobs[job_id] = {
            "id": job_id,
            "task": arguments[1],
            "payload": arguments[2],
            "queue": options.get(b"QUEUE", b"default"),
            "priority": int(options.get(b"PRIORITY", b"1000")),
            "key": key,
            "state": b"ready",
        }
        if key is not None:
            self.keys[key] = job_id
        return job_id


class _Session(asyncio.Protocol):
    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.parser = RequestParser()
        self.parser.authenticated = True
        self.held = b""
        self.asking = False  # It said HELLO: the check at the end, not the load.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour, not by inheritance.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed(data)
        while (arguments := self.parser.next()) is not None:
            self.transport.write(self.answer(arguments))

    def answer(self, arguments: list[bytes]) -> bytes:
        peer = self.peer
        match arguments[0]:
            case b"HELLO":
                self.asking = True
                return encode({"proto": 3}, resp3=True)
            case b"AUTH":
                if arguments[1].decode() == peer.password:
                    return OK
                return encode(ErrorReply("WRONGPASS", "no"), resp3=True)
            case b"JOB.SHOW":
                job_id = int(arguments[1])
                if peer.fault is Fault.LOSE and job_id == 7:
                    return encode(ErrorReply("NOJOB", "no job 7"), resp3=True)
                return encode(peer.jobs[job_id], resp3=True)
        peer.answered += 1
        match peer.fault:
            case Fault.REFUSE:
                return encode(ErrorReply("DISKFULL", "nothing was stored"), resp3=True)
            case Fault.CLOSE if peer.answered == 20:
                self.transport.close()
                return b""
            case Fault.GARBAGE if peer.answered == 20:
                return b"?what\r\n"
            case Fault.HANG if peer.answered >= 20 and not self.asking:
                return b""
        return self.carry_out(arguments)

    def carry_out(self, arguments: list[bytes]) -> bytes:
        peer = self.peer
        job_id = peer.submit(arguments)
        if arguments[0] == b"JOB.CALL":
            reply = encode(arguments[2], resp3=True)
            if peer.fault is Fault.SWAP and peer.answered in (10, 11):
                if peer.answered == 10:
                    self.held = reply
                    return b""
                return reply + self.held
            return reply
        if peer.fault is Fault.DOUBLE and job_id == 9:
            job_id = 8
        if peer.fault is Fault.MIX_UP and job_id in (8, 9):
            job_id = 17 - job_id
        return encode(job_id, resp3=True)


@asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[str]:
    """Serve on a free port of the loopback; yields the address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Session(peer), "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()
