"""Groups of command-line options that several commands share, flattened into their signatures.

Typer reads a command's options off its signature. A parameter annotated with a `FlagGroup` stands
for all options of that group; the command gets them as one value.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, TypeVar, get_args, get_type_hints

Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class FlagGroup:
    """The options, and what makes one value of what the command line gave."""

    parameters: tuple[inspect.Parameter, ...]
    build: Callable[..., object]


def group_of(values: type, *, without: tuple[str, ...] = ()) -> FlagGroup:
    """Make a group of a dataclass whose fields are annotated with `typer.Option`.

    The fields *without* get no option and keep their defaults.
    """
    types = get_type_hints(values, include_extras=True)
    parameters = tuple(
        _keyword(each.name, types[each.name], default=each.default)
        for each in fields(values)
        if each.name not in without
    )
    return FlagGroup(parameters, values)


def flag(name: str, annotation: object) -> inspect.Parameter:
    """Make one option that is None unless it is given."""
    return _keyword(name, annotation, default=None)


def flattened(command: Command) -> Command:
    """Replace the parameters that stand for groups by the options of those groups."""
    types = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    groups: dict[str, FlagGroup] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        annotation = types[parameter.name]
        found = [each for each in get_args(annotation)[1:] if isinstance(each, FlagGroup)]
        if found:
            groups[parameter.name] = found[0]
            parameters.extend(found[0].parameters)
        else:
            parameters.append(_keyword(parameter.name, annotation, default=parameter.default))

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            own = {each.name: given.pop(each.name) for each in group.parameters}
            given[name] = group.build(**own)
        command(**given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    # Else inspect would go on to the wrapped function and find the groups again.
    del run.__wrapped__
    return run  # type: ignore[return-value]


def _keyword(name: str, annotation: object, *, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
