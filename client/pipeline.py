"""Requests that are sent together: one round trip for all of them."""

import copy
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, Unpack, overload

from msgspec import structs

from penstock.client import requests
from penstock.client.blocking_connection import BlockingConnection, Slot
from penstock.client.composer import Composer
from penstock.client.errors import JobFailed, PenstockError
from penstock.client.info import JobInfo, QueueInfo
from penstock.client.job import Job
from penstock.client.options import Given
from penstock.client.outbox import Outbox
from penstock.client.outbox_entry import NewEntry, read_entry
from penstock.client.outbox_fates import Fate
from penstock.client.outbox_job import OutboxJob
from penstock.client.requests import Request
from penstock.client.tasks import AnyTask, Decode, TaskLike, decode_json, decoder_of, keep_bytes
from penstock.config.limits import CLIENT_PIPELINE_REQUESTS_MAX
from penstock.protocol.reader import Reply

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Perform = Callable[[Request[Any]], Any]


class Pending(Generic[T]):
    """What one request of a pipeline will bring, known once it was sent."""

    __slots__ = ("_error", "_is_known", "_value")

    def __init__(self) -> None:
        self._is_known = False
        self._value: T | None = None
        self._error: PenstockError | None = None

    @property
    def value(self) -> T:
        """The result; if the request failed, its error is raised.

        Raises:
            RuntimeError: the pipeline was not sent yet.
        """
        if self._error is not None:
            raise self._error
        self._require_known()
        return self._value  # type: ignore[return-value] # It is known, so it is a T.

    @property
    def error(self) -> PenstockError | None:
        """The error, or None where there is a value."""
        self._require_known()
        return self._error

    def settle(self, request: Request[T], slot: Slot) -> None:
        """Read what became of the request."""
        self._is_known = True
        self._error = slot.error
        if slot.error is None:
            try:
                self._value = request.read(slot.reply)
            except PenstockError as error:
                self._error = error

    def succeed(self, value: T) -> None:
        """Take what did not come by a reply."""
        self._is_known = True
        self._value = value

    def fail(self, error: PenstockError) -> None:
        """Take why there is nothing."""
        self._is_known = True
        self._error = error

    def _require_known(self) -> None:
        if not self._is_known:
            raise RuntimeError("the pipeline is sent at the end of its `with` block")


class Pipeline:
    """Collects requests and sends them back to back; results come in the order of requests.

    Leaving the block sends what was collected and waits for all of it; if any failed, the first
    error is raised, and every result can still be asked for. After an exception in the block
    nothing more is sent. A long pipeline is sent piece by piece as it is collected.

    With an outbox its submissions are written there, all or none, before the rest is sent.
    """

    def __init__(
        self,
        composer: Composer,
        connection: BlockingConnection,
        perform: Perform,
        outbox: Outbox | None = None,
    ) -> None:
        self._perform = perform
        self._composer = composer
        self._outbox = outbox
        self._batch = _Batch(connection, outbox)

    def options(self, **given: Unpack[Given]) -> Self:
        """Return a view of this pipeline with other options; its requests join the same order.

        The options are those of `Client.options`.
        """
        changed = copy.copy(self)
        changed._composer = self._composer.changed(given)
        return changed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._batch.forget()
            return
        self._batch.send()
        self._batch.raise_first_error()

    @overload
    def submit(
        self, task: TaskLike[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[Job[R]]: ...
    @overload
    def submit(
        self, task: TaskLike[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[Job[R]]: ...
    @overload
    def submit(self, task: str, /, *args: object, **kwargs: object) -> Pending[Job[Any]]: ...
    def submit(self, task: AnyTask, /, *args: object, **kwargs: object) -> Pending[Job[Any]]:
        """Submit a job."""
        return self._collect_job(self._composer.submit(task, args, kwargs), decoder_of(task))

    @overload
    def call(
        self, task: TaskLike[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[R]: ...
    @overload
    def call(self, task: TaskLike[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Pending[R]: ...
    @overload
    def call(self, task: str, /, *args: object, **kwargs: object) -> Pending[Any]: ...
    def call(self, task: AnyTask, /, *args: object, **kwargs: object) -> Pending[Any]:
        """Submit a job and wait until it finished. The pipeline's jobs run side by side."""
        return self._collect(self._composer.call(task, args, kwargs))

    def submit_raw(self, task: str, payload: bytes) -> Pending[Job[bytes]]:
        """Submit a job whose payload and result are bytes."""
        return self._collect_job(self._composer.submit_raw(task, payload), keep_bytes)

    def call_raw(self, task: str, payload: bytes) -> Pending[bytes]:
        """Submit a job whose payload and result are bytes, and wait for its result."""
        return self._collect(self._composer.call_raw(task, payload))

    def publish(
        self,
        stream: str,
        fields: Mapping[str, object] | None = None,
        /,
        *,
        id: str | None = None,
        **named: object,
    ) -> Pending[str]:
        """Append an event to a stream, as `Client.publish` does."""
        return self._collect(self._composer.publish(stream, fields, named, id))

    def wait(self, job_id: int, *, wait_ms: int | None = None) -> Pending[Any]:
        """Wait until a job finished; its result is JSON."""
        return self._collect(self._composer.wait(job_id, wait_ms, decode_json))

    def wait_raw(self, job_id: int, *, wait_ms: int | None = None) -> Pending[bytes]:
        """Wait until a job finished; its result is bytes."""
        return self._collect(self._composer.wait(job_id, wait_ms, keep_bytes))

    def show(self, job_id: int) -> Pending[JobInfo]:
        """Ask for everything the server knows of a job."""
        return self._collect(requests.show(job_id))

    def queues(self) -> Pending[list[QueueInfo]]:
        """Ask for all queues."""
        return self._collect(requests.queues())

    def queue(self, name: str) -> Pending[QueueInfo]:
        """Ask for one queue, with all its counters."""
        return self._collect(requests.queue(name))

    def execute(self, *arguments: bytes | str | int) -> Pending[Any]:
        """Send any command."""
        return self._collect(requests.execute(arguments))

    # --- inside --------------------------------------------------------------------------------

    def _collect_job(self, request: Request[int], decode: Decode) -> Pending[Job[Any]]:
        wait_ms = self._composer.wait_ms
        if self._outbox is not None:
            entry = read_entry(request.stem, request.key)
            make = partial(_outbox_job, self._outbox, self._perform, wait_ms, decode)
            return self._batch.collect_entry(entry, make)
        read = partial(_read_job, self._perform, wait_ms, decode)
        return self._collect(structs.replace(request, read=read))

    def _collect(self, request: Request[Any]) -> Pending[Any]:
        return self._batch.collect(request)


class _Batch:
    """What a pipeline has collected; its views with other options share it."""

    def __init__(self, connection: BlockingConnection, outbox: Outbox | None) -> None:
        self._connection = connection
        self._outbox = outbox
        self._collected: list[tuple[Request[Any], Pending[Any]]] = []
        self._entries: list[tuple[NewEntry, Callable[[Fate], Job[Any]], Pending[Any]]] = []
        self._count = 0
        self._failed_count = 0
        self._first_error: PenstockError | None = None

    def collect(self, request: Request[Any]) -> Pending[Any]:
        pending: Pending[Any] = Pending()
        self._collected.append((request, pending))
        if len(self._collected) >= CLIENT_PIPELINE_REQUESTS_MAX:
            self.send()
        return pending

    def collect_entry(self, entry: NewEntry, make: Callable[[Fate], Job[Any]]) -> Pending[Any]:
        pending: Pending[Any] = Pending()
        self._entries.append((entry, make, pending))
        if len(self._entries) >= CLIENT_PIPELINE_REQUESTS_MAX:
            self.send()
        return pending

    def forget(self) -> None:
        self._collected.clear()
        self._entries.clear()

    def raise_first_error(self) -> None:
        if self._first_error is None:
            return
        self._first_error.add_note(
            f"{self._failed_count} of the pipeline's {self._count} requests failed; "
            "this is the first of them"
        )
        raise self._first_error

    def send(self) -> None:
        if self._entries:
            self._write_entries()
        collected, self._collected = self._collected, []
        if self._outbox is not None and not collected:
            return  # It needs no server.
        slots = self._connection.perform_all([request for request, _ in collected])
        self._count += len(collected)
        failed: list[JobFailed] = []
        for (request, pending), slot in zip(collected, slots, strict=True):
            pending.settle(request, slot)
            if pending.error is None:
                continue
            self._failed_count += 1
            self._first_error = self._first_error or pending.error
            if isinstance(pending.error, JobFailed):
                failed.append(pending.error)
        if failed:
            self._explain(failed)

    def _write_entries(self) -> None:
        """Write what goes to the outbox, in one transaction."""
        assert self._outbox is not None
        entries, self._entries = self._entries, []
        self._count += len(entries)
        try:
            fates = self._outbox.add([entry for entry, _, _ in entries])
        except PenstockError as error:
            self._failed_count += len(entries)
            self._first_error = self._first_error or error
            for _, _, pending in entries:
                pending.fail(error)
            return
        for (_, make, pending), fate in zip(entries, fates, strict=True):
            pending.succeed(make(fate))

    def _explain(self, failed: list[JobFailed]) -> None:
        """Fetch the tracebacks of jobs that failed, as far as they are there."""
        asked = [requests.show(error.job_id) for error in failed]
        for error, request, slot in zip(
            failed, asked, self._connection.perform_all(asked), strict=True
        ):
            shown: Pending[JobInfo] = Pending()
            shown.settle(request, slot)
            if shown.error is None and shown.value.errors:
                error.traceback = shown.value.errors[-1].error


def _outbox_job(
    outbox: Outbox, perform: Perform, wait_ms: int | None, decode: Decode, fate: Fate
) -> Job[Any]:
    return OutboxJob(outbox, fate, perform, wait_ms, decode)


def _read_job(perform: Perform, wait_ms: int | None, decode: Decode, reply: Reply) -> Job[Any]:
    return Job(requests.read_id(reply), perform, wait_ms, decode)
