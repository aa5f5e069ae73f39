"""How a worker process comes by its connection: inherited, or made and made again."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from penstock.client.backoff import Backoff
from penstock.client.endpoint import Endpoint, parse_endpoint, tune, why
from penstock.client.session import greeting
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply
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
        link = await _link_over(sock, guard, on_lost)
        # For the pushes that tell of cancelled jobs; nothing depends on the answer.
        link.send(greeting(None, None), lambda _: None)
        return link

    reason = await runtime.session(open_link)
    if reason is None or not runtime.busy:
        return Exit.DRAINED
    ended = await runtime.abandon(reason, LOST_GRACE_SECONDS)
    return Exit.DRAINED if ended else Exit.LOST


async def work_connected(runtime: Runtime, dialling: Dialling, guard: ForkGuard, say: Say) -> Exit:
    """Connect and work; connect again, with growing and jittered pauses, until drained."""
    backoff = Backoff(_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS)
    told = False  # Whether it was said that the server cannot be reached.
    while not runtime.drain_asked.is_set():
        try:
            reason = await runtime.session(partial(_open, dialling, guard))
        except Refused as refusal:
            say(f"{dialling.address} refused this worker: {refusal}")
            return Exit.REFUSED
        except OSError as error:
            if not told:
                say(f"cannot reach {dialling.address}: {why(error)}; trying on")
            told = True
        else:
            if reason is None:
                return Exit.DRAINED
            say(f"lost {dialling.address}: {reason}")
            backoff.reset()
            told = False
            if runtime.busy and not await runtime.abandon(reason, LOST_GRACE_SECONDS):
                return Exit.LOST
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff.next_seconds()):
                await runtime.drain_asked.wait()
    return Exit.DRAINED


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
        link = await _link_over(await _connect(parse_endpoint(dialling.address)), guard, lost)
        try:
            link.send(greeting(dialling.password, dialling.name), answered.set_result)
            link.flush()
            reply = await answered
        except BaseException:
            link.close()
            raise
    if isinstance(reply, ErrorReply):
        link.close()
        raise Refused(f"{reply.code} {reply.text}")
    return link


async def _connect(server: Endpoint) -> socket.socket:
    """Connect to the first of the server's addresses that answers."""
    loop = asyncio.get_running_loop()
    address = server.address
    if isinstance(address, Path):
        return await _connect_to(socket.AF_UNIX, str(address))
    failure: OSError | None = None
    for family, _, _, _, place in await loop.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        try:
            return await _connect_to(family, place)
        except OSError as error:
            failure = error
    raise failure or OSError(f"{address.host} has no address")


async def _connect_to(family: int, place: tuple[object, ...] | str) -> socket.socket:
    sock = socket.socket(fileno=lift(socket.socket(family, socket.SOCK_STREAM).detach()))
    sock.setblocking(False)
    try:
        tune(sock)
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


async def _link_over(sock: socket.socket, guard: ForkGuard, on_lost: Callable[[str], None]) -> Link:
    guard.protect(sock.fileno())
    _, link = await asyncio.get_running_loop().create_connection(
        lambda: Link(on_lost, sock), sock=sock
    )
    return link
