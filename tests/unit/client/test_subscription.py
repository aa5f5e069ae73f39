"""The blocking subscription against streams in memory: losses, ends, threads."""

import threading
import time
from collections.abc import Iterator

import pytest

from penstock.client import Client, ConnectionLost, Refused, Subscription
from penstock.protocol.replies import ErrorReply
from tests.unit.client.stream_server import StreamServer

SECONDS_MAX = 30.0


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with StreamServer() as running:
        yield running


@pytest.fixture
def client(server: StreamServer) -> Client:
    return Client(server.address)


def fail_at(reading: Subscription, event_id: str) -> None:
    for event in reading:
        if event.id == event_id:
            raise ZeroDivisionError


def ids(subscription: Subscription, count: int) -> list[str]:
    return [next(subscription).id for _ in range(count)]


# --- with a group --------------------------------------------------------------------------------


def test_events_come_as_they_are_published(server: StreamServer, client: Client) -> None:
    published: list[str] = []

    def publish() -> None:
        for number in range(5):
            published.append(server.publish(n=str(number)))
            time.sleep(0.005)

    with client.subscribe("s", group="g", from_="start") as events:
        thread = threading.Thread(target=publish)
        thread.start()
        found = ids(events, 5)
        thread.join()

    assert found == published
    assert server.streams.pending("g") == []


def test_an_event_tells_its_fields(server: StreamServer, client: Client) -> None:
    event_id = server.publish(type="order.paid", cents="950")
    with client.subscribe("s", group="g", from_="start") as events:
        event = next(events)

    assert (event.id, event.stream, event.deliveries) == (event_id, "s", 1)
    assert event["type"] == "order.paid"
    assert event.json("cents") == 950


def test_entering_makes_the_group_so_that_nothing_later_is_missed(
    server: StreamServer, client: Client
) -> None:
    server.publish(n="before")
    with client.subscribe("s", group="g", from_="now") as events:
        event_id = server.publish(n="after")
        assert next(events).id == event_id


def test_a_loop_that_ends_by_itself_closes_and_acknowledges(
    server: StreamServer, client: Client
) -> None:
    published = [server.publish(n=str(number)) for number in range(3)]
    found = [event.id for event in client.subscribe("s", group="g", from_="start", wait_ms=30)]

    assert found == published
    assert server.streams.pending("g") == []
    server.until(lambda: not server.open_connections, "the connection to close")


def test_a_body_that_raises_leaves_its_event(server: StreamServer, client: Client) -> None:
    published = [server.publish(n=str(number)) for number in range(3)]
    with pytest.raises(ZeroDivisionError):
        fail_at(client.subscribe("s", group="g", from_="start"), published[1])

    server.until(lambda: not server.open_connections, "the connection to close")
    assert server.streams.pending("g") == published[1:]
    assert [event.id for event in client.subscribe("s", group="g", wait_ms=30)] == published[1:]


def test_break_leaves_its_event_where_no_block_says_otherwise(
    server: StreamServer, client: Client
) -> None:
    event_id = server.publish(n="0")
    for _ in client.subscribe("s", group="g", from_="start"):
        break
    server.until(lambda: not server.open_connections, "the connection to close")

    assert server.streams.pending("g") == [event_id]


def test_a_block_left_without_an_exception_finishes_its_last_event(
    server: StreamServer, client: Client
) -> None:
    server.publish(n="0")
    with client.subscribe("s", group="g", from_="start") as events:
        for _ in events:
            break

    assert server.streams.pending("g") == []


def test_a_block_left_by_an_exception_does_not(server: StreamServer, client: Client) -> None:
    event_id = server.publish(n="0")
    with pytest.raises(ZeroDivisionError), client.subscribe("s", group="g", from_="start") as one:
        fail_at(one, event_id)

    assert server.streams.pending("g") == [event_id]


def test_two_loops_of_one_block_follow_on_each_other(server: StreamServer, client: Client) -> None:
    published = [server.publish(n=str(number)) for number in range(4)]
    found: list[str] = []
    with client.subscribe("s", group="g", from_="start") as events:
        for _ in range(2):
            for event in events:
                found.append(event.id)
                if len(found) % 2 == 0:
                    break

    assert found == published


@pytest.mark.parametrize("verb", ["XREADGROUP", "XACK", "XAUTOCLAIM"])
@pytest.mark.parametrize("where", ["cut_before", "cut_after"])
def test_a_lost_connection_costs_nothing_but_time(
    server: StreamServer, client: Client, verb: str, where: str
) -> None:
    published = [server.publish(n=str(number)) for number in range(4)]
    with client.subscribe("s", group="g", from_="start", take_over_ms=1_000) as events:
        found = ids(events, 1) if verb == "XACK" else []
        setattr(server, where, verb)
        found += ids(events, 4 - len(found))
        setattr(server, where, None)

    assert found == published
    assert server.streams.pending("g") == []


def test_a_read_that_waits_goes_on_after_the_server_was_away(
    server: StreamServer, client: Client
) -> None:
    def disturb() -> None:
        for _ in range(3):
            server.cut_and_wait()
        published.append(server.publish(n="1"))

    published = [server.publish(n="0")]
    with client.subscribe("s", group="g", from_="start") as events:
        found = ids(events, 1)
        thread = threading.Thread(target=disturb)
        thread.start()
        found += ids(events, 1)
        thread.join()

    assert found == published


def test_a_wrong_address_shows_at_once() -> None:
    with pytest.raises(ConnectionLost, match="no server answers"):
        next(Client("127.0.0.1:1").subscribe("s", group="g"))


def test_what_the_server_refuses_for_good_is_raised(server: StreamServer, client: Client) -> None:
    gone = ErrorReply("NOGROUP", "No such key 's' or consumer group 'g'")
    with client.subscribe("s", group="g") as events:
        server.streams.carry_out = lambda words: gone  # type: ignore[method-assign]
        with pytest.raises(Refused, match="NOGROUP"):
            next(events)


def test_a_server_that_drains_is_not_asked_without_a_pause(
    server: StreamServer, client: Client
) -> None:
    server.draining = True
    with client.subscribe("s", group="g", from_="start", wait_ms=300) as events:
        assert next(events, None) is None

    assert server.asked("XREADGROUP") < 20


def test_the_wait_for_an_event_can_be_bounded(server: StreamServer, client: Client) -> None:
    with client.subscribe("s", group="g", wait_ms=0) as events:
        assert next(events, None) is None
        event_id = server.publish(n="0")
        assert next(events).id == event_id


def test_another_thread_can_end_the_iteration(server: StreamServer, client: Client) -> None:
    server.publish(n="0")
    subscription = client.subscribe("s", group="g", from_="start")
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(event.id for event in subscription))
    thread.start()
    server.until(lambda: server.asked("XREADGROUP") > 1 and bool(found), "the read that waits")
    subscription.stop()
    thread.join(SECONDS_MAX)

    assert not thread.is_alive()
    assert len(found) == 1
    assert server.streams.pending("g") == []


def test_a_consumer_that_was_not_named_leaves_nothing(server: StreamServer, client: Client) -> None:
    server.publish(n="0")
    with client.subscribe("s", group="g", from_="start") as events:
        next(events)
        assert len(server.streams.group("g").consumers) == 1

    assert server.streams.group("g").consumers == set()


def test_a_closed_subscription_has_no_more_events(server: StreamServer, client: Client) -> None:
    server.publish(n="0")
    with client.subscribe("s", group="g", from_="start") as events:
        pass

    assert next(events, None) is None
    assert list(events) == []


# --- business keys -------------------------------------------------------------------------------


def test_a_key_is_handled_once_it_was_confirmed(server: StreamServer, client: Client) -> None:
    server.publish(order="7")
    with client, client.subscribe("s", group="g", from_="start") as events:
        event = next(events)
        assert not event.handled(event["order"])
        event.confirm(event["order"], keep_ms=1_000)
        assert event.handled(event["order"])
        assert server.streams.pending("g") == []

    (confirmed,) = [words for words in server.streams.asked if words[0] == "EVENT.CONFIRM"]
    assert confirmed == ["EVENT.CONFIRM", "s", "g", "7", "KEEP", "1000", "ACK", event.id]
    assert server.asked("XACK") == 0


def test_a_step_that_was_recorded_is_known_when_the_event_comes_again(
    server: StreamServer, client: Client
) -> None:
    server.publish(order="7")
    with client:
        for event in client.subscribe("s", group="g", from_="start"):
            event.record("7/charged", keep_ms=1_000)
            break
        with client.subscribe("s", group="g") as events:
            again = next(events)
            assert (again.deliveries, again.handled("7/charged")) == (2, True)

    (recorded,) = [words for words in server.streams.asked if words[0] == "EVENT.CONFIRM"]
    assert recorded == ["EVENT.CONFIRM", "s", "g", "7/charged", "KEEP", "1000"]


@pytest.mark.parametrize("where", ["cut_before", "cut_after"])
def test_a_confirmation_survives_a_lost_connection(
    server: StreamServer, client: Client, where: str
) -> None:
    server.publish(order="7")
    with client, client.subscribe("s", group="g", from_="start") as events:
        event = next(events)
        setattr(server, where, "EVENT.CONFIRM")
        event.confirm("7")

    assert server.streams.group("g").handled == {"7"}
    assert server.streams.pending("g") == []


def test_without_a_group_there_is_nothing_to_confirm(server: StreamServer, client: Client) -> None:
    server.publish(order="7")
    with client.subscribe("s", from_="start") as events:
        event = next(events)
        with pytest.raises(RuntimeError, match="group"):
            event.handled("7")
        with pytest.raises(RuntimeError, match="group"):
            event.record("7")
        with pytest.raises(RuntimeError, match="group"):
            event.confirm("7")


# --- without a group -----------------------------------------------------------------------------


def test_without_a_group_everybody_gets_everything(server: StreamServer, client: Client) -> None:
    published = [server.publish(n=str(number)) for number in range(3)]
    with (
        client.subscribe("s", from_="start") as one,
        client.subscribe("s", from_=published[0]) as other,
    ):
        assert ids(one, 3) == published
        assert ids(other, 2) == published[1:]


@pytest.mark.parametrize("where", ["cut_before", "cut_after"])
def test_without_a_group_reading_goes_on_behind_the_last_event(
    server: StreamServer, client: Client, where: str
) -> None:
    server.publish(n="before")
    with client.subscribe("s") as events:
        published = [server.publish(n="0")]
        assert ids(events, 1) == published
        setattr(server, where, "XREAD")
        published.append(server.publish(n="1"))
        assert ids(events, 1) == published[1:]


def test_an_empty_stream_begins_with_its_first_event(server: StreamServer, client: Client) -> None:
    with client.subscribe("s") as events:
        event_id = server.publish(n="0")
        assert next(events).id == event_id


def test_what_does_not_match_is_left_out(server: StreamServer, client: Client) -> None:
    server.publish(type="order.made")
    paid = server.publish(type="order.paid")
    matching = client.subscribe("s", from_="start", match={"type": "*.paid"}, wait_ms=30)

    assert [event.id for event in matching] == [paid]


# --- what is wrong with a subscription -----------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"batch": 0}, "batch takes 1 to"),
        ({"batch": 1_000}, "batch takes 1 to"),
        ({"consumer": "me"}, "name the group"),
        ({"group": "g", "take_over_ms": 5}, "taken for dead"),
        ({"from_": "yesterday"}, "no place in a stream"),
    ],
)
def test_a_value_out_of_its_range_shows_at_once(
    client: Client, given: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        client.subscribe("s", **given)  # type: ignore[arg-type]
