"""The reference part of docs/protocol.md, written from the tables: `python -m` this module.

What people wrote in that page stays as it is; what stands between a line
`<!-- generated: NAME -->` and the next `<!-- end -->` is replaced.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from penstock.config import limits
from penstock.protocol.commands import COMMANDS
from penstock.protocol.errors import ERRORS, Outcome
from penstock.protocol.grammar import Command, Flag, Kind, Option, OptionUse, Parameter
from penstock.protocol.values import either

PAGE: Final = Path("docs/protocol.md")

_SECTION: Final = re.compile(r"(<!-- generated: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_CATEGORIES: Final = {
    "job": "Jobs",
    "queue": "Queues",
    "stream": "Streams",
    "trigger": "Triggers",
    "cron": "Schedules",
    "transactions": "Transactions",
    "connection": "The connection",
    "server": "The server",
}

_FLAGS: Final = {
    Flag.WRITE: "answered after a commit",
    Flag.BLOCKING: "may be answered late",
    Flag.WORKER: "sent by workers",
    Flag.UNAUTHENTICATED: "allowed before authentication",
    Flag.TRANSACTION: "allowed between MULTI and EXEC",
}

_KINDS: Final = {
    Kind.NAME: "name",
    Kind.KEY: f"1 to {limits.KEY_BYTES_MAX} bytes of UTF-8, no control characters",
    Kind.CONNECTION: "visible characters of ASCII",
    Kind.ID: "id of an event",
    Kind.BYTES: "bytes",
    Kind.TEXT: "UTF-8",
    Kind.FLAG: "stands alone",
}

_OUTCOMES: Final = {
    Outcome.REFUSED: "refused, nothing changed",
    Outcome.LATER: "not now, nothing changed",
    Outcome.DONE: "an answer",
    Outcome.UNKNOWN: "unknown",
}


def render(page: str) -> str:
    """Write the generated sections of a page anew.

    Raises:
        KeyError: the page asks for a section that there is not.
    """
    return _SECTION.sub(lambda found: found[1] + SECTIONS[found[2]]() + found[3], page)


def _commands() -> str:
    lines: list[str] = []
    for category, title in _CATEGORIES.items():
        lines += [f"### {title}", ""]
        for command in COMMANDS.values():
            if command.category == category:
                lines += _command(command)
    return "\n".join(["", *lines, ""])


def _command(command: Command) -> Iterator[str]:
    yield from (f"#### {command.name}", "", "```", command.syntax, "```", "")
    yield from (command.summary, "")
    if command.parameters or command.options:
        yield from ("| argument | what it may be | default | meaning |", "|---|---|---|---|")
        yield from map(_parameter_row, command.parameters)
        yield from (_option_row(command, option) for option in command.options)
        yield ""
    yield from _facts(command)
    if command.notes:
        yield from (command.notes, "")
    if command.subcommands:
        yield from ("| subcommand | what it does | reply |", "|---|---|---|")
        yield from map(_subcommand_row, command.subcommands.values())
        yield ""


def _facts(command: Command) -> Iterator[str]:
    yield f"- Reply: {_reply(command)}"
    if command.errors:
        yield f"- Errors: {', '.join(command.errors)}, and ERR for the request's form."
    known = [words for flag, words in _FLAGS.items() if flag in command.flags]
    if known:
        yield f"- {_capital(', '.join(known))}."
    if command.complexity:
        yield f"- Complexity: {command.complexity.removesuffix('.')}. Since {command.since}."
    yield ""


def _reply(command: Command) -> str:
    if not command.reply3:
        return command.reply
    return f"RESP2: {command.reply} RESP3: {command.reply3}"


def _parameter_row(parameter: Parameter) -> str:
    default = "none" if parameter.optional else "required"
    name = f"`{parameter.keyword}` {parameter.name}" if parameter.keyword else parameter.name
    return f"| {name} | {_range(parameter)} | {default} | {parameter.meaning} |"


def _option_row(command: Command, option: Option) -> str:
    value = "" if option.kind is Kind.FLAG else f" {option.value}".replace("|", "\\|")
    default = option.default or "none"
    if command.option_use is OptionUse.INSTEAD and option is command.options[0]:
        default = "required without an id"
    if command.option_use is OptionUse.FIRST and option in command.option_groups()[0]:
        default = "one of these is required"
    return f"| `{option.keyword}`{value} | {_range(option)} | {default} | {option.meaning} |"


def _range(argument: Parameter | Option) -> str:
    numbers = f"{argument.minimum} to {argument.maximum}"
    match argument.kind:
        case Kind.NUMBER:
            return numbers
        case Kind.NUMBERS:
            return f"up to {limits.RETRY_DELAYS_MAX}, each {numbers}"
        case Kind.WEIGHT:
            return f"name; {numbers}"
        case Kind.WORD:
            assert isinstance(argument, Option)
            return either(argument.words)
        case Kind.TEXT if argument.maximum:
            return f"UTF-8, 1 to {argument.maximum} bytes"
        case _:
            return _KINDS[argument.kind]


def _subcommand_row(command: Command) -> str:
    return f"| `{command.syntax}` | {command.summary} | {_reply(command)} |"


def _errors() -> str:
    rows = [
        f"| {code.value} | {_OUTCOMES[row.outcome]} | {row.meaning} | {row.remedy} |"
        for code, row in ERRORS.items()
    ]
    head = ["| code | outcome | meaning | what to do |", "|---|---|---|---|"]
    return "\n".join(["", *head, *rows, "", ""])


def _limits() -> str:
    rows = {
        "Arguments of one request": limits.ARGUMENTS_MAX,
        "Bytes of one argument": limits.ARGUMENT_BYTES_MAX,
        "Bytes of one request": limits.REQUEST_BYTES_MAX,
        "Bytes of an inline request, or of a header line": limits.LINE_BYTES_MAX,
        "Arguments of one request, before authentication": limits.UNAUTHENTICATED_ARGUMENTS_MAX,
        "Bytes of one argument, before authentication": limits.UNAUTHENTICATED_ARGUMENT_BYTES_MAX,
        "Commands between MULTI and EXEC": limits.TRANSACTION_COMMANDS_MAX,
        "Bytes of their payloads together": limits.TRANSACTION_BYTES_MAX,
        "Bytes of a task's, a queue's or a tenant's name": limits.NAME_BYTES_MAX,
        "Bytes of a key or a group": limits.KEY_BYTES_MAX,
        "Bytes of a payload, unless configured": limits.PAYLOAD_BYTES_MAX,
        "Bytes of a result, unless configured": limits.RESULT_BYTES_MAX,
        "Bytes of an error": limits.ERROR_BYTES_MAX,
        "Bytes of the reason for a cancellation": limits.REASON_BYTES_MAX,
        "Bytes of the note of a progress report": limits.NOTE_BYTES_MAX,
        "Bytes of an attempt's output that are kept, the last ones": limits.JOB_OUTPUT_BYTES_MAX,
        "Jobs of one JOB.LIST or QUEUE.PEEK": limits.LIST_JOBS_MAX,
        "Bytes of the name of a stream, a group or a consumer": limits.STREAM_NAME_BYTES_MAX,
        "Bytes of an event, all its fields, unless configured": limits.EVENT_BYTES_MAX,
        "Fields of an event": limits.EVENT_FIELDS_MAX,
        "Events of one reply": limits.RANGE_EVENTS_MAX,
        "Bytes of their fields, about": limits.RANGE_BYTES_MAX,
        "Streams": limits.STREAMS_MAX,
        "Groups of one stream": limits.GROUPS_MAX,
        "Consumers of one group": limits.CONSUMERS_MAX,
        "Pending events of one group": limits.GROUP_PENDING_MAX,
        "Pending events of all groups": limits.PENDING_EVENTS_MAX,
        "Reads that wait for events": limits.READERS_MAX,
        "Triggers": limits.TRIGGERS_MAX,
        "Schedules": limits.SCHEDULES_MAX,
        "Requests of one connection without a reply, unless configured; then reading pauses": (
            limits.REQUESTS_IN_FLIGHT_MAX
        ),
        "Unread bytes of replies, unless configured; then the connection is cut": (
            limits.OUTPUT_BYTES_MAX
        ),
    }
    lines = [f"| {what} | {value:,} |" for what, value in rows.items()]
    return "\n".join(["", "| what | at most |", "|---|---:|", *lines, "", ""])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


SECTIONS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": _commands,
    "errors": _errors,
    "limits": _limits,
}


def main(arguments: list[str]) -> None:
    """Rewrite the page in place: the one that is named, else docs/protocol.md."""
    page = Path(arguments[0]) if arguments else PAGE
    page.write_text(render(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
