"""What takes several commits: purges, new orders, deletions; in slices, resumed, interrupted."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import checkpoint

from penstock.config.limits import SLICE_JOBS_MAX
from penstock.jobs.model import QueueName
from penstock.jobs.order import FairTags
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import Order, QueueSettings
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import Batch, Commit, HeadQuestion, StoreError, StoreFull
from tests.unit.server.desk import NOW, FakeTransport, ServerDesk, ask, committing

Q = QueueName("q")
SUBMIT = ("JOB.SUBMIT", "task", "", "QUEUE", "q")


class WatchedStore(MemoryStore):
    """Keeps what it was asked to write, and does something before a commit that a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        self.before: Callable[[Batch], None] = lambda batch: None
        self.fails: Callable[[Batch], StoreError | None] = lambda batch: None
        self.steps = 0  # Of the loop, that a commit takes.

    async def commit(self, batch: Batch) -> Commit:
        self.before(batch)
        if (error := self.fails(batch)) is not None:
            raise error
        self.batches.append(batch)
        for _ in range(self.steps):
            await checkpoint()
        return await super().commit(batch)

    def purges(self) -> list[int]:
        """Return how many slices each commit had, those without left out."""
        return [len(batch.purges) for batch in self.batches if batch.purges]


@asynccontextmanager
async def serving(store: WatchedStore) -> AsyncIterator[ServerDesk]:
    async with committing(ServerDesk(store=store)) as desk, anyio.create_task_group() as tasks:
        await tasks.start(desk.engine.chores.run)
        yield desk
        tasks.cancel_scope.cancel()


async def done(desk: ServerDesk) -> None:
    """Wait until all that was asked is done, chores too."""
    await desk.settled()
    while desk.engine.chores.count:
        await checkpoint()
    await desk.settled()


def queue(desk: ServerDesk, name: QueueName = Q) -> Queue:
    return desk.engine.broker.queue(name)


async def filled(desk: ServerDesk, count: int, *options: str | int, name: str = "q") -> None:
    connection, _ = desk.connect()
    for _ in range(count):
        ask(connection, ("JOB.SUBMIT", "task", "", "QUEUE", name, *options))
    await desk.settled()


def asking(desk: ServerDesk, *command: str) -> FakeTransport:
    connection, transport = desk.connect()
    ask(connection, command)
    return transport


# --- purging -------------------------------------------------------------------------------------


async def test_a_purge_goes_slice_by_slice_with_one_of_all_queues_in_a_commit() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        for name in ("q", "r"):
            await filled(desk, SLICE_JOBS_MAX + 1, name=name)

        asking(desk, "QUEUE.PURGE", "q")
        asking(desk, "QUEUE.PURGE", "r")
        await done(desk)

        counts = [queue(desk, QueueName(name)).waiting_count for name in ("q", "r")]
    assert counts == [0, 0]
    assert store.purges() == [1, 1, 1, 1]


async def test_a_second_purge_in_the_middle_of_the_first_is_not_ended_by_it() -> None:
    """The first spares a job that runs; the second does not, as it was released since."""
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 3)
        worker, _ = desk.connect()
        ask(worker, ("JOB.CLAIM", "q"))
        replies: list[FakeTransport] = []

        def purge_again(batch: Batch) -> None:
            if batch.purges and not replies:
                replies.append(asking(desk, "QUEUE.PURGE", "q"))

        store.before = purge_again
        async with desk.engine.chores.turn:
            asking(desk, "QUEUE.PURGE", "q")
            ask(worker, ("JOB.RELEASE", 1, 1))
            await desk.settled()
        await done(desk)

        assert replies[0].sent == b":1\r\n"
        assert queue(desk).waiting_count == 0
        assert not queue(desk).settings.purged_until


async def test_a_job_is_counted_by_the_first_purge_that_takes_it() -> None:
    async with serving(WatchedStore()) as desk:
        await filled(desk, SLICE_JOBS_MAX + 1)
        connection, transport = desk.connect()
        async with desk.engine.chores.turn:
            ask(connection, ("QUEUE.PURGE", "q"), ("QUEUE.PURGE", "q"))
            await desk.settled()
            await filled(desk, 2)
            ask(connection, ("QUEUE.PURGE", "q"))
            await desk.settled()
        await done(desk)
        await filled(desk, 4)
        ask(connection, ("QUEUE.PURGE", "q"))
        await done(desk)

    assert transport.sent == b":%d\r\n:0\r\n:2\r\n:4\r\n" % (SLICE_JOBS_MAX + 1)


async def test_no_job_that_is_purged_can_be_claimed_whatever_else_is_on_its_way() -> None:
    """A pause that was decided before the purge becomes durable after its decision."""
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 3)
        worker, to_worker = desk.connect()
        ask(worker, ("QUEUE.RESUME", "q"), ("QUEUE.PURGE", "q"), ("JOB.CLAIM", "q", "WAIT", 60_000))

        await done(desk)

        counts = queue(desk).waiting_count, queue(desk).claimed_count
    assert counts == (0, 0)
    assert to_worker.sent == b"+OK\r\n:3\r\n"


async def test_a_job_that_is_stored_while_a_purge_of_it_is_under_way_is_never_ready() -> None:
    async with serving(WatchedStore()) as desk:
        await filled(desk, 1)
        worker, to_worker = desk.connect()
        ask(worker, SUBMIT, ("QUEUE.PURGE", "q"), ("JOB.CLAIM", "q", "WAIT", 60_000), SUBMIT)

        await done(desk)

        counts = queue(desk).waiting_count, queue(desk).claimed_count
    assert counts == (0, 1)
    assert to_worker.sent.startswith(b":2\r\n:1\r\n*1\r\n*8\r\n:3\r\n")


async def test_a_purge_that_is_not_durable_leaves_all_as_it_was() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 3)
        store.fails = lambda batch: StoreFull("no room") if batch.settings else None

        refused = asking(desk, "QUEUE.PURGE", "q")
        await desk.settled()

        worker, to_worker = desk.connect()
        ask(worker, ("JOB.CLAIM", "q"))
        await desk.settled()
    assert refused.sent.startswith(b"-DISKFULL ")
    assert to_worker.sent.startswith(b"*1\r\n*8\r\n:1\r\n")


async def test_a_purge_goes_on_when_there_is_room_again() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 3)
        tries: list[Batch] = []

        def fail_twice(batch: Batch) -> StoreError | None:
            if not batch.purges or len(tries) >= 2:
                return None
            tries.append(batch)
            return StoreFull("no room")

        store.fails = fail_twice
        asking(desk, "QUEUE.PURGE", "q")
        await done(desk)

        assert queue(desk).waiting_count == 0
    assert len(tries) == 2


async def test_after_a_purge_the_bytes_that_wait_are_right() -> None:
    async with serving(WatchedStore()) as desk:
        asking(desk, "QUEUE.SET", "q", "BYTES", "1000")
        connection, _ = desk.connect()
        ask(connection, ("JOB.SUBMIT", "task", "payload", "QUEUE", "q"))
        await desk.settled()
        before = queue(desk).waiting_bytes

        asking(desk, "QUEUE.PURGE", "q")
        await done(desk)

        assert (before, queue(desk).waiting_bytes) == (7, 0)


# --- what is on record ---------------------------------------------------------------------------


async def test_what_is_on_record_at_the_start_is_carried_on() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 3, "PRIORITY", 5)
        desk.engine.chores.stop()
        asking(desk, "QUEUE.PURGE", "q")
        await filled(desk, 2, "PRIORITY", 7, "TENANT", "t")
        asking(desk, "QUEUE.SET", "q", "ORDER", "fair")
        await desk.settled()
        waiting = queue(desk).waiting_count

    async with restarting(store) as desk:
        await done(desk)
        settings = queue(desk).settings
        after = queue(desk).waiting_count

    assert (waiting, after) == (5, 2)
    assert (settings.purged_until, settings.reordered) == (0, True)
    first, second = await ranks(store)
    assert second - first == FairTags.SCALE


async def test_a_new_order_in_the_settings_file_is_put_into_effect_at_the_start() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 2, "PRIORITY", 7, "TENANT", "t")

    defaults = {Q: QueueSettings(order=Order.FAIR)}
    async with restarting(store, defaults) as desk:
        await done(desk)

    assert await ranks(store) == [0, FairTags.SCALE]


# --- a new order ---------------------------------------------------------------------------------


async def test_nothing_is_given_out_until_all_is_in_its_new_order() -> None:
    async with serving(WatchedStore()) as desk:
        await filled(desk, 2, "TENANT", "loud")
        await filled(desk, 1, "TENANT", "quiet")
        worker, to_worker = desk.connect()
        async with desk.engine.chores.turn:
            asking(desk, "QUEUE.SET", "q", "ORDER", "fair")
            await desk.settled()
            ask(worker, ("JOB.CLAIM", "q", "COUNT", 3, "WAIT", 60_000))
            await desk.settled()
            before = to_worker.sent

        await done(desk)

        claimed = desk.engine.broker.held_by(worker.session.consumer)
    assert before == b""
    assert claimed == [1, 3, 2]


async def test_an_order_that_changes_while_jobs_are_put_into_it_begins_anew() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, SLICE_JOBS_MAX + 1, "PRIORITY", 5)
        replies: list[FakeTransport] = []

        def change_again(batch: Batch) -> None:
            if batch.rewrites and not replies:
                replies.append(asking(desk, "QUEUE.SET", "q", "AGEING", "10"))

        store.before = change_again
        asking(desk, "QUEUE.SET", "q", "ORDER", "fair")
        await done(desk)

        assert replies[0].sent == b"+OK\r\n"
        assert queue(desk).settings.reordered
    assert set(await ranks(store)) == {NOW + 50}


async def test_what_is_submitted_before_its_new_order_is_in_force_is_put_into_it_too() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        asking(desk, "QUEUE.SET", "q", "ATTEMPTS", "3")
        await desk.settled()
        connection, _ = desk.connect()
        ask(connection, ("QUEUE.SET", "q", "AGEING", 10), (*SUBMIT, "PRIORITY", 5))

        await done(desk)

        assert queue(desk).settings.reordered
    assert await ranks(store) == [NOW + 50]


async def test_a_job_that_runs_has_a_rank_of_the_new_order_should_the_server_die() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 2, "PRIORITY", 5)
        worker, _ = desk.connect()
        ask(worker, ("JOB.CLAIM", "q"))
        asking(desk, "QUEUE.SET", "q", "AGEING", "10")
        await done(desk)

    await store.load()
    assert await ranks(store) == [NOW + 50] * 2


async def test_a_new_order_is_finished_when_there_is_room_again() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 3, "PRIORITY", 5)
        failed: list[Batch] = []

        def fail_once(batch: Batch) -> StoreError | None:
            if not batch.rewrites or len(failed) >= 2:
                return None
            failed.append(batch)
            return StoreFull("no room")

        store.fails = fail_once
        asking(desk, "QUEUE.SET", "q", "AGEING", "10")
        await done(desk)

    assert len(failed) == 2
    assert await ranks(store) == [NOW + 50] * 3


# --- deleting ------------------------------------------------------------------------------------


async def test_a_queue_is_deleted_with_all_its_jobs_and_settings() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 3)
        worker, _ = desk.connect()
        ask(worker, ("JOB.CLAIM", "q"), ("JOB.COMPLETE", 1, 1, "done"))
        asking(desk, "QUEUE.SET", "q", "LENGTH", "10")
        await desk.settled()

        deleting = asking(desk, "QUEUE.DELETE", "q", "FORCE")
        await done(desk)

        queues = list(desk.engine.broker.queues())
        shown = asking(desk, "JOB.SHOW", "1")
        await desk.settled()
    assert deleting.sent == b"+OK\r\n"
    assert queues == []
    assert shown.sent.startswith(b"-NOJOB ")
    snapshot = await store.load()
    assert (dict(snapshot.counts), dict(snapshot.settings)) == ({}, {})


async def test_a_deletion_that_is_cut_off_says_so() -> None:
    async with serving(WatchedStore()) as desk:
        await filled(desk, 3)
        async with desk.engine.chores.turn:
            deleting = asking(desk, "QUEUE.DELETE", "q", "FORCE")
            await desk.settled()

            desk.engine.chores.stop()
            await done(desk)

        assert not queue(desk).is_being_deleted
    assert deleting.sent.startswith(b"-DRAINING ")


async def test_while_the_server_drains_no_deletion_begins() -> None:
    async with serving(WatchedStore()) as desk:
        await filled(desk, 3)
        desk.engine.chores.stop()

        deleting = asking(desk, "QUEUE.DELETE", "q", "FORCE")

        assert not queue(desk).is_being_deleted
    assert deleting.sent.startswith(b"-DRAINING ")


async def test_a_deletion_without_room_is_told_and_leaves_the_queue() -> None:
    store = WatchedStore()
    async with serving(store) as desk:
        await filled(desk, 1)
        store.fails = lambda batch: StoreFull("no room") if batch.settings else None

        deleting = asking(desk, "QUEUE.DELETE", "q", "FORCE")
        await done(desk)

        assert queue(desk).waiting_count == 1
        assert not queue(desk).is_being_deleted
    assert deleting.sent.startswith(b"-DISKFULL ")


async def test_a_job_that_falls_due_while_its_queue_is_deleted_goes_with_it() -> None:
    async with serving(WatchedStore()) as desk:
        await filled(desk, 1, "DELAY", 1_000)
        worker, to_worker = desk.connect()
        ask(worker, ("JOB.CLAIM", "q", "WAIT", 60_000))
        desk.clock.seconds = 1.0
        desk.engine.broker.tick(desk.clock.now_ms())

        deleting = asking(desk, "QUEUE.DELETE", "q", "FORCE")
        await done(desk)

    assert to_worker.sent == b""
    assert deleting.sent == b"+OK\r\n"


async def test_a_queue_is_not_deleted_while_a_slice_of_its_purge_is_on_its_way() -> None:
    """Nothing waits in it, so the deletion has no purge of its own to wait for."""
    store = WatchedStore()
    store.steps = 8
    deleting: list[FakeTransport] = []
    async with serving(store) as desk:
        other, _ = desk.connect()
        await filled(desk, 1, name="other")
        asking(desk, "QUEUE.SET", "q", "RATE", "1")
        await done(desk)

        def meanwhile(batch: Batch) -> None:
            if batch.submissions and not deleting:
                deleting.append(asking(desk, "QUEUE.DELETE", "q"))  # As the slice is asked for.
            elif batch.settings:
                ask(other, ("JOB.SUBMIT", "task", "", "QUEUE", "other"))

        store.before = meanwhile
        purging = asking(desk, "QUEUE.PURGE", "q")
        await done(desk)

        assert not any(queue.name == Q for queue in desk.engine.broker.queues())
    assert (purging.sent, deleting[0].sent) == (b":0\r\n", b"+OK\r\n")


# --- in all of them ------------------------------------------------------------------------------


async def ranks(store: WatchedStore) -> list[int]:
    """Return the ranks of the ready jobs of the queue."""
    commit = await store.commit(Batch(peeks=[HeadQuestion(Q, None, 10_000)]))
    return [job.rank for job in commit.peeks[0]]


@asynccontextmanager
async def restarting(
    store: WatchedStore, defaults: Mapping[QueueName, QueueSettings] | None = None
) -> AsyncIterator[ServerDesk]:
    desk = ServerDesk(store=store, snapshot=await store.load(), defaults=defaults)
    async with committing(desk), anyio.create_task_group() as tasks:
        await tasks.start(desk.engine.chores.run)
        desk.engine.pump()
        yield desk
        tasks.cancel_scope.cancel()
