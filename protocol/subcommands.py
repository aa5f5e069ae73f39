"""The subcommands of a command, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from penstock.protocol.grammar import Command, Flag


def keyed(*commands: Command) -> Mapping[bytes, Command]:
    """Put the subcommands of one command together, with HELP as the last one."""
    first = commands[0]
    container = first.name.partition("|")[0]
    shown = Command(
        name=f"{container}|HELP",
        arity=2,
        category=first.category,
        summary="List the subcommands.",
        since=first.since,
        reply="Array of simple strings.",
        flags=frozenset({Flag.CONNECTION, Flag.WHEN_DRAINING}),
        complexity="O(1)",
    )
    return MappingProxyType(
        {command.name.partition("|")[2].encode(): command for command in (*commands, shown)}
    )
