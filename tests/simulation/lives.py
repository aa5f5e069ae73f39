"""Whether the streams of the life of jobs tell of each transition once: they are replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.jobs.events.model import Event, StreamName, StreamNumber
from penstock.jobs.model import FINISHED, Instant, JobId, QueueName, State
from penstock.jobs.transitions import Cause, next_state
from tests.simulation.firings import named

if TYPE_CHECKING:
    from tests.simulation.chronicle import Chronicle, Seen


class Lives:
    """Knows of each followed stream what its events say of the jobs, from where it began on."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle
        self._told: dict[StreamNumber, dict[JobId, State]] = {}
        self._queues: dict[JobId, QueueName] = {}
        # Jobs that ran when somebody began to follow them, of which the store did not know.
        self._running: dict[StreamNumber, set[JobId]] = {}

    def check(
        self,
        at: Instant,
        before: Seen,
        now: Seen,
        appended: Mapping[StreamNumber, list[Event]],
    ) -> None:
        chronicle = self._chronicle
        self._queues.update({i: chronicle.queue_of(i) for i in now.jobs if i not in self._queues})
        followed = {seen.record.stream for seen in now.groups.values()}
        was_followed = {seen.record.stream for seen in before.groups.values()}
        for name, number in now.streams.items():
            if not name.startswith("jobs:"):
                continue
            if number in was_followed and number in self._told:
                self._replay(name, number, at, appended.get(number, []))
                self._compare(name, number, now)
            if number not in followed:
                self._told.pop(number, None)
                self._running.pop(number, None)
            elif number not in self._told or number not in was_followed:
                jobs = {i: state for i, state in now.jobs.items() if self._covers(name, i)}
                self._told[number] = jobs
                self._running[number] = {i for i in chronicle.held if jobs.get(i) is State.READY}

    def _covers(self, name: StreamName, job_id: JobId) -> bool:
        return name in ("jobs:*", f"jobs:{self._queues[job_id]}")

    def _replay(
        self, name: StreamName, number: StreamNumber, at: Instant, events: list[Event]
    ) -> None:
        told = self._told[number]
        for event in events:
            fields = named(event)
            job_id = JobId(int(fields["id"]))
            assert name in ("jobs:*", f"jobs:{fields['queue']}"), f"{name} is told of another queue"
            known = told.get(job_id)
            before = State(fields["from"]) if fields["from"] else None
            if before is State.CLAIMED and job_id in self._running[number]:
                known = State.CLAIMED
            assert before is known, f"{name} tells {fields}, and the job is {known}"
            if fields["to"] == "removed":
                del told[job_id]
                continue
            assert fields["at"] == str(at)
            after = State(fields["to"])
            assert next_state(before, Cause(fields["reason"])) is after, f"{fields}"
            self._running[number].discard(job_id)
            told[job_id] = after

    def _compare(self, name: StreamName, number: StreamNumber, now: Seen) -> None:
        """Hold what was told against the store; what is removed after its time is not told."""
        told = self._told[number]
        for job_id, state in now.jobs.items():
            if not self._covers(name, job_id):
                continue
            known = told.get(job_id)
            if state is State.CLAIMED and job_id in self._running[number]:
                known = State.CLAIMED
            assert known is state, f"{name} says that job {job_id} is {known}, not {state}"
        for job_id in told.keys() - now.jobs.keys():
            state = told.pop(job_id)
            assert state in FINISHED, f"{name} says that job {job_id} is {state}, and it is gone"
