"""A long random run through a world with events, the same for the same seed."""

from random import Random
from typing import Final

from penstock.jobs.cron.schedule import Missed, Overlap
from penstock.jobs.events.firing import Cursor
from penstock.jobs.events.ids import LAST, Last
from penstock.jobs.events.model import ID_MIN, ConsumerName, EventId, Fields, GroupName, StreamName
from penstock.jobs.events.trimming import TrimWish
from tests.simulation.eventful import EventfulWorld
from tests.simulation.firings import Spec
from tests.simulation.runs import PERIODS_MS, a_schedule
from tests.simulation.walk import QUEUES, Walk

ORDERS, TICKS = StreamName("orders"), StreamName("ticks")
LIVES: Final = (StreamName("jobs:a"), StreamName("jobs:b"), StreamName("jobs:*"))
GROUPS: Final = (GroupName("g"), GroupName("h"))
CONSUMERS: Final = (ConsumerName("c"), ConsumerName("d"))
MATCHES: Final = (
    (),
    (("kind", "paid"),),
    (("kind", "p*"), ("n", "[0-4]")),
    (("kind", "*"), ("none", "*")),
)
# Of the life of jobs little is to make more jobs, or it never ends.
LIFE_MATCHES: Final = (
    (("to", "completed"),),
    (("to", "dead"),),
    (("reason", "retry"),),
    (("reason", "submit"), ("queue", "b")),
    (("reason", "purge"),),
)
DAY_AND_MORE_MS: Final = 90_000_000


class EventfulWalk(Walk):
    """Draws what happens next; each walk is about some of what there is."""

    def __init__(self, world: EventfulWorld, random: Random) -> None:
        super().__init__(world, random)
        self._events = world
        self._is_about = {
            name: random.random() < 0.7
            for name in ("triggers", "lives", "schedules", "groups", "trims", "drops")
        }
        self._steps |= {
            self._append: 30,
            self._follow: 20 if self._is_about["groups"] else 2,
            self._set_trigger: 8 if self._is_about["triggers"] else 1,
            self._follow_lives: 6 if self._is_about["lives"] else 1,
            self._set_schedule: 10 if self._is_about["schedules"] else 0,
            self._let_runs_fall_due: 12 if self._is_about["schedules"] else 0,
            self._remove_events: 6 if self._is_about["trims"] else 0,
            self._events.housekeep: 2,
        }

    # --- streams -------------------------------------------------------------------------------

    def _append(self) -> None:
        random, followers = self._random, self._events.followers
        streams = random.choice(((ORDERS,), (TICKS,), (ORDERS,), (ORDERS, TICKS)))
        for _ in range(random.choice((1, 1, 2, 6))):
            trim = None
            if self._is_about["trims"] and random.random() < 0.2:
                trim = TrimWish(length_max=random.choice((0, 3, 10)))
            followers.append(streams, self._fields(), trim)
        if random.random() < 0.1:
            requests = [self._request(may_replace=False) for _ in range(random.randint(1, 3))]
            followers.transact(streams[0], self._fields(), requests)

    def _fields(self) -> Fields:
        random = self._random
        kind, n = random.choice((b"paid", b"packed", b"sent")), b"%d" % random.randrange(10)
        group = random.choice((b"", b"g", b"h", b"\x01"))
        return (b"kind", kind, b"n", n, b"group", group)

    def _stream(self) -> StreamName:
        streams = [ORDERS, ORDERS, TICKS]
        if self._is_about["lives"]:
            streams += LIVES
        return self._random.choice(streams)

    def _start(self, stream: StreamName) -> EventId | Last:
        """Return where to begin: in the past, now, or anywhere between."""
        random, kept = self._random, self._events.chronicle.kept
        number = kept.numbers.get(stream)
        ids = [] if number is None else kept.streams[number]._ids
        draw = random.random()
        if draw < 0.5 or not ids:
            return LAST if draw < 0.3 else ID_MIN
        return random.choice(ids)

    def _remove_events(self) -> None:
        random, followers, stream = self._random, self._events.followers, self._stream()
        draw = random.randrange(12)
        if draw < 6:
            followers.trim(stream, TrimWish(length_max=random.choice((0, 2, 8))))
        elif draw < 9:
            followers.delete(stream, random.randrange(20))
        elif draw < 11:
            followers.keep(stream, random.choice((None, 4, 9)))
        elif self._is_about["drops"]:
            followers.drop(stream)

    # --- groups --------------------------------------------------------------------------------

    def _follow(self) -> None:
        random, followers, stream = self._random, self._events.followers, self._stream()
        group, consumer = random.choice(GROUPS), random.choice(CONSUMERS)
        draw = random.randrange(30)
        if draw < 3:
            followers.create_group(stream, group, self._start(stream))
        elif draw < 4:
            followers.set_cursor(stream, group, self._start(stream))
        elif draw < 5:
            followers.destroy_group(stream, group)
        elif draw < 16:
            block_ms = random.choice((None, None, 50, 9_000))
            followers.read(stream, group, consumer, random.choice((1, 3, 9)), block_ms)
        elif draw < 26:
            for _ in range(random.choice((1, 3))):
                followers.acknowledge(random.randrange(100))
        else:
            followers.claim(random.randrange(100), consumer)

    # --- triggers ------------------------------------------------------------------------------

    def _set_trigger(self) -> None:
        random, followers = self._random, self._events.followers
        name = random.choice(("p", "q", "r"))
        if random.random() < 0.25:
            followers.delete_trigger(name, keep=random.random() < 0.5)
            return
        stream = random.choice((ORDERS, TICKS))
        spec = Spec(
            name,
            stream,
            random.choice(QUEUES),
            random.choice(MATCHES),
            payload=random.choice(("1", "${n}", None)),
            is_grouped=random.random() < 0.2,
            delay_ms=random.choice((None, None, None, 40)),
            deadline_ms=random.choice((None, None, None, 30, 900)),
        )
        start = random.choice((Cursor(), Cursor(), self._start(stream)))
        followers.set_trigger(spec, start)

    def _follow_lives(self) -> None:
        """Follow the life of jobs, or do so no longer; one trigger at most."""
        random, followers = self._random, self._events.followers
        stream, draw = random.choice(LIVES), random.randrange(12)
        if draw < 3:
            followers.create_group(stream, GROUPS[0], self._start(stream))
        elif draw < 5:
            followers.destroy_group(stream, GROUPS[0])
        elif draw < 7:
            followers.delete_trigger("life", keep=random.random() < 0.3)
        else:
            spec = Spec("life", stream, random.choice(QUEUES), random.choice(LIFE_MATCHES))
            followers.set_trigger(spec, random.choice((Cursor(), LAST, self._start(stream))))

    # --- schedules -----------------------------------------------------------------------------

    def _set_schedule(self) -> None:
        random, followers = self._random, self._events.followers
        name, draw = random.choice(("k", "l")), random.random()
        if draw < 0.3:
            followers.delete_schedule(name)
            return
        followers.set_schedule(
            a_schedule(
                name,
                random.choice(list(PERIODS_MS)),
                random.choice(QUEUES[:3]),
                random.choice(list(Missed)),
                random.choice(list(Overlap)),
                missed_max=random.choice((1, 3, 8)),
                jitter_ms=random.choice((0, 0, 3_000)),
            )
        )

    def _let_runs_fall_due(self) -> None:
        self._world.pass_time(self._random.choice((5_000, 5_000, 21_000, 70_000, 200_000)))

    def _disturb(self) -> None:
        draw = self._random.random()
        if draw < 0.02:
            self._world.step_clock(self._random.choice((-1, 1)) * DAY_AND_MORE_MS)
        elif draw < 0.12:
            self._world.step_clock(self._random.choice((-200_000, -7_000, 30_000, 150_000)))
        else:
            super()._disturb()
