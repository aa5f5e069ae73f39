"""What is asked of the store for somebody who waits for the answer.

Questions travel with a commit and are answered as of it, after all that was asked before. Each is
answered once; with a StoreError if there is no answer.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from penstock.jobs.model import Job, JobId
from penstock.jobs.store.port import (
    Batch,
    Commit,
    HeadQuestion,
    JobEnd,
    JobRecord,
    Listing,
    ListQuestion,
    PositionQuestion,
    StoreError,
)

PayloadsRead = Callable[[dict[JobId, bytes] | StoreError], None]
RecordRead = Callable[[JobRecord | StoreError | None], None]
EndRead = Callable[[JobEnd | StoreError | None], None]
Listed = Callable[[Listing | StoreError], None]
Peeked = Callable[[Sequence[Job] | StoreError], None]
Counted = Callable[[int | StoreError], None]


class Questions(Struct):
    """All questions of one run."""

    payloads: list[tuple[list[JobId], PayloadsRead]] = field(default_factory=list)
    records: list[tuple[JobId, RecordRead]] = field(default_factory=list)
    ends: list[tuple[JobId, EndRead]] = field(default_factory=list)
    listings: list[tuple[ListQuestion, Listed]] = field(default_factory=list)
    peeks: list[tuple[HeadQuestion, Peeked]] = field(default_factory=list)
    positions: list[tuple[PositionQuestion, Counted]] = field(default_factory=list)

    def add(self, later: "Questions") -> None:
        """Append what was asked later."""
        self.payloads += later.payloads
        self.records += later.records
        self.ends += later.ends
        self.listings += later.listings
        self.peeks += later.peeks
        self.positions += later.positions

    def put(self, batch: Batch) -> None:
        """Ask them with a batch."""
        batch.payloads = [job_id for job_ids, _ in self.payloads for job_id in job_ids]
        batch.records = [job_id for job_id, _ in self.records]
        batch.outcomes = [job_id for job_id, _ in self.ends]
        batch.listings = [question for question, _ in self.listings]
        batch.peeks = [question for question, _ in self.peeks]
        batch.positions = [question for question, _ in self.positions]

    def answer(self, commit: Commit) -> None:
        """Tell everybody what the store said."""
        for job_ids, payloads_read in self.payloads:
            payloads_read({i: commit.payloads[i] for i in job_ids if i in commit.payloads})
        for job_id, record_read in self.records:
            record_read(commit.records.get(job_id))
        for job_id, end_read in self.ends:
            end_read(commit.outcomes.get(job_id))
        for (_, listed), listing in zip(self.listings, commit.listings, strict=True):
            listed(listing)
        for (_, peeked), jobs in zip(self.peeks, commit.peeks, strict=True):
            peeked(jobs)
        for (_, counted), count in zip(self.positions, commit.positions, strict=True):
            counted(count)

    def tell(self, error: StoreError) -> None:
        """Tell everybody why there is no answer."""
        for _, payloads_read in self.payloads:
            payloads_read(error)
        for _, record_read in self.records:
            record_read(error)
        for _, end_read in self.ends:
            end_read(error)
        for _, listed in self.listings:
            listed(error)
        for _, peeked in self.peeks:
            peeked(error)
        for _, counted in self.positions:
            counted(error)
