"""A task made ready to run: how its payload is read and its result written is worked out once."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.worker.arguments import ArgumentDecoder, Arguments
from penstock.worker.errors import UnknownTask
from penstock.worker.event_arguments import EventArguments
from penstock.worker.handler import Handler
from penstock.worker.prefetch import Kind
from penstock.worker.registry import AnyTask, Registry
from penstock.worker.results import encode_result, raw_result

_NO_KEYWORDS: Final[Mapping[str, object]] = {}
_NAMES_SHOWN_MAX: Final = 20


class Runnable:
    """One task with its decoder.

    Raises:
        TaskError: the function's annotations cannot serve.
    """

    def __init__(self, task: AnyTask) -> None:
        self.name = task.name
        self.fn: Callable[..., Any] = task.fn
        self.is_async = task.is_async
        self.retries = task.retry
        self._raw = task.raw
        self._decoder: ArgumentDecoder | EventArguments | None = None
        if isinstance(task, Handler):
            self._decoder = EventArguments(task.name, task.fn)
        elif not task.raw:
            self._decoder = ArgumentDecoder(task.name, task.fn)

    def arguments(self, payload: bytes) -> Arguments:
        """Read the arguments of one call.

        Raises:
            ArgumentError: the payload does not fit the parameters.
        """
        if self._decoder is None:
            return (payload,), _NO_KEYWORDS
        return self._decoder.decode(payload)

    def result(self, value: object) -> bytes:
        """Write what the function returned.

        Raises:
            ResultError: it cannot be sent.
        """
        return raw_result(self.name, value) if self._raw else encode_result(self.name, value)


class Runnables:
    """All tasks of a worker, ready to run."""

    def __init__(self, registry: Registry) -> None:
        self._by_name = {task.name: Runnable(task) for task in registry}
        self.handlers = [task for task in registry if isinstance(task, Handler)]
        kinds = {runnable.is_async for runnable in self._by_name.values()}
        if kinds == {True}:
            self.kind = Kind.ASYNC
        else:
            self.kind = Kind.MIXED if True in kinds else Kind.SYNC

    @property
    def names(self) -> list[str]:
        return sorted(self._by_name)

    def get(self, name: str) -> Runnable:
        """Find a task by the name a job gives.

        Raises:
            UnknownTask: this worker does not have it.
        """
        try:
            return self._by_name[name]
        except KeyError:
            names = self.names[:_NAMES_SHOWN_MAX]
            more = len(self._by_name) - len(names)
            known = ", ".join(names) + (f" and {more} more" if more else "")
            raise UnknownTask(f"{name!r} is no task of this worker, which knows {known}") from None
