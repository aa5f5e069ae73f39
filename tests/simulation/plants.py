"""Mistakes that the simulation must find: each breaks one rule of the core, and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pytest
from msgspec.structs import replace

from penstock.jobs import order, rooms
from penstock.jobs.administration import Administration
from penstock.jobs.attempts import Attempts
from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change
from penstock.jobs.gate import Gate, Held, TokenBucket
from penstock.jobs.lanes import Lanes
from penstock.jobs.model import Instant, Job, JobId, QueueName, State
from penstock.jobs.order import FairTags
from penstock.jobs.outcomes import Cancelled, Outcome
from penstock.jobs.queue import Queue
from penstock.jobs.ready import Ready
from penstock.jobs.records import with_redrive, with_snooze
from penstock.jobs.schedule import Schedule
from penstock.jobs.store import memory
from penstock.jobs.store.journal import Journal, Pending, SubmissionSettled
from penstock.jobs.store.memory_jobs import KeptJobs
from penstock.jobs.store.port import Submission

Plant = Callable[[pytest.MonkeyPatch], None]


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing where something is to be done."""


def group_is_not_blocked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeptJobs, "first_of", lambda kept, group: None)


def expired_job_is_handed_out(patch: pytest.MonkeyPatch) -> None:
    take = Ready.take

    def too_many(
        ready: Ready, names: Sequence[QueueName], jobs_max: int, now: Instant
    ) -> list[Job]:
        jobs = take(ready, names, jobs_max, now)
        late, ready.outdated = ready.outdated, []
        for job in late:
            ready.queues[job.queue].observe_claim(job, now)
        return [*jobs, *late][:jobs_max]

    patch.setattr(Ready, "take", too_many)


def expired_jobs_are_never_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Broker, "expires_before", lambda broker, now: False)


def purge_forgets_who_is_spared(patch: pytest.MonkeyPatch) -> None:
    purge = Administration.purge

    def all_of_them(
        administration: Administration, queue: Queue, until: JobId, spared: object, settled: Any
    ) -> None:
        purge(administration, queue, until, (), settled)

    patch.setattr(Administration, "purge", all_of_them)


def purged_job_falls_due(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Schedule, "forget", _nothing)


def wish_to_stop_is_forgotten_in_a_crash(patch: pytest.MonkeyPatch) -> None:
    def run_again(job: Job, now: Instant, keep_ms: int) -> Job:
        return replace(job, state=State.READY, claimed_at=None)

    patch.setattr(memory, "_lease_ended", run_again)


def cancelled_job_stays_in_its_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ready, "remove", _nothing)


def bucket_starts_full(patch: pytest.MonkeyPatch) -> None:
    make = TokenBucket.__init__

    def full(bucket: TokenBucket, count: int, period_ms: int, burst: int) -> None:
        make(bucket, count, period_ms, burst)
        bucket._credit = burst * period_ms

    patch.setattr(TokenBucket, "__init__", full)


def tags_are_not_restored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FairTags, "restore", _nothing)


def settings_are_not_restored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Administration, "restore", _nothing)


def room_is_counted_without_what_is_on_its_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rooms, "_waiting", lambda queue: (queue.waiting_count, queue.waiting_bytes))


def replacing_takes_two_commits(patch: pytest.MonkeyPatch) -> None:
    def apart(
        journal: Journal, submission: Submission, freeing: Change, settled: SubmissionSettled
    ) -> None:
        journal.record([freeing])
        journal._runs.append(Pending())
        journal.submit(submission, settled)

    patch.setattr(Journal, "submit_in_place", apart)


def concurrency_is_not_limited(patch: pytest.MonkeyPatch) -> None:
    why = Gate.why

    def nobody_runs(gate: Gate, running_count: int, now: Instant) -> Held | None:
        return why(gate, 0, now)

    patch.setattr(Gate, "why", nobody_runs)


def tenants_are_not_limited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lanes, "is_saturated", lambda lanes, tenant: False)


def ageing_forgets_the_priority(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(order, "ageing_rank", lambda priority, submitted_at, step_ms: submitted_at)


def attempt_is_numbered_twice(patch: pytest.MonkeyPatch) -> None:
    make = Attempts.__init__

    def from_the_first(of: Attempts, policy: Any, first_id: JobId, queue: Any) -> None:
        make(of, policy, JobId(1), queue)

    patch.setattr(Attempts, "__init__", from_the_first)


def snooze_counts_as_a_failure(patch: pytest.MonkeyPatch) -> None:
    def failed(job: Job, due_at: Instant) -> Job:
        return replace(with_snooze(job, due_at), failures=job.failures + 1)

    patch.setattr("penstock.jobs.attempts.with_snooze", failed)


def redriven_job_keeps_its_failures(patch: pytest.MonkeyPatch) -> None:
    def as_before(job: Job, *, rank: int, now: Instant) -> Job:
        return replace(with_redrive(job, rank=rank, now=now), failures=job.failures)

    patch.setattr("penstock.jobs.revisions.with_redrive", as_before)


def waiter_is_not_told_of_a_cancel(patch: pytest.MonkeyPatch) -> None:
    finish = Broker._finish

    def most(broker: Broker, job_id: JobId, outcome: Outcome) -> None:
        if not isinstance(outcome, Cancelled):
            finish(broker, job_id, outcome)

    patch.setattr(Broker, "_finish", most)


def turn_of_a_group_is_missed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Broker, "promoted", _nothing)


def lost_worker_keeps_its_jobs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Attempts, "lose", _nothing)


def payloads_are_never_let_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ready, "_forget_payload", _nothing)


def lifted_job_stays_where_it_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(order.Ranks, "rank_lifted", lambda ranks, job, priority: job.rank)


PLANTS: Final[Mapping[str, Plant]] = {
    plant.__name__: plant
    for plant in (
        group_is_not_blocked,
        expired_job_is_handed_out,
        expired_jobs_are_never_looked_for,
        purge_forgets_who_is_spared,
        purged_job_falls_due,
        wish_to_stop_is_forgotten_in_a_crash,
        cancelled_job_stays_in_its_window,
        bucket_starts_full,
        tags_are_not_restored,
        settings_are_not_restored,
        room_is_counted_without_what_is_on_its_way,
        replacing_takes_two_commits,
        concurrency_is_not_limited,
        tenants_are_not_limited,
        ageing_forgets_the_priority,
        attempt_is_numbered_twice,
        snooze_counts_as_a_failure,
        redriven_job_keeps_its_failures,
        waiter_is_not_told_of_a_cancel,
        turn_of_a_group_is_missed,
        lost_worker_keeps_its_jobs,
        payloads_are_never_let_go,
        lifted_job_stays_where_it_is,
    )
}
