"""The blocking client: each verb waits for its reply."""

import contextlib
import copy
import os
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from penstock.client import event_requests, requests
from penstock.client.blocking_connection import BlockingConnection
from penstock.client.composer import Composer
from penstock.client.endpoint import parse_endpoint
from penstock.client.errors import JobFailed, PenstockError
from penstock.client.event_handler import Handler
from penstock.client.event_operations import EventOperations
from penstock.client.info import JobInfo, QueueInfo
from penstock.client.job import Job
from penstock.client.keys import KeySource
from penstock.client.operations import Operations
from penstock.client.options import Given, Options
from penstock.client.outbox import Outbox, outbox_of
from penstock.client.outbox_entry import read_entry
from penstock.client.outbox_job import OutboxJob
from penstock.client.pipeline import Pipeline
from penstock.client.position import Position
from penstock.client.readers import reader_of
from penstock.client.requests import Request
from penstock.client.session import greeting
from penstock.client.subscribed_event import SubscribedEvent
from penstock.client.subscription import Subscription
from penstock.client.tasks import (
    AnyTask,
    Decode,
    TaskLike,
    decode_json,
    decoder_of,
    keep_bytes,
)
from penstock.config.limits import (
    CLIENT_READ_EVENTS_DEFAULT,
    CLIENT_RETRY_MS_DEFAULT,
    CLIENT_TAKE_OVER_MS_DEFAULT,
)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Client(Operations, EventOperations):
    """Submits jobs and waits for them, over one connection.

    *server* is `HOST:PORT` or `unix:PATH`. The first connection is tried once, on entering or with
    the first request, so that a wrong address shows at once. When it is lost later, requests that
    were not answered are sent again over the next, under the same keys, for up to *retry_ms*: the
    caller notices nothing but time, and each job is accepted once.

    Threads may share a client: they take turns, and a call of one keeps the others waiting. There
    is no thread behind it. Use one client per thread, or `AsyncClient`, where that matters.

    With an *outbox*, the path of a file or an `Outbox`, submissions are written to that file and
    sent from there, by a thread with a connection of its own; `submit` needs no server then.
    """

    def __init__(
        self,
        server: str = "127.0.0.1:7711",
        *,
        password: str | None = None,
        name: str | None = None,
        retry_ms: int = CLIENT_RETRY_MS_DEFAULT,
        outbox: str | os.PathLike[str] | Outbox | None = None,
    ) -> None:
        endpoint = parse_endpoint(server)
        hello = greeting(password, name)
        self._connection = BlockingConnection(endpoint, hello, retry_ms / 1000)
        self._new_connection = partial(BlockingConnection, endpoint, hello, 0.0)
        self._composer = Composer(Options(), KeySource())
        self._outbox = None if outbox is None else outbox_of(outbox)
        if self._outbox is not None:
            self._outbox.attach(self._new_connection)

    def __enter__(self) -> Self:
        if self._outbox is not None:
            # The server may be away: that is what an outbox is for.
            self._outbox.open()
        else:
            self._connection.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, for all copies that share it; what was submitted goes on.

        An outbox is closed as well, which may wait a second for what is pending.
        """
        try:
            if self._outbox is not None:
                self._outbox.close()
        finally:
            self._connection.close()

    @property
    def outbox(self) -> Outbox:
        """The outbox: what is pending, acknowledged, refused.

        Raises:
            RuntimeError: the client has none.
        """
        if self._outbox is None:
            raise RuntimeError('this client has no outbox; make it with Client(outbox="path")')
        return self._outbox

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

    # --- submitting ----------------------------------------------------------------------------

    @overload
    def submit(
        self, task: TaskLike[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Job[R]: ...
    @overload
    def submit(self, task: TaskLike[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Job[R]: ...
    @overload
    def submit(self, task: str, /, *args: object, **kwargs: object) -> Job[Any]: ...
    def submit(self, task: AnyTask, /, *args: object, **kwargs: object) -> Job[Any]:
        """Submit a job; it is on disk when this returns: the server's, or with an outbox ours.

        Raises:
            Refused: the server declined it. OutcomeUnknown: nobody knows whether it was accepted.
            ConnectionLost: it was not accepted.
            OutboxFull, OutboxUnusable: with an outbox, instead of these; it was not written.
        """
        return self._submit(self._composer.submit(task, args, kwargs), decoder_of(task))

    @overload
    def call(
        self, task: TaskLike[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    def call(self, task: TaskLike[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def call(self, task: str, /, *args: object, **kwargs: object) -> Any: ...
    def call(self, task: AnyTask, /, *args: object, **kwargs: object) -> Any:
        """Submit a job, wait until it finished and return its result.

        Raises:
            JobFailed: it used up its attempts. WaitTimeout: it has not finished, and goes on.
            Refused, OutcomeUnknown, ConnectionLost: as for `submit`.
        """
        return self.perform(self._composer.call(task, args, kwargs))

    def submit_raw(self, task: str, payload: bytes) -> Job[bytes]:
        """Submit a job whose payload and result are bytes."""
        return self._submit(self._composer.submit_raw(task, payload), keep_bytes)

    def call_raw(self, task: str, payload: bytes) -> bytes:
        """Submit a job whose payload and result are bytes, and wait for its result."""
        return self.perform(self._composer.call_raw(task, payload))

    def pipeline(self) -> Pipeline:
        """Return a block whose requests are sent together at its end."""
        return Pipeline(self._composer, self._connection, self.perform, self._outbox)

    # --- events --------------------------------------------------------------------------------

    def publish(
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

        Raises:
            TypeError, ValueError: JSON cannot hold a value, or there is no field.
            Refused: the server declined it. OutcomeUnknown: nobody knows whether it was accepted.
            ConnectionLost: it was not accepted.
        """
        published = self.perform(self._composer.publish(stream, fields, named, id))
        if length_max is not None:
            # The event is there: that it is not trimmed now is no reason to say otherwise.
            with contextlib.suppress(PenstockError):
                self.perform(event_requests.trim_to(stream, length_max))
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
    ) -> Subscription:
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
        return Subscription(stream, self._new_connection(), reader, self.perform, wait_ms)

    def handler(
        self,
        stream: str,
        function: Callable[[SubscribedEvent], object],
        *,
        group: str,
        from_: Position = "cursor",
        match: Mapping[str, str] | None = None,
        consumer: str | None = None,
        attempts: int | None = None,
        take_over_ms: int = CLIENT_TAKE_OVER_MS_DEFAULT,
    ) -> Handler:
        """Return a block, for `with`, while which a function is called with each event.

        It is called in a thread of its own, with one event after the other. If it raises it
        is called again, after pauses that grow, before any later event; after so many *attempts*,
        without a bound unless given, the error is raised at the end of the block. The group
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
        return Handler(subscription, function, attempts=attempts, take_over_ms=take_over_ms)

    # --- asking --------------------------------------------------------------------------------

    def wait(self, job_id: int, *, wait_ms: int | None = None) -> Any:
        """Wait until a job finished and return its result, which is JSON."""
        return self.perform(self._composer.wait(job_id, wait_ms, decode_json))

    def wait_raw(self, job_id: int, *, wait_ms: int | None = None) -> bytes:
        """Wait until a job finished and return its result as bytes."""
        result: bytes = self.perform(self._composer.wait(job_id, wait_ms, keep_bytes))
        return result

    def show(self, job_id: int) -> JobInfo:
        """Return everything the server knows of a job."""
        return self.perform(requests.show(job_id))

    def queues(self) -> list[QueueInfo]:
        """Return all queues, by name."""
        return self.perform(requests.queues())

    def queue(self, name: str) -> QueueInfo:
        """Return one queue, with all its counters."""
        return self.perform(requests.queue(name))

    def execute(self, *arguments: bytes | str | int) -> Any:
        """Send any command and return its reply as it comes: bytes, numbers, lists, dicts.

        It is not sent again after a lost connection. Commands that change the connection (HELLO,
        RESET, MULTI, QUIT) change it for the other verbs as well.
        """
        return self.perform(requests.execute(arguments))

    def perform(self, request: Request[T]) -> T:
        """Send a request of `penstock.client.requests`. The other verbs are made of this one."""
        try:
            return self._connection.perform(request)
        except JobFailed as failed:
            failed.traceback = self._last_error(failed.job_id)
            raise

    def _submit(self, request: Request[int], decode: Decode) -> Job[Any]:
        wait_ms = self._composer.wait_ms
        if self._outbox is None:
            return Job(self.perform(request), self.perform, wait_ms, decode)
        (fate,) = self._outbox.add([read_entry(request.stem, request.key)])
        return OutboxJob(self._outbox, fate, self.perform, wait_ms, decode)

    def _last_error(self, job_id: int) -> str:
        try:
            errors = self._connection.perform(requests.show(job_id)).errors
        except PenstockError:
            return ""
        return errors[-1].error if errors else ""
