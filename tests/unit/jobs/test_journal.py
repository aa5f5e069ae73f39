"""The journal: what is asked of it becomes durable in batches, and everybody is told once."""

from functools import partial
from itertools import chain

import anyio
import anyio.lowlevel

from penstock.config.limits import BATCH_READS_MAX, LIST_READS
from penstock.jobs.bounds import Bounds
from penstock.jobs.effects import Delivery
from penstock.jobs.model import Instant, JobId, QueueName, State
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import (
    JobFilter,
    JobRecord,
    KeyHolder,
    ListQuestion,
    Removal,
    StoreError,
)
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claimant, ConsumerId
from tests.unit.jobs.bench import Bench, FaultyStore, bench, never
from tests.unit.jobs.desk import DEFAULT, NOW, request


async def test_a_submission_is_told_that_it_is_stored() -> None:
    async with bench() as made:
        job_id = made.submit()

        await made.journal.settled()

        assert made.told == [None]
        assert await made.state(job_id) is State.READY


async def test_a_submission_that_meets_its_key_again_is_told_of_the_first() -> None:
    async with bench() as made:
        first = made.submit(request(key="k"))
        made.submit(request(key="k"))
        made.submit(request(b"other", key="k"))

        await made.journal.settled()

        stored, *held = made.told
        assert stored is None
        assert [
            (holder.job_id, holder.same) for holder in held if isinstance(holder, KeyHolder)
        ] == [
            (first, True),
            (first, False),
        ]
        assert made.broker.queue(DEFAULT).counters.duplicates == 2


async def test_what_comes_during_a_commit_is_written_with_the_next() -> None:
    async with bench() as made:
        made.store.gate = anyio.Event()
        made.submit()
        await made.store.entered.wait()
        made.submit()
        made.submit()
        made.store.gate.set()

        await made.journal.settled()

        assert [len(batch.submissions) for batch in made.store.batches] == [1, 2]


async def test_nobody_is_told_before_the_commit_ends() -> None:
    async with bench() as made:
        made.store.gate = anyio.Event()
        made.submit()
        await made.store.entered.wait()

        before = list(made.told)
        made.store.gate.set()
        await made.journal.settled()

        assert before == []
        assert made.told == [None]


async def test_of_a_long_backlog_the_older_half_is_written_first() -> None:
    async with bench(run_changes=2) as made:
        ids = [made.submit() for _ in range(10)]

        await made.journal.settled()

        written = [[s.job.id for s in batch.submissions] for batch in made.store.batches]
        assert [len(batch) for batch in written] == [6, 2, 2]
        assert list(chain(*written)) == ids


async def test_submissions_together_are_never_divided() -> None:
    async with bench(run_changes=2) as made:
        submissions = [made.broker.submit(request(), NOW) for _ in range(7)]
        made.submit()

        made.journal.submit_together([(each, made.told.append) for each in submissions])
        await made.journal.settled()

        assert [len(batch.submissions) for batch in made.store.batches] == [8]
        assert made.told == [None] * 8


async def test_of_several_changes_of_a_job_only_the_last_is_written() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        job = made.claim()
        made.now = Instant(NOW + 1000)
        made.broker.tick(made.now)
        made.complete(job)

        await made.journal.settled()

        [update] = made.store.batches[-1].updates
        assert update.state is State.COMPLETED


async def test_a_record_is_read_as_of_its_commit() -> None:
    async with bench() as made:
        job_id = made.submit()
        await made.journal.settled()
        read: list[JobRecord | StoreError | None] = []
        made.complete(made.claim())

        made.journal.read_record(job_id, read.append)
        made.journal.read_record(JobId(99), read.append)
        await made.journal.settled()

        [record, unknown] = read
        assert isinstance(record, JobRecord)
        assert (record.job.state, record.result) == (State.COMPLETED, b"5")
        assert unknown is None


async def test_a_failed_attempt_is_kept_with_its_job() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        job = made.claim()
        read: list[JobRecord | StoreError | None] = []

        made.broker.fail(
            job.id,
            job.attempt,
            Failure("ValueError: boom", final=True),
            now=NOW,
            jitter=0.0,
            settled=partial(made.ended, job),
        )
        made.record()
        made.journal.read_record(job.id, read.append)
        await made.journal.settled()

        [record] = read
        assert isinstance(record, JobRecord)
        assert [failed.error for failed in record.failed_attempts] == ["ValueError: boom"]


async def test_payloads_are_read_for_those_who_asked_for_them() -> None:
    async with bench() as made:
        first, second = made.submit(request(b"1")), made.submit(request(b"2"))
        read: list[dict[JobId, bytes] | StoreError] = []

        made.journal.read_payloads([first], read.append)
        made.journal.read_payloads([second, JobId(99)], read.append)
        await made.journal.settled()

        assert read == [{first: b"1"}, {second: b"2"}]


async def test_finished_jobs_are_removed() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        made.complete(made.claim())
        await made.journal.settled()

        made.journal.remove_finished(Removal(Instant(NOW + 10**12), 10))
        await made.journal.settled()

        assert made.broker.queue(DEFAULT).completed_count == 0


async def test_of_two_removals_the_later_is_done() -> None:
    async with bench(run_changes=1) as made:
        made.submit()
        await made.journal.settled()
        made.complete(made.claim())
        made.journal.remove_finished(Removal(Instant(0), 1))
        made.submit()
        made.submit()
        made.journal.remove_finished(Removal(Instant(NOW + 10**12), 10))

        await made.journal.settled()

        assert made.broker.queue(DEFAULT).completed_count == 0


async def test_a_window_that_runs_low_is_refilled_by_a_commit_of_its_own() -> None:
    async with bench(bounds=Bounds(window_jobs_max=4, window_jobs_min=4)) as made:
        for _ in range(6):
            made.submit()
        await made.journal.settled()
        for _ in range(4):
            made.claim()

        made.journal.wake()
        await made.journal.settled()

        assert made.store.batches[-1].submissions == []
        assert made.claim().id == 5


async def test_a_claim_that_waits_is_answered_after_the_commit() -> None:
    async with bench() as made:
        claimant = Claimant(
            consumer=ConsumerId(1), worker="w", queues=(DEFAULT,), jobs_max=1, token=None
        )
        assert made.broker.claim(claimant, wait_ms=1000, now=NOW) is None
        job_id = made.submit()

        await made.journal.settled()

        [delivery] = made.broker.take_effects()
        assert isinstance(delivery, Delivery)
        assert [claim.job.id for claim in delivery.claims] == [job_id]


async def test_waking_for_nothing_writes_nothing() -> None:
    async with bench() as made:
        made.journal.wake()

        await made.journal.settled()

        assert made.store.batches == []
        assert made.commits == 0


async def test_settled_returns_at_once_when_nothing_is_pending() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()

        await made.journal.settled()

        assert len(made.store.batches) == 1


async def test_settled_waits_for_what_comes_meanwhile() -> None:
    async with bench() as made:
        submission = made.broker.submit(request(), NOW)

        def submit_more(outcome: KeyHolder | StoreError | None) -> None:
            made.submit()

        made.journal.submit(submission, submit_more)

        await made.journal.settled()

        assert len(made.store.batches) == 2


async def test_two_may_wait_until_all_is_settled() -> None:
    async with bench() as made, anyio.create_task_group() as tasks:
        made.submit()

        tasks.start_soon(made.journal.settled)
        tasks.start_soon(made.journal.settled)


async def test_an_idle_store_rests() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()

        made.journal.rest_after(2.0)
        await made.journal.settled()
        rests_at_once = made.store.rests
        made.now = Instant(NOW + 2000)
        made.journal.rest_after(2.0)
        await made.journal.settled()

        assert (rests_at_once, made.store.rests) == (0, 1)


async def test_an_idle_store_can_be_made_to_rest_at_once() -> None:
    async with bench() as made:
        made.submit()

        await made.journal.rest()

        assert made.store.rests == 1
        assert made.told == [None]


async def test_a_removal_goes_on_while_there_may_be_more() -> None:
    async with bench() as made:
        for _ in range(5):
            made.submit()
        await made.journal.settled()
        for _ in range(5):
            made.complete(made.claim())
        await made.journal.settled()

        made.journal.remove_finished(Removal(Instant(NOW + 10**12), 2))
        await made.journal.settled()

        assert made.broker.queue(DEFAULT).completed_count == 0


async def test_no_more_is_read_with_one_commit_than_is_allowed() -> None:
    """Each of the records may be of the largest size."""
    async with bench() as made:
        read: list[object] = []
        for _ in range(5 * BATCH_READS_MAX):
            made.journal.read_record(JobId(99), read.append)

        await made.journal.settled()

        assert read == [None] * (5 * BATCH_READS_MAX)
        assert len(made.store.batches) == 5


async def test_commits_are_counted_by_their_size() -> None:
    async with bench() as made:
        for _ in range(3):
            made.submit()

        await made.journal.settled()

        assert made.journal.counters.batch_changes.total == 3
        assert sum(made.journal.counters.commit_seconds.counts) == 1


# --- being behind --------------------------------------------------------------------------------


async def test_many_changes_are_a_congestion_until_they_are_written() -> None:
    async with bench(run_changes=1024) as made:
        before = made.journal.is_congested
        for _ in range(8 * 1024 + 1):
            made.submit()
        behind = made.journal.is_congested
        await made.journal.settled()

        assert (before, behind, made.journal.is_congested) == (False, True, False)


async def test_nobody_waits_for_the_turn_of_many_long_lists() -> None:
    async with bench() as made:
        told: list[object] = []
        question = ListQuestion(JobFilter(), JobId(0), jobs_max=10, scan_max=10)
        for _ in range(100):
            made.journal.list_jobs(question, told.append)
        made.submit()
        is_congested = made.journal.is_congested

        await made.journal.settled()

        assert not is_congested
        assert len(made.store.batches[0].submissions) == 1
        assert max(len(batch.listings) for batch in made.store.batches) * LIST_READS <= (
            BATCH_READS_MAX
        )
        assert len(told) == 100


async def test_many_reads_of_jobs_leave_room_for_a_list() -> None:
    async with bench() as made:
        told: list[object] = []
        for _ in range(10 * BATCH_READS_MAX):
            made.journal.read_end(JobId(1), lambda end: None)
        made.journal.list_jobs(ListQuestion(JobFilter(), JobId(0), 10, 10), told.append)

        await made.journal.settled()

        assert len(made.store.batches[0].listings) == 1
        assert len(told) == 1


async def test_many_bytes_are_a_congestion() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        job = made.claim()
        payload = bytes(1024 * 1024)
        for _ in range(128):
            made.submit(request(payload))
        before = made.journal.is_congested

        made.complete(job)

        assert (before, made.journal.is_congested) == (False, True)


# --- restarts ------------------------------------------------------------------------------------


async def test_a_cancelled_journal_loses_only_what_nobody_was_told() -> None:
    async with bench() as made:
        made.submit()
        await made.journal.settled()
        made.store.gate = anyio.Event()
        made.submit()
    told = list(made.told)

    snapshot = await made.store.load()

    assert told == [None]
    assert snapshot.counts == {(QueueName("default"), State.READY): 1}


async def test_a_broker_that_starts_again_reads_its_jobs_by_and_by() -> None:
    store = FaultyStore(never)
    made = Bench(store, await store.load(), bounds=Bounds(), run_changes=64)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.journal.run)
        first = made.submit()
        made.submit(request(delay_ms=500))
        await made.journal.settled()
        tasks.cancel_scope.cancel()
    again = Bench(store, await store.load(), bounds=Bounds(), run_changes=64)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(again.journal.run)
        again.journal.wake()
        await again.journal.settled()
        tasks.cancel_scope.cancel()

    assert again.claim().id == first
    # The claim of a job from before is written at once.
    assert [change.cause for change in again.broker.take_changes()] == [Cause.CLAIM]
    again.broker.tick(Instant(NOW + 500))
    assert [change.cause for change in again.broker.take_changes()] == [Cause.FALL_DUE]
