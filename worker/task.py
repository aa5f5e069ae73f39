"""The `task` decorator: a function that workers run by name."""

import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, ParamSpec, Protocol, TypeVar, overload

from penstock.config import limits
from penstock.worker.endings import Ending
from penstock.worker.errors import TaskError
from penstock.worker.retries import Retries

P = ParamSpec("P")
R = TypeVar("R")

_NAME: Final = re.compile(rf"[A-Za-z0-9_.:/@+-]{{1,{limits.NAME_BYTES_MAX}}}")
_COPIED: Final = ("__module__", "__name__", "__qualname__", "__doc__")


@dataclass(frozen=True, eq=False, repr=False)
class Task(Generic[P, R]):
    """A function and the name by which jobs ask for it. Calling it calls the function."""

    fn: Callable[P, R]
    name: str
    raw: bool = False
    queue: str | None = None  # Where clients submit it when they name no queue.
    retry: Retries | None = None

    def __post_init__(self) -> None:
        _check(self)
        for attribute in _COPIED:
            object.__setattr__(self, attribute, getattr(self.fn, attribute, None))
        object.__setattr__(self, "__wrapped__", self.fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.fn(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return inspect.iscoroutinefunction(self.fn)

    @property
    def returns(self) -> object:
        """The annotation of the result, `Any` when there is none; without Retry and its like."""
        return _without_endings(annotations(self.fn).get("return", typing.Any))

    def __repr__(self) -> str:
        return f"<task {self.name}: {_place(self.fn)}>"

    def __reduce__(self) -> str:
        # Pickled as what it is, a module's global: multiprocessing inside tasks needs it.
        return self.fn.__qualname__


class TaskDecorator(Protocol):
    """What `task(...)` with options returns."""

    def __call__(self, fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    name: str | None = None,
    raw: bool = False,
    queue: str | None = None,
    retry: Retries | None = None,
) -> TaskDecorator: ...


def task(
    fn: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    raw: bool = False,
    queue: str | None = None,
    retry: Retries | None = None,
) -> Task[P, R] | TaskDecorator:
    """Declare a function as a task; it stays callable as itself.

    Arguments and results are JSON, checked against the annotations. A raw task takes the payload
    as bytes and returns bytes. `retry` says how its jobs are tried again, where their submissions
    do not.

    Raises:
        TaskError: the function cannot be a task, or a name is not one.
    """

    def declare(function: Callable[P, R]) -> Task[P, R]:
        own_name = getattr(function, "__name__", type(function).__name__)
        return Task(function, own_name if name is None else name, raw, queue, retry)

    if fn is None:
        # A decorator is generic over the function it is given, which a closure cannot say.
        return typing.cast(TaskDecorator, declare)
    return declare(fn)


def annotations(fn: Callable[..., object]) -> dict[str, object]:
    """Read a function's annotations with their names resolved.

    Raises:
        TaskError: a name in an annotation is not defined.
    """
    try:
        return typing.get_type_hints(fn, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise TaskError(
            f"{_place(fn)}: its annotations cannot be read: {error}. Import the names they use "
            "where the module runs, not only under TYPE_CHECKING."
        ) from error


def _without_endings(annotation: object) -> object:
    """Take out of a union what never becomes a result."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation
    kinds = [kind for kind in typing.get_args(annotation) if not _is_ending(kind)]
    return typing.Union[tuple(kinds)] if kinds else type(None)  # noqa: UP007


def _is_ending(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Ending)


def _check(declared: Task[P, R]) -> None:
    fn = declared.fn
    if not callable(fn):
        raise TaskError(f"@task is for functions, not for {fn!r}")
    for kind, value in (("task", declared.name), ("queue", declared.queue)):
        if value is not None and not _NAME.fullmatch(value):
            raise TaskError(
                f"{_place(fn)}: {value!r} is no {kind} name: use 1 to {limits.NAME_BYTES_MAX} of "
                "the characters A-Z a-z 0-9 _ . : / @ + -"
            )
    if declared.retry is not None and not isinstance(declared.retry, Retries):
        raise TaskError(
            f"{_place(fn)}: retry={declared.retry!r:.100} is no policy; write it as "
            "retry=Retries(attempts=5, base=2, cap=60)"
        )
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TaskError(f"{_place(fn)}: a task returns one value and must not be a generator")
    if declared.raw:
        try:
            inspect.signature(fn).bind(b"")
        except TypeError as error:
            raise TaskError(
                f"{_place(fn)}: a raw task is called with one argument, the payload: {error}"
            ) from error


def _place(fn: Callable[..., object]) -> str:
    module = getattr(fn, "__module__", "?")
    return f"{module}.{getattr(fn, '__qualname__', repr(fn))}"
