"""Whether every event that matches made one job for each trigger, and no other did."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from penstock.jobs.events.model import ID_MIN, Event, EventId, StreamName
from penstock.jobs.events.patterns import Pattern
from penstock.jobs.events.templates import DEFAULT_PAYLOAD, compile_payload
from penstock.jobs.events.triggers import Match, Trigger, group_of, group_template
from penstock.jobs.job_options import JobOptions
from penstock.jobs.model import JobId, QueueName, TaskName
from penstock.jobs.store.port import Batch
from tests.simulation.bounds import DEPTH_MAX

if TYPE_CHECKING:
    from tests.simulation.chronicle import Chronicle, Seen

_PRODUCER = re.compile(r"trigger:(.*)#(\d+)")


@dataclass(slots=True, frozen=True)
class Spec:
    """What a trigger is to do, in words of the simulation's own."""

    name: str
    stream: StreamName
    queue: QueueName
    matches: tuple[tuple[str, str], ...] = ()
    payload: str | None = "1"
    is_grouped: bool = False  # By the field `group`, of which some cannot be a group.
    delay_ms: int | None = None
    deadline_ms: int | None = None

    def trigger(self) -> Trigger:
        return Trigger(
            self.name,
            self.stream,
            TaskName("t"),
            tuple(Match(f.encode(), Pattern(glob.encode())) for f, glob in self.matches),
            DEFAULT_PAYLOAD if self.payload is None else compile_payload(self.payload.encode()),
            JobOptions(
                self.queue, delay_ms=self.delay_ms, deadline_ms=self.deadline_ms, attempts_max=2
            ),
            group=group_template("${group}") if self.is_grouped else None,
        )

    def fires(self, event: Event) -> bool:
        """Say whether an event is to make a job, now or later."""
        fields = named(event)
        for name, glob in self.matches:
            if name not in fields or not fnmatchcase(fields[name], glob):
                return False
        if self.stream.startswith("jobs:"):
            led = _PRODUCER.fullmatch(fields.get("producer", ""))
            if led is not None and int(led[2]) >= DEPTH_MAX:
                return False
        if self.is_grouped and "\x01" in fields.get("group", ""):
            return False
        return self.deadline_ms is None or self.deadline_ms > (self.delay_ms or 0)

    def key(self, event_id: EventId) -> str:
        return f"trigger:{self.name}:{self.stream}:{event_id[0]}-{event_id[1]}"


class Firings:
    """Holds each commit's jobs of triggers against the cursors that it wrote."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle
        self.specs: dict[str, Spec] = {}  # As durable.
        self.jobs: dict[str, list[JobId]] = {}  # By their keys: all that ever were.
        self._again: set[str] = set()  # Keys of events that may be shown once more.
        self._depths: dict[JobId, int] = {}  # How many triggers led to a job.

    def check(self, batch: Batch, before: Seen, now: Seen) -> None:
        expected = {spec.name: self._expected(spec, before, now) for spec in self.specs.values()}
        submitted: dict[str, list[str]] = {}
        for submission in batch.submissions:
            job = submission.job
            led = _PRODUCER.fullmatch(job.producer or "")
            if led is not None:
                assert job.key is not None
                submitted.setdefault(led[1], []).append(job.key)
                self._note(job.key, job.id)
                self._depths[job.id] = self._depth(self.specs[led[1]], job.key)
                assert int(led[2]) == self._depths[job.id], f"{job.producer} of {job.key}"
        for name, keys in expected.items():
            found = submitted.pop(name, [])
            assert found == keys, f"trigger {name} made {found} of {keys}"
        assert not submitted, f"jobs of triggers that are not there: {submitted}"

    def _expected(self, spec: Spec, before: Seen, now: Seen) -> list[str]:
        """Return the keys of the events that the cursor passes with this commit."""
        group = group_of(spec.name)
        record, old = now.group(spec.stream, group), before.group(spec.stream, group)
        if record is None:  # Its stream was deleted; it begins anew by and by.
            return []
        start = self._chronicle.starts.get((spec.stream, group))
        is_new = old is None or old.number != record.number
        history = self._chronicle.histories[record.stream]
        if is_new or start is not None:
            # What was shown before may be shown again.
            keys = {spec.key(event.id) for event in history.events.values()}
            self._again |= keys & self.jobs.keys()
        if start is None:
            start = ID_MIN if old is None or is_new else old.last_delivered_id
        events = history.there(start, record.last_delivered_id)
        return [spec.key(event.id) for event in events if spec.fires(event)]

    def _note(self, key: str, job_id: JobId) -> None:
        """Take note of a job that is there now, or of the one that was there before."""
        known = self.jobs.setdefault(key, [])
        if self._chronicle.has_job(job_id):
            assert not known or key in self._again, f"{key} made a second job"
            assert not known or known[-1] < job_id
            known.append(job_id)
        else:
            holder = self._chronicle.holder_of(key)
            assert holder is not None, f"the job of {key} is not there"
            assert holder in known, f"{key} is the key of another job"

    def _depth(self, spec: Spec, key: str) -> int:
        """Return how many triggers led to a job, from the event that is the last one's."""
        if not spec.stream.startswith("jobs:"):
            return 1
        number = self._chronicle.kept.numbers[spec.stream]
        events = self._chronicle.histories[number].events
        fields = named(next(event for event in events.values() if spec.key(event.id) == key))
        # Of jobs that a purge removed it is not told who submitted them.
        is_purge = fields["reason"] == "purge"
        return 1 if is_purge else 1 + self._depths.get(JobId(int(fields["id"])), 0)

    def check_all_seen(self, now: Seen, waiting: Collection[str]) -> None:
        for spec in self.specs.values():
            if spec.name in waiting:
                continue
            record = now.group(spec.stream, group_of(spec.name))
            assert record is not None, f"trigger {spec.name} has no cursor"
            history = self._chronicle.histories[record.stream]
            left = history.there(record.last_delivered_id, history.last_id)
            assert not left, f"trigger {spec.name} sleeps beside {[event.id for event in left]}"


def named(event: Event) -> dict[str, str]:
    texts = [field.decode() for field in event.fields]
    return dict(zip(texts[::2], texts[1::2], strict=True))
