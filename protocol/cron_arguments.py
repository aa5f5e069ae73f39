"""The arguments of the commands about schedules.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
The expression and the time zone are not looked into here.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.config import limits
from penstock.protocol.option_reader import OptionReader
from penstock.protocol.submit_arguments import SubmitArguments, put_together
from penstock.protocol.trigger_options import CRON_NEXT_OPTIONS, CRON_OPTIONS
from penstock.protocol.values import read_bounded_text, read_name, refused

ZONE_DEFAULT: Final = "UTC"

_SET: Final = OptionReader("CRON.SET", CRON_OPTIONS)
_NEXT: Final = OptionReader("CRON.NEXT", CRON_NEXT_OPTIONS)


class CronSetArguments(Struct, frozen=True):
    """CRON.SET's. `missed` is skip, once or all; `overlap` is allow, skip or wait."""

    name: str
    expression: str
    submit: SubmitArguments
    zone: str = ZONE_DEFAULT
    missed: str = "once"
    missed_max: int = limits.CRON_MISSED_DEFAULT
    jitter_ms: int = 0
    overlap: str = "allow"


class CronNextArguments(Struct, frozen=True):
    """CRON.NEXT's."""

    name: str
    runs_max: int = limits.CRON_NEXT_DEFAULT


def parse_schedule_name(arguments: Sequence[bytes]) -> str:
    """Read `CRON.SHOW name`, and CRON.DEL."""
    return read_name(arguments[1], "schedule")


def parse_cron_next(arguments: Sequence[bytes]) -> CronNextArguments:
    """Read `CRON.NEXT name [COUNT n]`."""
    numbers, _, _ = _NEXT.read(arguments, 2)
    return CronNextArguments(
        parse_schedule_name(arguments), numbers.get("COUNT", limits.CRON_NEXT_DEFAULT)
    )


def parse_cron_set(arguments: Sequence[bytes]) -> CronSetArguments:
    """Read `CRON.SET name expression [TZ zone] task payload [options]`."""
    name = parse_schedule_name(arguments)
    expression = read_bounded_text(
        arguments[2], "the cron expression", limits.CRON_EXPRESSION_BYTES_MAX
    )
    zone = ZONE_DEFAULT
    position = 3
    if arguments[3].upper() == b"TZ":
        zone = read_bounded_text(arguments[4], "TZ", limits.NAME_BYTES_MAX)
        position = 5
    if len(arguments) < position + 2:
        raise refused("CRON.SET expects task and payload behind TZ zone")
    given = _SET.read(arguments, position + 2)
    numbers, texts, _ = given
    return CronSetArguments(
        name,
        expression,
        put_together(read_name(arguments[position], "task"), arguments[position + 1], given),
        zone,
        texts.get("MISSED", "once"),
        numbers.get("MISSED-MAX", limits.CRON_MISSED_DEFAULT),
        numbers.get("JITTER", 0),
        texts.get("OVERLAP", "allow"),
    )
