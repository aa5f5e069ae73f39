"""How a worker process comes by its connection: inherited, or made and made again."""

import asyncio
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from penstock.config.address import Address
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply
from penstock.worker.address import parse_server
from penstock.worker.descriptors import lift
from penstock.worker.exits import Exit
from penstock.worker.forks import ForkGuard
from penstock.worker.link import Link
from penstock.worker.runtime import Runtime, Say

_RETRY_BASE_SECONDS: Final = 0.1
_RETRY_CAP_SECONDS: Final = 10.0
_HANDSHAKE_SECONDS: Final = 10.0
# A task that was interrupted may clean up for this long before its process ends.
LOST_GRACE_SECONDS: Final = 1.0
# A host that vanished is noticed after about this long, with or without unacknowledged data.
_DEAD_PEER_SECONDS: Final = 20


class Refused(Exception):
    """The server answered the handshake with an error."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """Whom to call, and how to introduce oneself."""

    address: str
    name: str
    password: str | None


async def work_inherited(runtime: Runtime, sock: socket.socket, guard: ForkGuard) -> Exit:
    """Work over a connected socket until it closes or the work is drained."""

    async def open_link(on_lost: Callable[[str], None]) -> Link:
        return await _link_over(sock, guard, on_lost)

    reason = await runtime.session(open_link)
    if reason is None or not runtime.busy:
        return Exit.DRAINED
    ended = await runtime.abandon(reason, LOST_GRACE_SECONDS)
    return Exit.DRAINED if ended else Exit.LOST


async def work_connected(runtime: Runtime, dialling: Dialling, guard: ForkGuard, say: Say) -> Exit:
    """Connect and work; connect again, with growing and jittered pauses, until drained."""
    tries = 0
    while not runtime.drain_asked.is_set():
        try:
            reason = await runtime.session(partial(_open, dialling, guard))
        except Refused as refusal:
            say(f"{dialling.address} refused this worker: {refusal}")
            return Exit.REFUSED
        except OSError as error:
            if tries <= 1:
                say(f"cannot reach {dialling.address}: {error}; trying on")
            tries += 1
        else:
            if reason is None:
                return Exit.DRAINED
            say(f"lost {dialling.address}: {reason}")
            tries = 1
            if runtime.busy and not await runtime.abandon(reason, LOST_GRACE_SECONDS):
                return Exit.LOST
        await _pause(runtime, tries)
    return Exit.DRAINED


async def _pause(runtime: Runtime, tries: int) -> None:
    ceiling = min(_RETRY_CAP_SECONDS, _RETRY_BASE_SECONDS * 2 ** min(tries, 10))
    try:
        async with asyncio.timeout(random.uniform(ceiling / 2, ceiling)):
            await runtime.drain_asked.wait()
    except TimeoutError:
        return


async def _open(dialling: Dialling, guard: ForkGuard, on_lost: Callable[[str], None]) -> Link:
    """Connect and introduce this worker.

    Raises:
        OSError: the server cannot be reached or does not answer.
        Refused: it does not want this worker.
    """
    answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def lost(reason: str) -> None:
        if answered.done():
            on_lost(reason)
        else:
            answered.set_exception(ConnectionError(reason))

    async with asyncio.timeout(_HANDSHAKE_SECONDS):
        link = await _link_over(await _connect(parse_server(dialling.address)), guard, lost)
        try:
            link.send(_hello(dialling), answered.set_result)
            link.flush()
            reply = await answered
        except BaseException:
            link.close()
            raise
    if isinstance(reply, ErrorReply):
        link.close()
        raise Refused(f"{reply.code} {reply.text}")
    return link


def _hello(dialling: Dialling) -> bytes:
    words: list[bytes | str | int] = ["HELLO", 2]
    if dialling.password is not None:
        words += ["AUTH", "default", dialling.password]
    return encode_command([*words, "SETNAME", dialling.name])


async def _connect(address: Address | Path) -> socket.socket:
    """Connect to the first of the address's endpoints that answers."""
    loop = asyncio.get_running_loop()
    if isinstance(address, Path):
        return await _connect_endpoint(socket.AF_UNIX, str(address))
    failure: OSError | None = None
    for family, _, _, _, endpoint in await loop.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        try:
            return _kept_alive(await _connect_endpoint(family, endpoint))
        except OSError as error:
            failure = error
    raise failure or OSError(f"{address.host} has no address")


async def _connect_endpoint(family: int, endpoint: tuple[object, ...] | str) -> socket.socket:
    sock = socket.socket(fileno=lift(socket.socket(family, socket.SOCK_STREAM).detach()))
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, endpoint)
    except BaseException:
        sock.close()
        raise
    return sock


def _kept_alive(sock: socket.socket) -> socket.socket:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _DEAD_PEER_SECONDS // 2)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _DEAD_PEER_SECONDS // 4)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    # Keepalive does not fire while data waits for its acknowledgement; this does.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_PEER_SECONDS * 1000)
    return sock


async def _link_over(sock: socket.socket, guard: ForkGuard, on_lost: Callable[[str], None]) -> Link:
    guard.protect(sock.fileno())
    _, link = await asyncio.get_running_loop().create_connection(lambda: Link(on_lost), sock=sock)
    return link
