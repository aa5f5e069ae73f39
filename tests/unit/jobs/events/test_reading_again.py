"""A consumer reads again what it was given, of several streams, after a restart."""

import pytest

from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.ids import NEW
from penstock.jobs.events.model import ID_MIN, StreamName
from penstock.jobs.events.turn import Turn
from tests.unit.jobs.events.desk import C, Desk, G, S, ids_of, with_bounds

T = StreamName("t")


@pytest.mark.parametrize(
    "bounds",
    [with_bounds(), with_bounds(reads_bytes_max=1), with_bounds(pick_events_max=2)],
    ids=["at once", "one stream a commit", "two events a commit"],
)
def test_what_must_be_read_of_one_stream_is_kept_while_another_is_read(
    bounds: EventBounds,
) -> None:
    desk = Desk(bounds)
    for stream in (S, T):
        desk.append_many(5, stream=stream)
        desk.group(stream=stream)

    def read_new(turn: Turn) -> object:
        return turn.read_group(G, C, [(S, NEW), (T, NEW)], None, no_ack=False)

    desk.do(read_new)
    desk = desk.restart()

    found = desk.answer(
        lambda turn: (
            turn.read_group(G, C, [(S, ID_MIN), (T, ID_MIN)], None, no_ack=False) or (lambda _: {})
        )
    )

    assert [ids_of(found[stream]) for stream in (S, T)] == [[(n, 0) for n in range(1, 6)]] * 2


def test_what_was_read_for_a_request_is_let_go_when_that_is_done() -> None:
    desk = Desk()
    for stream in (S, T):
        desk.append_many(5, stream=stream)
        desk.group(stream=stream)
        desk.do(lambda turn, name=stream: turn.read_group(G, C, [(name, NEW)], None, no_ack=False))  # type: ignore[misc]
    desk = desk.restart()
    desk.do(lambda turn: turn.read_group(G, C, [(S, ID_MIN), (T, ID_MIN)], None, no_ack=False))

    desk.commit(desk.begin())

    assert not any(stream.picked for stream in desk.log.streams.values())
