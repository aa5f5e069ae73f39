"""Reading the options of a request by their table."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from penstock.config import limits
from penstock.protocol.errors import ArgumentError
from penstock.protocol.event_ids import read_id
from penstock.protocol.grammar import Kind, Option
from penstock.protocol.values import (
    read_bounded_text,
    read_connection_name,
    read_key,
    read_name,
    read_number,
    read_numbers,
    read_word,
    refused,
    shown,
)

# Options that were given, by keyword: numbers, texts, and lists of numbers. A flag is the number 1.
Given: TypeAlias = tuple[dict[str, int], dict[str, str], dict[str, tuple[int, ...]]]

# Looked up once: a member of an enumeration costs as much as the rest of a comparison.
_FLAG: Final = Kind.FLAG
_KEY: Final = Kind.KEY
_NAME: Final = Kind.NAME
_NUMBER: Final = Kind.NUMBER
_NUMBERS: Final = Kind.NUMBERS


class OptionReader:
    """Reads the options of one command, in any order, each at most once."""

    def __init__(self, command: str, options: tuple[Option, ...]) -> None:
        self._command = command
        self._by_keyword = {option.keyword.encode(): option for option in options}
        assert len(self._by_keyword) == len(options)
        self._relations = Relations(options)

    def is_keyword(self, raw: bytes) -> bool:
        """Say whether an argument is the keyword of an option, in any case."""
        return raw in self._by_keyword or raw.upper() in self._by_keyword

    def read(self, arguments: Sequence[bytes], start: int) -> Given:
        """Read options from *start* on."""
        numbers: dict[str, int] = {}
        texts: dict[str, str] = {}
        lists: dict[str, tuple[int, ...]] = {}
        by_keyword = self._by_keyword
        position = start
        count = len(arguments)
        while position < count:
            option = by_keyword.get(arguments[position]) or self._find(arguments[position])
            keyword = option.keyword
            if keyword in numbers or keyword in texts or keyword in lists:
                raise refused(f"option {keyword} is given twice")
            position += 1
            kind = option.kind
            if kind is _FLAG:
                numbers[keyword] = 1
                continue
            if position == count:
                raise refused(f"option {keyword} has no value; write {keyword} {option.value}")
            raw = arguments[position]
            position += 1
            if kind is _NUMBER:
                numbers[keyword] = read_number(raw, keyword, option.minimum, option.maximum)
            elif kind is _KEY:
                texts[keyword] = read_key(raw, keyword)
            elif kind is _NAME:
                texts[keyword] = read_name(raw, keyword)
            elif kind is _NUMBERS:
                lists[keyword] = read_list(option, raw)
            else:
                texts[keyword] = _read_text(option, raw)
        related = self._relations.keywords
        if not related.isdisjoint(numbers) or not related.isdisjoint(texts) or lists:
            self._relations.check((*numbers, *texts, *lists))
        return numbers, texts, lists

    def _find(self, raw: bytes) -> Option:
        option = self._by_keyword.get(raw.upper())
        if option is None:
            raise self._unknown(raw)
        return option

    def _unknown(self, raw: bytes) -> ArgumentError:
        known = ", ".join(option.keyword for option in self._by_keyword.values())
        return refused(f"unknown option {shown(raw)}; {self._command} takes {known}")


class Relations:
    """What options say of each other: which cannot stand together, and which need another."""

    def __init__(self, options: Sequence[Option]) -> None:
        self._by_keyword = {
            option.keyword: (option.needs, _excluded(option, options))
            for option in options
            if option.needs or option.excludes or option.group
        }
        self.keywords = frozenset(self._by_keyword)

    def check(self, given: Sequence[str]) -> None:
        """Refuse keywords that contradict each other, or lack one that they need."""
        for keyword in given:
            relation = self._by_keyword.get(keyword)
            if relation is None:
                continue
            needed, excluded = relation
            if needed and needed not in given:
                raise refused(f"{keyword} needs {needed}")
            if not excluded.isdisjoint(given):
                other = next(other for other in given if other in excluded)
                first, second = sorted((keyword, other), key=given.index)
                raise refused(f"{first} and {second} exclude each other")


def _excluded(option: Option, options: Sequence[Option]) -> frozenset[str]:
    mates = {other.keyword for other in options if option.group and other.group == option.group}
    return frozenset(mates | set(option.excludes)) - {option.keyword}


def read_list(option: Option, raw: bytes) -> tuple[int, ...]:
    """Read the value of an option that takes several numbers."""
    return read_numbers(
        raw, option.keyword, option.minimum, option.maximum, limits.RETRY_DELAYS_MAX
    )


def _read_text(option: Option, raw: bytes) -> str:
    match option.kind:
        case Kind.WORD:
            return read_word(raw, option.keyword, option.words)
        case Kind.ID:
            read_id(raw)
            return raw.decode()
        case Kind.TEXT:
            return read_bounded_text(raw, option.keyword, option.maximum)
        case _:
            assert option.kind is Kind.CONNECTION
            return read_connection_name(raw, option.keyword)
