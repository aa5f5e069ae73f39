"""The command table: consistent with itself, and found by name and arity."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from penstock.protocol.commands import (
    COMMANDS,
    Command,
    Flag,
    find_command,
    unknown_command_text,
    unknown_subcommand_text,
)
from penstock.protocol.errors import ArgumentError
from penstock.protocol.grammar import Kind, Option, OptionUse, Parameter

PROMISED: Final = """
JOB.SUBMIT JOB.CALL JOB.WAIT JOB.SHOW JOB.LIST JOB.CANCEL JOB.REDRIVE JOB.DISCARD
JOB.CLAIM JOB.COMPLETE JOB.FAIL JOB.EXTEND JOB.RELEASE JOB.PROGRESS JOB.OUTPUT
QUEUE.LIST QUEUE.SHOW QUEUE.PEEK QUEUE.SET QUEUE.PAUSE QUEUE.RESUME QUEUE.PURGE QUEUE.DELETE
XADD XTRIM XDEL XSETID XLEN XRANGE XREVRANGE XREAD XINFO XGROUP XREADGROUP XACK XPENDING XCLAIM
XAUTOCLAIM STREAM.SET STREAM.SHOW STREAM.LIST EVENT.PUBLISH EVENT.HANDLED EVENT.CONFIRM
TYPE EXISTS DEL UNLINK KEYS SCAN DBSIZE
TRIGGER.SET TRIGGER.DEL TRIGGER.LIST TRIGGER.SHOW
CRON.SET CRON.DEL CRON.LIST CRON.SHOW CRON.NEXT
MULTI EXEC DISCARD HELLO AUTH PING ECHO SELECT CLIENT COMMAND CONFIG INFO
QUIT RESET
"""


def every_command() -> Iterator[Command]:
    for command in COMMANDS.values():
        yield command
        yield from command.subcommands.values()


def each(name: str = "command") -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, list(every_command()), ids=lambda command: command.name)


def test_the_table_holds_what_is_promised() -> None:
    assert {name.decode() for name in COMMANDS} == set(PROMISED.split())


@each()
def test_a_command_says_what_it_does_in_one_sentence(command: Command) -> None:
    assert command.summary.endswith(".")
    assert len(command.summary) <= 90
    assert command.reply.endswith(".")


@each()
def test_arity_agrees_with_the_parameters(command: Command) -> None:
    if command.subcommands:
        return  # What follows a container's name is its subcommand.
    words = command.name.count("|") + 1
    required = sum(
        len(f"{parameter.keyword} {parameter.name}".split())
        for parameter in command.parameters
        if not parameter.optional
    )
    if command.option_use in (OptionUse.NEEDED, OptionUse.FIRST):
        required += 2  # The shortest option that satisfies it: a setting and its value.
    open_ended = command.options or any(p.optional or p.multiple for p in command.parameters)

    assert abs(command.arity) == words + required or command.name in ("QUIT", "CONFIG|SET")
    if open_ended:
        assert command.arity < 0


@each()
def test_numbers_have_a_range(command: Command) -> None:
    arguments: list[Parameter | Option] = [*command.parameters, *command.options]
    for argument in arguments:
        if argument.kind in (Kind.NUMBER, Kind.NUMBERS, Kind.WEIGHT):
            assert 0 <= argument.minimum < argument.maximum


@each()
def test_a_word_is_one_of_several(command: Command) -> None:
    for option in command.options:
        assert (option.kind is Kind.WORD) == (len(option.words) > 1)


@each()
def test_a_text_behind_a_keyword_has_a_longest_length(command: Command) -> None:
    for option in command.options:
        if option.kind is Kind.TEXT:
            assert option.maximum > 0


@each()
def test_options_speak_of_options_beside_them(command: Command) -> None:
    keywords = {option.keyword for option in command.options}

    for option in command.options:
        assert keywords.issuperset(option.excludes)
        assert option.needs in {"", *keywords}


@each()
def test_keys_are_where_streams_are_named(command: Command) -> None:
    names = [parameter.name for parameter in command.parameters if parameter.kind is Kind.KEY]
    has_stream = bool(names) and names[0] in ("key", "stream", "group")

    assert (command.keys is not None) == has_stream


@each()
def test_only_a_refused_command_has_a_refusal(command: Command) -> None:
    assert (Flag.REFUSED in command.flags) == bool(command.refusal)


@each()
def test_a_name_is_dotted_or_alone(command: Command) -> None:
    assert re.fullmatch(r"[A-Z]+(\.[A-Z]+|\|[A-Z_-]+)?", command.name)


def test_before_authentication_only_these_are_allowed() -> None:
    allowed = {c.name for c in every_command() if Flag.UNAUTHENTICATED in c.flags}

    assert allowed == {"AUTH", "HELLO", "QUIT", "RESET"}


def test_within_a_transaction_only_these_are_allowed() -> None:
    allowed = {c.name for c in every_command() if Flag.TRANSACTION in c.flags}

    assert allowed == {"JOB.SUBMIT", "XADD", "XACK", "PING", "ECHO"}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([b"PING"], "PING"),
        ([b"ping", b"x"], "PING"),
        ([b"Job.Submit", b"t", b"p", b"KEY", b"k"], "JOB.SUBMIT"),
        ([b"COMMAND"], "COMMAND"),
        ([b"command", b"docs"], "COMMAND|DOCS"),
        ([b"CLIENT", b"no-evict", b"on"], "CLIENT|NO-EVICT"),
    ],
)
def test_a_command_is_found_in_any_case(arguments: list[bytes], name: str) -> None:
    assert find_command(arguments).name == name


@pytest.mark.parametrize("arguments", [[b""], [b"PING\x00"], [b"\xff"], [b"CLIENT|ID"]])
def test_what_is_not_in_the_table_is_not_found(arguments: list[bytes]) -> None:
    with pytest.raises(ArgumentError, match=r"^ERR unknown command"):
        find_command(arguments)


def test_the_arguments_of_an_unknown_command_are_cut() -> None:
    text = unknown_command_text([b"F" * 200, b"a" * 100, b"b" * 100, b"c"])

    quoted = f"'{'a' * 100}' '{'b' * 25}' "
    assert text == f"unknown command '{'F' * 128}', with args beginning with: {quoted}"


def test_an_unknown_subcommand_is_cut() -> None:
    text = unknown_subcommand_text(COMMANDS[b"CLIENT"], b"x" * 200)

    assert text == f"unknown subcommand '{'x' * 128}'. Try CLIENT HELP."


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        (b"QUEUE.LIST", "QUEUE.LIST"),
        (b"JOB.WAIT", "JOB.WAIT id [WAIT ms]"),
        (b"JOB.CLAIM", "JOB.CLAIM queue [queue ...] [COUNT n] [WAIT ms]"),
        (b"JOB.FAIL", "JOB.FAIL id attempt error [DEAD | AFTER ms | CANCEL]"),
        (b"HELLO", "HELLO [version] [AUTH username password] [SETNAME name]"),
        (b"INFO", "INFO [section ...]"),
        (
            b"JOB.SUBMIT",
            "JOB.SUBMIT task payload [QUEUE name] [PRIORITY n] [DELAY ms | AT unix-ms] "
            "[TIMEOUT ms] [ATTEMPTS n] [KEY key] [WINDOW ms | REPLACE] [TENANT name] [GROUP key] "
            "[DEADLINE ms] [KEEP ms] [RETRY-BASE ms] [RETRY-CAP ms] [RETRY-JITTER full|none] "
            "[RETRY-DELAYS ms,ms,...]",
        ),
        (
            b"JOB.DISCARD",
            "JOB.DISCARD id | QUEUE name [TASK name] [ERROR text] [SINCE unix-ms] [UNTIL unix-ms]",
        ),
        (b"QUEUE.SET", "QUEUE.SET name setting value [setting value ...]"),
        (
            b"XADD",
            "XADD key [NOMKSTREAM] [MAXLEN [=|~] n | MINID [=|~] id] [LIMIT n] id field value "
            "[field value ...]",
        ),
        (b"XTRIM", "XTRIM key MAXLEN [=|~] n | MINID [=|~] id [LIMIT n]"),
        (b"XREAD", "XREAD [COUNT n] [BLOCK ms] STREAMS key [key ...] id [id ...]"),
        (
            b"XREADGROUP",
            "XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] [NOACK] STREAMS key [key ...] "
            "id [id ...]",
        ),
        (b"XPENDING", "XPENDING key group [IDLE ms] [start end count] [consumer]"),
    ],
)
def test_the_syntax_is_written_from_the_table(name: bytes, syntax: str) -> None:
    assert COMMANDS[name].syntax == syntax
