"""What a command is: its parameters, its options and what is known about it, as values."""

from collections.abc import Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from penstock.protocol.errors import ErrorCode


@unique
class Flag(Enum):
    """What the session must know of a command before it is carried out."""

    WRITE = "write"  # Is answered after a commit.
    BLOCKING = "blocking"  # May be answered much later; later commands are carried out meanwhile.
    WORKER = "worker"  # Sent by workers about jobs they hold.
    CONNECTION = "connection"  # About the connection itself.
    UNAUTHENTICATED = "unauthenticated"  # Allowed before AUTH.
    TRANSACTION = "transaction"  # May stand between MULTI and EXEC.
    WHEN_DRAINING = "when_draining"  # Still served while the server shuts down.
    REFUSED = "refused"  # Known, and always answered with an error that says why.


@unique
class Kind(Enum):
    """What an argument may be."""

    NAME = "name"  # Of a task, a queue or a tenant.
    KEY = "key"  # An idempotency key or an ordering group; of streams all names.
    ID = "id"  # Of an event.
    CONNECTION = "connection"  # The name that a connection gave itself.
    NUMBER = "number"  # A whole number within a range.
    NUMBERS = "numbers"  # Several of them, with commas between.
    WORD = "word"  # One of a few.
    WEIGHT = "weight"  # Two values: the name of a tenant, and a whole number within a range.
    BYTES = "bytes"  # Anything.
    TEXT = "text"  # UTF-8.
    FLAG = "flag"  # A keyword that stands alone.


@unique
class OptionUse(Enum):
    """How the options of a command stand to its parameters."""

    FREE = "free"  # Behind them, each if one likes.
    NEEDED = "needed"  # Behind them, at least one; they are settings and their values.
    INSTEAD = "instead"  # In their place, the first of them always.
    FIRST = "first"  # Behind them, one of the first group always.


class Parameter(Struct, frozen=True):
    """An argument known by its place; with a name of several words, so many of them.

    `keyword` is a word that always stands before it.
    """

    name: str
    kind: Kind
    meaning: str
    minimum: int = 0
    maximum: int = 0
    optional: bool = False
    multiple: bool = False
    keyword: str = ""


class Option(Struct, frozen=True):
    """An argument known by the keyword before it.

    `group` names what excludes each other, one by one; `excludes` names the keywords that cannot
    stand beside this one, and `needs` the keyword that must.
    """

    keyword: str
    value: str  # What stands for the value in the syntax.
    kind: Kind
    meaning: str
    minimum: int = 0
    maximum: int = 0  # Of a text, in bytes.
    default: str = ""  # For people; the value itself is where the option is parsed.
    group: str = ""
    excludes: tuple[str, ...] = ()
    needs: str = ""
    words: tuple[str, ...] = ()  # What a word may be.


class Keys(Struct, frozen=True):
    """Which arguments are names of streams, as Redis' clients want to know: keys.

    They are from the first to the last, which counts from the end if it is negative; or, behind
    a keyword, the first half of all that follow.
    """

    first: int = 1
    last: int = 1
    keyword: str = ""


NO_SUBCOMMANDS: Final[Mapping[bytes, "Command"]] = MappingProxyType({})


class Command(Struct, frozen=True):
    """A row of the command table.

    `arity` counts as Redis does: the command's name included, negative for "at least". `reply`
    and `reply3` say what RESP2 and RESP3 clients get; one text where both get the same. Options
    stand before the parameter at `options_at`, and behind all of them if it is None.
    """

    name: str
    arity: int
    category: str
    summary: str
    since: str
    reply: str
    reply3: str = ""
    flags: frozenset[Flag] = frozenset()
    complexity: str = ""
    parameters: tuple[Parameter, ...] = ()
    options: tuple[Option, ...] = ()
    option_use: OptionUse = OptionUse.FREE
    options_at: int | None = None
    keys: Keys | None = None
    errors: tuple[ErrorCode, ...] = ()
    notes: str = ""
    refusal: str = ""  # The text a command flagged REFUSED is answered with.
    subcommands: Mapping[bytes, "Command"] = NO_SUBCOMMANDS

    @property
    def syntax(self) -> str:
        """Write the command as it is typed, optional parts in brackets."""
        return " ".join([self.name.replace("|", " "), *self._written_parts()])

    def option_groups(self) -> list[tuple[Option, ...]]:
        """Put the options together that exclude each other, in the table's order."""
        groups: dict[str, tuple[Option, ...]] = {}
        for option in self.options:
            name = option.group or option.keyword
            groups[name] = (*groups.get(name, ()), option)
        return list(groups.values())

    def _written_parts(self) -> list[str]:
        parts = [_written_parameter(parameter) for parameter in self.parameters]
        groups = [" | ".join(map(_written_option, group)) for group in self.option_groups()]
        if self.option_use is OptionUse.NEEDED:
            return [*parts, "setting value [setting value ...]"]
        if self.option_use is OptionUse.INSTEAD:
            parts += ["|", groups.pop(0)]
        elif self.option_use is OptionUse.FIRST:
            parts.append(groups.pop(0))
        at = len(parts) if self.options_at is None else self.options_at
        return parts[:at] + [f"[{group}]" for group in groups] + parts[at:]


def _written_parameter(parameter: Parameter) -> str:
    name = written = parameter.name
    if parameter.optional and parameter.multiple and not parameter.keyword:
        return f"[{name} ...]"
    if parameter.multiple:
        written = f"{name} [{name} ...]"
    if parameter.keyword:
        written = f"{parameter.keyword} {written}"
    return f"[{written}]" if parameter.optional else written


def _written_option(option: Option) -> str:
    return option.keyword if option.kind is Kind.FLAG else f"{option.keyword} {option.value}"
