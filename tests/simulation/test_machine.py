"""The same world, driven by hypothesis, which cuts what it finds down to the steps that matter."""

import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import SubmitRequest
from tests.simulation.gate import End
from tests.simulation.model import Ask
from tests.simulation.walk import ASKS, JUMPS_MS, PAYLOADS, QUEUES
from tests.simulation.world import World

REQUESTS = st.builds(
    SubmitRequest,
    task=st.just(TaskName("t")),
    payload=st.sampled_from(PAYLOADS),
    queue=st.sampled_from(QUEUES),
    priority=st.integers(0, 2),
    delay_ms=st.sampled_from((None, None, 0, 50, 2_000)),
    timeout_ms=st.sampled_from((500, 60_000)),
    attempts_max=st.integers(1, 3),
    key=st.sampled_from((None, None, "k", "l")),
)
CONSUMERS = st.integers(0, 3)
AMONG = st.integers(0, 15)  # One of those that there are.
WAITS_MS = st.sampled_from((0, 50, 9_000))


class Jobs(RuleBasedStateMachine):
    """Each rule checks everything when it is through; see `World.check`."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(request=REQUESTS, wait_ms=st.none() | WAITS_MS)
    def submit(self, request: SubmitRequest, wait_ms: int | None) -> None:
        self.world.submit(request, wait_ms=wait_ms)

    @rule(requests=st.lists(REQUESTS, min_size=1, max_size=8))
    def submit_together(self, requests: list[SubmitRequest]) -> None:
        self.world.submit_together(requests)

    @rule(job_id=st.integers(1, 20), wait_ms=WAITS_MS)
    def wait(self, job_id: int, wait_ms: int) -> None:
        self.world.wait_for(job_id, wait_ms)

    @rule(index=AMONG)
    def abandon_wait(self, index: int) -> None:
        self.world.abandon_wait(index)

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
        self.world.claim(index, tuple(queues[:count]), jobs_max, wait_ms)

    @rule(index=AMONG, answered=st.booleans())
    def unclaim(self, index: int, answered: bool) -> None:
        self.world.unclaim(index, answered=answered)

    @rule(index=AMONG, ask=st.sampled_from(ASKS), jitter=st.floats(0, 1, exclude_max=True))
    def end_attempt(self, index: int, ask: Ask, jitter: float) -> None:
        self.world.end_attempt(index, ask, jitter=jitter)

    @rule(index=AMONG, lease_ms=st.sampled_from((None, 1, 900)))
    def extend(self, index: int, lease_ms: int | None) -> None:
        self.world.extend(index, lease_ms)

    @rule(index=CONSUMERS, started_every=st.integers(1, 2))
    def disconnect(self, index: int, started_every: int) -> None:
        self.world.disconnect(index, started_every=started_every)

    @rule(index=CONSUMERS)
    def give_back(self, index: int) -> None:
        self.world.give_back(index)

    @rule(ms=st.sampled_from(JUMPS_MS))
    def pass_time(self, ms: int) -> None:
        self.world.pass_time(ms)

    @rule(jobs_max=st.integers(1, 4))
    def remove(self, jobs_max: int) -> None:
        self.world.remove(jobs_max)

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
