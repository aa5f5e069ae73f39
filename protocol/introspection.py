"""What the command table tells about itself: the replies of COMMAND and of the HELP subcommands."""

from collections.abc import Iterable, Sequence

from penstock.protocol.commands import COMMANDS, find_command
from penstock.protocol.errors import ArgumentError
from penstock.protocol.grammar import Command, Flag, Kind, Option, OptionUse, Parameter
from penstock.protocol.replies import Simple, Value
from penstock.protocol.values import refused

# Redis' words for our flags; the others mean nothing to its clients.
_REDIS_FLAGS = {
    Flag.WRITE: "write",
    Flag.BLOCKING: "blocking",
    Flag.UNAUTHENTICATED: "no_auth",
    Flag.TRANSACTION: "fast",
}
_READ_ONLY = "readonly"
_MOVABLE_KEYS = "movablekeys"
_REDIS_TYPES = {Kind.NUMBER: "integer", Kind.FLAG: "pure-token"}


def command_count() -> int:
    """Shape `COMMAND COUNT`."""
    return len(COMMANDS)


def command_names() -> list[Value]:
    """Shape `COMMAND LIST`."""
    return [command.name.lower() for command in COMMANDS.values()]


def command_info(names: Sequence[bytes] = ()) -> list[Value]:
    """Shape `COMMAND` and `COMMAND INFO [name ...]`; null stands for a name that is unknown."""
    if not names:
        return [_info(command) for command in COMMANDS.values()]
    return [None if command is None else _info(command) for command in map(_named, names)]


def command_docs(names: Sequence[bytes] = ()) -> dict[str, Value]:
    """Shape `COMMAND DOCS [name ...]`; names that are unknown are left out."""
    commands: Iterable[Command | None] = map(_named, names) if names else COMMANDS.values()
    return {command.name.lower(): _docs(command) for command in commands if command is not None}


def command_keys(arguments: Sequence[bytes]) -> list[Value]:
    """Shape `COMMAND GETKEYS command [argument ...]`: the names of streams in a whole command.

    Raises:
        ArgumentError: there is no such command, it has no such names, or not where they belong.
    """
    command = COMMANDS.get(arguments[0].upper())
    if command is not None and command.subcommands and len(arguments) > 1:
        command = command.subcommands.get(arguments[1].upper())
    if command is None:
        raise refused("Invalid command specified")
    if command.keys is None:
        raise refused("The command has no key arguments")
    try:
        find_command(arguments)
    except ArgumentError:
        raise refused("Invalid number of arguments specified for command") from None
    keys = command.keys
    if keys.keyword:
        return [*_behind(keys.keyword.encode(), arguments)]
    last = keys.last if keys.last > 0 else len(arguments) + keys.last
    return [*arguments[keys.first : last + 1]]


def help_lines(container: Command) -> list[Value]:
    """Shape the HELP subcommand of a command that has subcommands."""
    lines: list[Value] = [Simple(f"{container.name} <subcommand> [<arg> ...]. Subcommands are:")]
    for command in container.subcommands.values():
        lines.append(Simple(command.syntax.removeprefix(f"{container.name} ")))
        lines.append(Simple(f"    {command.summary}"))
    return lines


def _named(name: bytes) -> Command | None:
    first, _, second = name.upper().partition(b"|")
    command = COMMANDS.get(first)
    if command is None or not second:
        return command
    return command.subcommands.get(second)


def _info(command: Command) -> Value:
    flags: list[Value] = [
        Simple(word) for flag, word in _REDIS_FLAGS.items() if flag in command.flags
    ]
    places: list[Value] = [0, 0, 0]  # No argument is a key, or none that counting finds.
    if command.keys is not None:
        if Flag.WRITE not in command.flags:
            flags.append(Simple(_READ_ONLY))
        if command.keys.keyword:
            flags.append(Simple(_MOVABLE_KEYS))
        else:
            places = [command.keys.first, command.keys.last, 1]
    subcommands: list[Value] = [_info(other) for other in command.subcommands.values()]
    # No ACL categories, tips or key specs.
    empty: list[Value] = []
    return [command.name.lower(), command.arity, flags, *places, empty, empty, empty, subcommands]


def _behind(keyword: bytes, arguments: Sequence[bytes]) -> Sequence[bytes]:
    upper = [argument.upper() for argument in arguments]
    start = upper.index(keyword) + 1 if keyword in upper else len(upper)
    count, left = divmod(len(arguments) - start, 2)
    if not count or left:
        raise refused("Invalid arguments specified for command")
    return arguments[start : start + count]


def _docs(command: Command) -> dict[str, Value]:
    docs: dict[str, Value] = {
        "summary": command.summary,
        "since": command.since,
        "group": command.category,
    }
    if command.complexity:
        docs["complexity"] = command.complexity
    arguments = _arguments(command)
    if arguments:
        docs["arguments"] = arguments
    if command.subcommands:
        docs["subcommands"] = {
            other.name.lower(): _docs(other) for other in command.subcommands.values()
        }
    return docs


def _arguments(command: Command) -> list[Value]:
    parameters: list[Value] = [_parameter(parameter) for parameter in command.parameters]
    groups = command.option_groups()
    if command.option_use is OptionUse.FIRST:
        parameters.append(_choice(groups.pop(0)))
    if command.option_use is not OptionUse.INSTEAD:
        at = len(parameters) if command.options_at is None else command.options_at
        return [*parameters[:at], *map(_option_group, groups), *parameters[at:]]
    options: list[Value] = [_option(groups[0][0]), *map(_option_group, groups[1:])]
    block: Value = {"name": "options", "type": "block", "arguments": options}
    return [{"name": "choice", "type": "oneof", "arguments": [*parameters, block]}]


def _parameter(parameter: Parameter) -> dict[str, Value]:
    names = parameter.name.split()
    shape = _shape(parameter.name, parameter.kind)
    if len(names) > 1:
        values: list[Value] = [_shape(name, parameter.kind) for name in names]
        shape = {"name": "-".join(names), "type": "block", "arguments": values}
    if parameter.keyword:
        shape["token"] = parameter.keyword
    flags: list[Value] = []
    if parameter.optional:
        flags.append(Simple("optional"))
    if parameter.multiple:
        flags.append(Simple("multiple"))
    if flags:
        shape["flags"] = flags
    return shape


def _option_group(options: Sequence[Option]) -> dict[str, Value]:
    shape = _choice(options)
    shape["flags"] = [Simple("optional")]
    return shape


def _choice(options: Sequence[Option]) -> dict[str, Value]:
    if len(options) == 1:
        return _option(options[0])
    return {
        "name": options[0].group,
        "type": "oneof",
        "arguments": [_option(option) for option in options],
    }


def _option(option: Option) -> dict[str, Value]:
    if option.kind is Kind.WORD:
        words: list[Value] = [
            _shape(word, Kind.FLAG) | {"token": word.upper()} for word in option.words
        ]
        name = option.keyword.lower()
        return {"name": name, "type": "oneof", "arguments": words, "token": option.keyword}
    if option.kind is Kind.WEIGHT:
        tenant, share = option.value.split()
        values: list[Value] = [_shape(tenant, Kind.NAME), _shape(share, Kind.NUMBER)]
        name = option.keyword.lower()
        return {"name": name, "type": "block", "arguments": values, "token": option.keyword}
    return _shape(option.value, option.kind) | {"token": option.keyword}


def _shape(name: str, kind: Kind) -> dict[str, Value]:
    return {"name": name, "type": _REDIS_TYPES.get(kind, "string"), "display_text": name}
