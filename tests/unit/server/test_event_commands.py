"""Commands about events as a session carries them out: answered when durable, or refused."""

from penstock.jobs.space import LowSpace
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch, Commit
from tests.unit.server.desk import ServerDesk, Word, ask, committing

ADD = ("XADD", "s", "1-1", "a", "1")


async def replies(*commands: tuple[Word, ...], desk: ServerDesk | None = None) -> bytes:
    """Return what a connection is answered to commands that it sends at once."""
    desk = desk or ServerDesk()
    async with committing(desk):
        connection, transport = desk.connect()
        ask(connection, *commands)
        await desk.settled()
        await desk.settled()
    return transport.sent


async def test_an_event_is_answered_with_its_id() -> None:
    assert await replies(ADD) == b"$3\r\n1-1\r\n"


async def test_nothing_is_answered_before_it_is_durable() -> None:
    desk = ServerDesk()
    connection, transport = desk.connect()

    ask(connection, ADD)

    assert not transport.writes


async def test_what_is_read_behind_an_event_in_a_pipeline_has_it() -> None:
    answered = await replies(ADD, ("XLEN", "s"), ("XRANGE", "s", "-", "+"))

    assert answered.endswith(b":1\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n")


async def test_an_event_that_is_too_large_is_refused_with_the_setting_to_raise() -> None:
    answered = await replies(("XADD", "s", "*", "a", b"x" * 1_048_577))

    assert answered.startswith(b"-TOOLARGE the fields of the event have 1048578 bytes")
    assert b"payload_bytes_max" in answered


async def test_events_are_refused_while_the_server_drains() -> None:
    desk = ServerDesk()
    desk.engine.broker.draining = True

    assert (await replies(ADD, desk=desk)).startswith(b"-DRAINING ")


async def test_events_are_refused_while_the_disk_is_low() -> None:
    desk = ServerDesk()
    desk.engine.broker.disk_low = LowSpace("data", 1, 2)

    assert (await replies(ADD, desk=desk)).startswith(b"-DISKLOW ")


async def test_the_life_of_jobs_is_not_for_clients_to_write() -> None:
    answered = await replies(("XADD", "jobs:mail", "*", "a", "1"))

    assert answered.startswith(b"-ERR stream jobs:mail tells of the life of jobs")


async def test_an_event_published_twice_under_a_key_is_there_once() -> None:
    publish = ("EVENT.PUBLISH", "s", "k", "a", "1")

    answered = await replies(publish, publish, ("XLEN", "s"))

    first, second = answered.split(b"$")[1:]
    assert first == second.removesuffix(b":1\r\n")
    assert answered.endswith(b":1\r\n")


# --- transactions --------------------------------------------------------------------------------


async def test_events_and_jobs_between_multi_and_exec_are_one_commit() -> None:
    answered = await replies(
        ("MULTI",), ADD, ("JOB.SUBMIT", "echo", "[]"), ("XADD", "t", "2-0", "b", "2"), ("EXEC",)
    )

    assert answered.endswith(b"*3\r\n$3\r\n1-1\r\n:1\r\n$3\r\n2-0\r\n")


async def test_an_event_that_is_refused_in_a_transaction_has_its_error_in_its_place() -> None:
    answered = await replies(("MULTI",), ADD, ADD, ("EXEC",))

    assert b"*2\r\n$3\r\n1-1\r\n-ERR The ID specified in XADD is equal or smaller" in answered


async def test_a_submission_that_is_refused_keeps_the_events_of_its_transaction_out() -> None:
    too_late = ("JOB.SUBMIT", "echo", "[]", "AT", str(2**52))

    answered = await replies(("MULTI",), ADD, too_late, ("EXEC",), ("XLEN", "s"))

    assert b"-EXECABORT Transaction discarded: ERR" in answered
    assert answered.endswith(b":0\r\n")


async def test_a_discarded_transaction_appends_nothing() -> None:
    answered = await replies(("MULTI",), ADD, ("DISCARD",), ("XLEN", "s"))

    assert answered.endswith(b":0\r\n")


# --- blocked reads -------------------------------------------------------------------------------


async def test_a_blocked_read_is_answered_by_the_commit_of_an_event() -> None:
    desk = ServerDesk()
    async with committing(desk):
        reader, transport = desk.connect()
        ask(reader, ("XREAD", "BLOCK", "0", "STREAMS", "s", "$"))
        await desk.settled()
        assert not transport.writes
        producer, _ = desk.connect()

        ask(producer, ADD)
        await desk.settled()

    assert transport.writes == [
        b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"
    ]


async def test_a_reader_whose_connection_is_lost_waits_no_longer() -> None:
    desk = ServerDesk()
    async with committing(desk):
        reader, _ = desk.connect()
        ask(reader, ("XREAD", "BLOCK", "0", "STREAMS", "s", "$"))
        await desk.settled()

        reader.connection_lost(None)

        assert desk.engine.events.log.reader_count == 0


async def test_a_reader_that_sends_no_more_is_answered_with_nothing() -> None:
    desk = ServerDesk()
    async with committing(desk):
        reader, transport = desk.connect()
        ask(reader, ("XREAD", "BLOCK", "0", "STREAMS", "s", "$"))
        await desk.settled()

        reader.eof_received()

    assert transport.sent == b"*-1\r\n"


async def test_readers_are_answered_with_nothing_when_the_server_leaves() -> None:
    desk = ServerDesk()
    async with committing(desk):
        reader, transport = desk.connect()
        ask(reader, ("XREAD", "BLOCK", "0", "STREAMS", "s", "$"))
        await desk.settled()

        desk.engine.events.log.end_reads()
        desk.engine.pump()

    assert transport.writes == [b"*-1\r\n"]


# --- peers that are gone -------------------------------------------------------------------------


class AskedStore(MemoryStore):
    """Remembers how much of streams it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges_count = 0

    async def commit(self, batch: Batch) -> Commit:
        if batch.events is not None:
            self.ranges_count += len(batch.events.ranges)
        return await super().commit(batch)


async def test_nothing_more_is_read_for_who_is_gone() -> None:
    """A pipeline of ranges may ask for gigabytes that nobody takes."""
    store = AskedStore()
    desk = ServerDesk(store=store)
    large = [("XADD", "s", f"{n}-0", "a", b"x" * 200_000) for n in range(1, 9)]
    async with committing(desk):
        reader, _ = desk.connect()
        ask(reader, *large, ("XGROUP", "CREATE", "s", "g", "0"))
        await desk.settled()
        asked_before = store.ranges_count

        ask(
            reader,
            ("XRANGE", "s", "-", "+"),
            ("XREVRANGE", "s", "+", "-"),
            ("XREAD", "STREAMS", "s", "0"),
            ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
        )
        reader.connection_lost(None)
        await desk.settled()

        assert store.ranges_count == asked_before
        assert desk.engine.events.log.pending_count == 0


# --- triggers ------------------------------------------------------------------------------------


async def test_the_job_of_a_trigger_is_there_when_its_event_is_acknowledged() -> None:
    desk = ServerDesk()
    set_trigger = ("TRIGGER.SET", "t", "ON", "s", "MATCH", "a", "1*", "SUBMIT", "echo")

    await replies(set_trigger, ADD, ("XADD", "s", "2-0", "a", "2"), desk=desk)

    assert [queue.ready_count for queue in desk.engine.broker.queues()] == [1]


async def test_the_cursor_of_a_trigger_is_not_for_clients_to_move() -> None:
    set_trigger = ("TRIGGER.SET", "t", "ON", "s", "SUBMIT", "echo")
    group = "trigger:t"

    for command in (
        ("XGROUP", "SETID", "s", group, "0"),
        ("XGROUP", "DESTROY", "s", group),
        ("XREADGROUP", "GROUP", group, "c", "STREAMS", "s", ">"),
        ("XCLAIM", "s", group, "c", "0", "1-1"),
        ("XAUTOCLAIM", "s", group, "c", "0", "0"),
    ):
        answered = await replies(set_trigger, command)
        assert b"-ERR group trigger:t of stream s is the cursor of a trigger" in answered


async def test_a_stream_with_triggers_is_not_deleted() -> None:
    answered = await replies(("TRIGGER.SET", "t", "ON", "s", "SUBMIT", "echo"), ("DEL", "s"))

    assert b"-ERR stream s has triggers (t) and was not deleted" in answered


async def test_a_trigger_that_is_deleted_gives_its_group_up_unless_it_is_to_be_kept() -> None:
    set_trigger = ("TRIGGER.SET", "t", "ON", "s", "SUBMIT", "echo")

    assert (await replies(set_trigger, ("TRIGGER.DEL", "t"), ("XINFO", "GROUPS", "s"))).endswith(
        b":1\r\n*0\r\n"
    )
    kept = await replies(set_trigger, ("TRIGGER.DEL", "t", "KEEP"), ("XINFO", "GROUPS", "s"))
    assert b"trigger:t" in kept


# --- schedules -----------------------------------------------------------------------------------


async def test_a_run_is_submitted_when_it_is_due() -> None:
    desk = ServerDesk()
    async with committing(desk):
        connection, _ = desk.connect()
        ask(connection, ("CRON.SET", "c", "* * * * *", "echo", "[1]"))
        await desk.settled()

        desk.clock.seconds += 60
        desk.engine.events.tick(desk.clock.now_ms())
        await desk.settled()

    assert [queue.ready_count for queue in desk.engine.broker.queues()] == [1]


async def test_nobody_looks_at_the_clock_for_a_run_that_waits_for_its_batch() -> None:
    desk = ServerDesk()
    async with committing(desk):
        connection, _ = desk.connect()
        ask(connection, ("CRON.SET", "c", "* * * * *", "echo", "[1]"))
        await desk.settled()
        desk.clock.seconds += 60

        desk.engine.events.tick(desk.clock.now_ms())

        assert desk.engine.events.next_at() is None
        await desk.settled()
        due_at = desk.engine.events.next_at()
        assert due_at is not None
        assert due_at > desk.clock.now_ms()


async def test_a_schedule_that_names_no_time_is_refused() -> None:
    answered = await replies(("CRON.SET", "c", "0 0 30 2 *", "echo", "[]"))

    assert answered.startswith(b"-ERR ")
