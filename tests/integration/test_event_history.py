"""The checker of events finds what is planted, and nothing in a history that is sound."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.integration.event_history import (
    RULES,
    Acknowledged,
    Cursor,
    EventHistory,
    EventId,
    GroupHistory,
    Job,
    Origin,
    Published,
    Seen,
    Told,
    check_events,
)

EVENTS = 6


def an_id(number: int) -> EventId:
    return 100, number


def origin(number: int) -> Origin:
    """Two producers publish in turns."""
    return Origin("ab"[number % 2], (number + 1) // 2)


def seen(number: int, *, anew: bool = True, asked_ns: int = 0) -> Seen:
    return Seen(an_id(number), origin(number), anew, asked_ns or number * 10)


def key_of(event: EventId, _: Origin) -> str | None:
    return f"trigger:t:s:{event[0]}-{event[1]}" if event[1] % 2 else None


class Story:
    """A sound history, to be spoiled."""

    def __init__(self) -> None:
        numbers = range(1, EVENTS + 1)
        self.published = [Published(origin(n), Told.ACKNOWLEDGED, an_id(n)) for n in numbers]
        self.kept = [(an_id(n), origin(n)) for n in numbers]
        self.added_count = EVENTS
        self.readers = {"whole": [seen(n) for n in numbers], "late": [seen(n) for n in (5, 6)]}
        self.consumers = {"ann": [seen(1), seen(2), seen(5)], "bob": [seen(3), seen(4), seen(6)]}
        self.acknowledged = [Acknowledged(an_id(n), n * 10 + 5) for n in numbers]
        self.cursors = [Cursor(an_id(n), n) for n in (1, 3, 3, 6)]
        self.pending: frozenset[EventId] = frozenset()
        self.jobs = [Job(n, key_of(an_id(n), origin(n)) or "", an_id(n)) for n in (1, 3, 5)]

    def violated(self) -> set[str]:
        group = GroupHistory(self.consumers, self.acknowledged, self.cursors, self.pending)
        history = EventHistory(
            published=self.published,
            kept=self.kept,
            added_count=self.added_count,
            readers=self.readers,
            groups={"g": group},
            triggered=key_of,
            jobs=self.jobs,
        )
        return {violation.rule for violation in check_events(history)}


def lose_an_event(story: Story) -> None:
    del story.kept[2]
    story.added_count -= 1


def answer_with_another_id(story: Story) -> None:
    story.published[0] = replace(story.published[0], id=an_id(2))


def invent_an_event(story: Story) -> None:
    del story.published[3]


def keep_what_was_refused(story: Story) -> None:
    story.published[3] = Published(origin(4), Told.REFUSED)


def keep_an_event_twice(story: Story) -> None:
    story.kept.append((an_id(7), origin(6)))


def swap_two_events(story: Story) -> None:
    story.kept[1], story.kept[3] = (an_id(2), origin(4)), (an_id(4), origin(2))


def swap_two_ids(story: Story) -> None:
    story.kept[1], story.kept[2] = story.kept[2], story.kept[1]


def leave_an_offset_out(story: Story) -> None:
    story.added_count += 1


def skip_an_event(story: Story) -> None:
    del story.readers["whole"][2]


def read_in_another_order(story: Story) -> None:
    story.readers["late"].reverse()


def stop_before_the_end(story: Story) -> None:
    story.readers["late"].pop()


def read_twice(story: Story) -> None:
    story.readers["late"].insert(0, seen(5))


def pass_an_event_over(story: Story) -> None:
    del story.consumers["bob"][1]


def deliver_another_event(story: Story) -> None:
    story.consumers["bob"][1] = Seen(an_id(4), origin(3), True, 40)


def deliver_twice_as_new(story: Story) -> None:
    story.consumers["bob"].insert(0, seen(2))


def deliver_in_another_order(story: Story) -> None:
    story.consumers["ann"].reverse()


def deliver_again_what_was_acknowledged(story: Story) -> None:
    story.consumers["bob"].append(seen(1, anew=False, asked_ns=99))


def forget_an_acknowledgement(story: Story) -> None:
    story.pending = frozenset({an_id(3)})


def put_a_cursor_back(story: Story) -> None:
    story.cursors.append(Cursor(an_id(5), 5))


def forget_what_was_read(story: Story) -> None:
    story.cursors.append(Cursor(an_id(6), None))


def miscount_what_was_read(story: Story) -> None:
    story.cursors[-1] = Cursor(an_id(6), 7)


def fire_twice(story: Story) -> None:
    story.jobs.append(replace(story.jobs[0], id=9))


def never_fire(story: Story) -> None:
    del story.jobs[1]


def fire_without_a_match(story: Story) -> None:
    story.jobs.append(Job(9, "trigger:t:s:100-2", an_id(2)))


def fire_with_another_event(story: Story) -> None:
    story.jobs[0] = replace(story.jobs[0], event=an_id(3))


PLANTED: list[tuple[Callable[[Story], None], str]] = [
    (lose_an_event, "nothing acknowledged is lost"),
    (answer_with_another_id, "nothing acknowledged is lost"),
    (invent_an_event, "no event comes from nowhere"),
    (keep_what_was_refused, "no event comes from nowhere"),
    (keep_an_event_twice, "an event is there once"),
    (swap_two_events, "a producer keeps its order"),
    (swap_two_ids, "offsets are dense"),
    (leave_an_offset_out, "offsets are dense"),
    (skip_an_event, "readers miss nothing"),
    (read_in_another_order, "readers miss nothing"),
    (stop_before_the_end, "readers miss nothing"),
    (read_twice, "readers miss nothing"),
    (pass_an_event_over, "groups miss nothing"),
    (deliver_another_event, "groups miss nothing"),
    (deliver_twice_as_new, "an event is new once"),
    (deliver_in_another_order, "consumers see the order"),
    (deliver_again_what_was_acknowledged, "what was acknowledged is over"),
    (forget_an_acknowledgement, "what was acknowledged is over"),
    (put_a_cursor_back, "cursors never go back"),
    (forget_what_was_read, "cursors never go back"),
    (miscount_what_was_read, "cursors count what was read"),
    (fire_twice, "a trigger fires once"),
    (never_fire, "a trigger fires once"),
    (fire_without_a_match, "a trigger fires once"),
    (fire_with_another_event, "a trigger fires once"),
]


def test_a_sound_history_has_no_violation() -> None:
    assert Story().violated() == set()


def test_an_event_that_was_not_confirmed_may_be_delivered_again() -> None:
    story = Story()
    story.consumers["bob"].append(seen(1, anew=False, asked_ns=12))

    assert story.violated() == set()


def test_an_event_of_unknown_fate_may_be_there_or_not() -> None:
    story = Story()
    story.published[3] = Published(origin(4), Told.UNKNOWN)
    story.published.append(Published(Origin("a", 99), Told.UNKNOWN))

    assert story.violated() == set()


@pytest.mark.parametrize(
    ("plant", "rule"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_planted_violation_is_found(plant: Callable[[Story], None], rule: str) -> None:
    story = Story()

    plant(story)

    assert rule in story.violated()


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for _, rule in PLANTED} == set(RULES)
