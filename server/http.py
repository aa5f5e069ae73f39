"""What is served over HTTP: metrics and health, to scrapers, probes and people.

uvicorn runs inside the server's own loop and task group: it installs no signal handlers, never
exits the process, and ends when it is cancelled.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from typing import Final, Protocol

import h11
import uvicorn
from anyio import CancelScope, CapacityLimiter, getaddrinfo, to_thread
from anyio.abc import TaskStatus
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from penstock.config import limits
from penstock.server.metrics import CONTENT_TYPE, Telemetry

INDEX: Final = """\
Penstock

/metrics   numbers for Prometheus
/healthz   200 while the server works
/readyz    200 while the server takes jobs; else 503 and the reason
"""

# A page of ours that a browser renders could do nothing, and no other page may read it.
SECURITY_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

# How long answers that are under way may take when HTTP ends.
SHUTDOWN_SECONDS: Final = 1


class StatusSource(Protocol):
    """What the probes ask. `None` is good; otherwise the reason, for people."""

    def unhealthy(self) -> str | None: ...

    def unready(self) -> str | None: ...

    def remark(self) -> str | None:
        """Say what is amiss although it is ready."""
        ...


class HttpAddressError(Exception):
    """HTTP cannot listen where it was told to."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(
            f"HTTP cannot listen on {host}:{port}: {error.strerror or error}. "
            "Stop what listens there, choose another address with --http HOST:PORT, "
            "or turn HTTP off with --http off."
        )


def build_http(
    status: StatusSource, metrics: Telemetry, *, names_allowed: Collection[str] = ()
) -> Starlette:
    """Build the application. *names_allowed* are host names beside the loopback's own."""
    # One page at a time is rendered, away from the loop; it takes milliseconds per hundred queues.
    rendering = CapacityLimiter(1)

    async def show_index(_request: Request) -> Response:
        return PlainTextResponse(INDEX)

    async def show_metrics(_request: Request) -> Response:
        page = await to_thread.run_sync(metrics.snapshot().render, limiter=rendering)
        return Response(page, headers={"content-type": CONTENT_TYPE})

    async def show_health(_request: Request) -> Response:
        return _verdict(status.unhealthy())

    async def show_readiness(_request: Request) -> Response:
        return _verdict(status.unready(), status.remark())

    app = Starlette(
        routes=[
            Route("/", show_index),
            Route("/metrics", show_metrics),
            Route("/healthz", show_health),
            Route("/readyz", show_readiness),
        ],
        middleware=[Middleware(Guard, names_allowed={n.lower() for n in names_allowed})],
    )
    app.router.redirect_slashes = False
    return app


def _verdict(reason: str | None, remark: str | None = None) -> Response:
    if reason is None:
        return PlainTextResponse("ok\n" if remark is None else f"ok, but {remark}\n")
    return PlainTextResponse(f"{reason}\n", status_code=503)


class Guard:
    """Refuse other sites' scripts, and send the security headers with every answer.

    A page in somebody's browser can have its own name resolve to 127.0.0.1 and then read what is
    served there. Its requests carry that name; so on the loopback only the loopback's names, plain
    addresses and the names that the operator allowed are answered.
    """

    def __init__(self, app: ASGIApp, names_allowed: set[str]) -> None:
        self._app = app
        self._names_allowed = names_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        host = Headers(scope=scope).get("host")
        if host is None or self._may_ask(host, scope):
            await self._app(scope, receive, send_guarded)
        else:
            refusal = PlainTextResponse(
                "This address is served to localhost only, under that name.\n", status_code=421
            )
            await refusal(scope, receive, send_guarded)

    def _may_ask(self, host: str, scope: Scope) -> bool:
        server = scope.get("server")
        if server is None or not _is_loopback(server[0]):
            return True
        name = _host_name(host)
        return (
            name == "localhost"
            or name.endswith(".localhost")
            or name in self._names_allowed
            or _is_address(name)
        )


def _host_name(host: str) -> str:
    """Return the name in a `Host` header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def serve_http(
    app: Starlette, host: str, port: int, *, task_status: TaskStatus[tuple[str, int]]
) -> None:
    """Serve *app* until cancelled. Starting reports the address: port 0 has become a real one.

    Cancelling stops accepting, gives answers that are under way a second, and closes the rest.

    Raises:
        HttpAddressError: the address cannot be had.
    """
    listener = await _bind(host, port)
    server = uvicorn.Server(_configuration(app))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    # The steps of uvicorn.Server.serve() but for its signal handlers, which belong to us.
    with listener:
        await server.startup(sockets=[listener])
        try:
            task_status.started(listener.getsockname()[:2])
            await server.main_loop()
        finally:
            with CancelScope(shield=True):
                await server.shutdown(sockets=[listener])
            for connection in list(server.server_state.connections):
                connection.transport.abort()


async def _bind(host: str, port: int) -> socket.socket:
    try:
        found = await getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _type, _protocol, _name, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=limits.LISTEN_BACKLOG)
    except OSError as error:
        raise HttpAddressError(host, port, error) from error


def _configuration(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.HTTP_CONNECTIONS_MAX // 2,
        backlog=limits.LISTEN_BACKLOG,
        h11_max_incomplete_event_size=limits.HTTP_REQUEST_BYTES_MAX,
        timeout_keep_alive=limits.HTTP_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


class BoundedProtocol(H11Protocol):
    """A connection that cannot be kept for ever by sending or reading slowly."""

    exchange_seconds = limits.HTTP_EXCHANGE_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > limits.HTTP_CONNECTIONS_MAX:
            transport.abort()
        self._restart_deadline()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._restart_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        try:
            super().shutdown()
        except h11.LocalProtocolError:  # It sent garbage and was told so.
            self.transport.abort()

    def _restart_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.exchange_seconds, self.transport.abort)
