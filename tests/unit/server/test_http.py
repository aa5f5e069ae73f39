"""Health, readiness and metrics over real sockets."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio.abc
import anyio.lowlevel
import pytest
from starlette.applications import Starlette

from penstock.config import limits
from penstock.jobs.counters import JournalCounters
from penstock.server.http import (
    SECURITY_HEADERS,
    BoundedProtocol,
    HttpAddressError,
    build_http,
    serve_http,
)
from penstock.server.metric_views import EventsView, QueueView, ServerView
from penstock.server.metrics import Telemetry

Address = tuple[str, int]


class Source:
    """A server without jobs."""

    journal = JournalCounters()

    def queues(self) -> Iterable[QueueView]:
        return []

    def events(self) -> EventsView:
        return EventsView()

    def server(self) -> ServerView:
        return ServerView(1, 0, 0, 0, 0, 0, 0, 0, 0.0)


class Status:
    """What the probes are told."""

    def __init__(
        self,
        *,
        unhealthy: str | None = None,
        unready: str | None = None,
        remark: str | None = None,
    ) -> None:
        self._unhealthy = unhealthy
        self._unready = unready
        self._remark = remark

    def unhealthy(self) -> str | None:
        return self._unhealthy

    def unready(self) -> str | None:
        return self._unready

    def remark(self) -> str | None:
        return self._remark


def application(status: Status | None = None, names_allowed: tuple[str, ...] = ()) -> Starlette:
    return build_http(status or Status(), Telemetry(Source()), names_allowed=names_allowed)


@asynccontextmanager
async def serving(app: Starlette, host: str = "127.0.0.1") -> AsyncIterator[Address]:
    async with anyio.create_task_group() as group:
        address: Address = await group.start(serve_http, app, host, 0)
        yield address
        group.cancel_scope.cancel()


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[anyio.abc.SocketStream]:
    async with await anyio.connect_tcp(*address) as stream:
        yield stream


async def read_all(stream: anyio.abc.SocketStream) -> str:
    """Return what comes until the server closes, however it closes."""
    answer = b""
    with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            answer += await stream.receive()
    return answer.decode()


async def trickle(stream: anyio.abc.SocketStream) -> None:
    """Send bytes that never become a request, until the server has enough of it."""
    while True:
        await stream.send(b"G")
        await anyio.lowlevel.checkpoint()


async def ask(address: Address, request: str) -> str:
    """Send raw bytes and return all that comes back until the server closes."""
    async with connected(address) as stream:
        await stream.send(request.encode())
        return await read_all(stream)


def get(path: str, *, host: str = "localhost", method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"


def status_of(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def body_of(answer: str) -> str:
    return answer.partition("\r\n\r\n")[2]


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/readyz"])
async def test_pages_are_served_with_the_security_headers(path: str) -> None:
    async with serving(application()) as address:
        answer = await ask(address, get(path))

    assert status_of(answer) == 200
    for name, value in SECURITY_HEADERS.items():
        assert f"{name}: {value}\r\n" in answer


async def test_metrics_are_prometheus_text() -> None:
    async with serving(application()) as address:
        answer = await ask(address, get("/metrics"))

    assert "content-type: text/plain; version=0.0.4" in answer
    assert "penstock_connections 1.0\n" in body_of(answer)


async def test_readiness_fails_with_its_reason() -> None:
    async with serving(application(Status(unready="draining"))) as address:
        ready = await ask(address, get("/readyz"))
        healthy = await ask(address, get("/healthz"))

    assert (status_of(ready), body_of(ready)) == (503, "draining\n")
    assert status_of(healthy) == 200


async def test_a_remark_does_not_make_it_unready() -> None:
    async with serving(application(Status(remark="the disk is low"))) as address:
        ready = await ask(address, get("/readyz"))
        healthy = await ask(address, get("/healthz"))

    assert (status_of(ready), body_of(ready)) == (200, "ok, but the disk is low\n")
    assert (status_of(healthy), body_of(healthy)) == (200, "ok\n")


async def test_health_fails_with_its_reason() -> None:
    async with serving(application(Status(unhealthy="the journal stopped"))) as address:
        answer = await ask(address, get("/healthz"))

    assert (status_of(answer), body_of(answer)) == (503, "the journal stopped\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_written(method: str) -> None:
    async with serving(application()) as address:
        answer = await ask(address, get("/metrics", method=method))

    assert status_of(answer) == 405


@pytest.mark.parametrize("path", ["/metrics/", "/nothing", "//", "/../etc/passwd"])
async def test_other_paths_are_not_found(path: str) -> None:
    async with serving(application()) as address:
        answer = await ask(address, get(path))

    assert status_of(answer) == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:7712", 200),
        ("localhost.", 200),
        ("penstock.localhost:7712", 200),
        ("127.0.0.1:7712", 200),
        ("[::1]:7712", 200),
        ("metrics.internal", 200),
        ("evil.example", 421),
        ("evil.example:7712", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
async def test_the_loopback_answers_only_to_its_own_names(host: str, status: int) -> None:
    async with serving(application(names_allowed=("Metrics.Internal",))) as address:
        answer = await ask(address, get("/healthz", host=host))

    assert status_of(answer) == status


async def test_an_old_probe_needs_no_host_header() -> None:
    async with serving(application()) as address:
        answer = await ask(address, "GET /healthz HTTP/1.0\r\n\r\n")

    assert status_of(answer) == 200


@pytest.mark.parametrize(
    "garbage", ["\x00\x01\x02\r\n\r\n", "PING\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"]
)
async def test_garbage_is_told_so(garbage: str) -> None:
    async with serving(application()) as address:
        assert status_of(await ask(address, garbage)) == 400


async def test_endless_headers_are_cut() -> None:
    endless = "GET / HTTP/1.1\r\nHost: " + "x" * (2 * limits.HTTP_REQUEST_BYTES_MAX)

    async with serving(application()) as address:
        assert status_of(await ask(address, endless)) == 400


async def test_a_connection_that_sends_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "exchange_seconds", 0.01)

    with anyio.fail_after(5):
        async with serving(application()) as address, connected(address) as stream:
            assert await read_all(stream) == ""


async def test_headers_that_trickle_in_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "exchange_seconds", 0.05)

    with anyio.fail_after(5):
        async with serving(application()) as address, connected(address) as stream:
            with pytest.raises(anyio.BrokenResourceError):
                await trickle(stream)


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_CONNECTIONS_MAX", 2)

    async with (
        serving(application()) as address,
        connected(address) as first,
        connected(address),
        connected(address) as third,
    ):
        assert await read_all(third) == ""
        await first.send(get("/healthz").encode())
        assert status_of(await read_all(first)) == 503


async def test_a_taken_port_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.RaisesGroup(HttpAddressError) as raised:
            async with anyio.create_task_group() as group:
                await group.start(serve_http, application(), "127.0.0.1", port)

    message = str(raised.value.exceptions[0])
    assert message.startswith(f"HTTP cannot listen on 127.0.0.1:{port}: ")
    assert "--http" in message


async def test_cancelling_ends_it_with_idle_connections() -> None:
    with anyio.fail_after(5):
        async with contextlib.AsyncExitStack() as stack:
            async with serving(application()) as address:
                stream = await stack.enter_async_context(connected(address))

            assert await read_all(stream) == ""
            with pytest.raises(OSError, match="connection attempts failed"):
                await anyio.connect_tcp(*address)


async def test_signals_stay_with_the_server() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async with serving(application()) as address:
        await ask(address, get("/healthz"))
        during = signal.getsignal(signal.SIGTERM)

    assert during == before


def loopbacks() -> list[str]:
    """The loopback addresses that this machine has."""
    found = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.create_server((address, 0), family=family):
            found.append(address)
    return found


@pytest.mark.parametrize("host", ["localhost", *loopbacks()])
async def test_it_listens_on_every_loopback(host: str) -> None:
    async with serving(application(), host=host) as address:
        assert status_of(await ask(address, get("/healthz"))) == 200
