"""Single events are read from the store by who needs them, however many streams they are of."""

from typing import Final

import pytest

from penstock.jobs.events.ids import NEW
from penstock.jobs.events.model import EventId, StreamName
from penstock.jobs.events.turn import Turn
from penstock.jobs.store.event_port import EventAnswers
from tests.unit.jobs.events.desk import C, Desk, G, ids_of, with_bounds

STREAMS: Final = tuple(StreamName(name) for name in "stuv")


def given_again(turn: Turn) -> dict[StreamName, list[EventId]]:
    later = turn.read_group(G, C, [(name, (0, 0)) for name in STREAMS], None, no_ack=False)
    assert later is not None
    return {name: ids_of(events) for name, events in later(EventAnswers()).items()}


@pytest.mark.parametrize("pick_events_max", [64, 2])
def test_what_a_consumer_has_of_many_streams_is_found_after_a_restart(
    pick_events_max: int,
) -> None:
    # One pick a turn, of so many events.
    desk = Desk(with_bounds(pick_events_max=pick_events_max, reads_bytes_max=1))
    for name in STREAMS:
        desk.append((1, 0), (2, 0), (3, 0), stream=name)
        desk.group(stream=name)

    def read(turn: Turn) -> None:
        turn.read_group(G, C, [(name, NEW) for name in STREAMS], None, no_ack=False)

    desk.do(read)

    restarted = desk.restart()

    wanted = [(1, 0), (2, 0), (3, 0)]
    assert restarted.do(given_again) == dict.fromkeys(STREAMS, wanted)
