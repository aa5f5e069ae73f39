"""What a consumer does not acknowledge may be taken over by another, once it has been idle."""

import pytest

from penstock.jobs.errors import Overloaded
from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.claims import ClaimWish, PendingSummary
from penstock.jobs.events.errors import NoGroupToAsk, Unsettled
from penstock.jobs.events.model import ID_MAX, ID_MIN, ConsumerName, EventId, PendingEvent
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.model import Instant
from tests.unit.jobs.events.desk import FIELDS, NOW, C, D, Desk, G, S, ids_of, with_bounds

COLD = with_bounds(recent_events_max=1, pick_events_max=2)


def a_desk(bounds: EventBounds = COLD) -> Desk:
    """Return a desk with six events, of which C has four; the clock has moved on."""
    desk = Desk(bounds)
    desk.append_many(6)
    desk.group()
    desk.given(events_max=4)
    desk.now = Instant(NOW + 100)
    return desk


def claim(
    desk: Desk, *ms: int, consumer: ConsumerName = D, wish: ClaimWish | None = None
) -> list[int]:
    """Claim events; return those that were."""
    ids: list[EventId] = [(one, 0) for one in ms]
    claimed = desk.answer(lambda turn: turn.claim(S, G, consumer, ids, wish or ClaimWish()))
    return [event.id[0] for event in claimed]


def auto_claim(
    desk: Desk,
    *,
    idle_ms: int = 0,
    start: int = 0,
    events_max: int = 100,
    just_id: bool = False,
) -> tuple[int, list[int], list[int]]:
    """Claim what there is; return where to go on, what was claimed and what is gone."""
    go_on, claimed, gone = desk.do(
        lambda turn: turn.auto_claim(
            S, G, D, idle_ms=idle_ms, start=(start, 0), events_max=events_max, just_id=just_id
        )
    )
    answers = desk.commit(desk.begin())
    return go_on[0], [e.id[0] for e in claimed(answers)], [i[0] for i in gone(answers)]


def pending(desk: Desk) -> list[PendingEvent]:
    return desk.shelf.pending(S, G)


@pytest.mark.parametrize("bounds", [COLD, with_bounds()], ids=["store", "memory"])
def test_events_are_taken_over(bounds: EventBounds) -> None:
    desk = a_desk(bounds)

    assert claim(desk, 1, 3, 5) == [1, 3]
    assert pending(desk) == [
        PendingEvent((1, 0), D, desk.now, 2),
        PendingEvent((2, 0), C, NOW, 1),
        PendingEvent((3, 0), D, desk.now, 2),
        PendingEvent((4, 0), C, NOW, 1),
    ]


def test_an_event_that_is_named_twice_is_taken_over_twice() -> None:
    desk = a_desk()

    assert claim(desk, 1, 1) == [1, 1]
    assert pending(desk)[0].deliveries == 3
    assert claim(desk, 2, 2, wish=ClaimWish(idle_ms=1)) == [2]


def test_many_events_are_read_a_few_with_each_commit() -> None:
    desk = a_desk()

    assert claim(desk, 1, 2, 3, 4) == [1, 2, 3, 4]
    desk.commit(desk.begin())
    assert desk.log.streams[S].picked == {}


def test_only_what_was_idle_long_enough_is_taken_over() -> None:
    desk = a_desk()

    assert claim(desk, 1, wish=ClaimWish(idle_ms=101)) == []
    assert claim(desk, 1, wish=ClaimWish(idle_ms=100)) == [1]
    assert claim(desk, 1, consumer=C, wish=ClaimWish(idle_ms=1)) == []


@pytest.mark.parametrize(
    ("wish", "delivered_at", "deliveries"),
    [
        (ClaimWish(deliver_at=Instant(NOW + 10)), NOW + 10, 2),
        (ClaimWish(deliver_at=Instant(NOW + 900)), NOW + 100, 2),
        (ClaimWish(deliver_at=Instant(-5)), NOW + 100, 2),
        (ClaimWish(deliveries=7), NOW + 100, 7),
        (ClaimWish(deliveries=0), NOW + 100, 0),
        (ClaimWish(just_id=True), NOW + 100, 1),
        (ClaimWish(just_id=True, deliveries=9), NOW + 100, 9),
    ],
)
def test_when_and_how_often_it_was_delivered_may_be_set(
    wish: ClaimWish, delivered_at: int, deliveries: int
) -> None:
    desk = a_desk()

    claim(desk, 1, wish=wish)

    assert pending(desk)[0] == PendingEvent((1, 0), D, Instant(delivered_at), deliveries)


@pytest.mark.parametrize(("just_id", "deliveries"), [(False, 2), (True, 1)])
def test_what_nobody_was_given_may_be_claimed_by_force(just_id: bool, deliveries: int) -> None:
    desk = a_desk()

    assert claim(desk, 5, 9, wish=ClaimWish(force=True, idle_ms=99, just_id=just_id)) == [5]
    assert pending(desk)[-1] == PendingEvent((5, 0), D, desk.now, deliveries)


def test_a_claim_may_move_the_cursor_on_and_not_back() -> None:
    desk = a_desk()

    claim(desk, 1, wish=ClaimWish(last_id=(5, 0)))
    assert desk.shelf.group(S, G).last_delivered_id == (5, 0)

    claim(desk, 1, wish=ClaimWish(last_id=(2, 0)))
    assert desk.shelf.group(S, G).last_delivered_id == (5, 0)
    assert desk.given() == [(6, 0)]


@pytest.mark.parametrize("bounds", [COLD, with_bounds()], ids=["store", "memory"])
def test_what_was_deleted_is_taken_off_the_list(bounds: EventBounds) -> None:
    desk = a_desk(bounds)
    desk.answer(lambda turn: turn.delete(S, [(1, 0), (3, 0)]))

    assert claim(desk, 1, 2, wish=ClaimWish(idle_ms=1_000)) == []
    assert [entry.id[0] for entry in pending(desk)] == [2, 3, 4]


def test_a_claim_waits_for_a_deletion() -> None:
    desk = a_desk()
    turn = desk.begin()
    turn.delete(S, [(1, 0)])

    with pytest.raises(Unsettled):
        turn.claim(S, G, D, [(1, 0)], ClaimWish())

    desk.commit(turn)


def test_a_claim_does_not_wait_for_a_trim_that_cannot_reach_its_events() -> None:
    desk = a_desk(with_bounds())
    turn = desk.begin()
    turn.append(S, FIELDS, trim=TrimWish(length_max=1))

    later = turn.claim(S, G, D, [(1, 0)], ClaimWish())

    assert ids_of(later(desk.commit(turn))) == [(1, 0)]


def test_a_claim_makes_its_consumer_known() -> None:
    desk = a_desk()

    claim(desk, 9)

    assert [consumer.name for consumer in desk.shelf.consumers(S, G)] == [C, D]
    assert desk.shelf.consumers(S, G)[1].active_at is None


def test_claims_are_bounded() -> None:
    desk = a_desk(with_bounds(consumers_max=1))
    with pytest.raises(Overloaded):
        claim(desk, 1)

    desk = a_desk(with_bounds(group_pending_max=4))
    with pytest.raises(Overloaded):
        claim(desk, 5, wish=ClaimWish(force=True))
    assert claim(desk, 1, wish=ClaimWish(force=True)) == [1]


def test_a_claim_stops_where_its_reply_would_be_too_large() -> None:
    desk = a_desk(with_bounds(range_bytes_max=2 * sum(map(len, FIELDS))))
    desk.given()

    assert claim(desk, 1, 2, 3, 4) == [1, 2]
    assert auto_claim(desk) == (3, [1, 2], [])


def test_a_group_that_is_not_there_has_nothing_to_claim() -> None:
    desk = Desk()

    with pytest.raises(NoGroupToAsk, match="No such key 's' or consumer group 'g'"):
        claim(desk, 1)
    with pytest.raises(NoGroupToAsk):
        auto_claim(desk)
    with pytest.raises(NoGroupToAsk):
        desk.do(lambda turn: turn.pending_summary(S, G))
    with pytest.raises(NoGroupToAsk):
        desk.do(lambda turn: turn.pending_range(S, G, ID_MIN, ID_MAX, 1))


# --- what was left -------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [COLD, with_bounds()], ids=["store", "memory"])
def test_what_was_left_is_taken_over_page_by_page(bounds: EventBounds) -> None:
    desk = a_desk(bounds)

    assert auto_claim(desk, events_max=3) == (4, [1, 2, 3], [])
    assert auto_claim(desk, start=4, events_max=3) == (0, [4], [])
    assert [entry.deliveries for entry in pending(desk)] == [2, 2, 2, 2]


def test_what_was_left_and_is_not_idle_is_passed_over() -> None:
    desk = a_desk(with_bounds())
    claim(desk, 2)

    assert auto_claim(desk, idle_ms=50) == (0, [1, 3, 4], [])


def test_what_was_left_may_be_named_only() -> None:
    desk = a_desk()

    assert auto_claim(desk, just_id=True, events_max=1) == (2, [1], [])
    assert pending(desk)[0].deliveries == 1


@pytest.mark.parametrize("bounds", [COLD, with_bounds()], ids=["store", "memory"])
def test_what_was_left_and_deleted_is_named_and_taken_off_the_list(bounds: EventBounds) -> None:
    desk = a_desk(bounds)
    desk.answer(lambda turn: turn.delete(S, [(1, 0), (3, 0)]))

    assert auto_claim(desk, events_max=3) == (4, [2], [1, 3])
    assert [entry.id[0] for entry in pending(desk)] == [2, 4]


def test_what_memory_knows_to_be_deleted_need_not_be_idle() -> None:
    desk = a_desk(with_bounds())
    desk.answer(lambda turn: turn.delete(S, [(2, 0)]))

    assert auto_claim(desk, idle_ms=1_000) == (0, [], [2])


def test_what_is_not_idle_is_not_even_looked_for() -> None:
    desk = a_desk()

    assert auto_claim(desk, idle_ms=1_000) == (0, [], [])
    turn = desk.begin()
    turn.auto_claim(S, G, D, idle_ms=1_000, start=ID_MIN, events_max=9, just_id=False)
    desk.commit(turn)
    assert turn.writes.picks == []


def test_a_search_for_what_was_left_looks_at_so_many_events_only() -> None:
    desk = Desk()
    desk.append_many(30)
    desk.group()
    desk.given()

    assert auto_claim(desk, idle_ms=1, events_max=2) == (21, [], [])


# --- what is pending -----------------------------------------------------------------------------


def test_a_summary_counts_by_consumer() -> None:
    desk = a_desk()
    claim(desk, 1)
    desk.do(lambda turn: turn.create_consumer(S, G, ConsumerName("a")))

    summary = desk.do(lambda turn: turn.pending_summary(S, G))

    assert summary == PendingSummary(4, (1, 0), (4, 0), [(C, 3), (D, 1)])
    desk.ack((1, 0), (2, 0), (3, 0), (4, 0))
    empty = desk.do(lambda turn: turn.pending_summary(S, G))
    assert empty == PendingSummary(0, None, None, [])


def test_a_range_of_what_is_pending_may_be_of_one_consumer_or_idle() -> None:
    desk = a_desk()
    claim(desk, 2)

    def found(**wishes: object) -> list[int]:
        entries = desk.do(
            lambda turn: turn.pending_range(S, G, (1, 0), (3, 9), 2, **wishes)  # type: ignore[arg-type]
        )
        return [event_id[0] for event_id in ids_of(entries)]  # type: ignore[arg-type]

    assert found() == [1, 2]
    assert found(consumer=C) == [1, 3]
    assert found(consumer=ConsumerName("nobody")) == []
    assert found(idle_ms=50) == [1, 3]
