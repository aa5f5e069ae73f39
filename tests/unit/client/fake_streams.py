"""A server's streams in memory, as far as readers ask for them; a test has their clock."""

from dataclasses import dataclass, field

from penstock.client.requests import Request
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply, Simple
from penstock.protocol.requests import RequestParser

Id = tuple[int, int]


@dataclass
class Given:
    """One entry of a group's list of pending events."""

    consumer: str
    at_ms: int
    deliveries: int


@dataclass
class Group:
    cursor: Id
    handled: set[str] = field(default_factory=set)
    pending: dict[Id, Given] = field(default_factory=dict)
    consumers: set[str] = field(default_factory=set)


class FakeStreams:
    """One stream `s` and its groups. No read waits: what would, is answered with nothing."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.events: dict[Id, list[bytes]] = {}
        self.groups: dict[str, Group] = {}
        self.keys: dict[str, str] = {}
        self.asked: list[list[str]] = []

    def publish(self, **fields: str) -> str:
        last = max(self.events, default=(0, 0))
        new = (self.now_ms, last[1] + 1 if last[0] == self.now_ms else 0)
        self.events[new] = [word.encode() for pair in fields.items() for word in pair]
        return shown(new)

    def group(self, name: str, cursor: Id = (0, 0)) -> Group:
        return self.groups.setdefault(name, Group(cursor))

    def give(self, group: str, consumer: str, event_id: str, ago_ms: int = 0) -> None:
        """Make an event pending, as of some time ago."""
        given = self.group(group)
        given.consumers.add(consumer)
        given.pending[read(event_id)] = Given(consumer, self.now_ms - ago_ms, 1)
        given.cursor = max(given.cursor, read(event_id))

    def pending(self, group: str) -> list[str]:
        return [shown(one) for one in sorted(self.groups[group].pending)]

    def answer(self, request: Request[object]) -> Reply:
        parser = RequestParser()
        parser.authenticated = True
        parser.feed(request.stem)
        words = parser.next()
        assert words is not None
        return self.execute([word.decode() for word in words])

    def execute(self, words: list[str]) -> Reply:
        self.asked.append(words)
        return self.carry_out(words)

    def carry_out(self, words: list[str]) -> Reply:
        verb = words[0].lower().replace(".", "_")
        reply: Reply = getattr(self, f"_{verb}")(words)
        return reply

    # --- verbs -----------------------------------------------------------------------------------

    def _xgroup(self, words: list[str]) -> Reply:
        match words:
            case [_, "CREATE", "s", name, start, "MKSTREAM"]:
                if name in self.groups:
                    return ErrorReply("BUSYGROUP", "Consumer Group name already exists")
                last = max(self.events, default=(0, 0))
                self.groups[name] = Group(last if start == "$" else read(start))
                return Simple("OK")
            case [_, "DELCONSUMER", "s", name, consumer]:
                group = self.groups[name]
                mine = [one for one, given in group.pending.items() if given.consumer == consumer]
                for one in mine:
                    del group.pending[one]
                group.consumers.discard(consumer)
                return len(mine)
        raise AssertionError(words)

    def _event_publish(self, words: list[str]) -> Reply:
        key, fields = words[2], words[3:]
        if key not in self.keys:
            self.keys[key] = self.publish(**dict(zip(fields[::2], fields[1::2], strict=True)))
        return self.keys[key].encode()

    def _event_handled(self, words: list[str]) -> Reply:
        return int(words[3] in self.group(words[2]).handled)

    def _event_confirm(self, words: list[str]) -> Reply:
        group = self.group(words[2])
        group.handled.add(words[3])
        if "ACK" in words:
            group.pending.pop(read(words[-1]), None)
        return Simple("OK")

    def _xrevrange(self, words: list[str]) -> Reply:
        return [[shown(one).encode(), list(self.events[one])] for one in sorted(self.events)[-1:]]

    def _xread(self, words: list[str]) -> Reply:
        match words:
            case [_, "COUNT", count, "BLOCK", _, "STREAMS", "s", after]:
                found = [one for one in sorted(self.events) if one > read(after)]
                return self._events(found[: int(count)])
        raise AssertionError(words)

    def _xreadgroup(self, words: list[str]) -> Reply:
        match words:
            case [_, "GROUP", name, consumer, "COUNT", count, "BLOCK", _, "STREAMS", "s", ">"]:
                group = self.groups[name]
                group.consumers.add(consumer)
                new = [one for one in sorted(self.events) if one > group.cursor][: int(count)]
                for one in new:
                    group.pending[one] = Given(consumer, self.now_ms, 1)
                    group.cursor = one
                return self._events(new)
            case [_, "GROUP", name, consumer, "COUNT", count, "STREAMS", "s", after]:
                group = self.groups[name]
                mine = self._of(group, consumer, after)[: int(count)]
                for one in mine:
                    group.pending[one].at_ms = self.now_ms
                    group.pending[one].deliveries += 1
                return self._events(mine) or {b"s": []}
        raise AssertionError(words)

    def _xack(self, words: list[str]) -> Reply:
        pending = self.groups[words[2]].pending
        return sum(pending.pop(read(one), None) is not None for one in words[3:])

    def _xpending(self, words: list[str]) -> Reply:
        _, _, name, first, last, count, consumer = words
        low = (0, 0) if first == "-" else read(first)
        high = (2**63, 0) if last == "+" else read(last)
        pending = self.groups[name].pending
        mine: list[Reply] = [
            [shown(one).encode(), consumer.encode(), 0, pending[one].deliveries]
            for one in sorted(pending)
            if low <= one <= high and pending[one].consumer == consumer
        ]
        return mine[: int(count)]

    def _xautoclaim(self, words: list[str]) -> Reply:
        _, _, name, consumer, idle, start, _, count = words
        pending = self.groups[name].pending
        old = [
            one
            for one in sorted(pending)
            if one >= read(start) and self.now_ms - pending[one].at_ms >= int(idle)
        ]
        taken, rest = old[: int(count)], old[int(count) :]
        for one in taken:
            pending[one] = Given(consumer, self.now_ms, pending[one].deliveries + 1)
        there: list[Reply] = [[shown(one).encode(), list(self.events[one])] for one in taken]
        return [shown(rest[0]).encode() if rest else b"0-0", there, []]

    def _xclaim(self, words: list[str]) -> Reply:
        at = words.index("IDLE")
        name, consumer, ids, idle_ms = words[2], words[3], words[5:at], int(words[at + 1])
        pending = self.groups[name].pending
        for one in map(read, ids):
            if one in pending:
                pending[one].consumer = consumer
                pending[one].at_ms = self.now_ms - idle_ms
        return []

    def _of(self, group: Group, consumer: str, after: str) -> list[Id]:
        mine = [one for one, given in group.pending.items() if given.consumer == consumer]
        return sorted(one for one in mine if one > read(after))

    def _events(self, ids: list[Id]) -> Reply:
        if not ids:
            return None
        return {
            b"s": [
                [shown(one).encode(), list(self.events[one]) if one in self.events else None]
                for one in ids
            ]
        }


def shown(event_id: Id) -> str:
    return f"{event_id[0]}-{event_id[1]}"


def read(text: str) -> Id:
    ms, _, sequence = text.partition("-")
    return int(ms), int(sequence or 0)
