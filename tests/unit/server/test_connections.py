"""How many connections there may be, and which have taken too long."""

from penstock.config.limits import (
    AUTHENTICATION_DEADLINE_SECONDS,
    FRAME_DEADLINE_SECONDS,
    HALF_CLOSED_SECONDS,
)
from tests.unit.server.desk import ServerDesk, ask, committing


def sweep(desk: ServerDesk, seconds: float) -> None:
    """Let time pass, and the sweeper look."""
    desk.clock.seconds += seconds
    desk.connections.sweep_once(desk.clock.monotonic())


async def test_one_too_many_is_told_so_and_closed() -> None:
    desk = ServerDesk(connections_max=1)
    desk.connect()

    _, transport = desk.connect()

    assert transport.sent == b"-ERR max number of clients reached\r\n"
    assert transport.is_closed
    assert (len(desk.connections), desk.connections.refused_total) == (1, 1)


async def test_the_end_of_a_refused_connection_makes_no_room() -> None:
    desk = ServerDesk(connections_max=1)
    desk.connect()
    refused, _ = desk.connect()

    refused.connection_lost(None)
    _, third = desk.connect()

    assert third.is_closed


async def test_the_end_of_a_connection_makes_room() -> None:
    desk = ServerDesk(connections_max=1)
    first, _ = desk.connect()

    first.connection_lost(None)
    _, second = desk.connect()

    assert not second.is_closed


async def test_a_worker_of_ours_takes_nobody_s_place_and_always_has_one() -> None:
    desk = ServerDesk(connections_max=1)

    opened = [desk.connect(of_worker=of_worker) for of_worker in (True, False, True)]

    assert not any(transport.is_closed for _, transport in opened)


async def test_a_request_that_is_not_complete_in_time_closes() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()
    connection.data_received(b"*1\r\n$4\r\n")
    sweep(desk, FRAME_DEADLINE_SECONDS)
    in_time = transport.is_closed
    connection.data_received(b"P")  # One byte now and then does not help.

    sweep(desk, 1)

    assert not in_time
    assert transport.is_closed
    assert transport.sent == b"-ERR the request was not complete 60 s after it began\r\n"


async def test_an_idle_connection_stays() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()
    ask(connection, ("PING",))

    sweep(desk, 100_000)

    assert not transport.is_closed


async def test_who_gives_no_password_in_time_is_closed() -> None:
    desk = ServerDesk(password="secret")
    _, silent = desk.connect()
    friend, to_friend = desk.connect()
    ask(friend, ("AUTH", "secret"))
    sweep(desk, AUTHENTICATION_DEADLINE_SECONDS)
    in_time = silent.is_closed

    sweep(desk, 1)

    assert not in_time
    assert silent.sent == b"-NOAUTH no password was given within 5 s\r\n"
    assert not to_friend.is_closed


async def test_after_a_reset_the_time_for_the_password_begins_anew() -> None:
    desk = ServerDesk(password="secret")
    connection, transport = desk.connect()
    ask(connection, ("AUTH", "secret"))
    sweep(desk, 1_000)
    ask(connection, ("RESET",))

    sweep(desk, AUTHENTICATION_DEADLINE_SECONDS)
    in_time = transport.is_closed
    sweep(desk, 1)

    assert not in_time
    assert transport.is_closed


async def test_calls_of_a_peer_that_closed_its_half_are_waited_for_a_while() -> None:
    async with committing(ServerDesk()) as desk:
        connection, transport = desk.connect()
        ask(connection, ("JOB.CALL", "task", ""))
        await desk.settled()
        connection.eof_received()
        sweep(desk, HALF_CLOSED_SECONDS)
        in_time = transport.is_closed

        sweep(desk, 1)

    assert not in_time
    assert transport.is_closed


async def test_all_closed_is_when_the_last_one_is() -> None:
    desk = ServerDesk()
    opened = [desk.connect()[0] for _ in range(2)]
    for connection in opened:
        connection.connection_lost(None)

    await desk.connections.all_closed()

    assert len(desk.connections) == 0
