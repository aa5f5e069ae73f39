"""One connection: order, pauses and ends, without a socket."""

import pytest

from penstock.config.limits import BATCH_CHANGES_MAX, OUTPUT_PAUSE_BYTES
from penstock.protocol.replies import bulk
from tests.unit.server.desk import ServerDesk, ask, committing, raising

SUBMIT = ("JOB.SUBMIT", "task", "")
CALL = ("JOB.CALL", "task", "")


async def test_what_is_known_at_once_is_answered_with_one_write() -> None:
    connection, transport = ServerDesk().connect()

    ask(connection, ("PING",), ("ECHO", "hello"), ("NOTHING",))

    (written,) = transport.writes
    assert written.startswith(b"+PONG\r\n$5\r\nhello\r\n-ERR unknown command 'NOTHING'")


async def test_a_submission_is_answered_when_it_is_stored_and_not_before() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()
    ask(connection, SUBMIT, ("PING",))
    before = transport.sent

    async with committing(desk):
        await desk.settled()

    assert before == b""
    assert transport.sent == b":1\r\n+PONG\r\n"


async def test_a_call_is_answered_when_its_job_is_done() -> None:
    async with committing(ServerDesk()) as desk:
        caller, to_caller = desk.connect()
        worker, to_worker = desk.connect()
        ask(caller, CALL, ("PING",))
        await desk.settled()

        ask(worker, ("JOB.CLAIM", "default"), ("JOB.COMPLETE", 1, 1, "done"))
        await desk.settled()

    assert to_worker.sent.endswith(b"+OK\r\n")
    assert to_caller.sent == b"$4\r\ndone\r\n+PONG\r\n"


async def test_reading_pauses_when_too_much_is_in_flight_and_goes_on_after() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect(requests_in_flight_max=2)
    ask(connection, SUBMIT, SUBMIT, SUBMIT, SUBMIT, ("PING",))
    paused, pending = transport.is_reading_paused, connection.replies_pending

    async with committing(desk):
        await desk.settled()

    assert (paused, pending) == (True, 2)
    assert not transport.is_reading_paused
    assert transport.sent == b":1\r\n:2\r\n:3\r\n:4\r\n+PONG\r\n"


async def test_many_that_are_answered_at_once_pass_one_in_flight_at_a_time() -> None:
    """By a loop: a call within a call for each would be too deep."""
    connection, transport = ServerDesk().connect(requests_in_flight_max=1)

    ask(connection, *[("JOB.CLAIM", "default", "WAIT", 0)] * 3_000)

    assert transport.sent == b"*0\r\n" * 3_000


async def test_many_connections_go_on_after_one_commit() -> None:
    """By a loop, too: each lets requests in, whose pump finds the next connection."""
    desk = ServerDesk(connections_max=2_000)
    opened = [desk.connect(requests_in_flight_max=1) for _ in range(2_000)]
    for connection, _ in opened:
        ask(connection, SUBMIT, ("JOB.CLAIM", "nothing", "WAIT", 0), ("PING",))

    async with committing(desk):
        await desk.settled()

    assert all(transport.sent.endswith(b"*0\r\n+PONG\r\n") for _, transport in opened)


async def test_reading_pauses_while_the_peer_does_not_read() -> None:
    connection, transport = ServerDesk().connect()
    connection.pause_writing()
    paused = transport.is_reading_paused
    ask(connection, ("PING",))
    meanwhile = transport.sent

    connection.resume_writing()

    assert (paused, meanwhile) == (True, b"")
    assert transport.sent == b"+PONG\r\n"


async def test_reading_pauses_while_the_journal_is_behind() -> None:
    desk = ServerDesk()
    writer, _ = desk.connect(requests_in_flight_max=2 * BATCH_CHANGES_MAX)
    other, transport = desk.connect()
    ask(writer, *[SUBMIT] * (BATCH_CHANGES_MAX + 1))
    ask(other, ("PING",))
    paused, meanwhile = transport.is_reading_paused, transport.sent

    async with committing(desk):
        await desk.settled()

    assert (paused, meanwhile) == (True, b"")
    assert not transport.is_reading_paused
    assert transport.sent == b"+PONG\r\n"


async def test_large_replies_are_written_before_more_is_carried_out() -> None:
    connection, transport = ServerDesk().connect()
    text = "x" * OUTPUT_PAUSE_BYTES

    ask(connection, *[("ECHO", text)] * 3)

    assert transport.writes == [bulk(text.encode())] * 3


async def test_a_peer_that_leaves_too_much_unread_is_cut() -> None:
    connection, transport = ServerDesk().connect(output_bytes_max=1_000)
    transport.unread_bytes = 1_001

    ask(connection, ("PING",))

    assert (transport.is_aborted, transport.sent) == (True, b"")


async def test_one_reply_may_be_larger_than_what_may_be_left_unread() -> None:
    connection, transport = ServerDesk().connect(output_bytes_max=1_000)

    ask(connection, ("ECHO", "x" * 5_000))

    assert not transport.is_aborted
    assert len(transport.sent) > 5_000


async def test_a_peer_whose_replies_pile_up_behind_a_call_is_cut() -> None:
    async with committing(ServerDesk()) as desk:
        connection, transport = desk.connect(output_bytes_max=1_000)
        ask(connection, CALL, ("ECHO", "x" * 2_000))
        await desk.settled()

    assert transport.is_aborted


async def test_lost_framing_is_told_after_what_was_asked_before_and_closes() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()
    ask(connection, SUBMIT)
    connection.data_received(b"*garbage\r\n")
    connection.data_received(b"PING\r\n")
    early = transport.is_closed

    async with committing(desk):
        await desk.settled()

    assert not early
    assert transport.sent == b":1\r\n-ERR Protocol error: invalid multibulk length\r\n"
    assert transport.is_closed
    assert desk.connections.protocol_errors_total == 1


async def test_http_is_cut_without_a_word() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()

    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")

    assert (transport.is_aborted, transport.sent) == (True, b"")
    assert desk.connections.protocol_errors_total == 1


async def test_a_mistake_of_ours_closes_the_connection_after_what_was_answered() -> None:
    desk = ServerDesk(handlers={"PING": raising(RuntimeError("a bug"))})
    connection, transport = desk.connect()

    ask(connection, ("ECHO", "1"), ("PING",), ("ECHO", "2"))

    assert transport.sent == b"$1\r\n1\r\n"
    assert transport.is_closed


async def test_after_quit_nothing_is_carried_out_or_kept() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()

    ask(connection, ("QUIT",), SUBMIT)
    connection.data_received(b"PING\r\n" * 1_000)

    assert (transport.sent, transport.is_closed) == (b"+OK\r\n", True)
    assert desk.connections.requests_total == 1


async def test_a_half_close_waits_for_the_replies_that_are_due() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()
    ask(connection, SUBMIT)
    assert connection.eof_received()
    early = transport.is_closed

    async with committing(desk):
        await desk.settled()

    assert not early
    assert (transport.sent, transport.is_closed) == (b":1\r\n", True)


async def test_a_half_close_without_anything_due_closes() -> None:
    connection, transport = ServerDesk().connect()

    connection.eof_received()

    assert transport.is_closed


async def test_a_half_close_ends_claims() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()
    ask(connection, ("JOB.CLAIM", "default", "WAIT", 60_000))

    connection.eof_received()

    assert (transport.sent, transport.is_closed) == (b"*0\r\n", True)


async def test_a_lost_connection_ends_its_waits_and_gives_its_jobs_back() -> None:
    async with committing(ServerDesk()) as desk:
        connection, _ = desk.connect()
        ask(connection, SUBMIT, SUBMIT, CALL, ("JOB.WAIT", 1))
        await desk.settled()
        ask(connection, ("JOB.CLAIM", "default", "COUNT", 2), ("JOB.CLAIM", "other"))
        held = desk.engine.broker.claimed_count, desk.engine.broker.waiter_count

        connection.connection_lost(None)
        await desk.settled()

    assert held == (2, 2)
    assert (desk.engine.broker.claimed_count, desk.engine.broker.waiter_count) == (0, 0)
    assert len(desk.connections) == 0


@pytest.mark.parametrize("data", [b"*1\r\n", b"*1\r\n$4\r\nPI", b"PIN"])
async def test_a_request_that_is_here_in_part_is_noticed(data: bytes) -> None:
    desk = ServerDesk()
    connection, _ = desk.connect()
    desk.clock.seconds = 7.0

    connection.data_received(data)
    since = connection.partial_since
    desk.clock.seconds = 8.0
    connection.data_received({3: b"G\r\n", 4: b"$4\r\nPING\r\n"}.get(len(data), b"NG\r\n"))

    assert since == 7.0
    assert connection.partial_since is None


async def test_a_worker_of_ours_needs_no_password() -> None:
    desk = ServerDesk(password="secret")
    worker, to_worker = desk.connect(of_worker=True)
    stranger, to_stranger = desk.connect()

    ask(worker, ("PING",))
    ask(stranger, ("PING",))

    assert to_worker.sent == b"+PONG\r\n"
    assert to_stranger.sent == b"-NOAUTH Authentication required.\r\n"
