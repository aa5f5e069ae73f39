"""The engine: effects of commits, payloads that are read back, and stores that fail."""

from collections.abc import Callable

import pytest

from penstock.config.limits import PAYLOAD_CACHE_ITEM_BYTES_MAX
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch, Commit, StoreError, StoreFailed, StoreFull
from tests.unit.server.desk import ServerDesk, ask, committing

SUBMIT = ("JOB.SUBMIT", "task", "")
CALL = ("JOB.CALL", "task", "")
CLAIM = ("JOB.CLAIM", "default", "WAIT", 60_000)
LARGE = b"x" * (PAYLOAD_CACHE_ITEM_BYTES_MAX + 1)


class FailingStore(MemoryStore):
    """Fails the commits that a test wants to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Callable[[Batch], StoreError | None] = lambda batch: None

    async def commit(self, batch: Batch) -> Commit:
        if (error := self.fails(batch)) is not None:
            raise error
        return await super().commit(batch)


async def test_a_waiting_claim_gets_the_job_once_it_is_stored() -> None:
    desk = ServerDesk()
    worker, to_worker = desk.connect()
    caller, _ = desk.connect()
    ask(worker, CLAIM)
    ask(caller, SUBMIT)
    before = to_worker.sent

    async with committing(desk):
        await desk.settled()

    assert before == b""
    assert to_worker.sent.startswith(b"*1\r\n*8\r\n:1\r\n:1\r\n$7\r\ndefault\r\n")


async def test_a_payload_that_is_not_in_memory_is_read_back_for_its_claim() -> None:
    async with committing(ServerDesk()) as desk:
        worker, to_worker = desk.connect()
        ask(worker, ("JOB.SUBMIT", "task", LARGE))
        await desk.settled()

        ask(worker, CLAIM)
        await desk.settled()

    assert LARGE in to_worker.sent


async def test_a_worker_that_leaves_before_its_payload_is_read_has_not_begun_it() -> None:
    async with committing(ServerDesk()) as desk:
        worker, _ = desk.connect()
        other, to_other = desk.connect()
        ask(other, ("JOB.SUBMIT", "task", LARGE))
        await desk.settled()
        ask(worker, CLAIM)

        worker.connection_lost(None)
        await desk.settled()
        ask(other, ("JOB.SHOW", 1))
        await desk.settled()

    assert b"$5\r\nstate\r\n$5\r\nready\r\n" in to_other.sent
    assert b"$8\r\nfailures\r\n:0\r\n" in to_other.sent


async def test_a_claim_whose_payload_cannot_be_read_gives_its_job_back() -> None:
    store = FailingStore()
    async with committing(ServerDesk(store=store)) as desk:
        worker, to_worker = desk.connect()
        ask(worker, ("JOB.SUBMIT", "task", LARGE))
        await desk.settled()
        store.fails = lambda batch: StoreFull("no room") if batch.payloads else None

        ask(worker, CLAIM)
        await desk.settled()
        held = desk.engine.broker.claimed_count

    assert to_worker.sent.endswith(b"-DISKFULL nothing was stored: no room\r\n")
    assert held == 0


async def test_without_room_new_jobs_are_refused_and_others_end() -> None:
    store = FailingStore()
    async with committing(ServerDesk(store=store)) as desk:
        worker, to_worker = desk.connect()
        ask(worker, SUBMIT, ("JOB.CLAIM", "default"))
        await desk.settled()
        store.fails = lambda batch: StoreFull("no room") if batch.submissions else None

        caller, to_caller = desk.connect()
        ask(caller, SUBMIT, ("JOB.COMPLETE", 1, 1, "done"))
        await desk.settled()

    assert to_worker.sent.startswith(b":1\r\n")
    assert to_caller.sent == b"-DISKFULL nothing was stored: no room\r\n+OK\r\n"


async def test_when_the_store_fails_all_who_asked_are_told_that_nobody_knows() -> None:
    """What is in the batch and what comes behind it; then the journal, and the server, end."""
    store = FailingStore()
    desk = ServerDesk(store=store)
    store.fails = lambda batch: StoreFailed("broken")
    opened = [desk.connect() for _ in range(3)]
    for (connection, _), command in zip(opened, (SUBMIT, CALL, ("JOB.SHOW", 1)), strict=True):
        ask(connection, command, ("PING",))

    with pytest.raises(ExceptionGroup) as ended:
        async with committing(desk):
            await desk.settled()

    assert [str(error) for error in ended.value.exceptions] == ["broken"]
    unknown = b"-UNKNOWN it is not known whether this was stored: broken; "
    for _, transport in opened:
        assert transport.sent.startswith(unknown)
        assert transport.sent.endswith(b"\r\n+PONG\r\n")


async def test_a_wait_ends_by_the_clock() -> None:
    async with committing(ServerDesk()) as desk:
        connection, transport = desk.connect()
        ask(connection, (*CALL, "WAIT", 1_000))
        await desk.settled()
        desk.clock.seconds = 0.999
        desk.engine.broker.tick(desk.clock.now_ms())
        desk.engine.pump()
        early = transport.sent

        desk.clock.seconds = 1.0
        desk.engine.broker.tick(desk.clock.now_ms())
        desk.engine.pump()

    assert early == b""
    assert transport.sent.startswith(b"-TIMEOUT job 1 did not finish within 1000 ms;")


async def test_an_overdue_worker_that_can_be_ended_is_ended_first() -> None:
    async with committing(ServerDesk()) as desk:
        ended: list[str] = []

        def end_worker(consumer: int, reason: str) -> bool:
            ended.append(reason)
            return True

        desk.engine.end_worker = end_worker
        connection, _ = desk.connect(of_worker=True)
        ask(connection, ("JOB.SUBMIT", "task", "", "TIMEOUT", 1))
        await desk.settled()
        ask(connection, CLAIM)
        desk.clock.seconds = 3_600.0
        desk.engine.broker.tick(desk.clock.now_ms())
        desk.engine.pump()

    assert len(ended) == 1
    assert ended[0].startswith("HardTimeout: job 1 ")
    assert desk.engine.broker.claimed_count == 1
