"""A consumer of a group: what it asks for, in which order it hands out, what a loss leaves."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.event import Event
from penstock.client.group_reader import GroupReader
from penstock.client.patterns import Patterns
from penstock.client.reading import Step
from penstock.config import limits
from tests.unit.client.fake_streams import FakeStreams

TAKE_OVER_MS = 60_000


class Consumer:
    """A reader and its shell's part, over streams in memory."""

    def __init__(
        self,
        streams: FakeStreams,
        *,
        consumer: str = "me",
        start: str = "0-0",
        is_fresh: bool = False,
        batch: int = 10,
        match: Mapping[str, str] | None = None,
    ) -> None:
        self.streams = streams
        self.reader = GroupReader(
            "s",
            "g",
            consumer,
            start=start,
            is_fresh=is_fresh,
            batch=batch,
            take_over_ms=TAKE_OVER_MS,
            patterns=None if match is None else Patterns(match),
        )
        self.exchanges = 0
        self.name = consumer
        self.taken: list[tuple[int, int]] = []
        # The exchange in which the connection is lost, and how much of it is carried out before.
        self.loss: tuple[int, int] | None = None

    @property
    def now(self) -> float:
        return self.streams.now_ms / 1000

    def next(self) -> Event | None:
        """Hand out the next event, or None if the server has none."""
        self.reader.finish(self.now)
        self.reader.wait.reset()
        while not self.reader.wait.in_vain:
            steps = self.reader.steps(self.now, None)
            if not steps:
                return self.reader.pop(self.now)
            self.exchange(steps)
        return None

    def exchange(self, steps: Sequence[Step]) -> None:
        number, self.exchanges = self.exchanges, self.exchanges + 1
        if self.loss is not None and self.loss[0] == number:
            for step in steps[: self.loss[1]]:
                self.streams.answer(step.request)
            self.reader.lost()
            return
        for step in steps:
            reply = self.streams.answer(step.request)
            step.take(step.request.read(reply), self.now)

    def all(self) -> list[str]:
        found = []
        while (event := self.next()) is not None:
            found.append(event.id)
        return found

    def leave(self) -> None:
        while steps := self.reader.leaving(self.now):
            self.exchange(steps)


@pytest.fixture
def streams() -> FakeStreams:
    return FakeStreams()


def verbs(streams: FakeStreams) -> list[str]:
    return [words[0] for words in streams.asked]


# --- reading -------------------------------------------------------------------------------------


def test_events_come_in_their_order_and_are_acknowledged(streams: FakeStreams) -> None:
    ids = [streams.publish(n=str(number)) for number in range(25)]
    consumer = Consumer(streams)

    assert consumer.all() == ids
    assert streams.pending("g") == []


def test_a_new_group_begins_where_it_is_told(streams: FakeStreams) -> None:
    streams.publish(n="0")
    consumer = Consumer(streams, start="$")
    assert consumer.next() is None
    later = streams.publish(n="1")

    assert consumer.all() == [later]


def test_a_group_that_is_there_goes_on_at_its_cursor(streams: FakeStreams) -> None:
    first, second = streams.publish(n="0"), streams.publish(n="1")
    streams.group("g", cursor=(int(first.partition("-")[0]), 0))

    assert Consumer(streams, start="0-0").all() == [second]


def test_the_event_that_is_worked_on_is_not_acknowledged(streams: FakeStreams) -> None:
    first = streams.publish(n="0")
    second = streams.publish(n="1")
    consumer = Consumer(streams)
    consumer.next()
    assert streams.pending("g") == [first]
    consumer.next()

    assert streams.pending("g") == [second]


def test_an_acknowledgement_travels_with_the_next_read(streams: FakeStreams) -> None:
    streams.publish(n="0")
    consumer = Consumer(streams)
    consumer.next()
    before = consumer.exchanges
    consumer.next()

    assert streams.asked[-2][0] == "XACK"
    assert streams.asked[-1][0] == "XREADGROUP"
    assert consumer.exchanges == before + 1


def test_acknowledgements_of_quick_events_are_sent_together(streams: FakeStreams) -> None:
    for number in range(30):
        streams.publish(n=str(number))
    Consumer(streams).all()

    finished = [len(words) - 3 for words in streams.asked if words[0] == "XACK"]
    assert sum(finished) == 30
    assert max(finished) == 10  # As many as were read at once.


def test_a_slow_event_is_acknowledged_as_soon_as_the_next_is_asked_for(
    streams: FakeStreams,
) -> None:
    ids = [streams.publish(n=str(number)) for number in range(4)]
    consumer = Consumer(streams)
    consumer.next()
    consumer.next()  # Reads the other three.
    consumer.next()
    assert streams.pending("g") == ids[1:]
    streams.now_ms += 2 * int(limits.CLIENT_FINISHED_SECONDS * 1000)
    consumer.next()

    assert streams.pending("g") == ids[3:]


def test_a_slow_consumer_holds_no_more_than_it_handles_in_its_time(streams: FakeStreams) -> None:
    for number in range(20):
        streams.publish(n=str(number))
    consumer = Consumer(streams)
    for _ in range(6):
        consumer.next()
        streams.now_ms += 400

    assert len(streams.pending("g")) <= 2


def test_an_event_that_does_not_match_is_acknowledged_unseen(streams: FakeStreams) -> None:
    streams.publish(type="order.made")
    paid = streams.publish(type="order.paid")
    streams.publish(kind="order.paid")
    consumer = Consumer(streams, match={"type": "*.paid"})

    assert consumer.all() == [paid]
    assert streams.pending("g") == []


def test_an_event_that_was_confirmed_is_not_acknowledged_again(streams: FakeStreams) -> None:
    event_id = streams.publish(n="0")
    consumer = Consumer(streams)
    consumer.next()
    consumer.reader.settle(event_id)

    assert consumer.next() is None
    assert "XACK" not in verbs(streams)


# --- what was there before -----------------------------------------------------------------------


def test_what_an_earlier_life_left_comes_first_with_its_deliveries(streams: FakeStreams) -> None:
    old = [streams.publish(n=str(number)) for number in range(3)]
    for event_id in old[:2]:
        streams.give("g", "me", event_id)
    streams.group("g").cursor = (int(old[1].partition("-")[0]), 1)
    consumer = Consumer(streams)

    events = [consumer.next() for _ in old]

    assert [(event.id, event.deliveries) for event in events if event] == [
        (old[0], 2),
        (old[1], 2),
        (old[2], 1),
    ]


def test_a_long_list_of_what_is_pending_is_read_page_by_page(streams: FakeStreams) -> None:
    old = [streams.publish(n=str(number)) for number in range(35)]
    for event_id in old:
        streams.give("g", "me", event_id)

    assert Consumer(streams).all() == old
    assert streams.pending("g") == []


def test_a_pending_event_that_was_deleted_is_acknowledged(streams: FakeStreams) -> None:
    gone, there = streams.publish(n="0"), streams.publish(n="1")
    for event_id in (gone, there):
        streams.give("g", "me", event_id)
    del streams.events[min(streams.events)]

    assert Consumer(streams).all() == [there]
    assert streams.pending("g") == []


def test_a_consumer_that_never_was_does_not_look_for_its_past(streams: FakeStreams) -> None:
    Consumer(streams, is_fresh=True).all()

    assert verbs(streams) == ["XGROUP", "XAUTOCLAIM", "XREADGROUP"]


def test_what_the_dead_left_is_taken_over_before_new_events(streams: FakeStreams) -> None:
    left, new = streams.publish(n="0"), streams.publish(n="1")
    streams.give("g", "dead", left, ago_ms=TAKE_OVER_MS)
    consumer = Consumer(streams)
    events = [consumer.next(), consumer.next()]

    assert [(event.id, event.deliveries) for event in events if event] == [(left, 2), (new, 1)]


def test_what_others_work_on_is_left_to_them_until_they_are_taken_for_dead(
    streams: FakeStreams,
) -> None:
    theirs = streams.publish(n="0")
    streams.give("g", "other", theirs)
    consumer = Consumer(streams)
    assert consumer.next() is None
    streams.now_ms += TAKE_OVER_MS // 2
    assert consumer.next() is None
    streams.now_ms += TAKE_OVER_MS // 2

    assert consumer.all() == [theirs]


def test_a_read_waits_no_longer_than_until_it_is_time_to_look_for_the_dead(
    streams: FakeStreams,
) -> None:
    Consumer(streams).all()

    assert streams.asked[-1][6:8] == ["BLOCK", str(TAKE_OVER_MS // 2)]


# --- holding -------------------------------------------------------------------------------------


def test_what_is_held_for_long_is_held_anew_before_it_is_handed_out(streams: FakeStreams) -> None:
    ids = [streams.publish(n=str(number)) for number in range(4)]
    consumer = Consumer(streams)
    consumer.next()
    consumer.next()
    streams.now_ms += TAKE_OVER_MS // 2
    event = consumer.next()

    assert event is not None
    assert event.id == ids[2]
    assert verbs(streams)[-3:] == ["XACK", "XPENDING", "XCLAIM"]
    assert all(given.at_ms == streams.now_ms for given in streams.group("g").pending.values())
    assert [given.deliveries for given in streams.group("g").pending.values()] == [1, 1]


def test_what_another_took_over_meanwhile_is_not_handed_out(streams: FakeStreams) -> None:
    ids = [streams.publish(n=str(number)) for number in range(4)]
    consumer = Consumer(streams)
    consumer.next()
    consumer.next()
    streams.now_ms += TAKE_OVER_MS
    streams.give("g", "other", ids[2])

    assert consumer.all() == [ids[3]]
    assert streams.pending("g") == [ids[2]]


def test_an_event_that_takes_long_can_be_held_while_it_is_worked_on(streams: FakeStreams) -> None:
    event_id = streams.publish(n="0")
    consumer = Consumer(streams)
    consumer.next()
    assert consumer.reader.holding(consumer.now) == []
    streams.now_ms += TAKE_OVER_MS // 2
    while steps := consumer.reader.holding(consumer.now):
        consumer.exchange(steps)

    (given,) = streams.group("g").pending.values()
    assert given.at_ms == streams.now_ms
    assert consumer.next() is None
    assert streams.pending("g") == []
    assert ["XACK", "s", "g", event_id] in streams.asked


# --- leaving -------------------------------------------------------------------------------------


def test_who_leaves_acknowledges_what_is_finished_and_gives_back_the_rest(
    streams: FakeStreams,
) -> None:
    ids = [streams.publish(n=str(number)) for number in range(4)]
    leaver = Consumer(streams, consumer="leaver")
    leaver.next()
    leaver.next()
    leaver.next()
    leaver.leave()
    assert streams.pending("g") == ids[2:]

    assert Consumer(streams, consumer="other").all() == ids[2:]


def test_a_consumer_without_a_name_leaves_nothing_behind(streams: FakeStreams) -> None:
    streams.publish(n="0")
    consumer = Consumer(streams, is_fresh=True)
    consumer.all()
    consumer.leave()

    assert streams.group("g").consumers == set()


def test_a_consumer_that_has_something_pending_is_not_forgotten(streams: FakeStreams) -> None:
    event_id = streams.publish(n="0")
    consumer = Consumer(streams, is_fresh=True)
    consumer.all()
    streams.give("g", "me", event_id)  # By a reply that was lost.
    consumer.leave()

    assert streams.pending("g") == [event_id]


def test_a_consumer_with_a_name_stays_known(streams: FakeStreams) -> None:
    consumer = Consumer(streams)
    consumer.all()
    consumer.leave()

    assert streams.group("g").consumers == {"me"}


def test_who_never_began_leaves_without_a_word(streams: FakeStreams) -> None:
    Consumer(streams).leave()

    assert streams.asked == []


# --- losses --------------------------------------------------------------------------------------


def scenario(consumer: Consumer) -> list[str]:
    """Go through events of every kind; return the ids as they were handed out."""
    streams = consumer.streams
    streams.group("g")
    for ago_ms, owner in ((0, "me"), (0, "me"), (TAKE_OVER_MS, "dead"), (TAKE_OVER_MS, "dead")):
        streams.give("g", owner, streams.publish(n="old"), ago_ms)
    found: list[str] = []
    for number in range(12):
        streams.publish(n=str(number))
        if number % 3 == 2:
            streams.now_ms += 100
        if number == 8:
            streams.now_ms += TAKE_OVER_MS // 2
        event = consumer.next()
        assert event is not None
        found.append(event.id)
    return found + consumer.all()


def test_the_scenario_meets_every_request() -> None:
    streams = FakeStreams()
    assert scenario(Consumer(streams)) == [
        f"{ms}-{sequence}" for ms, sequence in sorted(streams.events)
    ]
    assert set(verbs(streams)) >= {"XACK", "XPENDING", "XAUTOCLAIM", "XCLAIM", "XREADGROUP"}


@pytest.mark.parametrize("carried_out", [0, 1, 2])
@pytest.mark.parametrize("batch", [1, 3, 10])
def test_wherever_the_connection_is_lost_no_event_is_and_none_comes_twice(
    batch: int, carried_out: int
) -> None:
    undisturbed = Consumer(FakeStreams(), batch=batch)
    expected = scenario(undisturbed)
    for number in range(undisturbed.exchanges):
        streams = FakeStreams()
        consumer = Consumer(streams, batch=batch)
        consumer.loss = (number, carried_out)
        found = scenario(consumer)

        assert sorted(found) == sorted(expected), number
        assert streams.pending("g") == [], number
        new = [one for one in found if streams.events[_id(one)][1] != b"old"]
        assert new == sorted(new, key=_id), number


@pytest.mark.parametrize("carried_out", [0, 1, 2])
def test_wherever_the_last_words_are_lost_nothing_is(carried_out: int) -> None:
    for number in range(4):
        streams = FakeStreams()
        ids = [streams.publish(n=str(each)) for each in range(4)]
        leaver = Consumer(streams, consumer="leaver")
        first = [leaver.next() for _ in range(3)]
        leaver.loss = (leaver.exchanges + number, carried_out)
        steps = leaver.reader.leaving(leaver.now)
        if steps:
            leaver.exchange(steps)
        streams.now_ms += TAKE_OVER_MS

        seen = {event.id for event in first if event} | set(Consumer(streams).all())
        assert seen == set(ids)


# --- anything, in any order ----------------------------------------------------------------------

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["publish"] * 3 + ["next"] * 5 + ["lose", "lose", "die", "leave", "sleep"]),
        st.integers(0, 1),
    ),
    min_size=20,
    max_size=60,
)


class Crowd:
    """Two consumers of one group, to each of whom anything may happen."""

    def __init__(self) -> None:
        self.streams = FakeStreams()
        self.lives = [self._life(which) for which in range(2)]
        self.seen: set[str] = set()
        self.published = 0

    def act(self, action: str, which: int) -> None:
        life = self.lives[which]
        match action:
            case "publish":
                self.published += 1
                self.streams.publish(n=str(self.published))
            case "next":
                self.take(life)
            case "lose":
                life.loss = (life.exchanges, 2 - self.published % 3)
            case "die":
                self.lives[which] = self._life(which)
            case "leave":
                life.leave()
                self.lives[which] = self._life(which)
            case "sleep":
                self.streams.now_ms += TAKE_OVER_MS // 3

    def take(self, life: Consumer) -> bool:
        event = life.next()
        if event is None:
            return False
        self.seen.add(event.id)
        life.taken.append(_id(event.id))
        if event.deliveries == 1:
            assert life.taken[-1] == max(life.taken)
            assert self._skipped_by(life) == []
        return True

    def come_to_rest(self) -> None:
        for _ in range(4):
            self.streams.now_ms += TAKE_OVER_MS
            for life in self.lives:
                while self.take(life):
                    pass

    def _skipped_by(self, life: Consumer) -> list[object]:
        """Return what was given to a consumer before its last event and not handed out."""
        return [
            event_id
            for event_id, given in self.streams.groups["g"].pending.items()
            if given.consumer == life.name
            and event_id < life.taken[-1]
            and event_id not in life.taken
        ]

    def _life(self, which: int) -> Consumer:
        return Consumer(self.streams, consumer=f"c{which}", batch=3)


@given(ACTIONS)
def test_whatever_happens_each_event_is_seen_and_what_is_new_is_in_order(
    actions: list[tuple[str, int]],
) -> None:
    crowd = Crowd()
    for action, which in actions:
        crowd.act(action, which)
    crowd.come_to_rest()

    there = sorted(crowd.streams.events)
    assert sorted(crowd.seen, key=_id) == [f"{ms}-{sequence}" for ms, sequence in there]
    assert crowd.streams.pending("g") == []


def _id(text: str) -> tuple[int, int]:
    ms, _, sequence = text.partition("-")
    return int(ms), int(sequence)
