"""Those who publish and read events under a server that is killed, and what became of it."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final

import anyio
import anyio.lowlevel
from anyio.abc import SocketStream
from msgspec import Struct
from msgspec.structs import replace

from penstock.loadtest.conversation import Conversation
from penstock.loadtest.target import Target
from penstock.protocol.encoding import encode_command
from penstock.protocol.reader import INCOMPLETE, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply
from tests.integration.event_history import (
    Acknowledged,
    Cursor,
    EventId,
    Origin,
    Published,
    Seen,
    Told,
)
from tests.integration.storm import Storm
from tests.integration.wire import fields

STREAMS: Final = ("s", "t")
BATCH_MAX: Final = 12
PAGE: Final = 1_000
_SETTLE_SECONDS_MAX: Final = 40.0
_LOOK_SECONDS: Final = 0.02


class EventStorm(Storm):
    """What the producers of one test share."""

    def __init__(self, target: Target, seed: int) -> None:
        super().__init__(target, seed)
        self.published: dict[str, list[Published]] = {stream: [] for stream in STREAMS}

    def tell(self, stream: str, published: Published) -> None:
        self.published[stream].append(published)
        if published.told is not Told.UNKNOWN:
            self.count_answer()


class Producer:
    """Publishes batches over one connection after another.

    With keys, what was unanswered when a connection went away is published again under its key;
    without, it stays unknown.
    """

    def __init__(self, storm: EventStorm, name: str, *, keys: bool) -> None:
        self._storm = storm
        self._name = name
        self._keys = keys
        self._random = Random(storm.random.random())
        self._counts = dict.fromkeys(STREAMS, 0)
        self._again: list[tuple[str, Published]] = []

    async def run(self) -> None:
        storm = self._storm
        while not storm.stopped or self._again:
            await storm.until_server_is_up()
            host, _, port = str(storm.target).rpartition(":")
            try:
                async with await anyio.connect_tcp(host, int(port)) as stream:
                    await self._converse(stream)
            except OSError:
                # Down again before we were connected. Let the loop see that.
                await anyio.lowlevel.checkpoint()

    async def _converse(self, connection: SocketStream) -> None:
        reader = ReplyReader()
        while not self._storm.stopped or self._again:
            batch, self._again = self._again, []
            if not self._storm.stopped:
                batch += [self._make() for _ in range(self._random.randint(1, BATCH_MAX))]
            unanswered = deque(batch)
            try:
                await connection.send(b"".join(self._encode(*one) for one in batch))
                while unanswered:
                    reply = reader.next()
                    if reply is INCOMPLETE:
                        reader.feed(await connection.receive())
                    else:
                        stream, published = unanswered.popleft()
                        self._storm.tell(stream, _answered(published, reply))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                if self._keys:
                    self._again = list(unanswered)
                    return
                for stream, published in unanswered:
                    self._storm.tell(stream, published)
                return

    def _make(self) -> tuple[str, Published]:
        stream = self._random.choice(STREAMS)
        self._counts[stream] += 1
        return stream, Published(Origin(self._name, self._counts[stream]), Told.UNKNOWN)

    def _encode(self, stream: str, published: Published) -> bytes:
        origin = published.origin
        filling = "x" * self._random.choice((0, 30, 3_000))
        words = ("producer", origin.producer, "count", origin.count, "kind", kind(origin))
        verb: tuple[str, ...] = ("XADD", stream, "*")
        if self._keys:
            verb = ("EVENT.PUBLISH", stream, f"{origin.producer}-{origin.count}")
        return encode_command([*verb, *words, "filling", filling])


def kind(origin: Origin) -> str:
    """Return what a trigger can match."""
    return "odd" if origin.count % 2 else "even"


def _answered(published: Published, reply: Reply) -> Published:
    if isinstance(reply, ErrorReply):
        told = Told.UNKNOWN if reply.code == "UNKNOWN" else Told.REFUSED
        return replace(published, told=told)
    assert isinstance(reply, bytes), reply
    return replace(published, told=Told.ACKNOWLEDGED, id=read_id(reply.decode()))


def read_id(text: str) -> EventId:
    ms, _, sequence = text.partition("-")
    return int(ms), int(sequence)


class Application:
    """One process of `event_app`: it can be killed and started, and its log lasts."""

    def __init__(self, how: str, name: str, target: Target, directory: Path) -> None:
        self.name = name
        self.log = directory / f"{how}-{name.replace('/', '-')}.log"
        words = (how, str(target), str(self.log), name, *STREAMS)
        self._command = [sys.executable, "-m", "tests.integration.event_app", *words]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, env=dict(os.environ)
        )

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended by itself"
        self._process.kill()
        self._process.wait()

    def last_read(self, stream: str) -> EventId:
        """Return the last event of a stream in the log."""
        seen = [one.id for one in read_log(self.log, stream)[0]]
        return seen[-1] if seen else (0, 0)


def read_log(path: Path, stream: str) -> tuple[list[Seen], list[Acknowledged]]:
    """Return what somebody saw of a stream and what was confirmed; each line is whole."""
    seen: list[Seen] = []
    acknowledged: list[Acknowledged] = []
    if not path.exists():
        return seen, acknowledged
    for line in path.read_text(encoding="ascii").splitlines():
        how, of, event, ns, *origin = line.split()
        if of != stream:
            continue
        if how == "acknowledged":
            acknowledged.append(Acknowledged(read_id(event), int(ns)))
        else:
            producer, count = origin
            by = Origin(producer, int(count))
            seen.append(Seen(read_id(event), by, how == "anew", int(ns)))
    return seen, acknowledged


class Ending(Struct, frozen=True):
    """A stream at the end: its events, how many it counts, and what is pending for its groups."""

    kept: Sequence[tuple[EventId, Origin]]
    added_count: int
    pending: Mapping[str, frozenset[EventId]]


async def cursors(target: Target, stream: str) -> dict[str, Cursor]:
    """Return where the groups of a stream stand."""
    async with Conversation(target) as conversation:
        (reply,) = await conversation.ask([("XINFO", "GROUPS", stream)])
    assert isinstance(reply, list), reply
    found = {}
    for group in map(fields, reply):
        read_count = group["entries-read"]
        assert read_count is None or isinstance(read_count, int)
        at = Cursor(read_id(_text(group["last-delivered-id"])), read_count)
        found[_text(group["name"])] = at
    return found


async def until_read(target: Target, readers: Sequence[Application]) -> None:
    """Wait until every reader has read all and every group has dealt with all."""
    with anyio.fail_after(_SETTLE_SECONDS_MAX):
        while True:
            read = [await _is_read(target, stream, readers) for stream in STREAMS]
            if all(read):
                return
            await anyio.sleep(_LOOK_SECONDS)


async def _is_read(target: Target, stream: str, readers: Sequence[Application]) -> bool:
    async with Conversation(target) as conversation:
        about, groups = await conversation.ask(
            [("XINFO", "STREAM", stream), ("XINFO", "GROUPS", stream)]
        )
    last = _text(fields(about)["last-generated-id"])
    assert isinstance(groups, list), groups
    return all(
        group["last-delivered-id"] == last.encode() and group["pending"] == 0
        for group in map(fields, groups)
    ) and all(reader.last_read(stream) == read_id(last) for reader in readers)


async def ending(target: Target, stream: str, groups: Sequence[str]) -> Ending:
    """Return all that a stream has at the end."""
    kept: list[tuple[EventId, Origin]] = []
    first = "-"
    async with Conversation(target) as conversation:
        while True:
            (page,) = await conversation.ask([("XRANGE", stream, first, "+", "COUNT", PAGE)])
            assert isinstance(page, list), page
            kept += map(_event, page)
            if len(page) < PAGE:
                break
            first = "({}-{}".format(*kept[-1][0])
        about, *rows = await conversation.ask(
            [
                ("XINFO", "STREAM", stream),
                *(("XPENDING", stream, group, "-", "+", PAGE) for group in groups),
            ]
        )
    added_count = fields(about)["entries-added"]
    assert isinstance(added_count, int)
    pending = zip(groups, map(_pending, rows), strict=True)
    return Ending(kept, added_count, dict(pending))


def _event(event: Reply) -> tuple[EventId, Origin]:
    assert isinstance(event, list), event
    about = fields(event[1])
    origin = Origin(_text(about["producer"]), int(_text(about["count"])))
    return read_id(_text(event[0])), origin


def _pending(rows: Reply) -> frozenset[EventId]:
    assert isinstance(rows, list), rows
    return frozenset(read_id(_text(row[0])) for row in rows if isinstance(row, list))


def _text(reply: Reply) -> str:
    assert isinstance(reply, bytes), reply
    return reply.decode()
