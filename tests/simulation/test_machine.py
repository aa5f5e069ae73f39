"""The same world, driven by hypothesis, which cuts what it finds down to the steps that matter."""

import sys
from collections.abc import Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import SubmitRequest, Wishes
from tests.simulation.asked import Ask
from tests.simulation.gate import End
from tests.simulation.walk import ASKS, JUMPS_MS, PAYLOADS, QUEUES, SETTINGS, STEPS_MS, TENANTS
from tests.simulation.world import World

WISHES = st.builds(
    Wishes,
    tenant=st.sampled_from(TENANTS),
    group=st.sampled_from((None, None, "g")),
    deadline_ms=st.sampled_from((None, None, 30)),
    window_ms=st.none(),
    replaces=st.just(False),
)
KEYED_WISHES = st.builds(Wishes, window_ms=st.sampled_from((None, 90)), replaces=st.booleans())
REQUESTS = st.builds(
    SubmitRequest,
    task=st.just(TaskName("t")),
    payload=st.sampled_from(PAYLOADS),
    queue=st.sampled_from(QUEUES),
    priority=st.integers(0, 2),
    delay_ms=st.sampled_from((None, None, 0, 50, 2_000)),
    timeout_ms=st.sampled_from((500, 60_000)),
    attempts_max=st.integers(1, 3),
    wishes=st.none() | WISHES,
)
KEYED = st.builds(
    SubmitRequest,
    task=st.just(TaskName("t")),
    payload=st.sampled_from(PAYLOADS[:2]),
    queue=st.just(QUEUES[0]),
    key=st.sampled_from(("k", "l")),
    wishes=st.none() | KEYED_WISHES,
)
CONSUMERS = st.integers(0, 3)
AMONG = st.integers(0, 15)  # One of those that there are.
WAITS_MS = st.sampled_from((0, 50, 9_000))


class Jobs(RuleBasedStateMachine):
    """Each rule checks everything when it is through; see `World.check`."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(request=REQUESTS | KEYED, wait_ms=st.none() | WAITS_MS)
    def submit(self, request: SubmitRequest, wait_ms: int | None) -> None:
        self.world.clients.submit(request, wait_ms=wait_ms)

    @rule(requests=st.lists(REQUESTS, min_size=1, max_size=8))
    def submit_together(self, requests: list[SubmitRequest]) -> None:
        self.world.clients.submit_together(requests)

    @rule(job_id=st.integers(1, 20), wait_ms=WAITS_MS)
    def wait(self, job_id: int, wait_ms: int) -> None:
        self.world.clients.wait_for(job_id, wait_ms)

    @rule(index=AMONG)
    def abandon_wait(self, index: int) -> None:
        self.world.clients.abandon_wait(index)

    @rule(
        index=CONSUMERS,
        queues=st.permutations(QUEUES),
        count=st.integers(1, 3),
        jobs_max=st.sampled_from((1, 2, 9)),
        wait_ms=WAITS_MS,
    )
    def claim(
        self, index: int, queues: list[QueueName], count: int, jobs_max: int, wait_ms: int
    ) -> None:
        self.world.workers.claim(index, tuple(queues[:count]), jobs_max, wait_ms)

    @rule(index=AMONG, answered=st.booleans())
    def unclaim(self, index: int, answered: bool) -> None:
        self.world.workers.unclaim(index, answered=answered)

    @rule(index=AMONG, ask=st.sampled_from(ASKS), jitter=st.floats(0, 1, exclude_max=True))
    def end_attempt(self, index: int, ask: Ask, jitter: float) -> None:
        self.world.workers.end_attempt(index, ask, jitter=jitter)

    @rule(index=AMONG, lease_ms=st.sampled_from((None, 1, 900)))
    def extend(self, index: int, lease_ms: int | None) -> None:
        self.world.workers.extend(index, lease_ms)

    @rule(index=CONSUMERS, started_every=st.integers(1, 2))
    def disconnect(self, index: int, started_every: int) -> None:
        self.world.workers.disconnect(index, started_every=started_every)

    @rule(index=CONSUMERS)
    def give_back(self, index: int) -> None:
        self.world.workers.give_back(index)

    @rule(ms=st.sampled_from(JUMPS_MS))
    def pass_time(self, ms: int) -> None:
        self.world.pass_time(ms)

    @rule(step_ms=st.sampled_from(STEPS_MS))
    def step_clock(self, step_ms: int) -> None:
        self.world.step_clock(step_ms)

    @rule(job_id=st.integers(1, 20))
    def cancel(self, job_id: int) -> None:
        self.world.people.cancel(job_id)

    @rule(job_id=st.integers(1, 20))
    def redrive(self, job_id: int) -> None:
        self.world.people.redrive(job_id)

    @rule(job_id=st.integers(1, 20))
    def discard(self, job_id: int) -> None:
        self.world.people.discard(job_id)

    @rule(queue=st.sampled_from(QUEUES), changes=st.sampled_from(SETTINGS))
    def set(self, queue: QueueName, changes: Mapping[str, object]) -> None:
        self.world.people.set(queue, changes)

    @rule(queue=st.sampled_from(QUEUES), paused=st.booleans())
    def pause(self, queue: QueueName, paused: bool) -> None:
        self.world.people.pause(queue, paused=paused)

    @rule(queue=st.sampled_from(QUEUES))
    def purge(self, queue: QueueName) -> None:
        self.world.people.purge(queue)

    @rule(jobs_max=st.integers(1, 4))
    def look_for_expired(self, jobs_max: int) -> None:
        self.world.people.look_for_expired(jobs_max)

    @rule(jobs_max=st.integers(1, 4))
    def remove(self, jobs_max: int) -> None:
        self.world.people.remove(jobs_max)

    @rule(end=st.sampled_from((End.WRITTEN, End.WRITTEN, End.WRITTEN, *End)))
    def end_commit(self, end: End) -> None:
        self.world.end_commit(end)

    @rule()
    def end_pause(self) -> None:
        self.world.end_pause()

    @rule()
    def calm_down(self) -> None:
        self.world.calm_down()

    @rule(written=st.booleans())
    def crash(self, written: bool) -> None:
        self.world.crash(written=written)

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # Else the failure of a step would be hidden by this.
                self.world.finish_everything()
        finally:
            self.world.close()


Jobs.TestCase.settings = settings(stateful_step_count=50, report_multiple_bugs=False)
# What is found is cut down, which takes longer than finding it.
TestJobs = pytest.mark.simulation(pytest.mark.timeout(900)(Jobs.TestCase))
