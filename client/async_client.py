"""The asynchronous client: many tasks, one connection."""

import asyncio
import contextlib
import copy
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from penstock.client import event_requests, requests
from penstock.client.async_connection import AsyncConnection, OnCancel
from penstock.client.async_event_handler import AsyncHandler
from penstock.client.async_event_operations import AsyncEventOperations
from penstock.client.async_operations import AsyncOperations
from penstock.client.async_subscription import AsyncSubscription
from penstock.client.blocking_connection import BlockingConnection
from penstock.client.composer import Composer
from penstock.client.endpoint import parse_endpoint
from penstock.client.errors import JobFailed, PenstockError
from penstock.client.info import Claim, JobInfo, QueueInfo
from penstock.client.job import AsyncJob
from penstock.client.keys import KeySource
from penstock.client.options import Given, Options
from penstock.client.outbox import Outbox, outbox_of
from penstock.client.outbox_batches import OutboxBatches
from penstock.client.outbox_entry import read_entry
from penstock.client.outbox_job import AsyncOutboxJob
from penstock.client.position import Position
from penstock.client.readers import reader_of
from penstock.client.requests import Request
from penstock.client.session import greeting
from penstock.client.subscribed_event import AsyncSubscribedEvent
from penstock.client.tasks import (
    AnyTask,
    Decode,
    TaskLike,
    decode_json,
    decoder_of,
    keep_bytes,
)
from penstock.config.limits import (
    CLAIM_WAIT_MS_DEFAULT,
    CLIENT_READ_EVENTS_DEFAULT,
    CLIENT_RETRY_MS_DEFAULT,
    CLIENT_TAKE_OVER_MS_DEFAULT,
)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def _no_connection() -> AsyncConnection:
    raise RuntimeError("a client that was made of a socket has no other connection to read over")


class AsyncClient(AsyncOperations, AsyncEventOperations):
    """Submits jobs, waits for them, and claims them, over one connection. Use `async with`.

    *server* is `HOST:PORT` or `unix:PATH`. Any number of tasks may use a client at once: their
    requests share the connection, and each reply finds its task. Replies come in request order, so
    a reply stands behind those of all earlier requests: give long calls and quick ones a client
    each where that matters. When too much is unanswered, further requests wait for room.

    Entering connects, once, so that a wrong address shows at once. When the connection is lost
    later, requests that were not answered are sent again over the next, under the same keys, for
    up to *retry_ms*: the callers notice nothing but time, and each job is accepted once.

    Cancelling a verb drops its reply and keeps the order. A request that was sent is carried out,
    except for `claim`, whose jobs are released.

    With an *outbox*, the path of a file or an `Outbox`, submissions are written to that file and
    sent from there, by a thread with a connection of its own; `submit` needs no server then, and
    entering does not connect.

    *on_cancel* is called with the id and the attempt of a job that this client claimed and that
    somebody cancelled: the server wants the work stopped, and failed with whatever is left to say.
    It is called on the loop and must not wait.
    """

    def __init__(
        self,
        server: str = "127.0.0.1:7711",
        *,
        password: str | None = None,
        name: str | None = None,
        retry_ms: int = CLIENT_RETRY_MS_DEFAULT,
        outbox: str | os.PathLike[str] | Outbox | None = None,
        on_cancel: OnCancel | None = None,
    ) -> None:
        endpoint = parse_endpoint(server)
        hello = greeting(password, name)
        self._connection = AsyncConnection(endpoint, hello, retry_ms / 1000, on_cancel)
        self._new_connection: Callable[[], AsyncConnection] = partial(
            AsyncConnection, endpoint, hello, 0.0
        )
        self._outbox: Outbox | None = None
        self._batches: OutboxBatches | None = None
        if outbox is not None:
            self._outbox = outbox_of(outbox)
            self._outbox.attach(lambda: BlockingConnection(endpoint, hello, 0.0))
            self._batches = OutboxBatches(self._outbox)
        self._socket: socket.socket | None = None
        self._composer = Composer(Options(), KeySource())
        self._tasks: asyncio.TaskGroup | None = None
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    def from_socket(
        cls,
        sock: socket.socket,
        *,
        password: str | None = None,
        name: str | None = None,
        on_cancel: OnCancel | None = None,
    ) -> Self:
        """Make a client of a connected socket. When that is lost, nothing is sent again."""
        client = cls.__new__(cls)
        client._connection = AsyncConnection(None, greeting(password, name), 0.0, on_cancel)
        client._new_connection = _no_connection
        client._outbox = None
        client._batches = None
        client._socket = sock
        client._composer = Composer(Options(), KeySource())
        client._tasks = None
        client._keeper = None
        return client

    async def __aenter__(self) -> Self:
        if self._batches is not None:
            # The server may be away: that is what an outbox is for.
            self._connection.open_later()
            await self._batches.open()
        else:
            await self._connection.open(self._socket)
        # asyncio's own group: unlike anyio's it may be left by another task than entered it, as
        # fixtures and some frameworks' lifespans do.
        self._tasks = await asyncio.TaskGroup().__aenter__()
        if self._socket is None:
            self._keeper = self._tasks.create_task(self._connection.keep_connected())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; requests of tasks that go on fail. What was submitted goes on."""
        assert self._tasks is not None
        if self._keeper is not None:
            self._keeper.cancel()
        try:
            if self._batches is not None:
                await self._batches.close()
            await self._connection.close()
        finally:
            # An error of the block passes as it is; the group would wrap it.
            if isinstance(error, asyncio.CancelledError):
                await self._tasks.__aexit__(kind, error, trace)
            else:
                await self._tasks.__aexit__(None, None, None)

    def options(self, **given: Unpack[Given]) -> Self:
        """Return a copy with other options, over the same connection.

        `queue`, `priority` (0 is the most urgent), `delay_ms` or `at` (a datetime with a zone, or
        unix milliseconds), `timeout_ms` (of one attempt), `attempts`, `retry` (a `Retry`), `key`
        with `window_ms` or `replace`, `tenant`, `group`, `deadline_ms` (until when an attempt must
        have begun), `keep_ms` (of the result), `wait_ms` (how long calls and waits last). None
        takes an option back to its default. The default key is a new one for each submission; a
        key of None sends none, and such a submission is not sent again.

        Raises:
            ValueError: some contradict each other.
        """
        changed = copy.copy(self)
        changed._composer = self._composer.changed(given)
        return changed

    @property
    def outbox(self) -> Outbox:
        """The outbox: what is pending, acknowledged, refused.

        Its questions are short reads of a local file and are not awaited; run `flush` in a thread.

        Raises:
            RuntimeError: the client has none.
        """
        if self._outbox is None:
            raise RuntimeError('this client has no outbox; make it with AsyncClient(outbox="path")')
        return self._outbox

    # --- submitting ----------------------------------------------------------------------------

    @overload
    async def submit(
        self, task: TaskLike[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncJob[R]: ...
    @overload
    async def submit(
        self, task: TaskLike[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncJob[R]: ...
    @overload
    async def submit(self, task: str, /, *args: object, **kwargs: object) -> AsyncJob[Any]: ...
    async def submit(self, task: AnyTask, /, *args: object, **kwargs: object) -> AsyncJob[Any]:
        """Submit a job; it is on disk when this returns: the server's, or with an outbox ours.

        Cancelling leaves open whether it was accepted.

        Raises:
            Refused: the server declined it. OutcomeUnknown: nobody knows whether it was accepted.
            ConnectionLost: it was not accepted.
            OutboxFull, OutboxUnusable: with an outbox, instead of these; it was not written.
        """
        return await self._submit(self._composer.submit(task, args, kwargs), decoder_of(task))

    @overload
    async def call(
        self, task: TaskLike[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def call(self, task: TaskLike[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    async def call(self, task: str, /, *args: object, **kwargs: object) -> Any: ...
    async def call(self, task: AnyTask, /, *args: object, **kwargs: object) -> Any:
        """Submit a job, wait until it finished and return its result.

        Cancelling ends the wait; the job goes on if it was accepted.

        Raises:
            JobFailed: it used up its attempts. WaitTimeout: it has not finished, and goes on.
            Refused, OutcomeUnknown, ConnectionLost: as for `submit`.
        """
        return await self.perform(self._composer.call(task, args, kwargs))

    async def submit_raw(self, task: str, payload: bytes) -> AsyncJob[bytes]:
        """Submit a job whose payload and result are bytes."""
        return await self._submit(self._composer.submit_raw(task, payload), keep_bytes)

    async def call_raw(self, task: str, payload: bytes) -> bytes:
        """Submit a job whose payload and result are bytes, and wait for its result."""
        return await self.perform(self._composer.call_raw(task, payload))

    # --- events --------------------------------------------------------------------------------

    async def publish(
        self,
        stream: str,
        fields: Mapping[str, object] | None = None,
        /,
        *,
        id: str | None = None,
        length_max: int | None = None,
        **named: object,
    ) -> str:
        """Append an event to a stream and return its id; it is on disk when this returns.

        Values that are text or bytes go as they are, all others as JSON. The stream is made if it
        is not there. Like a submission it is sent again after a lost connection under its key,
        `options(key=...)` or a new one, and is one event all the same: the server knows the keys
        of a day. With an *id* of your own it has no key. *length_max* trims the stream to about
        so many events, but never passes what a group has not finished.

        Cancelling leaves open whether it was accepted.

        Raises:
            TypeError, ValueError: JSON cannot hold a value, or there is no field.
            Refused: the server declined it. OutcomeUnknown: nobody knows whether it was accepted.
            ConnectionLost: it was not accepted.
        """
        published = await self.perform(self._composer.publish(stream, fields, named, id))
        if length_max is not None:
            # The event is there: that it is not trimmed now is no reason to say otherwise.
            with contextlib.suppress(PenstockError):
                await self.perform(event_requests.trim_to(stream, length_max))
        return published

    def subscribe(
        self,
        stream: str,
        *,
        group: str | None = None,
        from_: Position = "cursor",
        consumer: str | None = None,
        match: Mapping[str, str] | None = None,
        batch: int = CLIENT_READ_EVENTS_DEFAULT,
        take_over_ms: int = CLIENT_TAKE_OVER_MS_DEFAULT,
        wait_ms: int | None = None,
    ) -> AsyncSubscription:
        """Return an iterator of the events of a stream, over a connection of its own.

        With a *group* each event goes to one of its consumers, and is acknowledged when that one
        asks for the next: what was not comes again, also after a crash. The group is made if it is
        not there; *from_* says where a new one begins: "now" (as does "cursor"), "start", behind
        an id, or at a time. A *consumer* with a name goes on with what it had not finished; others
        take that over once nothing was heard of it for *take_over_ms*, which must be well above
        what the handling of one event takes. Without a name it has one that nobody else has.

        Without a group the events from that place on come to everybody who subscribes, and the
        place is remembered by this object alone.

        *match* leaves out events of which a field does not fit its pattern, such as
        `{"type": "order.*"}`. Up to *batch* events are read at once. With *wait_ms* the iteration
        ends when none has come for so long.
        """
        reader = reader_of(
            stream,
            group=group,
            consumer=consumer,
            from_=from_,
            batch=batch,
            match=match,
            take_over_ms=take_over_ms,
        )
        return AsyncSubscription(stream, self._new_connection, reader, self.perform, wait_ms)

    def handler(
        self,
        stream: str,
        function: Callable[[AsyncSubscribedEvent], Awaitable[object]],
        *,
        group: str,
        from_: Position = "cursor",
        match: Mapping[str, str] | None = None,
        consumer: str | None = None,
        attempts: int | None = None,
        take_over_ms: int = CLIENT_TAKE_OVER_MS_DEFAULT,
    ) -> AsyncHandler:
        """Return a block, for `async with`, while which a function is called with each event.

        It is called beside the block, with one event after the other. If it raises it
        is called again, after pauses that grow, before any later event; after so many *attempts*,
        without a bound unless given, the error is raised from the block. The group
        stays, and its cursor: the next handler goes on there. The rest is as for `subscribe`.
        """
        subscription = self.subscribe(
            stream,
            group=group,
            from_=from_,
            match=match,
            consumer=consumer,
            take_over_ms=take_over_ms,
        )
        return AsyncHandler(subscription, function, attempts=attempts, take_over_ms=take_over_ms)

    # --- asking --------------------------------------------------------------------------------

    async def wait(self, job_id: int, *, wait_ms: int | None = None) -> Any:
        """Wait until a job finished and return its result, which is JSON."""
        return await self.perform(self._composer.wait(job_id, wait_ms, decode_json))

    async def wait_raw(self, job_id: int, *, wait_ms: int | None = None) -> bytes:
        """Wait until a job finished and return its result as bytes."""
        result: bytes = await self.perform(self._composer.wait(job_id, wait_ms, keep_bytes))
        return result

    async def show(self, job_id: int) -> JobInfo:
        """Return everything the server knows of a job."""
        return await self._connection.perform(requests.show(job_id))

    async def queues(self) -> list[QueueInfo]:
        """Return all queues, by name."""
        return await self._connection.perform(requests.queues())

    async def queue(self, name: str) -> QueueInfo:
        """Return one queue, with all its counters."""
        return await self._connection.perform(requests.queue(name))

    async def execute(self, *arguments: bytes | str | int) -> Any:
        """Send any command and return its reply as it comes: bytes, numbers, lists, dicts.

        It is not sent again after a lost connection. Commands that change the connection (HELLO,
        RESET, MULTI, QUIT) change it for every task that shares it.
        """
        return await self.perform(requests.execute(arguments))

    # --- working -------------------------------------------------------------------------------

    async def claim(
        self, queues: Sequence[str], *, count: int = 1, wait_ms: int = CLAIM_WAIT_MS_DEFAULT
    ) -> list[Claim]:
        """Take up to *count* ready jobs, the most urgent first, waiting *wait_ms* for the first.

        An empty list means that the wait ended. The jobs are leased to this connection: when it is
        lost the server gives them to others at once, and a later answer is refused with LEASELOST.
        Other requests of this client wait behind a claim that waits: use a client of its own, or
        a *wait_ms* of 0.

        Cancelling releases what the claim took.

        Raises:
            ConnectionLost: the connection broke; what the claim had taken was given back.
        """
        return await self._connection.perform(requests.claim(queues, count, wait_ms))

    async def complete(self, job_id: int, attempt: int, result: bytes = b"null") -> None:
        """Store the result of an attempt that succeeded; Python callers expect JSON.

        Raises:
            Refused: with LEASELOST, the attempt no longer holds the job; drop the result.
        """
        await self._connection.perform(requests.complete(job_id, attempt, result))

    async def fail(
        self,
        job_id: int,
        attempt: int,
        error: str,
        *,
        dead: bool = False,
        after_ms: int | None = None,
        cancel: bool = False,
    ) -> None:
        """Say that an attempt failed; *error* is `Type: message`, and on further lines what helps.

        The server decides about another attempt: *after_ms* says when it may begin. *dead* says
        that none helps, *cancel* that nobody needs the job any more.
        """
        request = requests.fail(job_id, attempt, error, dead=dead, after_ms=after_ms, cancel=cancel)
        await self._connection.perform(request)

    async def extend(self, job_id: int, attempt: int, ms: int | None = None) -> int:
        """Make a lease last *ms* from now, the job's timeout by default; return what is left.

        Raises:
            JobCancelled: somebody cancelled the job; stop, and say so with `fail`.
        """
        return await self._connection.perform(requests.extend(job_id, attempt, ms))

    async def release(self, job_id: int, attempt: int, *, delay_ms: int | None = None) -> None:
        """Give a job back, to be claimed by anybody, in *delay_ms* or now; this is no failure."""
        await self._connection.perform(requests.release(job_id, attempt, delay_ms))

    async def progress(
        self, job_id: int, attempt: int, percent: int, note: str | None = None
    ) -> None:
        """Say how far an attempt is, for people who look at the job; raises as `extend` does."""
        await self._connection.perform(requests.progress(job_id, attempt, percent, note))

    async def output(self, job_id: int, attempt: int, text: str) -> None:
        """Add to what an attempt printed, of which the end is kept; raises as `extend` does."""
        await self._connection.perform(requests.output(job_id, attempt, text))

    async def perform(self, request: Request[T]) -> T:
        """Send a request of `penstock.client.requests`. The other verbs are made of this one."""
        try:
            return await self._connection.perform(request)
        except JobFailed as failed:
            # Behind calls that wait, the question would hold the error up for as long as they do.
            if self._connection.is_quick:
                failed.traceback = await self._last_error(failed.job_id)
            raise

    async def _submit(self, request: Request[int], decode: Decode) -> AsyncJob[Any]:
        wait_ms = self._composer.wait_ms
        if self._batches is None:
            job_id = await self._connection.perform(request)
            return AsyncJob(job_id, self.perform, wait_ms, decode)
        fate = await self._batches.add(read_entry(request.stem, request.key))
        return AsyncOutboxJob(self.outbox, fate, self.perform, wait_ms, decode)

    async def _last_error(self, job_id: int) -> str:
        try:
            errors = (await self._connection.perform(requests.show(job_id))).errors
        except PenstockError:
            return ""
        return errors[-1].error if errors else ""
