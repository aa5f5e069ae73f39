"""The command table, and finding a request's command in it.

Dispatch, arity, the replies of COMMAND and the reference page all read this table.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from penstock.config import limits
from penstock.protocol.connection_commands import CONNECTION_COMMANDS
from penstock.protocol.cron_commands import CRON_COMMANDS
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.grammar import Command, Flag
from penstock.protocol.group_commands import GROUP_COMMANDS
from penstock.protocol.job_commands import JOB_COMMANDS
from penstock.protocol.queue_commands import QUEUE_COMMANDS
from penstock.protocol.stream_commands import STREAM_COMMANDS
from penstock.protocol.trigger_commands import TRIGGER_COMMANDS
from penstock.protocol.worker_commands import WORKER_COMMANDS

__all__ = [
    "COMMANDS",
    "Command",
    "Flag",
    "find_command",
    "unknown_command_text",
    "unknown_subcommand_text",
    "wrong_arity_text",
]

# Keyed by name in upper case; subcommands are in their command's own mapping.
COMMANDS: Final[Mapping[bytes, Command]] = MappingProxyType(
    {
        command.name.encode(): command
        for command in (
            *JOB_COMMANDS,
            *WORKER_COMMANDS,
            *QUEUE_COMMANDS,
            *STREAM_COMMANDS,
            *GROUP_COMMANDS,
            *TRIGGER_COMMANDS,
            *CRON_COMMANDS,
            *CONNECTION_COMMANDS,
        )
    }
)


def find_command(arguments: Sequence[bytes]) -> Command:
    """Find the command, or subcommand, that a request names, and hold its arity against it.

    Raises:
        ArgumentError: there is no such command, or the count of arguments is wrong.
    """
    command = COMMANDS.get(arguments[0]) or COMMANDS.get(arguments[0].upper())
    if command is None:
        raise ArgumentError(ErrorCode.ERR, unknown_command_text(arguments))
    if command.subcommands and len(arguments) > 1:
        subcommand = command.subcommands.get(arguments[1].upper())
        if subcommand is None:
            raise ArgumentError(ErrorCode.ERR, unknown_subcommand_text(command, arguments[1]))
        command = subcommand
    arity = command.arity
    if len(arguments) != arity and (arity >= 0 or len(arguments) < -arity):
        raise ArgumentError(ErrorCode.ERR, wrong_arity_text(command))
    return command


def unknown_command_text(arguments: Sequence[bytes]) -> str:
    """Say that a command does not exist, as Redis does: quoted text is cut, a blank ends it."""
    quoted = b""
    for argument in arguments[1:]:
        room = limits.ERROR_ARGUMENTS_BYTES_MAX - len(quoted)
        if room <= 0:
            break
        quoted += b"'%b' " % argument[:room]
    name = _readable(arguments[0][: limits.ERROR_ARGUMENTS_BYTES_MAX])
    return f"unknown command '{name}', with args beginning with: {_readable(quoted)}"


def unknown_subcommand_text(command: Command, subcommand: bytes) -> str:
    """Say that a subcommand does not exist, as Redis does."""
    name = _readable(subcommand[: limits.ERROR_ARGUMENTS_BYTES_MAX])
    return f"unknown subcommand '{name}'. Try {command.name} HELP."


def wrong_arity_text(command: Command) -> str:
    """Say that the count of arguments is wrong, as Redis does."""
    return f"wrong number of arguments for '{command.name.lower()}' command"


def _readable(raw: bytes) -> str:
    return raw.decode(errors="replace")
