"""Who is let into a queue, and who waits for room in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.admission import Parked, Room, is_urgent, limit_text, retry_after_ms, room
from penstock.jobs.errors import Overloaded
from penstock.jobs.model import QueueName
from penstock.jobs.policy import Policy
from penstock.jobs.queue_settings import QueueSettings, Terms, terms_of

Q = QueueName("q")
OTHER = QueueName("other")


def terms(**settings: object) -> Terms:
    return terms_of(Policy(), QueueSettings(), QueueSettings(**settings))  # type: ignore[arg-type]


UNLIMITED = terms()
TEN = terms(length_max=10, reserve_percent=20)
BYTES = terms(bytes_max=1_000, reserve_percent=20)
BOTH = terms(length_max=10, bytes_max=1_000, reserve_percent=20)


@pytest.mark.parametrize(
    ("terms", "count", "size", "payload", "bulk", "urgent"),
    [
        (UNLIMITED, 10**9, 10**12, 10**6, Room.YES, Room.YES),
        (TEN, 7, 0, 1, Room.YES, Room.YES),
        (TEN, 8, 0, 1, Room.FULL, Room.YES),
        (TEN, 9, 0, 1, Room.FULL, Room.YES),
        (TEN, 10, 0, 1, Room.FULL, Room.FULL),
        (TEN, 11, 0, 1, Room.FULL, Room.FULL),
        (BYTES, 1, 700, 100, Room.YES, Room.YES),
        (BYTES, 1, 700, 101, Room.FULL, Room.YES),
        (BYTES, 1, 700, 300, Room.FULL, Room.YES),
        (BYTES, 1, 700, 301, Room.FULL, Room.FULL),
        (BYTES, 10**6, 0, 0, Room.YES, Room.YES),
        (BOTH, 7, 801, 0, Room.FULL, Room.YES),
        (BOTH, 8, 0, 0, Room.FULL, Room.YES),
    ],
)
def test_bulk_leaves_the_head_room_to_urgent_jobs(
    terms: Terms, count: int, size: int, payload: int, bulk: Room, urgent: Room
) -> None:
    assert room(terms, count, size, payload, is_urgent=False) is bulk
    assert room(terms, count, size, payload, is_urgent=True) is urgent


@pytest.mark.parametrize("terms", [terms(length_max=1), terms(bytes_max=1)])
def test_a_queue_in_which_nothing_waits_takes_any_job(terms: Terms) -> None:
    assert room(terms, 0, 0, 10**6, is_urgent=False) is Room.YES
    assert room(terms, 1, 10**6, 0, is_urgent=True) is Room.FULL


def test_without_a_reserve_all_are_alike() -> None:
    terms_ = terms(length_max=10, reserve_percent=0)

    assert room(terms_, 9, 0, 0, is_urgent=False) is Room.YES


@pytest.mark.parametrize(
    ("priority", "is_call", "urgent"),
    [(1000, False, False), (999, False, True), (5000, False, False), (5000, True, True)],
)
def test_calls_and_what_is_more_urgent_than_usual_are_urgent(
    priority: int, is_call: bool, urgent: bool
) -> None:
    assert is_urgent(priority, is_call=is_call) is urgent


@pytest.mark.parametrize(
    ("count", "urgent", "text"),
    [
        (8, False, "8 jobs wait and length_max is 10, 20% of which is for urgent jobs"),
        (10, True, "10 jobs wait and length_max is 10"),
        (3, False, "bytes_max, 1000, allows, 20% of which is for urgent jobs"),
        (3, True, "more bytes would wait than bytes_max, 1000, allows"),
    ],
)
def test_the_limit_that_was_met_is_named(count: int, urgent: bool, text: str) -> None:
    assert limit_text(BOTH, count, is_urgent=urgent).endswith(text)


@pytest.mark.parametrize(
    ("count", "per_second", "ms"),
    [
        (1_000, 100.0, 1_000),
        (10**6, 1.0, 60_000),
        (10, 0.0, 60_000),
        (1, 1e-300, 60_000),
        (1, 10.0, 100),
        (10, 10**6, 100),
        (0, 2.0, 500),
    ],
)
def test_the_hint_is_when_a_tenth_has_left(count: int, per_second: float, ms: int) -> None:
    assert retry_after_ms(count, per_second) == ms


@given(st.integers(0, 10**10), st.floats(0, 10**9))
def test_the_hint_is_never_absurd(count: int, per_second: float) -> None:
    assert 100 <= retry_after_ms(count, per_second) <= 60_000


# --- waiting for room ----------------------------------------------------------------------------


def drained(parked: Parked[str], queue: QueueName) -> list[str]:
    tokens = []
    while (token := parked.next_for(queue)) is not None:
        tokens.append(token)
        assert parked.unpark(token)
    return tokens


def test_who_came_first_is_let_in_first() -> None:
    parked: Parked[str] = Parked()
    for queue, token in [(Q, "a"), (OTHER, "b"), (Q, "c")]:
        parked.park(queue, token)

    assert (parked.count(Q), parked.count(OTHER), len(parked)) == (2, 1, 3)
    assert parked.queues() == [Q, OTHER]
    assert drained(parked, Q) == ["a", "c"]
    assert parked.queues() == [OTHER]


def test_the_urgent_have_a_line_of_their_own() -> None:
    parked: Parked[str] = Parked()
    parked.park(Q, "bulk")
    parked.park(Q, "call", is_urgent=True)
    parked.park(Q, "more")
    parked.park(Q, "another call", is_urgent=True)

    assert parked.count(Q) == 4
    assert drained(parked, Q) == ["call", "another call", "bulk", "more"]


def test_who_gives_up_waits_no_more() -> None:
    parked: Parked[str] = Parked()
    parked.park(Q, "a")
    parked.park(Q, "b")

    assert parked.unpark("a")
    assert not parked.unpark("a")
    assert parked.next_for(Q) == "b"


def test_looking_leaves_it_waiting() -> None:
    parked: Parked[str] = Parked()
    parked.park(Q, "a")

    assert parked.next_for(Q) == parked.next_for(Q) == "a"
    assert parked.next_for(OTHER) is None
    assert parked.count(OTHER) == 0


def test_too_many_are_refused() -> None:
    parked: Parked[int] = Parked(jobs_max=2)
    parked.park(Q, 1)
    parked.park(OTHER, 2)

    with pytest.raises(Overloaded, match="submissions that wait for room: the limit of 2"):
        parked.park(Q, 3)
    assert parked.count(Q) == 1


def test_too_many_bytes_are_refused() -> None:
    parked: Parked[int] = Parked(bytes_max=10)
    parked.park(Q, 1, 6)

    with pytest.raises(Overloaded, match="bytes of submissions that wait for room"):
        parked.park(Q, 2, 5)
    parked.park(Q, 2, 4)
    parked.unpark(1)

    assert parked.bytes == 4
