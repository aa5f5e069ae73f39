"""The tasks of one worker, by name, and how they are found in a module."""

import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, TypeAlias

from penstock.worker.errors import AppError
from penstock.worker.task import Task

AnyTask: TypeAlias = Task[..., Any]


class Registry:
    """Tasks under unique names. It is filled once and then only read."""

    def __init__(self, tasks: Iterable[AnyTask] = ()) -> None:
        self._tasks: dict[str, AnyTask] = {}
        for task in tasks:
            other = self._tasks.setdefault(task.name, task)
            if other is not task:
                raise AppError(
                    f"two tasks have the name {task.name!r}: {other!r} and {task!r}; "
                    'give one of them another with @task(name="…")'
                )

    @property
    def names(self) -> list[str]:
        return sorted(self._tasks)

    def __iter__(self) -> Iterator[AnyTask]:
        return iter(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)


def load_app(app: str) -> Registry:
    """Import `module` or `module:attribute` and collect the tasks found there.

    The attribute may be a module, a list or tuple of tasks, a task or a `Registry`. The current
    directory is importable. Whatever the import raises, SystemExit included, becomes an AppError.

    Raises:
        AppError: the message says what to do.
    """
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, _, attribute = app.partition(":")
    if not module_name:
        raise AppError(f"--app {app!r}: write it as module or module:attribute")
    place: object = _import(app, module_name)
    for part in filter(None, attribute.split(".")):
        try:
            place = getattr(place, part)
        except AttributeError:
            raise AppError(f"--app {app}: {module_name} has no attribute {attribute!r}") from None
    registry = _collect(app, place)
    if not len(registry):
        raise AppError(
            f"--app {app}: no tasks there; decorate functions with @task or @on "
            "(from penstock.worker import on, task)"
        )
    return registry


def _import(app: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise AppError(f"--app {app}: importing it failed: {error}") from error
        raise AppError(
            f"--app {app}: there is no module {error.name!r}; modules are looked for in "
            f"{os.getcwd()} and in the Python environment"
        ) from error
    except BaseException as error:  # A user's module may raise anything, SystemExit included.
        raise AppError(
            f"--app {app}: importing it failed: {type(error).__name__}: {error}"
        ) from error


def _collect(app: str, place: object) -> Registry:
    if isinstance(place, Registry):
        return place
    if isinstance(place, Task):
        return Registry([place])
    if isinstance(place, list | tuple):
        strangers = [item for item in place if not isinstance(item, Task)]
        if strangers:
            raise AppError(f"--app {app}: {strangers[0]!r} in the list is not a task")
        return Registry(place)
    if hasattr(place, "__dict__"):
        return Registry(item for item in vars(place).values() if isinstance(item, Task))
    raise AppError(f"--app {app}: {place!r} is neither a module, a list of tasks nor a Registry")
