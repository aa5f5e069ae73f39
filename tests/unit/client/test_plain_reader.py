"""Reading without a group: the place is an id, and losses are answered by asking again."""

import pytest

from penstock.client.patterns import Patterns
from penstock.client.plain_reader import PlainReader
from tests.unit.client.fake_streams import FakeStreams


def read_all(streams: FakeStreams, reader: PlainReader, lose: int | None = None) -> list[str]:
    """Read until nothing comes; the reply of exchange number *lose* is lost."""
    found: list[str] = []
    number = 0
    reader.wait.reset()
    while not reader.wait.in_vain:
        now = streams.now_ms / 1000
        steps = reader.steps(now, None)
        if not steps:
            found.append(reader.pop(now).id)
            reader.finish(now)
            continue
        (step,) = steps
        reply = streams.answer(step.request)
        if number == lose:
            reader.lost()
        else:
            step.take(step.request.read(reply), now)
        number += 1
    return found


@pytest.fixture
def streams() -> FakeStreams:
    return FakeStreams()


@pytest.mark.parametrize("lose", [None, 0, 1, 2, 3])
def test_events_come_once_and_in_their_order(streams: FakeStreams, lose: int | None) -> None:
    ids = [streams.publish(n=str(number)) for number in range(25)]

    assert read_all(streams, PlainReader("s", "0-0", 10, None), lose) == ids


@pytest.mark.parametrize("lose", [None, 0, 1])
def test_now_is_one_place_however_often_it_is_asked_for(
    streams: FakeStreams, lose: int | None
) -> None:
    streams.publish(n="0")
    reader = PlainReader("s", "$", 10, None)
    assert read_all(streams, reader, lose) == []
    later = streams.publish(n="1")

    assert read_all(streams, reader, 0) == [later]


def test_of_an_empty_stream_now_is_its_beginning(streams: FakeStreams) -> None:
    reader = PlainReader("s", "$", 10, None)
    read_all(streams, reader)

    assert read_all(streams, reader) == []
    first = streams.publish(n="0")
    assert read_all(streams, reader) == [first]


def test_what_does_not_match_is_passed_over(streams: FakeStreams) -> None:
    streams.publish(type="a")
    wanted = streams.publish(type="b")
    streams.publish(type="c")

    assert read_all(streams, PlainReader("s", "0-0", 2, Patterns({"type": "b"}))) == [wanted]


def test_it_has_no_last_words(streams: FakeStreams) -> None:
    reader = PlainReader("s", "0-0", 10, None)
    reader.settle("1-0")

    assert reader.leaving(0.0) == []
    assert reader.holding(0.0) == []
    assert reader.group is None


def test_it_is_ready_once_now_is_an_id(streams: FakeStreams) -> None:
    reader = PlainReader("s", "$", 10, None)
    before = reader.is_ready
    read_all(streams, reader)

    assert (before, reader.is_ready) == (False, True)
