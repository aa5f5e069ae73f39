"""A long random run through streams and groups, the same for the same seed."""

from collections.abc import Callable
from random import Random
from typing import Final

from penstock.jobs.events.claims import ClaimWish
from penstock.jobs.events.ids import AUTO, LAST, NEW, IdWish
from penstock.jobs.events.model import (
    ID_MAX,
    ID_MIN,
    ConsumerName,
    EventId,
    Fields,
    GroupName,
    StreamName,
)
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.model import Instant
from tests.simulation.event_model import GroupKey
from tests.simulation.event_streams import LIFE
from tests.simulation.event_world import EventWorld

STREAMS: Final = tuple(StreamName(name) for name in "ab")
GROUPS: Final = tuple(GroupName(name) for name in "gh")
CONSUMERS: Final = tuple(ConsumerName(name) for name in "cd")
VALUES: Final = (b"", b"1", b"22", b"333", b"55555", b"88888888")
JUMPS_MS: Final = (0, 0, 1, 1, 5, 40, 300)
WAITS_MS: Final = (None, None, 0, 3, 100)  # None is not to wait.


class EventWalk:
    """Draws what happens next; some walks are busier, fuller or more dangerous than others."""

    def __init__(self, world: EventWorld, random: Random) -> None:
        self._world = world
        self._random = random
        self._full = random.choice((0.0, 0.1, 0.4))  # The chance that a commit finds no room.
        self._crashes = random.choice((0, 1, 4))
        self._removals = random.choice((0, 4, 14))
        self._lossy = random.choice((0.1, 0.6))
        self._number = 0
        self._steps: dict[Callable[[], None], int] = {
            self._append: 40,
            self._append_life: 8,
            self._publish: 6,
            self._read: 20,
            self._read_group: 38,
            self._acknowledge: 20,
            self._claim: 16,
            self._handle: 6,
            self._upcoming: 6,
            self._group: 8 if random.random() < 0.8 else 0,
            self._administer: random.choice((1, 6)),
            self._remove: self._removals * 2,
            self._commit: 50,
            self._time: 10,
            self._rarely: 6,
        }

    def run(self, steps: int) -> None:
        names, weights = list(self._steps), list(self._steps.values())
        for step in self._random.choices(names, weights, k=steps):
            step()
        self._finish()

    def _finish(self) -> None:
        """Let every group read all there is: nothing is left out, and nothing given twice."""
        world = self._world
        world.calm_down()
        for reader in list(world.parked):
            world.unpark(reader)
        for name, stream in list(world.durable.streams.items()):
            for group in list(stream.groups):
                for _ in range(len(stream.events) + 1):
                    world.groups.read((name, group), CONSUMERS[0], None, no_ack=True)
                    world.calm_down()
                found = world.durable.group(name, group)
                assert found is not None
                assert not stream.after(found.cursor), "in the end everything was given"

    # --- drawing -------------------------------------------------------------------------------

    def _stream(self) -> StreamName:
        return self._random.choice((STREAMS[0], *STREAMS, LIFE))

    def _key(self) -> GroupKey:
        return self._stream(), self._random.choice(GROUPS)

    def _consumer(self) -> ConsumerName:
        return self._random.choice(CONSUMERS)

    def _fields(self) -> Fields:
        self._number += 1
        return (b"%d" % self._number, self._random.choice(VALUES))

    def _events_max(self) -> int | None:
        return self._random.choice((None, 1, 1, 2, 5, 100))

    def _some_id(self, stream: StreamName) -> EventId:
        """Return an id that is there, or was, or is near to one."""
        found = self._world.durable.streams.get(stream)
        ids = found.ever[-12:] if found else []
        if not ids or self._random.random() < 0.1:
            return self._random.choice((ID_MIN, ID_MAX, (self._world.now, 0)))
        ms, sequence = self._random.choice(ids)
        return (ms, sequence + self._random.choice((0, 0, 0, 0, 1)))

    def _start(self, stream: StreamName) -> EventId:
        """Return an id to begin at, most often the first."""
        return ID_MIN if self._random.random() < 0.5 else self._some_id(stream)

    def _wish(self, stream: StreamName) -> TrimWish:
        random = self._random
        is_approximate = random.random() < 0.4
        limit = random.choice((None, 0, 1, 4)) if is_approximate else None
        if random.random() < 0.6:
            return TrimWish(random.choice((0, 1, 3, 6, 10)), None, is_approximate, limit)
        return TrimWish(None, self._some_id(stream), is_approximate, limit)

    # --- streams -------------------------------------------------------------------------------

    def _append(self) -> None:
        random, name = self._random, self._random.choice(STREAMS)
        trim = self._wish(name) if random.random() < self._removals / 60 else None
        wish: IdWish = AUTO
        if random.random() < 0.1 and (some_id := self._some_id(name)) != ID_MAX:
            wish = some_id  # The last one of all would be the end.
        self._world.clients.append(name, self._fields(), wish, trim)

    def _append_life(self) -> None:
        self._world.clients.append_life(self._fields())

    def _publish(self) -> None:
        key, announced = f"key-{self._random.randrange(6)}", self._random.random() < 0.5
        name = self._random.choice(STREAMS)
        self._world.clients.publish(name, key, self._fields(), announced=announced)

    def _read(self) -> None:
        random, name, clients = self._random, self._stream(), self._world.clients
        draw = random.randrange(5)
        if draw < 2:
            first, last = sorted((self._some_id(name), self._some_id(name)))
            backwards = random.random() < 0.4
            clients.range(name, first, last, self._events_max(), backwards=backwards)
        elif draw < 4:
            after = LAST if random.random() < 0.5 else self._some_id(name)
            clients.read(name, after, self._events_max(), random.choice(WAITS_MS))
        else:
            clients.length(name)

    def _remove(self) -> None:
        random, name, clients = self._random, self._stream(), self._world.clients
        draw = random.randrange(19)
        if draw < 8:
            clients.delete(name, [self._some_id(name) for _ in range(random.choice((1, 3)))])
        elif draw < 16:
            clients.trim(name, self._wish(name))
        elif draw < 18:
            self._begin_again(name)
        else:
            clients.drop(name)

    def _begin_again(self, name: StreamName) -> None:
        """Remove what may be, and give ids again that were given before."""
        clients, last_id = self._world.clients, self._some_id(name)
        clients.trim(name, TrimWish(length_max=0))
        clients.set_id(name, last_id)
        if name != LIFE and last_id != ID_MAX:
            clients.append(name, self._fields(), (last_id[0], last_id[1] + 1), None)

    # --- groups --------------------------------------------------------------------------------

    def _read_group(self) -> None:
        random, key = self._random, self._key()
        draw = random.random()
        if draw < 0.2:
            wishes = [
                (name, NEW if random.random() < 0.5 else self._start(name))
                for name in random.sample((*STREAMS, LIFE), random.choice((2, 2, 3)))
            ]
            self._world.groups.read_several(key[1], self._consumer(), wishes, self._events_max())
            return
        if draw < 0.4:
            start = self._start(key[0])
            self._world.groups.read_again(key, self._consumer(), start, self._events_max())
            return
        self._world.groups.read(
            key,
            self._consumer(),
            self._events_max(),
            no_ack=random.random() < 0.15,
            block_ms=random.choice(WAITS_MS),
        )

    def _acknowledge(self) -> None:
        key = self._key()
        found = self._world.durable.group(*key)
        pending = sorted(found.pending) if found else []
        count = min(len(pending), self._random.choice((1, 1, 3, 9)))
        ids = [*self._random.sample(pending, count), self._some_id(key[0])]
        self._world.groups.acknowledge(key, ids)

    def _claim(self) -> None:
        random, key, consumer = self._random, self._key(), self._consumer()
        if random.random() < 0.5:
            start, events_max = self._start(key[0]), random.choice((1, 2, 9))
            self._world.groups.auto_claim(key, consumer, start, events_max)
            return
        wish = ClaimWish(
            idle_ms=random.choice((0, 0, 1, 40)),
            deliver_at=random.choice((None, None, Instant(5))),
            deliveries=random.choice((None, None, 7)),
            force=random.random() < 0.3,
            just_id=random.random() < 0.3,
        )
        ids = [self._some_id(key[0]) for _ in range(random.choice((1, 2, 5)))]
        self._world.groups.claim(key, consumer, ids, wish)

    def _handle(self) -> None:
        key, business_key = self._key(), f"key-{self._random.randrange(4)}"
        if self._random.random() < 0.5:
            self._world.groups.confirm(key, business_key)
        else:
            self._world.groups.look_up(key, business_key)

    def _upcoming(self) -> None:
        self._world.groups.upcoming(self._key(), self._random.choice((1, 3)))

    def _group(self) -> None:
        key = self._key()
        start = LAST if self._random.random() < 0.2 else self._start(key[0])
        self._world.groups.create(key, start, is_lossy=self._random.random() < self._lossy)

    def _administer(self) -> None:
        random, groups, key = self._random, self._world.groups, self._key()
        match random.randrange(6):
            case 0:
                groups.set_cursor(key, self._some_id(key[0]))
            case 1:
                groups.destroy(key)
            case 2:
                groups.delete_consumer(key, self._consumer())
            case 3:
                groups.create_consumer(key, self._consumer())
            case 4:
                groups.allow_trim(key, is_lossy=random.random() < self._lossy)
            case _:
                self._world.clients.configure(key[0], random.choice((None, 2, 6)))

    # --- the world -----------------------------------------------------------------------------

    def _commit(self) -> None:
        if self._random.random() < self._full:
            self._world.fail()
        else:
            self._world.commit(tells_life=self._random.random() < 0.2)

    def _time(self) -> None:
        self._world.pass_time(self._random.choice(JUMPS_MS))

    def _rarely(self) -> None:
        world, draw = self._world, self._random.randrange(12)
        if draw < self._crashes:
            world.crash(written=self._random.random() < 0.5)
        elif draw < 7:
            world.housekeep()
        elif draw < 9:
            world.calm_down()
        elif world.parked:
            world.unpark(self._random.choice(list(world.parked)))
