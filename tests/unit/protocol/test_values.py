"""Single arguments, whatever their command."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocol.commands import COMMANDS
from penstock.protocol.errors import ArgumentError
from penstock.protocol.grammar import Command, Option, Parameter
from penstock.protocol.values import shown
from tests.unit.protocol.readers import READERS

VALUES: Final = (b"0", b"7", b"-1", b"5-1", b"(5", b"-", b"+", b"*", b"~", b"=", b"$", b">", b"s")


@given(st.binary(max_size=300))
def test_an_argument_is_shown_in_one_short_line(raw: bytes) -> None:
    quoted = shown(raw)

    assert quoted.isprintable()
    assert len(quoted) <= 67


@pytest.mark.parametrize("name", sorted(READERS))
@given(data=st.data())
def test_no_arguments_raise_anything_but_a_refusal(name: str, data: st.DataObject) -> None:
    command, words = named(name)
    argument = st.binary(max_size=12) | st.sampled_from([*VALUES, *keywords(command)])
    rest = data.draw(st.lists(argument, min_size=abs(command.arity) - len(words), max_size=12))
    read: Callable[[list[bytes]], object] = READERS[name]

    with suppress(ArgumentError):
        read([*words, *rest])


def named(name: str) -> tuple[Command, list[bytes]]:
    words = name.encode().split(b"|")
    command = COMMANDS[words[0]]
    return (command.subcommands[words[1]] if len(words) > 1 else command), words


def keywords(command: Command) -> list[bytes]:
    arguments: list[Parameter | Option] = [*command.parameters, *command.options]
    return [argument.keyword.encode() for argument in arguments]
