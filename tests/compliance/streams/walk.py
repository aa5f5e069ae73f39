"""Random walks through streams: commands whose replies depend on nothing but the commands.

Every id is given, and nothing depends on a clock. Consumers are made with their groups, because
Redis 7.0 makes them by a read that found something only.
"""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Final, TypeAlias

from tests.compliance.streams.connection import Reply, Word

Command: TypeAlias = tuple[Word, ...]

STREAMS: Final = ("s", "t", "u")
GROUPS: Final = ("g", "h")
CONSUMERS: Final = ("ann", "bob", "cid")
# Names of what is not compared: times, how Redis keeps events, and what its versions count
# otherwise where events were removed (what they agree on is in the transcripts).
UNTOLD: Final = frozenset(
    {
        *(b"idle", b"inactive", b"seen-time", b"active-time"),
        *(b"radix-tree-keys", b"radix-tree-nodes"),
        *(b"entries-read", b"lag"),
    }
)
_IDLE_MS: Final = 1_000_000


class Walk:
    """Makes commands. The walk knows what it sent, not what was answered."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._last: dict[str, int] = dict.fromkeys(STREAMS, 0)
        changes: tuple[tuple[int, Callable[[str], Iterator[Command]]], ...] = (
            (30, self._add),
            (4, self._trim),
            (8, self._make_group),
            (1, self._drop_group),
            (2, self._set_cursor),
            (16, self._read_group),
            (8, self._look_back),
            (12, self._acknowledge),
            (6, self._claim),
            (4, self._claim_many),
            (1, self._drop_consumer),
            (4, self._transact),
            (6, self._delete),
            (1, self._drop),
            (2, self._set_id),
        )
        self._weights = [weight for weight, _ in changes]
        self._changes = [change for _, change in changes]

    def steps(self, count: int) -> Iterator[Command]:
        """Yield about so many commands; between them some that only look."""
        for stream in STREAMS:
            yield from self._make_group(stream)
        for _ in range(count):
            stream = self._random.choice(STREAMS)
            (change,) = self._random.choices(self._changes, self._weights)
            yield from change(stream)
            if self._random.random() < 0.5:
                yield self._look(stream)

    def everything(self) -> Iterator[Command]:
        """Yield what shows the whole state."""
        for stream in STREAMS:
            yield ("XRANGE", stream, "-", "+")
            yield ("XINFO", "STREAM", stream, "FULL", "COUNT", 0)
            yield ("XINFO", "GROUPS", stream)
            for group in GROUPS:
                yield ("XPENDING", stream, group, "-", "+", 1_000)

    # --- ids -------------------------------------------------------------------------------------

    def _next_id(self, stream: str) -> str:
        self._last[stream] += self._random.choice((1, 1, 1, 2, 7))
        return f"{self._last[stream] // 5}-{self._last[stream] % 5}"

    def _some_id(self, stream: str) -> str:
        """Return the id of an event that was added, or might have been."""
        near = self._random.randint(max(self._last[stream] - 12, 1), self._last[stream] + 2)
        return f"{near // 5}-{near % 5}"

    def _some_ids(self, stream: str) -> list[str]:
        return [self._some_id(stream) for _ in range(self._random.randint(1, 6))]

    def _bound(self, stream: str, open_: str) -> str:
        chance = self._random.random()
        if chance < 0.3:
            return open_
        bracket = "(" if chance < 0.5 else ""
        return bracket + self._some_id(stream)

    def _count(self) -> tuple[Word, ...]:
        if self._random.random() < 0.3:
            return ()
        return ("COUNT", self._random.randint(1, 5))

    # --- changes ---------------------------------------------------------------------------------

    def _add(self, stream: str) -> Iterator[Command]:
        for _ in range(self._random.choice((1, 1, 2, 5))):
            event = self._next_id(stream)
            if self._random.random() < 0.05:
                event = self._some_id(stream)
            options: tuple[Word, ...] = ()
            if self._random.random() < 0.1:
                options = ("MAXLEN", self._random.randint(3, 30))
            elif self._random.random() < 0.1:
                options = ("NOMKSTREAM",)
            yield ("XADD", stream, *options, event, *self._fields())

    def _fields(self) -> list[Word]:
        return [
            word
            for _ in range(self._random.randint(1, 3))
            for word in (self._random.choice("abc"), "x" * self._random.choice((0, 1, 30)))
        ]

    def _trim(self, stream: str) -> Iterator[Command]:
        if self._random.random() < 0.5:
            yield ("XTRIM", stream, "MAXLEN", self._random.randint(0, 30))
        else:
            yield ("XTRIM", stream, "MINID", "=", self._some_id(stream))

    def _delete(self, stream: str) -> Iterator[Command]:
        yield ("XDEL", stream, *self._some_ids(stream))

    def _drop(self, stream: str) -> Iterator[Command]:
        self._last[stream] = 0
        yield ("DEL", stream)
        yield from self._make_group(stream)

    def _set_id(self, stream: str) -> Iterator[Command]:
        yield ("XSETID", stream, self._next_id(stream))

    def _make_group(self, stream: str) -> Iterator[Command]:
        group = self._random.choice(GROUPS)
        start = self._random.choice(("0", "$", self._some_id(stream)))
        options = ("MKSTREAM",) if self._random.random() < 0.5 else ()
        yield ("XGROUP", "CREATE", stream, group, start, *options)
        for consumer in CONSUMERS:
            yield ("XGROUP", "CREATECONSUMER", stream, group, consumer)

    def _drop_group(self, stream: str) -> Iterator[Command]:
        yield ("XGROUP", "DESTROY", stream, self._random.choice(GROUPS))

    def _set_cursor(self, stream: str) -> Iterator[Command]:
        start = self._random.choice(("0", "$", self._some_id(stream)))
        yield ("XGROUP", "SETID", stream, self._random.choice(GROUPS), start)

    def _drop_consumer(self, stream: str) -> Iterator[Command]:
        who = (stream, self._random.choice(GROUPS), self._random.choice(CONSUMERS))
        yield ("XGROUP", "DELCONSUMER", *who)
        yield ("XGROUP", "CREATECONSUMER", *who)

    def _reader(self) -> Command:
        return (
            *("XREADGROUP", "GROUP", self._random.choice(GROUPS)),
            *(self._random.choice(CONSUMERS), *self._count()),
        )

    def _read_group(self, stream: str) -> Iterator[Command]:
        no_ack = ("NOACK",) if self._random.random() < 0.2 else ()
        if self._random.random() < 0.2:
            yield (*self._reader(), *no_ack, "STREAMS", "s", "t", ">", ">")
        else:
            yield (*self._reader(), *no_ack, "STREAMS", stream, ">")

    def _look_back(self, stream: str) -> Iterator[Command]:
        after = self._random.choice(("0", self._some_id(stream)))
        yield (*self._reader(), "STREAMS", stream, after)

    def _acknowledge(self, stream: str) -> Iterator[Command]:
        yield ("XACK", stream, self._random.choice(GROUPS), *self._some_ids(stream))

    def _claim(self, stream: str) -> Iterator[Command]:
        options: list[Word] = []
        for option in (("IDLE", _IDLE_MS), ("RETRYCOUNT", 5), ("FORCE",), ("JUSTID",)):
            if self._random.random() < 0.25:
                options += option
        if self._random.random() < 0.1:
            options += ("LASTID", self._some_id(stream))
        who = (self._random.choice(GROUPS), self._random.choice(CONSUMERS))
        # Idle for ever, or for as long as only IDLE can have made it.
        least_ms = self._random.choice((0, 0, _IDLE_MS // 2))
        yield ("XCLAIM", stream, *who, least_ms, *self._some_ids(stream), *options)

    def _claim_many(self, stream: str) -> Iterator[Command]:
        # Not for what was idle for some time: that an event is gone which was not, we need not see.
        who = (self._random.choice(GROUPS), self._random.choice(CONSUMERS), 0)
        start = self._random.choice(("0", "-", self._some_id(stream)))
        options = ("JUSTID",) if self._random.random() < 0.3 else ()
        yield ("XAUTOCLAIM", stream, *who, start, *self._count(), *options)

    def _transact(self, stream: str) -> Iterator[Command]:
        yield ("MULTI",)
        for name in (stream, "s"):
            yield ("XADD", name, self._next_id(name), *self._fields())
        yield ("XACK", stream, self._random.choice(GROUPS), *self._some_ids(stream))
        yield ("EXEC",)

    # --- looks -----------------------------------------------------------------------------------

    def _look(self, stream: str) -> Command:
        group = self._random.choice(GROUPS)
        looks: tuple[Command, ...] = (
            ("XLEN", stream),
            ("XRANGE", stream, self._bound(stream, "-"), self._bound(stream, "+")),
            ("XREVRANGE", stream, self._bound(stream, "+"), "-", *self._count()),
            ("XREAD", *self._count(), "STREAMS", "s", "t", self._some_id("s"), "0"),
            ("XPENDING", stream, group),
            ("XPENDING", stream, group, self._bound(stream, "-"), "+", 10),
            ("XPENDING", stream, group, "IDLE", _IDLE_MS // 2, "-", "+", 10, "ann"),
            ("XINFO", "STREAM", stream),
            ("XINFO", "STREAM", stream, "FULL"),
            ("XINFO", "GROUPS", stream),
            ("XINFO", "CONSUMERS", stream, group),
            ("EXISTS", *STREAMS),
            ("TYPE", stream),
        )
        return self._random.choice(looks)


def comparable(command: Command, reply: Reply) -> object:
    """Return what of a reply must be the same on both servers."""
    if command[0] == "XPENDING" and len(command) > 3 and isinstance(reply, list):
        return [_without(row, 2) for row in reply]
    if command[0] == "XINFO":
        return _told(reply)
    return reply


def _told(reply: Reply) -> object:
    """Return a description without what differs by nature."""
    if isinstance(reply, dict):
        pairs: Mapping[bytes, Reply] = reply
    elif isinstance(reply, list) and reply and isinstance(reply[0], bytes) and _is_map(reply):
        pairs = {n: v for n, v in zip(reply[::2], reply[1::2], strict=True) if type(n) is bytes}
    elif isinstance(reply, list):
        return [_told(one) for one in reply]
    else:
        return reply
    return {
        name: _delivered(value) if name == b"pending" else _told(value)
        for name, value in pairs.items()
        if name not in UNTOLD
    }


def _is_map(reply: list[Reply]) -> bool:
    """Say whether this array is a map of RESP2 and not an event: those have an id and fields."""
    return reply[0] in (b"name", b"length")


def _delivered(reply: Reply) -> object:
    """Return pending events without when they were delivered: the last but one of each."""
    return [_without(row, -2) for row in reply] if isinstance(reply, list) else reply


def _without(row: Reply, position: int) -> object:
    assert isinstance(row, list), row
    kept = list(row)
    del kept[position]
    return kept
