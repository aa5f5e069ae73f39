"""Transcripts: what is asked of a stream server, and what it replies.

A file of `cases/` has several, each below a line `## what it shows`. A line `C:` is what a client
sends, written as for redis-cli; the line `S:` below it is the reply:

    S: +OK                     a status
    S: -ERR no such key        an error
    S: [1, 'text', None]       a Python literal: strings are bulk strings, None is a null
    S: ()                      the null that is RESP2's null array
    S: {'s': [...]}            a map, which RESP2 shows as an array
    S: ...                     whatever it is; also within an array
    S: {'length': 1, ...: ...} a map that has at least this
    S: {'a', 'b'}              an array, in whatever order

Where the two servers differ on purpose, `R:` is Redis' reply and `P:` is Penstock's.
"""

import ast
from collections.abc import Sequence
from pathlib import Path
from types import EllipsisType
from typing import Final, TypeAlias

from msgspec import Struct

from penstock.protocol.inline import split_inline
from tests.compliance.streams.connection import NULL_LIST, Failure, Reply, Status
from tests.compliance.streams.servers import PENSTOCK, REDIS

CASES: Final = Path(__file__).parent / "cases"

Expected: TypeAlias = (
    Status
    | Failure
    | str
    | bytes
    | int
    | EllipsisType
    | tuple[()]
    | list["Expected"]
    | set[str]
    | dict["str | EllipsisType", "Expected"]
    | None
)


class Exchange(Struct, frozen=True):
    """One command, and the reply of each server."""

    line: str
    replies: dict[str, str]

    @property
    def words(self) -> list[bytes]:
        words = split_inline(self.line.encode())
        assert words, self.line
        return words

    def expected(self, server: str) -> Expected:
        """Return the reply that a server should give."""
        text = self.replies[server]
        if text.startswith("+"):
            return Status(text[1:])
        if text.startswith("-"):
            return Failure(text[1:])
        value: Expected = ast.literal_eval(text)
        return value

    @property
    def differs(self) -> bool:
        return len(set(self.replies.values())) > 1


class Transcript(Struct, frozen=True):
    """What is said from a fresh start, and what it shows; `notes` are the lines of comment."""

    file: str
    title: str
    notes: str
    exchanges: Sequence[Exchange]

    def __str__(self) -> str:
        return f"{self.file}: {self.title}"


def transcripts() -> list[Transcript]:
    """Return all transcripts of all files."""
    return [one for path in sorted(CASES.glob("*.txt")) for one in _read(path)]


def _read(path: Path) -> list[Transcript]:
    found = []
    _, *parts = path.read_text(encoding="utf-8").split("\n## ")
    for part in parts:
        title, _, rest = part.partition("\n")
        lines = [line for line in rest.split("\n") if line]
        notes = " ".join(line[2:] for line in lines if line.startswith("# "))
        said = [line for line in lines if not line.startswith("# ")]
        found.append(Transcript(path.stem, title, notes, _exchanges(said)))
    return found


def _exchanges(lines: Sequence[str]) -> list[Exchange]:
    exchanges: list[Exchange] = []
    for line in lines:
        who, _, text = line.partition(": ")
        if who == "C":
            exchanges.append(Exchange(text, {}))
            continue
        assert who in ("S", "R", "P"), line
        for server in {"S": (REDIS, PENSTOCK), "R": (REDIS,), "P": (PENSTOCK,)}[who]:
            assert server not in exchanges[-1].replies, line
            exchanges[-1].replies[server] = text
    assert all(len(exchange.replies) == 2 for exchange in exchanges), lines
    return exchanges


def agrees(expected: Expected, reply: Reply, protocol: int, *, pairs: bool) -> bool:
    """Say whether a reply is the expected one, in the types of the protocol that is spoken.

    With *pairs* a map is shown by RESP2 as an array of pairs, without as a flat array.
    """

    def within(expected: Expected, reply: Reply) -> bool:
        return agrees(expected, reply, protocol, pairs=pairs)

    if isinstance(expected, EllipsisType):
        return True
    if isinstance(expected, tuple):
        return reply is (NULL_LIST if protocol == 2 else None)
    if isinstance(expected, list):
        return (
            isinstance(reply, list)
            and len(reply) == len(expected)
            and all(map(within, expected, reply))
        )
    if isinstance(expected, set):
        return isinstance(reply, list) and _texts(reply) == sorted(expected)
    if isinstance(expected, dict):
        return _maps_agree(expected, reply, protocol, pairs=pairs)
    if isinstance(expected, str) and not isinstance(reply, str):
        return reply == expected.encode()
    return type(reply) is type(expected) and reply == expected


def _maps_agree(
    expected: dict[str | EllipsisType, Expected], reply: Reply, protocol: int, *, pairs: bool
) -> bool:
    wanted = {name.encode(): v for name, v in expected.items() if isinstance(name, str)}
    if protocol == 3:
        if not isinstance(reply, dict):
            return False
        items = list(reply.items())
    elif not isinstance(reply, list):
        return False
    else:
        items = _items(reply, pairs=pairs)
    found = dict(items)
    return (... in expected or [name for name, _ in items] == list(wanted)) and all(
        name in found and agrees(value, found[name], protocol, pairs=pairs)
        for name, value in wanted.items()
    )


def _items(reply: list[Reply], *, pairs: bool) -> list[tuple[bytes, Reply]]:
    flat = [part for pair in reply if isinstance(pair, list) for part in pair] if pairs else reply
    names, values = flat[::2], flat[1::2]
    return [(n, v) for n, v in zip(names, values, strict=True) if isinstance(n, bytes)]


def _texts(reply: list[Reply]) -> list[str]:
    return sorted(text.decode() for text in reply if isinstance(text, bytes))
