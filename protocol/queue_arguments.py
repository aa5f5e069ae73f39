"""The arguments of the commands about queues.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.grammar import Kind, Option
from penstock.protocol.option_reader import OptionReader, read_list
from penstock.protocol.options import DELETE_OPTIONS, PEEK_OPTIONS
from penstock.protocol.queue_settings import QUEUE_SETTINGS
from penstock.protocol.values import (
    read_name,
    read_number,
    read_word,
    refused,
    shown,
)

_PEEK: Final = OptionReader("QUEUE.PEEK", PEEK_OPTIONS)
_DELETE: Final = OptionReader("QUEUE.DELETE", DELETE_OPTIONS)


_DEFAULT: Final = b"default"
_FIELDS: Final = {option.keyword.encode(): field for field, option in QUEUE_SETTINGS.items()}

SettingValue: TypeAlias = int | str | tuple[int, ...] | None


class QueueSetArguments(Struct, frozen=True):
    """QUEUE.SET's: what changes, by the names of the settings; None goes back to the default.

    Each value is one that its setting may have. Whether they go together is not checked here: it
    depends on what is set already.
    """

    queue: str
    changes: dict[str, SettingValue]
    weights: dict[str, int | None]


class PeekArguments(Struct, frozen=True, gc=False):
    """QUEUE.PEEK's."""

    queue: str
    jobs_max: int = limits.PEEK_JOBS_DEFAULT


class DeleteArguments(Struct, frozen=True, gc=False):
    """QUEUE.DELETE's."""

    queue: str
    force: bool = False


def parse_queue_name(arguments: Sequence[bytes]) -> str:
    """Read `QUEUE.SHOW name`, and what else takes the name of a queue alone."""
    return read_name(arguments[1], "queue")


def parse_peek(arguments: Sequence[bytes]) -> PeekArguments:
    """Read `QUEUE.PEEK name [COUNT n]`."""
    queue = read_name(arguments[1], "queue")
    numbers, _, _ = _PEEK.read(arguments, 2)
    return PeekArguments(queue, numbers.get("COUNT", limits.PEEK_JOBS_DEFAULT))


def parse_delete(arguments: Sequence[bytes]) -> DeleteArguments:
    """Read `QUEUE.DELETE name [FORCE]`."""
    queue = read_name(arguments[1], "queue")
    numbers, _, _ = _DELETE.read(arguments, 2)
    return DeleteArguments(queue, "FORCE" in numbers)


# --- QUEUE.SET -----------------------------------------------------------------------------------


def parse_queue_set(arguments: Sequence[bytes]) -> QueueSetArguments:
    """Read `QUEUE.SET name setting value [setting value ...]`; WEIGHT takes a tenant, too."""
    queue = read_name(arguments[1], "queue")
    changes: dict[str, SettingValue] = {}
    weights: dict[str, int | None] = {}
    position = 2
    while position < len(arguments):
        field = _field(arguments[position])
        option = QUEUE_SETTINGS[field]
        values = arguments[position + 1 : position + (3 if option.kind is Kind.WEIGHT else 2)]
        position += 1 + len(values)
        if len(values) < len(option.value.split()):
            raise refused(
                f"setting {option.keyword} has no value; write {option.keyword} {option.value}"
            )
        if option.kind is Kind.WEIGHT:
            _put_weight(weights, option, values)
        elif field in changes:
            raise refused(f"setting {option.keyword} is given twice")
        else:
            changes[field] = _value(option, values[0])
    return QueueSetArguments(queue, changes, weights)


def _field(raw: bytes) -> str:
    field = _FIELDS.get(raw.upper())
    if field is None:
        known = ", ".join(option.keyword for option in QUEUE_SETTINGS.values())
        raise refused(f"unknown setting {shown(raw)}; QUEUE.SET takes {known}")
    return field


def _put_weight(weights: dict[str, int | None], option: Option, values: Sequence[bytes]) -> None:
    tenant = read_name(values[0], "tenant")
    if tenant in weights:
        raise refused(f"{option.keyword} of tenant {tenant} is given twice")
    weights[tenant] = None if _is_default(values[1]) else _number(option, values[1])


def _value(option: Option, raw: bytes) -> SettingValue:
    if _is_default(raw):
        return None
    if option.kind is Kind.NUMBERS:
        return read_list(option, raw)
    if option.kind is Kind.WORD:
        return read_word(raw, option.keyword, (*option.words, "default"))
    return _number(option, raw)


def _number(option: Option, raw: bytes) -> int:
    return read_number(raw, option.keyword, option.minimum, option.maximum, "default")


def _is_default(raw: bytes) -> bool:
    return raw.lower() == _DEFAULT
