"""The response queue: filled in any order, taken in the order of the requests."""

from itertools import permutations

import pytest

from penstock.server.responses import ResponseQueue, Slot


class Ready:
    """Counts how often the queue says that `take` is worth calling."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def queue(ready: Ready | None = None, held_bytes_max: int = 1_000) -> ResponseQueue:
    return ResponseQueue(ready or Ready(), held_bytes_max=held_bytes_max)


def test_answers_that_come_at_once_are_taken_together() -> None:
    responses = queue()
    for reply in (b"a", b"b", b"c"):
        responses.add(reply)

    assert responses.take() == b"abc"
    assert responses.take() == b""


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_slots_filled_in_any_order_are_taken_in_theirs(order: tuple[int, ...]) -> None:
    responses = queue()
    slots = [responses.reserve() for _ in range(4)]

    taken = []
    for index in order:
        slots[index].fill(b"%d" % index)
        taken.append(responses.take())

    assert b"".join(taken) == b"0123"
    assert len(responses) == 0


def test_an_answer_behind_a_slot_waits_for_it() -> None:
    responses = queue()
    slot = responses.reserve()
    responses.add(b"later")

    assert responses.take() == b""
    slot.fill(b"first ")
    assert responses.take() == b"first later"


def test_an_answer_before_a_slot_does_not_wait() -> None:
    responses = queue()
    responses.add(b"now")
    responses.reserve()

    assert responses.take() == b"now"
    assert len(responses) == 1


def test_a_slot_made_before_takes_its_place_when_it_is_appended() -> None:
    responses = queue()
    slot = Slot(responses)
    responses.add(b"before ")
    responses.append(slot)
    responses.add(b" after")

    slot.fill(b"slot")

    assert responses.take() == b"before slot after"


def test_it_says_when_the_front_is_complete_and_only_then() -> None:
    ready = Ready()
    responses = queue(ready)
    first, second = responses.reserve(), responses.reserve()

    second.fill(b"2")
    before = ready.count
    first.fill(b"1")

    assert (before, ready.count) == (0, 1)


def test_more_than_may_be_held_is_given_up() -> None:
    ready = Ready()
    responses = queue(ready, held_bytes_max=10)
    responses.reserve()
    slots = [responses.reserve() for _ in range(3)]

    for slot in slots:
        slot.fill(b"x" * 6)

    assert responses.has_overflowed
    assert ready.count == 1
    assert (responses.held_bytes, responses.take()) == (0, b"")
    assert slots[2].reply == b""


def test_a_single_reply_may_be_larger_than_what_may_be_held() -> None:
    responses = queue(held_bytes_max=10)

    responses.reserve().fill(b"x" * 11)

    assert responses.take() == b"x" * 11


def test_it_counts_what_is_complete_and_not_taken() -> None:
    responses = queue()
    responses.add(b"12")
    slot = responses.reserve()
    responses.add(b"345")
    held = [responses.held_bytes]

    responses.take()
    held.append(responses.held_bytes)
    slot.fill(b"6")
    held.append(responses.held_bytes)
    responses.take()
    held.append(responses.held_bytes)

    assert held == [5, 3, 4, 0]


def test_a_closed_queue_lets_its_slots_be_filled_for_nobody() -> None:
    ready = Ready()
    responses = queue(ready)
    slot = responses.reserve()
    responses.add(b"behind")

    responses.close()
    slot.fill(b"late")

    assert (ready.count, len(responses), responses.take()) == (0, 0, b"")


def test_a_slot_is_filled_once() -> None:
    slot = queue().reserve()
    slot.fill(b"1")

    with pytest.raises(AssertionError):
        slot.fill(b"2")


def test_what_is_pushed_goes_before_answers_that_are_not_complete() -> None:
    ready = Ready()
    responses = queue(ready)
    responses.add(b"first ")
    slot = responses.reserve()
    responses.push(b"push ")

    assert ready.count == 1
    assert responses.take() == b"first push "
    slot.fill(b"later")
    assert responses.take() == b"later"
    assert responses.held_bytes == 0


def test_what_is_pushed_as_an_answer_leaves_goes_right_behind_it() -> None:
    responses = queue()
    slot = responses.reserve()
    slot.when_taken = lambda: responses.push(b"push ")
    responses.add(b"next")
    slot.fill(b"claims ")

    assert responses.take() == b"claims push next"
    assert responses.held_bytes == 0


def test_nothing_is_pushed_to_nobody() -> None:
    ready = Ready()
    responses = queue(ready)
    responses.close()

    responses.push(b"push")

    assert (responses.take(), ready.count) == (b"", 0)
