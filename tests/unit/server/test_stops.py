"""Telling the worker of a cancelled job: whom, when, and what becomes of one that does not stop."""

import pytest

from penstock.config.limits import CANCEL_GRACE_MS, PAYLOAD_CACHE_ITEM_BYTES_MAX
from penstock.jobs.waits import ConsumerId
from tests.unit.server.desk import ServerDesk, ask, committing

LARGE = b"x" * (PAYLOAD_CACHE_ITEM_BYTES_MAX + 1)
CLAIM = ("JOB.CLAIM", "default", "WAIT", 60_000)
PUSH = b">3\r\n$6\r\ncancel\r\n:1\r\n:1\r\n"


def pass_grace(desk: ServerDesk) -> None:
    desk.clock.seconds += CANCEL_GRACE_MS / 1_000 + 1
    desk.engine.broker.tick(desk.clock.now_ms())
    desk.engine.pump()


async def test_a_worker_that_disconnects_is_told_nothing_more() -> None:
    async with committing(ServerDesk()) as desk:
        worker, _ = desk.connect()
        ask(worker, ("HELLO", 3), CLAIM)
        registered = list(desk.engine.tell_stop)

        worker.connection_lost(None)

    assert registered == [worker.session.consumer]
    assert desk.engine.tell_stop == {}


async def test_a_connection_that_claims_nothing_is_not_registered() -> None:
    desk = ServerDesk()
    caller, _ = desk.connect()

    ask(caller, ("HELLO", 3), ("PING",))

    assert desk.engine.tell_stop == {}


async def test_a_connection_that_went_back_to_resp2_gets_no_push() -> None:
    async with committing(ServerDesk()) as desk:
        worker, to_worker = desk.connect()
        ask(worker, ("HELLO", 3), ("JOB.SUBMIT", "task", ""), CLAIM)
        await desk.settled()
        ask(worker, ("RESET",))
        caller, _ = desk.connect()

        ask(caller, ("JOB.CANCEL", 1))
        await desk.settled()

    assert to_worker.sent.endswith(b"+RESET\r\n")


async def test_a_job_whose_payload_is_being_read_is_told_of_before_its_end() -> None:
    """The cancel is decided while the claim waits for the store."""
    async with committing(ServerDesk()) as desk:
        worker, to_worker = desk.connect()
        ask(worker, ("HELLO", 3), ("JOB.SUBMIT", "task", LARGE))
        await desk.settled()
        caller, to_caller = desk.connect()

        ask(caller, ("JOB.CANCEL", 1))
        ask(worker, CLAIM)
        await desk.settled()

    assert to_caller.sent == b"+TOLD\r\n"
    assert to_worker.sent.endswith(LARGE + b"\r\n:300000\r\n:0\r\n:0\r\n" + PUSH)
    assert to_worker.sent.count(PUSH) == 1


async def test_a_worker_of_ours_that_does_not_stop_is_ended_and_its_job_is_cancelled() -> None:
    async with committing(ServerDesk()) as desk:
        ended: list[str] = []

        def end_worker(consumer: ConsumerId, reason: str) -> bool:
            ended.append(reason)
            return True

        desk.engine.end_worker = end_worker
        worker, to_worker = desk.connect(of_worker=True)
        ask(worker, ("HELLO", 3), *[("JOB.SUBMIT", "task", "")] * 2)
        ask(worker, (*CLAIM, "COUNT", 2))
        await desk.settled()
        caller, to_caller = desk.connect()
        ask(caller, ("JOB.CANCEL", 1, "REASON", "enough"), ("JOB.WAIT", 1))
        await desk.settled()
        pass_grace(desk)
        held = desk.engine.broker.claimed_count

        # What the supervisor does when its processes are dead.
        desk.engine.lose(worker.session.consumer, ended[0], started=frozenset({1}))
        desk.engine.pump()
        await desk.settled()

    assert to_worker.sent.endswith(PUSH)
    assert ended == ["CancelTimeout: job 1 was cancelled and did not stop in time"]
    assert held == 2
    assert to_caller.sent == b"+TOLD\r\n-CANCELLED job 1 was cancelled: enough\r\n"
    counts = desk.engine.broker.queue(next(iter(desk.engine.broker.queues())).name)
    assert (counts.cancelled_count, counts.ready_count) == (1, 1)


async def test_who_cancels_again_while_the_job_ends_is_answered_when_it_has() -> None:
    """Another change of the job is on its way: it is read once more when that is durable."""
    async with committing(ServerDesk()) as desk:
        worker, to_worker = desk.connect()
        ask(worker, ("JOB.SUBMIT", "task", ""), CLAIM)
        await desk.settled()
        caller, to_caller = desk.connect()

        ask(caller, ("JOB.CANCEL", 1))
        ask(worker, ("JOB.COMPLETE", 1, 1, "done"))
        await desk.settled()

    assert to_worker.sent.endswith(b"+OK\r\n")
    assert to_caller.sent == b"-FINISHED job 1 is completed already; nothing was changed\r\n"


@pytest.mark.parametrize("command", ["JOB.CANCEL", "JOB.REDRIVE", "JOB.DISCARD"])
async def test_the_answer_to_one_who_left_goes_nowhere(command: str) -> None:
    async with committing(ServerDesk()) as desk:
        caller, to_caller = desk.connect()
        ask(caller, ("JOB.SUBMIT", "task", ""))
        await desk.settled()
        ask(caller, (command, 1))

        caller.connection_lost(None)
        await desk.settled()

    assert to_caller.sent == b":1\r\n"
