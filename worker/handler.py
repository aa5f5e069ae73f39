"""The `on` decorator: a task whose jobs events make."""

import re
import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from penstock.client import AsyncClient, Client
from penstock.client.position import Position, start_of
from penstock.config import limits
from penstock.worker.durations import Duration, milliseconds
from penstock.worker.errors import TaskError
from penstock.worker.retries import Retries
from penstock.worker.task import Task

P = ParamSpec("P")
R = TypeVar("R")

# As in templates: what is written so stands for a field of the event.
_FIELD: Final = re.compile(r"[^{}$]+")


@dataclass(frozen=True, eq=False, repr=False)
class Handler(Task[P, R]):
    """A task with a trigger, which workers register under the task's name when they start.

    Each event of the stream that matches becomes one job. `group_by` names a field: of the jobs
    whose events have the same there, one runs at a time, in the order of the events.
    """

    stream: str = ""
    match: Mapping[str, str] = field(default_factory=dict)
    group_by: str | None = None
    from_: Position = "cursor"
    timeout: Duration | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self)

    @property
    def timeout_ms(self) -> int | None:
        """The timeout of its jobs; None leaves it to the queue."""
        return None if self.timeout is None else milliseconds("timeout", self.timeout)

    @typing.overload
    def deregister(self, client: Client) -> bool: ...
    @typing.overload
    def deregister(self, client: AsyncClient) -> Coroutine[Any, Any, bool]: ...
    def deregister(self, client: Client | AsyncClient) -> bool | Coroutine[Any, Any, bool]:
        """Remove its trigger; say whether it was there. Jobs that it made go on.

        The cursor stays: registered again, by the next worker that starts with it, it goes on with
        the events that came meanwhile.
        """
        return client.delete_trigger(self.name, keep=True)

    def __repr__(self) -> str:
        return f"<handler {self.name} of {self.stream}>"


class HandlerDecorator(Protocol):
    """What `on(...)` returns."""

    def __call__(self, fn: Callable[P, R], /) -> Handler[P, R]: ...


def on(
    stream: str,
    *,
    match: Mapping[str, str] | None = None,
    group_by: str | None = None,
    name: str | None = None,
    from_: Position = "cursor",
    queue: str | None = None,
    timeout: Duration | None = None,
    retry: Retries | None = None,
) -> HandlerDecorator:
    """Declare a function as a handler of a stream's events; it stays callable as itself.

    A first parameter annotated as `Event` is the event; any other one is the field of its name,
    converted to its annotation. *match* are patterns of fields, all of which must fit. *from_* says
    where it begins when it is registered for the first time: "now" (as does "cursor"), "start",
    behind an id, or at a time. The rest is about its jobs, which are tried again and die as all do.

    Raises:
        TaskError: the function cannot be a handler, or a value is out of its range.
    """

    def declare(function: Callable[P, R]) -> Handler[P, R]:
        own_name = getattr(function, "__name__", type(function).__name__)
        return Handler(
            function,
            own_name if name is None else name,
            queue=queue,
            retry=retry,
            stream=stream,
            match=dict(match or {}),
            group_by=group_by,
            from_=from_,
            timeout=timeout,
        )

    # A decorator is generic over the function it is given, which a closure cannot say.
    return typing.cast(HandlerDecorator, declare)


def _check(handler: Handler[..., Any]) -> None:
    bytes_max = limits.STREAM_NAME_BYTES_MAX
    if not 1 <= len(handler.stream.encode()) <= bytes_max:
        raise TaskError(f"{handler!r}: the name of a stream has 1 to {bytes_max} bytes")
    for name, pattern in handler.match.items():
        if not all(isinstance(each, str) for each in (name, pattern)):
            raise TaskError(f"{handler!r}: match maps fields to patterns, both text: {name!r}")
    if handler.group_by is not None and not _FIELD.fullmatch(handler.group_by):
        raise TaskError(
            f"{handler!r}: group_by={handler.group_by!r} is no field; it is a name without braces "
            "and dollars"
        )
    try:
        start_of(handler.from_)
        _ = handler.timeout_ms
    except (TypeError, ValueError) as error:
        raise TaskError(f"{handler!r}: {error}") from error
