"""The options of the commands, as data, and their reader: one source for parsing and for docs."""

from collections.abc import Sequence
from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ArgumentError
from penstock.protocol.grammar import Kind, Option
from penstock.protocol.values import INSTANT_MAX, read_key, read_name, read_number, refused, shown

SUBMIT_OPTIONS: Final = (
    Option(
        "QUEUE",
        "name",
        Kind.NAME,
        "The queue the job waits in; it comes into being with its first job.",
        default="default",
    ),
    Option(
        "PRIORITY",
        "n",
        Kind.NUMBER,
        "The smaller runs first; first in, first out among equals.",
        maximum=limits.PRIORITY_MAX,
        default=f"{limits.PRIORITY_DEFAULT}",
    ),
    Option(
        "DELAY",
        "ms",
        Kind.NUMBER,
        "How long from now the job is not run.",
        maximum=limits.DELAY_MS_MAX,
        default="0",
        group="due",
    ),
    Option(
        "AT",
        "unix-ms",
        Kind.NUMBER,
        "The instant before which the job is not run: in the past means now, at most a year ahead.",
        maximum=INSTANT_MAX,
        default="now",
        group="due",
    ),
    Option(
        "TIMEOUT",
        "ms",
        Kind.NUMBER,
        "How long one attempt may run.",
        minimum=1,
        maximum=limits.TIMEOUT_MS_MAX,
        default=f"{limits.TIMEOUT_MS_DEFAULT}, unless configured",
    ),
    Option(
        "ATTEMPTS",
        "n",
        Kind.NUMBER,
        "How many attempts may fail before the job is dead.",
        minimum=1,
        maximum=limits.ATTEMPTS_MAX,
        default=f"{limits.ATTEMPTS_DEFAULT}, unless configured",
    ),
    Option(
        "KEY",
        "key",
        Kind.KEY,
        "The idempotency key: sent again, it finds the first job instead of making another.",
        default="none",
    ),
)

WAIT_OPTION: Final = Option(
    "WAIT",
    "ms",
    Kind.NUMBER,
    "How long to wait for the job to finish.",
    maximum=limits.CALL_WAIT_MS_MAX,
    default=f"{limits.CALL_WAIT_MS_DEFAULT}",
)

CALL_OPTIONS: Final = (*SUBMIT_OPTIONS, WAIT_OPTION)
WAIT_OPTIONS: Final = (WAIT_OPTION,)

CLAIM_OPTIONS: Final = (
    Option(
        "COUNT",
        "n",
        Kind.NUMBER,
        "How many jobs to take at most.",
        minimum=1,
        maximum=limits.CLAIM_JOBS_MAX,
        default="1",
    ),
    Option(
        "WAIT",
        "ms",
        Kind.NUMBER,
        "How long to wait for the first job; 0 does not wait.",
        maximum=limits.CLAIM_WAIT_MS_MAX,
        default=f"{limits.CLAIM_WAIT_MS_DEFAULT}",
    ),
)

FAIL_OPTIONS: Final = (
    Option("DEAD", "dead", Kind.FLAG, "Do not try again: the job is dead at once."),
)


class OptionReader:
    """Reads the options of one command, in any order, each at most once."""

    def __init__(self, command: str, options: tuple[Option, ...]) -> None:
        self._command = command
        self._by_keyword = {option.keyword.encode(): option for option in options}
        assert len(self._by_keyword) == len(options)

    def is_keyword(self, raw: bytes) -> bool:
        """Say whether an argument is the keyword of an option, in any case."""
        return raw in self._by_keyword or raw.upper() in self._by_keyword

    def read(self, arguments: Sequence[bytes], start: int) -> tuple[dict[str, int], dict[str, str]]:
        """Read options from *start* on; numbers and texts by keyword, a flag is the number 1."""
        numbers: dict[str, int] = {}
        texts: dict[str, str] = {}
        groups: dict[str, str] = {}
        position = start
        count = len(arguments)
        while position < count:
            option = self._find(arguments[position])
            keyword = option.keyword
            if keyword in numbers or keyword in texts:
                raise refused(f"option {keyword} is given twice")
            if option.group and groups.setdefault(option.group, keyword) != keyword:
                raise refused(f"{groups[option.group]} and {keyword} exclude each other")
            position += 1
            if option.kind is Kind.FLAG:
                numbers[keyword] = 1
                continue
            if position == count:
                raise refused(f"option {keyword} has no value; write {keyword} {option.value}")
            raw = arguments[position]
            position += 1
            if option.kind is Kind.NUMBER:
                numbers[keyword] = read_number(raw, keyword, option.minimum, option.maximum)
            elif option.kind is Kind.KEY:
                texts[keyword] = read_key(raw)
            else:
                texts[keyword] = read_name(raw, keyword)
        return numbers, texts

    def _find(self, raw: bytes) -> Option:
        option = self._by_keyword.get(raw) or self._by_keyword.get(raw.upper())
        if option is None:
            raise self._unknown(raw)
        return option

    def _unknown(self, raw: bytes) -> ArgumentError:
        known = ", ".join(option.keyword for option in self._by_keyword.values())
        return refused(f"unknown option {shown(raw)}; {self._command} takes {known}")
