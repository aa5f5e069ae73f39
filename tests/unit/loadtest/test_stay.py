"""What one consumer saw is held against what was sent."""

import pytest

from penstock.loadtest.stay import OVERDUE_NS, Production, Stay, judge_stay
from penstock.loadtest.ticks import Tick

SECOND = 1_000_000_000
OVERDUE = OVERDUE_NS // SECOND


def production(count: int) -> Production:
    """One tick a second, each answered half a second later."""
    sent_ns = [number * SECOND for number in range(count)]
    return Production(sent_ns, [at + SECOND // 2 for at in sent_ns])


def stay(
    numbers: list[int],
    *,
    from_start: bool = True,
    came: int = 0,
    left: int | None = None,
    events: list[int] | None = None,
) -> Stay:
    """*events*: where each stands in the stream, if that is not its number."""
    made = Stay(7, from_start, came * SECOND, came * SECOND)
    made.left_ns = None if left is None else left * SECOND
    for number, event in zip(numbers, events or numbers, strict=True):
        made.note(Tick((event, 0), number, number * SECOND), number * SECOND)
    return made


@pytest.mark.parametrize(
    "sound",
    [
        stay(list(range(20))),
        stay(list(range(5, 20)), from_start=False, came=4),
        stay(list(range(5, 9)), from_start=False, came=4, left=10),
        # What is sent just after the coming, or answered just before the leaving, may be missing.
        stay(list(range(4 + OVERDUE, 20)), from_start=False, came=4),
        stay(list(range(12)), left=12 + OVERDUE),
        # So somebody who stays for a moment need not see anything.
        stay([], from_start=False, came=4, left=5 + OVERDUE),
        stay([], from_start=False, came=19),
    ],
    ids=lambda made: f"{made.from_start}, {made.left_ns}, {list(made.numbers)[:1]}",
)
def test_whoever_saw_every_tick_in_order_is_content(sound: Stay) -> None:
    assert list(judge_stay(sound, production(20))) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (stay([0, 1, 3, *range(4, 20)]), "consumer 7 missed tick 2, between 1 and 3"),
        (stay([0, 4, *range(5, 20)]), "consumer 7 missed ticks 1 to 3, between 0 and 4"),
        (
            stay([0, 1, 1, *range(2, 20)], events=list(range(21))),
            "consumer 7 saw tick 1 twice",
        ),
        (stay([0, 2, 1, *range(3, 20)], events=list(range(20))), "saw tick 1 after tick 2"),
        (stay([0, 1, 1, *range(2, 20)]), "was given event (1, 0) after (1, 0)"),
        (stay(list(range(1, 20))), "consumer 7 missed tick 0, before its first"),
        (stay(list(range(19))), "consumer 7 missed tick 19, after its last"),
        (stay([]), "consumer 7 missed ticks 0 to 19: it saw none"),
        (
            stay(list(range(9, 20)), from_start=False, came=4),
            f"consumer 7 missed tick {5 + OVERDUE}, before its first",
        ),
        (
            stay(list(range(10)), left=12 + OVERDUE),
            "consumer 7 missed ticks 10 to 11, after its last",
        ),
        (
            stay([], from_start=False, came=2, left=15),
            f"consumer 7 missed ticks {3 + OVERDUE} to {14 - OVERDUE}: it saw none",
        ),
    ],
)
def test_a_tick_that_was_missed_doubled_or_out_of_order_is_named(wrong: Stay, told: str) -> None:
    texts = list(judge_stay(wrong, production(20)))

    assert any(told in text for text in texts), texts


def test_only_ticks_that_were_sent_while_it_was_awake_are_counted() -> None:
    sleeper = stay([0, 1])
    sleeper.awake_since_ns = 5 * SECOND
    for number in range(2, 8):
        sleeper.note(Tick((number, 0), number, number * SECOND), 8 * SECOND)

    assert list(sleeper.counted) == [1, 1, 0, 0, 0, 1, 1, 1]
